"""A fleet: what its file says (`FleetSpec`) and what AWS says now (`Fleet`)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Le, MinLen

Port = Annotated[int, Ge(1), Le(65535)]
Text = Annotated[str, MinLen(1)]
Seconds = Annotated[int, Ge(1), Le(86400)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How the bot reaches the servers."""

    user: Text
    """The account to log in with, on the master and so on every clone."""
    key_file: Text
    """The private key; a relative path counts from the fleet file."""
    port: Port = 22
    """Where sshd listens."""
    root: Text = "/"
    """Where remote paths begin; a relative one counts from the login folder."""
    sudo: bool = True
    """Run what needs it through `sudo -n`."""
    master_host_keys: tuple[Text, ...] = ()
    """The master's host keys ("ssh-ed25519 AAAA…"), where its console output no longer shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The page that the load balancer asks for."""

    port: Port = 80
    """The port that the balancer asks."""
    path: Text = "/"
    """What it asks for; an answer of 200 to 399 is healthy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What is copied from the master to the clones."""

    paths: Annotated[tuple[Text, ...], MinLen(1)]
    """Absolute folders, the same on every server."""
    exclude: tuple[Text, ...] = ()
    """rsync patterns, relative to each path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """Which requests only the master may answer."""

    target_group: Text
    """ARN of the target group that holds the master alone."""
    methods: tuple[Text, ...] = ("POST", "PUT", "PATCH", "DELETE")
    """HTTP methods that change something."""
    prefixes: tuple[Text, ...] = ()
    """Paths whose every request goes to the master, such as "/upload"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One setting that differs on a clone: `find` becomes `replace`, literally, in `file`.

    `replace` may name `{{ master.private_ip }}` and `{{ clone.private_ip }}`.
    """

    file: Text
    """The settings file, as an absolute path."""
    find: Text
    """The text that makes the master what it is."""
    replace: Text
    """The text that makes a clone of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a clone differs from the master."""

    services: tuple[Text, ...] = ()
    """Services that a clone must never run: stopped, masked, and proved not to run."""
    rewrite: tuple[Rewrite, ...] = ()
    restart: tuple[Text, ...] = ()
    """Services restarted after the settings are rewritten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many seconds something may take before it counts as failed."""

    bake: Seconds = 3600
    """Until the image can be launched."""
    launch: Seconds = 300
    """While AWS gives no clear answer to a request that makes something: it may have made it all the same."""
    boot: Seconds = 600
    """From launch until the server answers over SSH."""
    healthy: Seconds = 300
    """From registering until the load balancer finds the server healthy."""
    drain: Seconds = 900
    """From deregistering until the last request has ended; more than the target group's own delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSpec:
    """One `[fleets.NAME]` table of the fleet file."""

    name: Text
    region: Text
    """The AWS region."""
    channel: Text
    """The Slack channel's id (C…); invite the bot there."""
    master: Text
    """The instance id (i-…) of the existing server. The bot never ends it."""
    target_group: Text
    """ARN of the target group that serves the site; the master is in it."""
    subnets: Annotated[tuple[Text, ...], MinLen(1)]
    """Where clones are started, spread evenly."""
    ssh: Ssh
    content: Content
    writes: Writes
    health: Health = Health()
    recipe: Recipe = Recipe()
    patience: Patience = Patience()
    max_clones: Annotated[int, Ge(1), Le(500)] = 10
    """More than this is refused, whoever asks."""
    instance_type: Text | None = None
    """Default: the master's."""
    security_groups: tuple[Text, ...] = ()
    """Default: the master's."""
    price_per_hour: Annotated[float, Ge(0)] | None = None
    """What one clone costs per hour, in `currency`, to show in plans."""
    currency: Text = "USD"
    """Of `price_per_hour`."""


class Role(StrEnum):
    """What a server is in its fleet: the tag `clonebot:role`."""

    MASTER = "master"
    CLONE = "clone"
    QUARANTINED = "quarantined"


class State(StrEnum):
    """An instance's state, in EC2's words."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


class Service(StrEnum):
    """Whether the load balancer sends requests to a server."""

    OUT = "out of service"
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One instance, as AWS describes it now."""

    id: str
    role: Role
    state: State
    address: str
    """Private address; empty while it has none."""
    type: str
    subnet: str
    image: str
    launched: datetime
    service: Service = Service.OUT
    operation: str = ""
    """The operation that launched it."""
    action: str = ""
    """The action that launched it."""
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A clone image of the fleet."""

    id: str
    created: datetime
    available: bool
    operation: str = ""
    action: str = ""
    master: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A fleet as it is now. Terminated servers are not part of it."""

    spec: FleetSpec
    master: Server
    clones: tuple[Server, ...] = ()
    quarantined: tuple[Server, ...] = ()
    images: tuple[Image, ...] = ()
    """Newest first."""
    writes_routed: bool = False
    """Listener rules send every configured write to the master alone."""

    @property
    def name(self) -> str:
        """The name that people type."""
        return self.spec.name

    @property
    def in_service(self) -> tuple[Server, ...]:
        """The servers that the load balancer sends requests to, the master included."""
        return tuple(s for s in (self.master, *self.clones) if s.service is Service.HEALTHY)

    @property
    def newest_image(self) -> Image | None:
        """The image that new clones start from."""
        return next((image for image in self.images if image.available), None)

    def server(self, server_id: str) -> Server | None:
        """The member with this instance id."""
        members = (self.master, *self.clones, *self.quarantined)
        return next((member for member in members if member.id == server_id), None)
