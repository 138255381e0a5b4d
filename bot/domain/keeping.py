"""Which clone images may go, and why each of the others stays."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from bot.domain.capacity import usable_image
from bot.domain.fleet import Fleet, Image, ImageState
from bot.domain.operation import Operation
from bot.domain.words import plural

MOST_AT_ONCE = 20
"""Images that one plan removes: as many as an approver can read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """Who in the account uses which images, whoever that is."""

    servers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The living servers that were started from each image."""
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The launch templates of which a version names it."""
    unclear: tuple[str, ...] = ()
    """Launch templates that look their image up elsewhere when they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """A fleet's images, sorted by whether they may go."""

    going: tuple[Image, ...]
    """The oldest first."""
    staying: Mapping[str, str]
    """Why each of the others stays, the newest first."""


def sort_images(fleet: Fleet, uses: Uses, operations: Sequence[Operation], now: datetime) -> Sorted:
    """Sort them. What is not sure to be of no use stays."""
    good = [image.id for image in fleet.images if image.state is ImageState.GOOD]
    kept = good[: fleet.spec.images.keep]
    busy = {each.id for each in operations if not each.stage.ended}
    why = {
        image.id: next(
            chain(_at_work(image, busy), _needed(image, fleet, uses), _remembered(image, fleet, kept, now)),
            "",
        )
        for image in fleet.images
    }
    going = [image for image in reversed(fleet.images) if not why[image.id]]
    return Sorted(going=tuple(going), staying={image: reason for image, reason in why.items() if reason})


def _at_work(image: Image, busy: Collection[str]) -> Iterator[str]:
    if not image.available:
        yield "AWS is still making it"
    if image.operation in busy and image.state is ImageState.BUILDING:
        yield f"`{image.operation}` is trying it"


def _needed(image: Image, fleet: Fleet, uses: Uses) -> Iterator[str]:
    yield from used_by(image, uses)
    if image.pinned:
        yield "pinned"
    if image == usable_image(fleet):
        yield "new clones start from it"


def _remembered(image: Image, fleet: Fleet, kept: Collection[str], now: datetime) -> Iterator[str]:
    spec = fleet.spec.images
    if image.id in kept:
        yield f"one of the last {spec.keep} good ones" if spec.keep > 1 else "the last good one"
    if now - image.created < timedelta(days=spec.days):
        yield f"younger than {plural(spec.days, 'day')}"


def used_by(image: Image, uses: Uses) -> Iterator[str]:
    """Who uses it, in words."""
    if servers := uses.servers.get(image.id):
        yield f"{plural(len(servers), 'living server')} started from it"
    if templates := uses.templates.get(image.id):
        yield f"named by the launch template {', '.join(f'`{name}`' for name in templates)}"


def unclear(uses: Uses) -> tuple[str, ...]:
    """A sentence about what could not be found out."""
    if not uses.unclear:
        return ()
    names = ", ".join(f"`{name}`" for name in uses.unclear)
    why = "since they look it up when they are used"
    return (f"I do not know which image these launch templates name, {why}: {names}. Pin what they need.",)
