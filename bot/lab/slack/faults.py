"""What can go wrong with Slack, on demand: rate limits, errors, silence, lost answers, dropped sockets."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from bot.lab.slack.board import Json

EVERY = "*"
"""Names every method."""
Then = Literal["answer", "go on", "hang up", "go on and hang up"]


@dataclass(slots=True)
class _Fault:
    body: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0
    then: Then = "answer"
    times: int = 1


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What a call gets instead of its real answer."""

    body: str
    status: int
    headers: dict[str, str]
    then: Then


class Faults:
    """A queue of faults per Web API method, used up in order. The method "*" stands for every one."""

    def __init__(
        self,
        *,
        drop_sockets: Callable[[], None],
        refresh_sockets: Callable[[], None],
        expire_response_urls: Callable[[], None],
    ) -> None:
        self.drop_sockets = drop_sockets
        self.refresh_sockets = refresh_sockets
        self.expire_response_urls = expire_response_urls
        self._lock = threading.Lock()
        self._queue: dict[str, list[_Fault]] = {}

    def rate_limit(self, method: str, seconds: int, times: int = 1) -> None:
        """Answer 429 with Retry-After."""
        body = _json({"ok": False, "error": "ratelimited"})
        self._add(method, _Fault(body, 429, {"Retry-After": str(seconds)} | _JSON, times=times))

    def error(self, method: str, error: str = "internal_error", times: int = 1) -> None:
        """Answer that it failed; nothing is done."""
        self._add(method, _Fault(_json({"ok": False, "error": error}), headers=_JSON, times=times))

    def break_down(self, method: str, status: int = 500, times: int = 1) -> None:
        """Answer with a status of 500 or more and a page in place of JSON; nothing is done."""
        page = "<html><body><h1>Something went wrong</h1></body></html>"
        self._add(method, _Fault(page, status, {"Content-Type": "text/html"}, times=times))

    def hang(self, method: str, seconds: float, times: int = 1) -> None:
        """Keep the call waiting, then do it."""
        self._add(method, _Fault(pause=seconds, then="go on", times=times))

    def hang_up(self, method: str, *, done: bool = False, times: int = 1) -> None:
        """Close the connection without an answer; `done` says whether it was done before."""
        self._add(method, _Fault(then="go on and hang up" if done else "hang up", times=times))

    def clear(self) -> None:
        """Forget the faults that have not happened yet."""
        with self._lock:
            self._queue.clear()

    def disturb(self, method: str) -> Disturbance | None:
        """Let the next fault of this method happen; None when the call should go on as ever."""
        fault = self._take(method) or self._take(EVERY)
        if fault is None:
            return None
        time.sleep(fault.pause)
        return Disturbance(fault.body, fault.status, fault.headers, fault.then)

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


_JSON = {"Content-Type": "application/json"}


def _json(body: Json) -> str:
    return json.dumps(body)
