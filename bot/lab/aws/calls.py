"""The call log: what was asked of the local AWS, by whom, when, and what became of it."""

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

READS = ("Describe", "Get", "List", "Lookup", "Search")
KEPT = 20_000


class Moment(StrEnum):
    """Where within a call a listener is told."""

    BEFORE = "before the effect"
    AFTER = "after the effect, before the answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it arrived, and what became of it. Times are Unix seconds."""

    number: int
    at: float
    service: str
    action: str
    region: str
    user_agent: str
    parameters: Mapping[str, str]
    effect_at: float | None = None
    """When moto had carried it out; stays None when a fault prevented that."""
    answered_at: float | None = None
    """When the whole answer was sent; stays None when it was lost on the way."""
    status: int | None = None
    error: str = ""
    """The error code of the answer."""

    @property
    def mutating(self) -> bool:
        """Whether it may change something."""
        return not self.action.startswith(READS) and self.parameters.get("DryRun") != "true"


Listener = Callable[[Call, Moment], None]


class CallLog:
    """Every call, oldest first. Listeners are told before the effect and before the answer."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._numbers = itertools.count(1)
        self._calls: dict[int, Call] = {}
        self._listeners: list[Listener] = []

    def begin(
        self, service: str, action: str, region: str, user_agent: str, parameters: Mapping[str, str]
    ) -> Call:
        """Write down a call that has just arrived."""
        call = Call(
            number=next(self._numbers),
            at=time.time(),
            service=service,
            action=action,
            region=region,
            user_agent=user_agent,
            parameters=parameters,
        )
        with self._guard:
            self._calls[call.number] = call
            if len(self._calls) > KEPT:
                del self._calls[next(iter(self._calls))]
        return call

    def effect(self, call: Call, status: int, error: str = "") -> Call:
        """It was carried out, or refused by moto itself."""
        return self._keep(replace(call, effect_at=time.time(), status=status, error=error))

    def refused(self, call: Call, status: int, error: str) -> Call:
        """A fault stood in for the answer; nothing was carried out."""
        return self._keep(replace(call, status=status, error=error))

    def answered(self, call: Call) -> Call:
        """The whole answer was sent."""
        return self._keep(replace(call, answered_at=time.time()))

    def _keep(self, call: Call) -> Call:
        with self._guard:
            if call.number in self._calls:
                self._calls[call.number] = call
        return call

    def all(self) -> tuple[Call, ...]:
        """Every call, oldest first."""
        with self._guard:
            return tuple(self._calls.values())

    def of(self, *actions: str) -> tuple[Call, ...]:
        """The calls of these actions."""
        return tuple(call for call in self.all() if call.action in actions)

    def mutating(self) -> tuple[Call, ...]:
        """The calls that may have changed something."""
        return tuple(call for call in self.all() if call.mutating)

    def clear(self) -> None:
        """Forget what was so far."""
        with self._guard:
            self._calls.clear()

    def on_call(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of every call, in the thread that serves it; returns what ends that."""
        with self._guard:
            self._listeners = [*self._listeners, listener]

        def forget() -> None:
            with self._guard:
                self._listeners = [known for known in self._listeners if known is not listener]

        return forget

    def tell(self, call: Call, moment: Moment) -> None:
        """Let the listeners act now."""
        for listener in self._listeners:
            listener(call, moment)
