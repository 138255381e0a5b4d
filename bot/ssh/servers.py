"""The servers as `bot.world.Servers` promises them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bot.domain.errors import ServerError
from bot.domain.fleet import Content, FleetSpec, Recipe, Server
from bot.domain.proof import Facts
from bot.ssh import offering
from bot.ssh.connections import Connections, HostKeys
from bot.ssh.inspection import collect, read_clock
from bot.ssh.preparation import prepare
from bot.ssh.shell import Script, Shell
from bot.ssh.sync import pull, strays

_AT_ONCE = 16
_REACH_SECONDS = 15

T = TypeVar("T")


class SshServers:
    """Servers over SSH. `host_keys` says which keys a server must show; none known means no connection.

    A server has `patience` seconds for each step of a connection.
    """

    def __init__(self, host_keys: HostKeys, *, patience: float = 10.0) -> None:
        self._connections = Connections(host_keys, patience=patience)
        self._shell = Shell(self._connections)

    def close(self) -> None:
        """End all connections."""
        self._connections.close()

    def reach(self, spec: FleetSpec, server: Server) -> None:
        """Connect and run a command that does nothing. Gives up after half a minute."""
        script = Script(what="a first command", functions="", calls=[("true",)], seconds=_REACH_SECONDS)
        self._shell.run(spec, server, script)

    def prepare(self, spec: FleetSpec, server: Server, recipe: Recipe) -> None:
        """Apply a filled-in recipe and renew the identity."""
        prepare(self._shell, spec, server, recipe)

    def clock(self, spec: FleetSpec, server: Server) -> int:
        """Read the server's own clock, as Unix time."""
        return read_clock(self._shell, spec, server)

    def facts(self, spec: FleetSpec, server: Server, recipe: Recipe, *, as_of: int = 0) -> Facts:
        """Collect what the proof needs."""
        return collect(self._shell, self._connections, spec, server, recipe, as_of)

    def offer_content(
        self, spec: FleetSpec, master: Server, clones: Sequence[Server], content: Content, *, sync: str
    ) -> Mapping[str, str]:
        """Give each clone keys that read the content, until `withdraw_content`; return who failed."""
        terms = offering.inspect_source(self._shell, spec, master, content)
        keys, failed = _each(
            clones, lambda clone: offering.make_keys(self._shell, spec, clone, content, sync=sync)
        )
        if keys:
            offering.authorize(self._shell, spec, master, terms, keys, sync=sync)
        return failed

    def pull_content(
        self, spec: FleetSpec, master: Server, clone: Server, content: Content, *, sync: str
    ) -> None:
        """Copy what differs, straight from the master; stray writes stay as they are."""
        pinned = self._connections.pinned(spec, master)
        pull(self._shell, spec, master, clone, content, pinned=pinned, sync=sync)

    def withdraw_content(
        self, spec: FleetSpec, master: Server, clones: Sequence[Server], *, sync: str
    ) -> None:
        """Remove the keys. A clone that cannot be reached keeps its half, which opens nothing any more."""
        offering.withdraw(self._shell, spec, master, sync=sync)
        _each(clones, lambda clone: offering.forget_keys(self._shell, spec, clone, sync=sync))

    def strays(self, spec: FleetSpec, master: Server, clone: Server, content: Content) -> tuple[str, ...]:
        """Files written on the clone since its last sync that the master does not hold as they are."""
        return strays(self._shell, spec, master, clone, content)


def _each(servers: Sequence[Server], do: Callable[[Server], T]) -> tuple[dict[str, T], dict[str, str]]:
    """Do it to all at once; return the results, and why it failed where it did."""
    done: dict[str, T] = {}
    failed: dict[str, str] = {}

    def one(server: Server) -> None:
        try:
            done[server.id] = do(server)
        except ServerError as error:
            failed[server.id] = str(error)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, servers))
    return done, failed
