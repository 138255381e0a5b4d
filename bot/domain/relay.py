"""A relay: a clone's own web server passes writes on to the master, and serves everything else itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote

from bot.domain.fleet import Health, Writes

MASTER_PAGE = "/.well-known/clonebot-master"
"""A clone that relays answers it with the master's health page."""
PROBE = "clonebot-probe"
"""A write whose path ends so is answered by the relay itself: it proves the rules and writes nothing."""
MARK = "X-Clonebot-Relay"
"""The header of each answer that a relay gave or passed on; its value says which rules are in force."""
RELAYED = "X-Clonebot-Relayed"
"""The header of every request that a relay passed on; it is never passed on again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Which requests a clone passes on, and where to."""

    master: str
    """The master's private address."""
    port: int
    health: str
    """The path of the health page."""
    methods: tuple[str, ...]
    prefixes: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Tells these rules from any others."""
        return sha256(repr(self).encode()).hexdigest()[:16]

    @property
    def origin(self) -> str:
        """The master, as a URL without a path."""
        host = f"[{self.master}]" if ":" in self.master else self.master
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A harmless request to a clone, which only a relay in force answers as it should."""

    method: str
    path: str
    shown: str
    """What it stands for: "POST", "/upload"."""


def relay_to(master_address: str, writes: Writes | None, health: Health) -> Relay | None:
    """What each clone of a fleet is to pass on; None if that is nothing, or the load balancer sees to it."""
    if writes is None or writes.by != "proxy" or not (writes.methods or writes.prefixes):
        return None
    return Relay(
        master=master_address,
        port=health.port,
        health=health.path,
        methods=tuple(dict.fromkeys(writes.methods)),
        prefixes=tuple(dict.fromkeys(prefix.rstrip("/") for prefix in writes.prefixes)),
    )


def is_under(path: str, prefix: str) -> bool:
    """Whether a request for the path is one for the prefix: "/upload" and "/upload/…"."""
    return f"{path.partition('?')[0]}/".startswith(f"{prefix.rstrip('/')}/")


def probes(relay: Relay) -> Iterator[Probe]:
    """One for each method and prefix. Ask for `MASTER_PAGE` first: without a relay, the site would answer."""
    for method in relay.methods:
        yield Probe(method=method, path=f"/.well-known/{PROBE}", shown=method)
    for prefix in relay.prefixes:
        yield Probe(method="GET", path=f"{quote(prefix)}/{PROBE}", shown=prefix or "/")
