"""The actions of `adopt` and `disown`, and what they call things in AWS."""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

_LONGEST = 32
"""Characters in the name of a load balancer or a target group."""


def front_name(fleet: str, part: str = "") -> str:
    """What a load balancer or target group of this fleet is called: "clonebot-web-writes"."""
    name = "-".join(filter(None, ("clonebot", fleet, part)))
    if len(name) <= _LONGEST and not re.search(r"--|-$", name):
        return name
    return f"clonebot-{hashlib.sha256(name.encode()).hexdigest()[:20]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Tag the master as this fleet's, and note in a tag how it was before."""

    kind: Literal["claim"] = "claim"
    master: str

    def __str__(self) -> str:
        return f"tag {self.master} as this fleet's master, and note how it was before"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeGroups:
    """Make target groups; of the two names, an empty one stands for a group that the fleet file names."""

    kind: Literal["make_groups"] = "make_groups"
    site: str
    writes: str
    network: str
    port: int
    path: str
    drain: int
    """Seconds."""

    def __str__(self) -> str:
        names = [name for name in (self.site, self.writes) if name]
        which = "s " if len(names) > 1 else " "
        page = f"health page {self.path}, {self.drain} s for requests to end"
        return f"make the target group{which}{' and '.join(names)} (HTTP at port {self.port}, {page})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeBalancer:
    """Make a load balancer with a security group of its own, let it reach the site, and listen."""

    kind: Literal["make_balancer"] = "make_balancer"
    name: str
    network: str
    subnets: tuple[str, ...]
    scheme: str
    protocol: str
    port: int
    certificate: str
    clients: tuple[str, ...]
    admitted: tuple[str, ...]
    """Security groups of the servers, which get a rule that lets the balancer in."""
    site_port: int

    def __str__(self) -> str:
        return (
            f"make the {self.scheme} load balancer {self.name} in {', '.join(self.subnets)}, "
            f"{self.protocol} at port {self.port} for {', '.join(self.clients)}; "
            f"let it reach port {self.site_port} of {', '.join(self.admitted)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeMaster:
    """Register the master with the target group, and wait until the balancer finds it healthy."""

    kind: Literal["serve_master"] = "serve_master"
    master: str
    target_group: str
    """Empty for the one that this plan makes."""

    def __str__(self) -> str:
        return f"put {self.master} behind the load balancer and wait until it is healthy there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protect:
    """Let the master be ended or stopped through AWS, or not."""

    kind: Literal["protect"] = "protect"
    master: str
    terminate: bool
    """Whether it is protected from being terminated."""
    stop: bool
    """Whether it is protected from being stopped."""

    def __str__(self) -> str:
        terminate, stop = ("on" if each else "off" for each in (self.terminate, self.stop))
        return f"turn termination protection of {self.master} {terminate}, stop protection {stop}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseMaster:
    """Remove the listener rules for writes, deregister the master, and wait until its requests ended."""

    kind: Literal["release_master"] = "release_master"
    master: str
    site: bool
    """Deregister it from the fleet's target group."""
    writes: bool
    """Deregister it from the group for writes."""

    def __str__(self) -> str:
        if not (self.site or self.writes):
            return "remove the listener rules for writes"
        return f"take {self.master} out of service behind the load balancer and let requests end"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFront:
    """Remove what `adopt` made, and nothing else."""

    kind: Literal["remove_front"] = "remove_front"
    made: tuple[str, ...]

    def __str__(self) -> str:
        return f"remove what adopt made: {', '.join(self.made)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclaim:
    """Remove this fleet's tags from the master."""

    kind: Literal["disclaim"] = "disclaim"
    master: str

    def __str__(self) -> str:
        return f"remove this fleet's tags from {self.master}"
