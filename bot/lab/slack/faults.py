"""What can go wrong with Slack, on demand: rate limits, errors, silence, dropped sockets."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.lab.slack.board import Json


@dataclass(slots=True)
class _Fault:
    answer: Json
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0
    goes_through: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What a call gets instead of its real answer."""

    answer: Json
    status: int
    headers: dict[str, str]


class Faults:
    """A queue of faults per Web API method, used up in order."""

    def __init__(self, *, drop_sockets: Callable[[], None], refresh_sockets: Callable[[], None]) -> None:
        self.drop_sockets = drop_sockets
        self.refresh_sockets = refresh_sockets
        self._lock = threading.Lock()
        self._queue: dict[str, list[_Fault]] = {}

    def rate_limit(self, method: str, seconds: int, times: int = 1) -> None:
        """Answer 429 with Retry-After."""
        answer = {"ok": False, "error": "ratelimited"}
        self._add(method, _Fault(answer, 429, {"Retry-After": str(seconds)}, times=times))

    def error(self, method: str, error: str = "internal_error", times: int = 1) -> None:
        """Answer that it failed; nothing is done."""
        self._add(method, _Fault({"ok": False, "error": error}, times=times))

    def hang(self, method: str, seconds: float, times: int = 1) -> None:
        """Keep the call waiting, then do it."""
        self._add(method, _Fault({}, pause=seconds, goes_through=True, times=times))

    def clear(self) -> None:
        """Forget the faults that have not happened yet."""
        with self._lock:
            self._queue.clear()

    def disturb(self, method: str) -> Disturbance | None:
        """Let the next fault of this method happen; None when the call should go on."""
        fault = self._take(method)
        if fault is None:
            return None
        time.sleep(fault.pause)
        return None if fault.goes_through else Disturbance(fault.answer, fault.status, fault.headers)

    def _add(self, method: str, fault: _Fault) -> None:
        with self._lock:
            self._queue.setdefault(method, []).append(fault)

    def _take(self, method: str) -> _Fault | None:
        with self._lock:
            queue = self._queue.get(method, [])
            if not queue:
                return None
            queue[0].times -= 1
            return queue[0] if queue[0].times > 0 else queue.pop(0)
