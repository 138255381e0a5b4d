"""A fleet: what its file says (`FleetSpec`) and what AWS says now (`Fleet`)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Le, MinLen

from bot.domain.quiesce import Quiesce

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

    by: Literal["listener", "proxy"] = "listener"
    """Who sends them there: rules of the load balancer's listeners, or each clone's own Apache or nginx."""
    target_group: str = ""
    """ARN of the group that holds the master alone, for `listener`. Default: the one that `adopt` makes."""
    methods: tuple[Text, ...] = ("POST", "PUT", "PATCH", "DELETE")
    """HTTP methods that change something."""
    prefixes: tuple[Text, ...] = ()
    """Paths whose every request goes to the master, such as "/upload"."""

    @property
    def need_group(self) -> bool:
        """A target group that holds the master alone takes them."""
        return self.by == "listener"


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancer:
    """The load balancer that `adopt` makes where no `target_group` is named."""

    port: Port = 80
    """Where it listens."""
    protocol: Literal["HTTP", "HTTPS"] = "HTTP"
    """What visitors speak to it; the site behind it is asked over HTTP at `health.port`."""
    certificate: str = ""
    """ARN of the certificate, for HTTPS."""
    subnets: tuple[Text, ...] = ()
    """In two zones or more. Default: those of the clones."""
    scheme: Literal["internet-facing", "internal"] = "internet-facing"
    """Who can reach it: everybody, or only your own network."""
    clients: Annotated[tuple[Text, ...], MinLen(1)] = ("0.0.0.0/0",)
    """Networks whose requests it takes."""
    drain: Annotated[int, Ge(0), Le(3600)] = 300
    """How many seconds requests may take to end when a server leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrite:
    """One setting that differs on a clone: `find` becomes `replace`, literally, in `file`.

    `replace` may name `{{ master.private_ip }}`, `{{ clone.private_ip }}`, `{{ instance.id }}` and
    `{{ fleet.name }}`.
    """

    file: Text
    """The settings file, as an absolute path."""
    find: Text
    """The text that makes the master what it is."""
    replace: Text
    """The text that makes a clone of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One file that is written anew on a clone; `text` may name what a rewrite may."""

    file: Text
    """The file, as an absolute path; owner and mode stay as they are on the master."""
    text: str
    """All that is in it on a clone."""


Preset = Literal[
    "apache",
    "nginx",
    "php",
    "python",
    "node",
    "mariadb",
    "mysql",
    "postgresql",
    "redis",
    "postfix",
    "exim",
]


AgentName = Literal[
    "amazon-ssm-agent",
    "datadog",
    "filebeat",
    "newrelic",
    "puppet",
    "salt-minion",
    "tailscale",
    "telegraf",
    "wazuh",
    "zabbix",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a clone differs from the master."""

    preset: tuple[Preset, ...] = ()
    """Stacks whose usual lines are added to those below, but for what `everywhere` names."""
    services: tuple[Text, ...] = ()
    """Services and timers that clones must never run: masked from first boot, and proved so."""
    rewrite: tuple[Rewrite, ...] = ()
    template: tuple[Template, ...] = ()
    restart: tuple[Text, ...] = ()
    """Services restarted after the settings are rewritten."""
    jobs: tuple[Text, ...] = ()
    """Jobs that only the master may run, taken off clones: "/etc/cron.d/billing", "crontab:USER", "at"."""
    remove: tuple[Text, ...] = ()
    """Files that clones must not have; `*` is any name, and a folder with / at its end all files below."""
    truncate: tuple[Text, ...] = ()
    """Files that are empty on a clone and stay so; owner and mode remain. Named as in `remove`."""
    clean: tuple[Text, ...] = ()
    """Pids, locks, sockets, caches: the master's are removed before services start; a clone's own stay."""
    spools: tuple[Text, ...] = ()
    """Spool folders in which nothing of the master's may wait on a clone, such as "/var/spool/postfix"."""
    agents: tuple[AgentName, ...] = ()
    """Known agents that must forget before their start that they are the master's, and enrol anew."""
    everywhere: tuple[Text, ...] = ()
    """Units, jobs, files and folders that are fine on every server, for the doctor and for presets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Which clone images `clean-up` leaves, besides those in use, those pinned, and the newest good one."""

    keep: Annotated[int, Ge(1), Le(1000)] = 3
    """So many of the last good ones."""
    days: Annotated[int, Ge(0), Le(3650)] = 7
    """Those that are younger than so many days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A time that comes again and again, in which nothing of the fleet is changed by request."""

    begins: Text
    """When it begins, as cron: minute, hour, day, month, weekday, as in "0 18 * * 5"."""
    ends: Text
    """When it ends, in the same way; both are read in `timezone`."""
    timezone: Text = "UTC"
    """The IANA time zone, such as "Europe/Berlin"."""
    reason: Text
    """Why; shown to whoever asks for something meanwhile."""
    scale_out: bool = False
    """Let more clones be started all the same, from the image that there is."""


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
    balancer: Seconds = 900
    """Until a new load balancer is active, and until AWS has freed what a removed one used."""
    drain: Seconds = 900
    """From deregistering until the last request has ended; more than the target group's own delay."""
    reconcile: Seconds = 60
    """From one comparison of AWS with the records to the next; what differs in two in a row is told."""
    quarantine: Seconds = 3600
    """How long a server that failed is kept for a look; afterwards the channel is told that it may go."""


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
    target_group: str = ""
    """ARN of the target group that serves the site. Default: the one that `adopt` makes."""
    subnets: Annotated[tuple[Text, ...], MinLen(1)]
    """Where clones are started, spread evenly."""
    ssh: Ssh
    content: Content
    writes: Writes = Writes()
    balancer: Balancer = Balancer()
    health: Health = Health()
    recipe: Recipe = Recipe()
    quiesce: Quiesce = Quiesce()  # noqa: RUF009 (it is frozen)
    images: Images = Images()
    patience: Patience = Patience()
    freezes: tuple[Window, ...] = ()
    """Times that come again and again, in which nothing of the fleet is changed by request."""
    max_clones: Annotated[int, Ge(1), Le(500)] = 10
    """More than this is refused, whoever asks."""
    instance_type: Text | None = None
    """Default: the master's."""
    instance_types: tuple[Text, ...] = ()
    """Started instead, in this order, while AWS has too few of `instance_type` in every subnet."""
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
    why_gone: str = ""
    """AWS's reason, where it is ending or has ended."""
    expires: datetime | None = None
    """Until when it is kept, if it is quarantined; None if its tag does not say."""
    guarded: bool | None = None
    """Its metadata service answers only to a token, one hop away; None if AWS does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A server that AWS connects with a fleet, by its tag or by the target group, whoever did that."""

    id: str
    tagged: bool
    """It carries the fleet's tag; of others nothing more is known than their service."""
    role: str = ""
    """Its tag `clonebot:role`, whatever that says."""
    state: State | None = None
    service: Service = Service.OUT
    operation: str = ""
    action: str = ""
    expires: datetime | None = None
    """As `Server.expires`."""


class ImageState(StrEnum):
    """What is known of a clone image: the tag `clonebot:state`."""

    BUILDING = "building"
    """It is being made, or was never tried."""
    GOOD = "good"
    """A server that was started from it was proved."""
    BAD = "bad"
    """Servers were started from it, and none was proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A clone image of the fleet."""

    id: str
    created: datetime
    available: bool
    state: ImageState = ImageState.BUILDING
    pinned: bool = False
    """Somebody said that it is to stay."""
    size: int = 0
    """Of its disks together, in GiB."""
    snapshots: tuple[str, ...] = ()
    operation: str = ""
    action: str = ""
    master: str = ""
    version: str = ""
    """Of the master's content before the image was begun; empty if that is not known."""
    doctor: str = ""
    """What the doctor had found then."""
    encrypted: bool = False
    """All its disks are, as the master's were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A fleet as it is now. Terminated servers are not part of it."""

    spec: FleetSpec
    master: Server
    clones: tuple[Server, ...] = ()
    quarantined: tuple[Server, ...] = ()
    canaries: tuple[Server, ...] = ()
    """Servers that a bake under way tries its image with: no clones, though AWS calls them so."""
    images: tuple[Image, ...] = ()
    """Newest first."""
    writes_routed: bool = False
    """Listener rules send every configured write to the master alone."""

    @property
    def name(self) -> str:
        """The name that people type."""
        return self.spec.name

    @property
    def behind_balancer(self) -> bool:
        """Whether there are target groups: the fleet file names them, or `adopt` made them."""
        writes = self.spec.writes
        return bool(self.spec.target_group and (writes.target_group or not writes.need_group))

    @property
    def in_service(self) -> tuple[Server, ...]:
        """The servers that the load balancer sends requests to, the master included."""
        return tuple(s for s in (self.master, *self.clones) if s.service is Service.HEALTHY)

    def server(self, server_id: str) -> Server | None:
        """The member with this instance id."""
        members = (self.master, *self.clones, *self.canaries, *self.quarantined)
        return next((member for member in members if member.id == server_id), None)
