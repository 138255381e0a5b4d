"""A job: one action of one operation, and what it takes to carry it out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
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
from bot.domain.recipe import fill
from bot.domain.tally import Tally
from bot.workflow.ledger import Ledger
from bot.world import Clock, Cloud, Servers

PASSING = (CloudUnreachable, NotThereYet, ServerUnreachable, Throttled)
"""Errors that may go away by themselves."""

T = TypeVar("T")

_AT_ONCE = 16
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.25, 5.0, 1.4


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

    def members(self, ids: Iterable[str]) -> tuple[Server, ...]:
        """These servers as AWS describes them now."""
        wanted = tuple(ids)
        found = self.cloud.servers(self.spec, wanted) if wanted else {}
        return tuple(found[server] for server in wanted if server in found)

    def master(self) -> Server:
        """The master as AWS describes it now. CloudError if it does not run."""
        masters = self.members((self.spec.master,))
        if not masters or masters[0].state is not State.RUNNING:
            raise CloudError(f"The master {self.spec.master} does not run.")
        return masters[0]

    def recipe(self, master: Server, clone: Server) -> Recipe:
        """The fleet's recipe with the names of these servers filled in."""
        return fill(self.spec.recipe, master_address=master.address, clone_address=clone.address)

    def pauses(self, seconds: float) -> Iterator[None]:
        """Yield at once, and again after growing pauses, until this many seconds have passed."""
        pause, waited = _FIRST_PAUSE, 0.0
        began = self.clock.now()
        while True:
            yield
            if max(waited, (self.clock.now() - began).total_seconds()) >= seconds:
                return
            self.clock.sleep(pause)
            waited += pause
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)

    def waits(self, seconds: float) -> Iterator[None]:
        """As `pauses`, for waits that may be given up: raises Cancelled once the operation is cancelled."""
        for _ in self.pauses(seconds):
            if self.cancelled():
                raise Cancelled("the operation was cancelled")
            yield

    def patiently(self, seconds: float, do: Callable[[], T]) -> T:
        """Do it again and again while what goes wrong may go away by itself; then raise that."""
        trouble: BotError | None = None
        for _ in self.pauses(seconds):
            try:
                return do()
            except PASSING as error:
                trouble = error
        raise trouble or CloudUnreachable("AWS was not asked.")

    def each(self, servers: Sequence[Server], what: str, do: Callable[[Server], object]) -> Mapping[str, str]:
        """Do it to each server at once, each with its rows in the log; return what failed, and why."""

        def attempt(server: Server) -> str:
            try:
                self.ledger.carry_out(f"{self.action}/{server.id}", f"{what} {server.id}", lambda: do(server))
            except BotError as error:
                return str(error)
            return ""

        results = zip(servers, self.at_once(servers, attempt), strict=True)
        return {server.id: why for server, why in results if why}

    def at_once(self, servers: Sequence[Server], do: Callable[[Server], str]) -> tuple[str, ...]:
        """Ask each server at once."""
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            return tuple(pool.map(do, servers))

    def quietly(self, action: str, what: str, do: Callable[[], object]) -> None:
        """Do it with its rows in the log; a failure is recorded there and changes nothing else."""
        with suppress(BotError):
            self.ledger.carry_out(action, what, do)
