"""A job: one action of one operation, and what it takes to carry it out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from bot.domain.errors import (
    BotError,
    Cancelled,
    CloudError,
    CloudUnreachable,
    NotThereYet,
    ServerUnreachable,
    Throttled,
)
from bot.domain.fleet import FleetSpec, Recipe, Server, State
from bot.domain.recipe import filled
from bot.domain.relay import Relay, relay_to
from bot.domain.tally import Tally
from bot.workflow.ledger import Ledger
from bot.world import Clock, Cloud, Servers

PASSING = (CloudUnreachable, NotThereYet, ServerUnreachable, Throttled)
"""Errors that may go away by themselves."""

T = TypeVar("T")

_AT_ONCE = 32
"""Servers that are spoken to at the same time."""
_MOMENT_SECONDS = 60
"""For what is done at once where nothing is amiss."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.25, 5.0
_SHARE = 0.1
"""Of what was waited so far: so much longer than needed may a wait be."""


@dataclass(slots=True)
class Seen:
    """Servers as AWS described them in the course of an operation. Their addresses never change."""

    servers: dict[str, Server] = field(default_factory=dict)
    whole: bool = False
    """Whether every clone of the fleet is among them."""
    routed: bool | None = None
    """Whether listener rules send every write to the master alone; None if that was not looked at."""

    def remember(self, servers: Iterable[Server]) -> None:
        """Replace what was known of these."""
        self.servers.update((server.id, server) for server in servers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One action of one operation. `action` is its id in the audit log, in AWS requests and in tags."""

    spec: FleetSpec
    cloud: Cloud
    servers: Servers
    clock: Clock
    ledger: Ledger
    operation: str
    action: str
    tally: Tally
    cancelled: Callable[[], bool] = lambda: False
    """Whether somebody cancelled the operation."""
    seen: Seen = field(default_factory=Seen)
    say: Callable[[str], None] = lambda _: None
    """Adds a line to the operation's thread."""

    def members(self, ids: Iterable[str]) -> tuple[Server, ...]:
        """These servers as AWS describes them now."""
        wanted = tuple(ids)
        found = self.cloud.servers(self.spec, wanted) if wanted else {}
        self.seen.remember(found.values())
        return tuple(found[server] for server in wanted if server in found)

    def known(self, ids: Iterable[str]) -> tuple[Server, ...]:
        """These servers as they were seen running last; as AWS describes them now if one was not.

        For who goes on to talk to them: that finds out whether they still are there.
        """
        wanted = tuple(ids)
        found = [self.seen.servers.get(server) for server in wanted]
        running = [server for server in found if server and server.state is State.RUNNING]
        return tuple(running) if len(running) == len(wanted) else self.members(wanted)

    def master(self) -> Server:
        """The master as it was seen last. CloudError if it does not run."""
        return self.require_running(self.known((self.spec.master,)))

    def require_running(self, masters: Sequence[Server]) -> Server:
        """The master that AWS describes. CloudError if it does not run."""
        if not masters or masters[0].state is not State.RUNNING:
            raise CloudError(f"The master {self.spec.master} does not run.")
        return masters[0]

    def recipe(self, master: Server, clone: Server) -> Recipe:
        """The fleet's recipe with the names of these servers filled in."""
        return filled(self.spec.recipe, self.spec, master, clone)

    def relay(self, master: Server) -> Relay | None:
        """What the fleet's clones pass on to this master."""
        return relay_to(master.address, self.spec.writes, self.spec.health)

    def routed(self) -> bool | None:
        """Whether listener rules send every write to the master; None where something else does that.

        As it was seen in this operation; a crash forgets that, so that it is looked at again.
        """
        if not self.spec.writes.need_group:
            return None
        if self.seen.routed is None:
            self.seen.routed = self.patiently(lambda: self.cloud.look(self.spec)).writes_routed
        return self.seen.routed

    def pauses(self, seconds: float) -> Iterator[None]:
        """Yield at once, and again after growing pauses, until this many seconds have passed."""
        began, waited = self.clock.now(), 0.0
        while True:
            yield
            if max(waited, (self.clock.now() - began).total_seconds()) >= seconds:
                return
            pause = min(max(_SHORTEST_PAUSE, waited * _SHARE), _LONGEST_PAUSE)
            self.clock.sleep(pause)
            waited += pause

    def waits(self, seconds: float) -> Iterator[None]:
        """As `pauses`, for waits that may be given up: raises Cancelled once the operation is cancelled."""
        for _ in self.pauses(seconds):
            if self.cancelled():
                raise Cancelled("the operation was cancelled")
            yield

    def patiently(self, do: Callable[[], T], *, seconds: float = _MOMENT_SECONDS) -> T:
        """Do it again and again while what goes wrong may go away by itself; then raise that."""
        trouble: BotError | None = None
        for _ in self.pauses(seconds):
            try:
                return do()
            except PASSING as error:
                trouble = error
        raise trouble or CloudUnreachable("AWS was not asked.")

    def each(
        self, servers: Sequence[Server], what: str, do: Callable[[Server], object], *, most: int = _AT_ONCE
    ) -> Mapping[str, str]:
        """Do it to each server, to so many at once, each with its rows in the log; what failed, and why."""

        def attempt(server: Server) -> str:
            try:
                self.ledger.carry_out(f"{self.action}/{server.id}", f"{what} {server.id}", lambda: do(server))
            except BotError as error:
                return str(error)
            return ""

        results = zip(servers, self.at_once(servers, attempt, most=most), strict=True)
        return {server.id: why for server, why in results if why}

    def at_once(
        self, servers: Sequence[Server], do: Callable[[Server], T], *, most: int = _AT_ONCE
    ) -> tuple[T, ...]:
        """Ask each server, so many at once."""
        with ThreadPoolExecutor(max_workers=most) as pool:
            return tuple(pool.map(do, servers))

    def quietly(self, action: str, what: str, do: Callable[[], object]) -> None:
        """Do it with its rows in the log; a failure is recorded there and changes nothing else."""
        with suppress(BotError):
            self.ledger.carry_out(action, what, do)
