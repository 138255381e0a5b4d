"""What stands in front of a master: what `adopt` finds, and what it remembers of how it was before."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.adoption import front_name
from bot.domain.fleet import Fleet, FleetSpec


class Part(StrEnum):
    """What one thing that `adopt` makes is for: the tag `clonebot:role`."""

    BALANCER = "balancer"
    LISTENER = "listener"
    SITE = "site"
    WRITES = "writes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a master stands: what `adopt` changes and `disown` puts back."""

    terminate: bool = False
    """It is protected from being terminated."""
    stop: bool = False
    """It is protected from being stopped."""
    site: bool = False
    """It is registered with the fleet's target group."""
    writes: bool = False
    """It is registered with the group for writes."""

    def __str__(self) -> str:
        """As a tag holds it: "terminate=on stop=off site=off writes=off"."""
        return " ".join(
            f"{name}={'on' if getattr(self, name) else 'off'}" for name in Standing.__dataclass_fields__
        )


def read_standing(tag: str) -> Standing:
    """The other way round; what a tag does not tell was off."""
    words = set(tag.split())
    return Standing(**{name: f"{name}=on" in words for name in Standing.__dataclass_fields__})


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What AWS says now of a master and of what stands in front of it."""

    network: str
    """The VPC that the master is in."""
    now: Standing = Standing()
    before: Standing | None = None
    """How it stood before it was adopted; None if no tag tells."""
    fleet: str = ""
    """Its tag `clonebot:fleet`."""
    role: str = ""
    """Its tag `clonebot:role`."""
    operation: str = ""
    """The operation that adopted it."""
    scaling_group: str = ""
    windows: bool = False
    address: str = ""
    """The DNS name of the load balancer that forwards to the fleet's target group; empty if none does."""
    made: tuple[str, ...] = ()
    """What `adopt` made for this fleet and still stands: "load balancer clonebot-web"."""
    in_the_way: tuple[str, ...] = ()
    """What keeps `adopt` from making the rest, one sentence each."""

    def adopted(self, fleet: str) -> bool:
        """Whether the master is tagged as this fleet's."""
        return (self.fleet, self.role) == (fleet, "master")


def missing(spec: FleetSpec, made: Collection[str]) -> str:
    """Say what `adopt` makes and is not there; empty if all is. `spec` as the fleet file has it."""
    gone = [each for each in _all_made(spec) if each not in made]
    return f"Gone already, or never made: {', '.join(gone)}." if gone else ""


def _all_made(spec: FleetSpec) -> Iterator[str]:
    if not spec.target_group:
        for kind in ("load balancer", "security group", "target group"):
            yield f"{kind} {front_name(spec.name)}"
    if spec.writes.need_group and not spec.writes.target_group:
        yield f"target group {front_name(spec.name, Part.WRITES)}"


def not_behind(fleet: Fleet) -> str:
    """What to say and type where a fleet has no load balancer yet."""
    return (
        f"*{fleet.name}* has no load balancer yet. "
        f"Type `/clone adopt {fleet.spec.master} as {fleet.name}` to put its master behind one."
    )
