"""How servers are started from a clone image, and made ready to be clones."""

from bot.domain.capacity import counted, spread
from bot.domain.fleet import Fleet, Image
from bot.domain.plan import Action, Boot, Launch, LaunchElsewhere, Prepare, Prove, Sync

_PER_CALL = 100
"""Servers that one RunInstances starts without trouble."""


def launches(fleet: Fleet, count: int, image: str) -> list[Action]:
    """One launch per subnet, and more only where one call cannot hold them; then where else they may be.

    An empty `image` means the one that the plan bakes.
    """
    new = spread(count, fleet.spec.subnets, counted(fleet))
    there = [
        Launch(
            image=image,
            type=types(fleet)[0],
            subnet=subnet,
            security_groups=_security_groups(fleet),
            count=min(_PER_CALL, number - done),
        )
        for subnet, number in new.items()
        for done in range(0, number, _PER_CALL)
    ]
    return [*there, *_elsewhere(fleet, count, image)]


def _elsewhere(fleet: Fleet, count: int, image: str) -> list[Action]:
    kinds, subnets = types(fleet), fleet.spec.subnets
    if len(kinds) * len(subnets) == 1:
        return []
    groups = _security_groups(fleet)
    return [LaunchElsewhere(image=image, types=kinds, subnets=subnets, security_groups=groups, count=count)]


def types(fleet: Fleet) -> tuple[str, ...]:
    """The type to start, and those to start where AWS has too few of it."""
    first = fleet.spec.instance_type or fleet.master.type
    return tuple(dict.fromkeys((first, *fleet.spec.instance_types)))


def _security_groups(fleet: Fleet) -> tuple[str, ...]:
    return fleet.spec.security_groups or fleet.master.security_groups


def preparations(fleet: Fleet, image: Image | None, *, serve: bool = True) -> list[Action]:
    """What every new server goes through until it is proved; without an image, one that the plan bakes."""
    by_proxy = fleet.spec.writes.by == "proxy"
    return [
        Boot(),
        Prepare(recipe=fleet.spec.recipe, relay=fleet.spec.writes if by_proxy else None),
        Sync(master=fleet.master.id, content=fleet.spec.content, version=image.version if image else ""),
        Prove(serve=serve),
    ]
