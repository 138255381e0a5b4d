"""What one pass over a master saw. Values only: nothing here judges.

Paths are those of the server: `ssh.root` is taken off. Secrets are never part of it: of files that may hold
some, only the names of their settings were read.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of systemd, loaded or only installed."""

    name: str
    """With its suffix: "mariadb.service"."""
    load: str = "loaded"
    """"loaded", "masked" or "not-found"."""
    active: str = "inactive"
    """"active", "inactive", "failed" or "activating"."""
    sub: str = ""
    """"running", "exited", "waiting" or so."""
    enabled: str = ""
    """"enabled", "disabled", "static", "masked", "alias", "generated" or so."""
    file: str = ""
    """Where it is defined; empty if that is not known."""
    user: str = ""
    command: str = field(default="", repr=False)
    script: str = field(default="", repr=False)
    """Of the script that the command names, the lines that tell what it is for."""
    triggers: str = ""
    """The unit that a timer, socket or path starts."""

    @property
    def sleeps(self) -> bool:
        """It does not run, and nothing starts it at boot."""
        runs = self.active in {"active", "activating", "reloading"}
        return self.masked or not (runs or self.enabled in {"enabled", "enabled-runtime", "generated"})

    @property
    def masked(self) -> bool:
        """It cannot be started."""
        return self.load == "masked" or self.enabled in {"masked", "masked-runtime"}

    @property
    def by_hand(self) -> bool:
        """A person wrote it, not a package."""
        return self.file.startswith(("/etc/systemd/system/", "/usr/local/", "/home/", "/root/"))


class Origin(StrEnum):
    """Whether a file is as its package brought it."""

    PACKAGE = "package"
    CHANGED = "changed"
    """A package's file that a person has changed."""
    HAND = "hand"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One line of cron, one script that cron runs, or one job of at."""

    source: str
    """"crontab:bob", "/etc/cron.d/billing", "/etc/cron.daily/backup", "at:a0001", "/etc/rc.local"."""
    schedule: str
    """"17 3 * * *", "@reboot", "daily", "once"."""
    command: str = field(repr=False)
    script: str = field(default="", repr=False)
    """Of the script that the command names, the lines that tell what it is for."""
    user: str = ""
    origin: Origin = Origin.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """Something that listens."""

    address: str
    """"*" for every address; a path for a Unix socket."""
    port: int
    process: str = ""
    unit: str = ""

    @property
    def local(self) -> bool:
        """Only this server can reach it."""
        return self.address.startswith(("127.", "[::1]", "::1", "/", "[::ffff:127.")) or (
            self.address.endswith("%lo")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open connection to another machine."""

    peer: str
    port: int
    local_port: int
    process: str = ""
    seconds: int = 0
    """Since something was last sent or received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Something mounted, or to be mounted at boot."""

    device: str
    where: str
    kind: str
    """"ext4", "nfs4", "tmpfs", "swap"."""
    options: str = ""
    file: str = "/etc/fstab"
    """Where it is planned, if it is: or a unit of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container of Docker or Podman."""

    name: str
    image: str


class Kind(StrEnum):
    """What a path is, in find's letters."""

    FILE = "f"
    FOLDER = "d"
    LINK = "l"
    SOCKET = "s"
    PIPE = "p"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A path that may matter."""

    path: str
    kind: Kind = Kind.FILE
    mode: int = 0o644
    size: int = 0
    owner: str = "root"
    group: str = "root"
    changed: int = 0
    """Unix time; of a folder, when something was last made or removed in it."""
    target: str = ""
    """Where a link leads."""
    excluded: bool = False
    """The sync leaves it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a settings file."""

    file: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that could not be looked at."""

    part: str
    """The part of the facts that is missing or not whole, by its name: "jobs"."""
    why: str
    path: str = ""
    """Where, if not all of it is missing."""
    unreached: bool = False
    """The look ended before it came to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What one pass over a master saw."""

    hostname: str = ""
    machine_id: str = ""
    addresses: tuple[str, ...] = ()
    """Its own, loopback aside."""
    time: int = 0
    """The server's clock, as Unix time."""
    cloud_init: bool = True
    """It is installed: it gives a server started from an image an identity of its own."""
    cloud_init_off: tuple[str, ...] = ()
    """Files that keep it from running."""
    time_zone: str = ""
    clock_synchronized: bool | None = None
    """Nobody knows, if None."""
    units: tuple[Unit, ...] = ()
    jobs: tuple[Job, ...] = ()
    sockets: tuple[Socket, ...] = ()
    connections: tuple[Connection, ...] = ()
    mounts: tuple[Mount, ...] = ()
    fstab: tuple[Mount, ...] = ()
    """What is to be mounted at boot, by /etc/fstab or by units of somebody's own."""
    swaps: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
    """Those that run, or would at boot."""
    content: tuple[File, ...] = ()
    """Of the content: every folder, every link, and files that may matter by their name."""
    places: tuple[File, ...] = ()
    """The same of homes, applications and /etc, outside of the content."""
    empty: tuple[str, ...] = ()
    """Paths of the content that are there and hold no file."""
    settings: tuple[Line, ...] = ()
    """Lines that set something that matters: hosts, sessions, addresses, identities. No passwords."""
    secrets: tuple[str, ...] = ()
    """Settings files that hold a password, a token or a private key."""
    authorized_keys: tuple[Line, ...] = ()
    """Keys that open an account; `text` is the comment of the key."""
    agents: tuple[File, ...] = ()
    """What monitoring, security and log agents remember about who they are."""
    packages: tuple[str, ...] = ()
    """Names of installed packages that may matter."""
    health: tuple[File, ...] = ()
    """Files that the health page's address may lead to."""
    health_lines: tuple[Line, ...] = ()
    """Of those, what asks others; and what web servers say of that address, with the lines that follow."""
    written: tuple[File, ...] = ()
    """Folders outside of the content that others than root may write to, and that changed of late."""
    relays: tuple[str, ...] = ()
    """Files of ours that let its web server pass writes on, as a clone's does; those that are not empty."""
    open_databases: tuple[str, ...] = ()
    """Files of SQLite that some process has open, whatever their names."""
    mail: tuple[tuple[str, int], ...] = ()
    """Spool folders, and how many messages wait there to be sent."""
    lost_files: tuple[str, ...] = ()
    """Files that the recipe rewrites and that are not there."""
    lost_settings: tuple[str, ...] = ()
    """Those that hold neither what it looks for nor what it puts there."""
    no_sudo: str = ""
    """What sudo said, where it is to be used and does not work."""
    unread: tuple[Unread, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the look came to its end, whatever it was not let see."""
        return not any(each.unreached for each in self.unread)

    def missing(self, part: str) -> tuple[Unread, ...]:
        """What of this part of the facts could not be read."""
        return tuple(each for each in self.unread if each.part == part)
