"""What AWS says of a master, and of what its clones would be made with, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.fleet import State

ANYBODY = frozenset({"0.0.0.0/0", "::/0"})
"""Sources that are the whole internet."""


class Area(StrEnum):
    """A part of the look that AWS may refuse by itself."""

    USER_DATA = "its user data"
    VOLUMES = "volumes"
    KEYS = "the keys that its volumes are encrypted with"
    TYPE = "its instance type"
    ORIGIN = "the image that it was started from"
    GROUPS = "security groups"
    SUBNETS = "subnets"
    QUOTAS = "its quotas"
    TARGETS = "the target group"
    IMAGES = "images"
    SNAPSHOTS = "snapshots"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A disk of the master."""

    id: str
    device: str
    gib: int
    root: bool = False
    kept: bool = False
    """It stays when its server ends, and so would the copies that clones get."""
    key: str = ""
    """ARN of the key that it is encrypted with."""
    others: tuple[str, ...] = ()
    """Other servers that it is attached to at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key that volumes are encrypted with."""

    id: str
    own: bool
    """The account's own, so that using it must be granted; not one that AWS keeps for everybody."""
    state: str
    """In AWS's words: "Enabled", "PendingDeletion"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many vCPUs the account may run of the kind that clones are."""

    id: str
    """Service Quotas' name of it."""
    most: int
    used: int
    each: int
    """What one clone takes."""

    @property
    def clones(self) -> int:
        """How many more there may be."""
        return max(0, (self.most - self.used) // self.each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One thing that a security group lets in."""

    group: str
    first: int
    last: int
    """Ports; 0 to 65535 where the rule names none."""
    source: str
    """A range of addresses, or another group."""

    @property
    def ports(self) -> str:
        """In words: "port 22"."""
        if (self.first, self.last) == (0, 65535):
            return "every port"
        return f"port {self.first}" if self.first == self.last else f"ports {self.first}-{self.last}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsFacts:
    """All that the checks look at. What AWS did not show is in `unread`, by area, with why."""

    master: str
    type: str
    state: State = State.RUNNING
    address: str = ""
    """Its private one."""
    product_codes: tuple[str, ...] = ()
    image_codes: tuple[str, ...] = ()
    """Product codes of the image that it was started from."""
    platform: str = ""
    """What AWS bills beside the hardware, in its words: "Linux/UNIX" is nothing."""
    profile: str = ""
    """ARN of the instance profile that gives the master its IAM role."""
    asks_without_token: bool = False
    """The metadata service answers also without a token (IMDSv1)."""
    hops: int = 1
    user_data: bool = False
    secrets: tuple[str, ...] = ()
    """Kinds of secrets that the user data seems to hold; never the secrets."""
    root_on_disk: bool = True
    """The root device is a volume, and not an instance store, of which no image can be made."""
    instance_store: bool = False
    """The type has disks whose contents no image holds."""
    volumes: tuple[Volume, ...] = ()
    keys: tuple[Key, ...] = ()
    groups: tuple[str, ...] = ()
    """The security groups that clones would carry, as far as there are such."""
    openings: tuple[Opening, ...] = ()
    """What those let in."""
    masters_ways: tuple[Opening, ...] = ()
    """What any group lets in from the master alone: from its address, or from a group that clones lack."""
    free_addresses: Mapping[str, int] = field(default_factory=dict)
    """Of each subnet that exists."""
    quota: Quota | None = None
    serving: frozenset[str] = frozenset()
    """Servers that are healthy in the target group."""
    evenly: bool = False
    """The target group deals requests out in turn or by chance, to each server as many."""
    slow_start: int = 0
    """Seconds in which a new server's share of requests grows to a whole one."""
    clones: int = 0
    """How many live."""
    imageless: Mapping[str, str] = field(default_factory=dict)
    """Clones whose image is gone, and the image."""
    forgotten_snapshots: tuple[str, ...] = ()
    """Of the fleet, and of no image."""
    forgotten_volumes: tuple[str, ...] = ()
    """Of the fleet, and attached to nothing."""
    unread: Mapping[Area, str] = field(default_factory=dict)
