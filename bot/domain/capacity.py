"""Where new clones go, and which clones go first."""

from collections import Counter
from collections.abc import Mapping, Sequence

from bot.domain.fleet import Fleet, Image, ImageState, Server, Service, State

GOING = frozenset({State.SHUTTING_DOWN, State.TERMINATED})
"""Servers in these states are as good as gone."""


def counted(fleet: Fleet) -> tuple[Server, ...]:
    """The clones that "4 clones" counts: all but those that are going already."""
    return tuple(clone for clone in fleet.clones if clone.state not in GOING)


def idle(fleet: Fleet) -> tuple[Server, ...]:
    """Clones that count and do not serve."""
    return tuple(clone for clone in counted(fleet) if clone.service is not Service.HEALTHY)


def usable_image(fleet: Fleet) -> Image | None:
    """The image that new clones start from: the newest of the present master that is good."""
    return next((image for image in launchable(fleet) if image.state is ImageState.GOOD), None)


def launchable(fleet: Fleet) -> tuple[Image, ...]:
    """The images of the present master that AWS has made, the newest first, be they good or not."""
    mine = (image for image in fleet.images if image.master in {"", fleet.master.id})
    return tuple(image for image in mine if image.available)


def spread(count: int, subnets: Sequence[str], clones: Sequence[Server]) -> Mapping[str, int]:
    """How many of `count` new clones each subnet gets, so that all hold about the same."""
    held = Counter(clone.subnet for clone in clones)
    new = dict.fromkeys(subnets, 0)
    for _ in range(count):
        emptiest = min(subnets, key=lambda subnet: held[subnet] + new[subnet])
        new[emptiest] += 1
    return {subnet: number for subnet, number in new.items() if number}


def first_to_go(fleet: Fleet, count: int) -> tuple[Server, ...]:
    """The `count` clones to remove: those that do not serve, then the oldest image, then the youngest."""
    baked = {image.id: image.created.timestamp() for image in fleet.images}

    def worth(clone: Server) -> tuple[bool, float, float, str]:
        serves = clone.service is Service.HEALTHY
        return serves, baked.get(clone.image, 0.0), -clone.launched.timestamp(), clone.id

    return tuple(sorted(counted(fleet), key=worth)[:count])
