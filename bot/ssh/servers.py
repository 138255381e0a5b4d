"""The servers as `bot.world.Servers` promises them."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from bot.domain.doctor.facts import ServerFacts
from bot.domain.errors import ServerError
from bot.domain.fleet import Content, FleetSpec, Recipe, Server
from bot.domain.proof import Facts
from bot.domain.quiesce import Quiesce
from bot.domain.reach import Place
from bot.domain.relay import Relay
from bot.ssh import offering, quiescing
from bot.ssh.asking import Asker
from bot.ssh.connections import Connections, HostKeys
from bot.ssh.doctor.inspect import inspect
from bot.ssh.inspection import collect, read_clock
from bot.ssh.preparation import prepare
from bot.ssh.shell import Script, Shell, shown_key
from bot.ssh.sync import pull, remember, strays, version

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

    def hold_still(self, spec: FleetSpec, master: Server, quiesce: Quiesce, *, key: str) -> None:
        """Run the commands that quiesce a master."""
        quiescing.hold(self._shell, spec, master, quiesce, key)

    def let_go(self, spec: FleetSpec, master: Server, quiesce: Quiesce, *, key: str) -> bool:
        """Undo it; return whether it was held until now."""
        return quiescing.let_go(self._shell, spec, master, quiesce, key)

    def prepare(self, spec: FleetSpec, server: Server, recipe: Recipe, *, relay: Relay | None = None) -> None:
        """Apply a filled-in recipe, renew the identity, relay writes or stop relaying."""
        prepare(self._shell, spec, server, recipe, relay)

    def clock(self, spec: FleetSpec, server: Server) -> int:
        """Read the server's own clock, as Unix time."""
        return read_clock(self._shell, spec, server)

    def facts(
        self,
        spec: FleetSpec,
        server: Server,
        recipe: Recipe,
        *,
        as_of: int = 0,
        relay: Relay | None = None,
    ) -> Facts:
        """Collect what the proof needs."""
        return collect(self._shell, self._connections, spec, server, recipe, as_of, relay)

    def reaches(self, spec: FleetSpec, server: Server, places: Sequence[Place]) -> frozenset[Place]:
        """Which of these places take a connection from there."""
        asker = Asker(self._shell, self._connections, spec, server)
        return frozenset(place for place in places if asker.opens(*place))

    def inspect(self, spec: FleetSpec, master: Server) -> ServerFacts:
        """Look at a master for the doctor."""
        return inspect(self._shell, spec, master)

    def content_version(self, spec: FleetSpec, master: Server, content: Content) -> str:
        """A word for the content as it is now on the master."""
        return version(self._shell, spec, master, content)

    def remember_content(self, spec: FleetSpec, clone: Server, content: Content) -> None:
        """Let count as copied what a new clone's image brought."""
        remember(self._shell, spec, clone, content)

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
        shown = shown_key(self._connections, spec, master)
        pull(self._shell, spec, master, clone, content, shown=shown, sync=sync)

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
