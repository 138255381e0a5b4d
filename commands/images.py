"""`images`: the clone images that there are."""

from dataclasses import dataclass

from bot.command import Answer, Look, Scope, command
from bot.domain.capacity import usable_image
from bot.domain.fleet import Fleet, Image
from bot.domain.images import condition, none_good
from bot.domain.keeping import Uses, unclear, used_by
from bot.domain.moment import span
from bot.domain.people import Power
from bot.domain.words import plural

_SHOWN = 30
"""Images that fit on one screen."""


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing but the fleet."""


@command(
    "images",
    power=Power.VIEWER,
    scope=Scope.ONE,
    args=Args,
    example="images web",
    traces_images=True,
)
def images(_args: Args, look: Look) -> Answer:
    """Show a fleet's clone images: how old and large they are, if they are good, and who uses them.

    A good one was tried: a server that was started from it was proved. New clones start from the newest of
    those.
    """
    fleet, uses = look.fleet, look.uses or Uses()
    lines = [_line(image, fleet, uses, look) for image in fleet.images[:_SHOWN]]
    if more := fleet.images[_SHOWN:]:
        lines.append(f"… and {plural(len(more), 'older image')}")
    return Answer(title=_title(fleet), lines=(*lines, *unclear(uses)))


def _title(fleet: Fleet) -> str:
    if not fleet.images:
        return f"*{fleet.name}* has no clone image yet. `/clone bake {fleet.name}` makes one."
    default, why = usable_image(fleet), none_good(fleet) or "None of the present master is ready"
    start = f"new clones start from `{default.id}`" if default else f"{why[:1].lower()}{why[1:]}"
    return f"*{fleet.name}*: {plural(len(fleet.images), 'clone image')}; {start}"


def _line(image: Image, fleet: Fleet, uses: Uses, look: Look) -> str:
    former = "" if image.master in {"", fleet.master.id} else "former "
    facts = [
        f"{span(look.now - image.created)} old",
        f"{image.size} GiB {'encrypted' if image.encrypted else 'not encrypted'}",
        condition(image),
        *(["pinned"] if image.pinned else []),
        *(tuple(used_by(image, uses)) or ("not in use",)),
    ]
    doctor = f"; the doctor on {image.doctor}" if image.doctor else ""
    return f"`{image.id}`: {', '.join(facts)}; of the {former}master `{image.master}`{doctor}"
