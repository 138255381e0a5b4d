"""`clean-up`: remove clone images that nobody needs any more."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.command import Answer, Look, Scope, command, option
from bot.domain.capacity import counted
from bot.domain.fleet import Image
from bot.domain.images import condition
from bot.domain.imaging import Discard, RemoveImages
from bot.domain.keeping import MOST_AT_ONCE, Sorted, Uses, sort_images, unclear
from bot.domain.moment import span
from bot.domain.people import Power
from bot.domain.plan import Lane, Plan
from bot.domain.policy import require_approvers
from bot.domain.words import plural

_SECONDS_PER_IMAGE = 2
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Args:
    """Why."""

    reason: str = option("why; shown to the approver and kept in the audit log")


@command(
    "clean-up",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example="clean-up web",
    traces_images=True,
)
def clean_up(args: Args, look: Look) -> Plan | Answer:
    """Remove clone images that nobody needs any more, with their snapshots.

    Never one that a living server was started from, that a launch template names, that is pinned, that new
    clones start from, that is among the last good ones (`images.keep`), younger than `images.days`, or being
    made. Only images with this fleet's tag are looked at.
    """
    fleet = look.fleet
    uses = look.uses or Uses()
    found = sort_images(fleet, uses, look.operations, look.now)
    if not found.going:
        return Answer(title=f"*{fleet.name}*: no image can go; nothing to do.", lines=tuple(_staying(found)))
    require_approvers(look.policy, "clean-up")
    going = found.going[:MOST_AT_ONCE]
    count = len(counted(fleet))
    return Plan(
        fleet=fleet.name,
        lane=Lane.IMAGE,
        command=f"clean-up {fleet.name}",
        summary=f"{fleet.name}: remove {plural(len(going), 'clone image')} of {len(fleet.images)}",
        actions=(RemoveImages(images=tuple(_discard(image) for image in going)),),
        before=count,
        after=count,
        seconds=_SECONDS_PER_IMAGE * len(going),
        notes=(
            "What is removed cannot be brought back.",
            *(_about(image, look) for image in going[:_NAMED]),
            *_rest(found),
            *unclear(uses),
        ),
        reason=args.reason,
    )


def _discard(image: Image) -> Discard:
    return Discard(id=image.id, snapshots=image.snapshots)


def _about(image: Image, look: Look) -> str:
    age = span(look.now - image.created)
    return f"`{image.id}` is {age} old, holds {image.size} GiB, and {condition(image)}."


def _rest(found: Sorted) -> Iterator[str]:
    if more := found.going[MOST_AT_ONCE:]:
        yield f"{plural(len(more), 'more image')} can go; ask again afterwards."
    stays = [f"`{image}` ({why})" for image, why in found.staying.items()]
    if stays:
        rest = f" and {len(stays) - _NAMED} more" if len(stays) > _NAMED else ""
        yield f"Stays: {', '.join(stays[:_NAMED])}{rest}."


def _staying(found: Sorted) -> Iterator[str]:
    for image, why in found.staying.items():
        yield f"`{image}` stays: {why}"
