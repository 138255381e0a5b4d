"""What is said of clone images: whether they were tried, and from which new clones start."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.domain.capacity import launchable, usable_image
from bot.domain.fleet import Fleet, Image, ImageState
from bot.domain.operation import Operation
from bot.domain.plan import Lane

_NAMED = 3
_SAID = {
    ImageState.BUILDING: "was never tried",
    ImageState.GOOD: "is good",
    ImageState.BAD: "is bad",
}


def find_image(fleet: Fleet, image_id: str) -> Image | None:
    """The fleet's image with this id."""
    return next((image for image in fleet.images if image.id == image_id), None)


def condition(image: Image) -> str:
    """How it is: "is good", "was never tried"."""
    return _SAID[image.state] if image.available else "is still being made by AWS"


def none_good(fleet: Fleet) -> str:
    """That there is no image to start from though there are images, and why: "No image is good: …"."""
    if usable_image(fleet) or not launchable(fleet):
        return ""
    shown = [f"`{image.id}` {condition(image)}" for image in launchable(fleet)]
    more = [f"{len(shown) - _NAMED} more"] if len(shown) > _NAMED else []
    return f"No image is good: {', '.join((*shown[:_NAMED], *more))}"


def from_now_on(fleet: Fleet) -> str:
    """Which image new clones start from."""
    image = usable_image(fleet)
    return f"new clones start from {image.id}" if image else "no image is good, so `scale` bakes a new one"


def unusable(fleet: Fleet, image_id: str) -> Iterator[str]:
    """A sentence about an image that was just baked and is not good."""
    image = find_image(fleet, image_id)
    if image and image.state is not ImageState.GOOD:
        yield f"The image {image.id} {condition(image)}: it is kept for a look, and not used."


def set_canaries_apart(fleet: Fleet, operations: Sequence[Operation]) -> Fleet:
    """The same fleet, where servers of a bake under way count as its canaries and not as clones."""
    baking = {each.id for each in operations if each.plan.lane is Lane.IMAGE and not each.stage.ended}
    canaries = tuple(clone for clone in fleet.clones if clone.operation in baking)
    clones = tuple(clone for clone in fleet.clones if clone not in canaries)
    return replace(fleet, clones=clones, canaries=canaries) if canaries else fleet
