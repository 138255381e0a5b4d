"""A plan: exactly what would be done, as a value that can be shown, hashed, approved and carried out."""

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from bot.domain.adoption import (
    Claim,
    Disclaim,
    MakeBalancer,
    MakeGroups,
    Protect,
    ReleaseMaster,
    RemoveFront,
    ServeMaster,
)
from bot.domain.fleet import Content, Recipe, Writes
from bot.domain.imaging import EndCanary, Judge, Pin, RemoveImages
from bot.domain.quarantine import ProveAgain, Readmit, Remove, SetAside
from bot.domain.quiesce import Quiesce, Way


class Lane(StrEnum):
    """What excludes what within a fleet: one operation at a time per fleet and lane."""

    CAPACITY = "capacity"
    IMAGE = "image"
    FRONT = "front"
    """What stands in front of the master."""

    @property
    def queue(self) -> str:
        """Lanes with the same queue also wait for each other.

        A launch needs to know the newest image, and which target groups there are.
        """
        return str(Lane.CAPACITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteWrites:
    """Make listener rules that send every write to the master alone."""

    kind: Literal["route_writes"] = "route_writes"
    target_group: str
    writes_group: str
    master: str
    methods: tuple[str, ...]
    prefixes: tuple[str, ...]

    def __str__(self) -> str:
        which = ", ".join((*self.methods, *self.prefixes))
        return f"send writes ({which}) to the master only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bake:
    """Make a clone image of the running master: without a reboot, with one, or quiesced by its commands."""

    kind: Literal["bake"] = "bake"
    master: str
    way: Way = Way.RUNNING
    quiesce: Quiesce | None = None

    def __str__(self) -> str:
        how = {Way.RUNNING: "no reboot", Way.REBOOTED: "it reboots"}.get(self.way, "no reboot, quiesced")
        return f"bake a clone image from {self.master} ({how})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """Start `count` servers in one subnet. An empty `image` means the one that this plan bakes."""

    kind: Literal["launch"] = "launch"
    image: str
    type: str
    subnet: str
    security_groups: tuple[str, ...]
    count: int

    @property
    def place(self) -> str:
        """What AWS may have too few of: "t3.small in subnet-a"."""
        return f"{self.type} in {self.subnet}"

    def __str__(self) -> str:
        return f"launch {self.count} × {self.place} from {self.image or 'the new image'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchElsewhere:
    """Start what the launches before lack, at most `count`, for want of capacity where they asked.

    The first of `types` is the one that they asked for. Each type is tried in every subnet before the next.
    """

    kind: Literal["launch_elsewhere"] = "launch_elsewhere"
    image: str
    types: tuple[str, ...]
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    count: int

    @property
    def orders(self) -> tuple[Launch, ...]:
        """Every place where servers may be started, in order."""
        return tuple(
            Launch(
                image=self.image,
                type=kind,
                subnet=subnet,
                security_groups=self.security_groups,
                count=self.count,
            )
            for kind in self.types
            for subnet in self.subnets
        )

    def __str__(self) -> str:
        subnets, others = ", ".join(self.subnets), " or ".join(self.types[1:])
        ways = [f"in another of {subnets}"] if len(self.subnets) > 1 else []
        ways += [f"as {others}"] if others else []
        return f"only if AWS has too few: launch the missing ones {', else '.join(ways)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """Wait until each new clone runs and answers over SSH with its own host key."""

    kind: Literal["boot"] = "boot"

    def __str__(self) -> str:
        return "wait until each answers over SSH with its own host key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepare:
    """Apply the recipe to each new clone, and let it pass on to the master what `relay` says."""

    kind: Literal["prepare"] = "prepare"
    recipe: Recipe
    relay: Writes | None = None

    def __str__(self) -> str:
        recipe = self.recipe
        files = sorted({*(each.file for each in recipe.rewrite), *(each.file for each in recipe.template)})
        swept = (*recipe.remove, *recipe.truncate, *recipe.clean, *recipe.spools)
        steps = [
            f"{verb} {', '.join(names)}; "
            for verb, names in (
                ("take off", recipe.jobs),
                ("stop and mask", recipe.services),
                ("sweep", swept),
                ("let forget the master", recipe.agents),
                ("rewrite", files),
            )
            if names
        ]
        which = ", ".join((*self.relay.methods, *self.relay.prefixes)) if self.relay else ""
        writes = f"; let its web server pass writes ({which}) on to the master" if self.relay else ""
        return f"prepare each: {''.join(steps)}renew its identity{writes}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """Copy the master's content to each new clone, or to every clone of the fleet."""

    kind: Literal["sync"] = "sync"
    master: str
    content: Content
    version: str = ""
    """Of the content that the image holds from which the new clones start, where it is baked already."""
    everyone: bool = False

    def __str__(self) -> str:
        paths = ", ".join(self.content.paths)
        if self.everyone:
            return f"bring every clone up to date with {paths}"
        unless = ", unless nothing of it changed since the image" if self.version else ""
        return f"copy {paths} from the master to each{unless}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prove:
    """Check that each new clone is harmless and equals the master."""

    kind: Literal["prove"] = "prove"
    serve: bool = True
    """They are to serve, so that it counts also what lies outside of them."""

    def __str__(self) -> str:
        return "prove each: health page, content, identity, database off, settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class PutInService:
    """Register the proved clones with the load balancer and wait until they are healthy."""

    kind: Literal["put_in_service"] = "put_in_service"
    target_group: str

    def __str__(self) -> str:
        return "put the proved ones in service and wait until they are healthy"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStrays:
    """Look for files that exist on a clone and not on the master; keep a clone that holds any."""

    kind: Literal["check_strays"] = "check_strays"
    servers: tuple[str, ...]
    discard: bool

    def __str__(self) -> str:
        if self.discard:
            return f"discard files that exist only on {', '.join(self.servers)}"
        return f"keep any of {', '.join(self.servers)} that holds files the master lacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeOut:
    """Deregister clones and wait until their requests have ended."""

    kind: Literal["take_out"] = "take_out"
    target_group: str
    servers: tuple[str, ...]

    def __str__(self) -> str:
        return f"take {', '.join(self.servers)} out of service and let requests end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminate:
    """End clones that are out of service."""

    kind: Literal["terminate"] = "terminate"
    servers: tuple[str, ...]
    discard: bool

    def __str__(self) -> str:
        return f"terminate {', '.join(self.servers)}"


Action = Annotated[
    RouteWrites
    | Bake
    | Launch
    | LaunchElsewhere
    | Boot
    | Prepare
    | Sync
    | Prove
    | Judge
    | EndCanary
    | Pin
    | RemoveImages
    | PutInService
    | CheckStrays
    | TakeOut
    | Terminate
    | Claim
    | MakeGroups
    | MakeBalancer
    | ServeMaster
    | Protect
    | ReleaseMaster
    | RemoveFront
    | Disclaim
    | Remove
    | ProveAgain
    | SetAside
    | Readmit,
    Field(discriminator="kind"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one command would do to one fleet. Only `fleet` and `actions` are hashed; the rest is shown."""

    fleet: str
    lane: Lane
    command: str
    """The command with every relative word made absolute: "scale web 4"."""
    summary: str
    """What changes: "web: 2 → 4 clones"."""
    actions: tuple[Action, ...]
    before: int
    """Clones before."""
    after: int
    """Clones after."""
    inverse: str = ""
    """The command that leads back."""
    cost_per_hour: float | None = None
    """Change of cost per hour, in `currency`; None where no price is configured."""
    currency: str = "USD"
    seconds: int = 0
    """How long it is expected to take."""
    notes: tuple[str, ...] = ()
    """What the approver should know."""
    reason: str = ""
    """Why, in the requester's words."""

    @property
    def reboots(self) -> bool:
        """The master is down for a while."""
        return any(isinstance(each, Bake) and each.way is Way.REBOOTED for each in self.actions)

    @property
    def hash(self) -> str:
        """SHA-256 of the plan's effects, in hexadecimal."""
        effects = {"fleet": self.fleet, "actions": to_json(self)["actions"]}
        return hashlib.sha256(json.dumps(effects, sort_keys=True).encode()).hexdigest()

    @property
    def short_hash(self) -> str:
        """Enough of the hash for people to compare."""
        return self.hash[:8]


_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as plain JSON values."""
    return dict(_PLAN.dump_python(plan, mode="json"))


def from_json(value: Any) -> Plan:
    """The plan that `to_json` wrote."""
    return _PLAN.validate_python(value)
