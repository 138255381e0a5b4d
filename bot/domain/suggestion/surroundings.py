"""A server and what is around it, as AWS describes them. Values, and which servers can be no master."""

import re
from dataclasses import dataclass

from bot.domain.errors import BotError
from bot.domain.fleet import Role, Server, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """A subnet of the server's network."""

    id: str
    zone: str
    way_out: str
    """Where what is not for the network goes, as a kind: "igw", "nat", "tgw"; empty if nowhere."""
    public: bool
    """Servers started there get a public address."""
    free: int = 0
    """Addresses that are not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroup:
    """A target group of the server's network."""

    arn: str
    name: str
    port: int
    health_port: str
    """A number, or "traffic-port"."""
    health_path: str
    kind: str
    """What it holds: "instance", "ip", "lambda" or "alb"."""
    members: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    """Of the load balancers that forward to it; empty if none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What AWS says of a server."""

    server: Server
    name: str = ""
    """Its tag `Name`."""
    fleet: str = ""
    """Its tag `clonebot:fleet`."""
    role: str = ""
    """Its tag `clonebot:role`."""
    windows: bool = False
    scaling_group: str = ""
    profile: str = ""
    """The ARN of its instance profile."""
    tokens_required: bool = True
    """Its metadata is given only for a token (IMDSv2)."""
    firewalls: tuple[tuple[str, str], ...] = ()
    """Ids and names of its security groups."""
    subnets: tuple[Subnet, ...] = ()
    """Of its network, its own among them."""
    target_groups: tuple[TargetGroup, ...] = ()
    """Of its network."""

    @property
    def fleet_name(self) -> str:
        """What its fleet may be called."""
        return re.sub(r"^[^a-z]+|[^a-z0-9]+", "-", self.name.lower()).strip("-")[:31].strip("-") or "web"


def refuse_unfit(around: Surroundings) -> None:
    """Raise BotError, with the reason, if this server can be nobody's master."""
    server = around.server.id
    if around.role in {Role.CLONE, Role.QUARANTINED}:
        raise BotError(
            f"{server} is a clone of the fleet {around.fleet}, started by Clonebot. Name the master instead."
        )
    if around.windows:
        raise BotError(f"{server} runs Windows, and Clonebot clones only Linux servers.")
    if around.scaling_group:
        raise BotError(
            f"{server} is in the Auto Scaling group {around.scaling_group}, which may end it at any time; "
            "a master must stay. Detach it from the group first, then try again."
        )
    if around.server.state is not State.RUNNING:
        raise BotError(f"{server} is {around.server.state}. Start it, then try again.")
