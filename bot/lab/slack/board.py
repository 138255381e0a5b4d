"""Every message of the workspace, and a way to wait for one."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as people see it. `thread_ts` is set on replies only."""

    channel: str
    user: str
    text: str
    ts: str = ""
    blocks: tuple[Json, ...] = ()
    edited: bool = False
    thread_ts: str | None = None
    ephemeral_for: str | None = None
    metadata: Json | None = None
    files: tuple[Json, ...] = ()
    reactions: tuple[tuple[str, str], ...] = ()
    """Pairs of emoji name and user id."""

    def is_visible_to(self, user: str) -> bool:
        """Say whether this person sees it, given that they are in the channel."""
        return self.ephemeral_for in {None, user}


@dataclass(frozen=True, slots=True)
class Change:
    """Something that just happened to a message."""

    kind: Literal["message", "removed"]
    message: Message


Listener = Callable[[Change], None]


class Board:
    """The messages, in the order in which they were posted."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str], Message] = {}
        self._changed = threading.Condition()
        self._listeners: list[Listener] = []
        self._last_stamp = 0

    def post(self, draft: Message) -> Message:
        """Add a message; it gets the next time stamp."""
        with self._changed:
            message = replace(draft, ts=self._next_stamp())
            self._messages[message.channel, message.ts] = message
            self._tell(Change("message", message))
        return message

    def change(self, message: Message) -> None:
        """Put a message in place of the one with its channel and time stamp, if that is still there."""
        with self._changed:
            if (message.channel, message.ts) in self._messages:
                self._messages[message.channel, message.ts] = message
                self._tell(Change("message", message))

    def remove(self, message: Message) -> None:
        """Take a message away, if it is still there."""
        with self._changed:
            if self._messages.pop((message.channel, message.ts), None):
                self._tell(Change("removed", message))

    def find(self, channel: str, ts: str) -> Message | None:
        """Find one message."""
        with self._changed:
            return self._messages.get((channel, ts))

    def all(self) -> list[Message]:
        """List all messages of all channels, oldest first."""
        with self._changed:
            return list(self._messages.values())

    def wait_for(self, predicate: Callable[[Message], bool], timeout: float) -> Message | None:
        """Wait until some message satisfies the predicate; None when none does within `timeout` seconds."""

        def search() -> Message | None:
            return next((found for found in self._messages.values() if predicate(found)), None)

        with self._changed:
            return self._changed.wait_for(search, timeout)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at each change, until the returned function is called."""
        with self._changed:
            self._listeners.append(listener)
        return lambda: self._forget(listener)

    def _forget(self, listener: Listener) -> None:
        with self._changed:
            self._listeners.remove(listener)

    def _tell(self, change: Change) -> None:
        for listener in self._listeners:
            listener(change)
        self._changed.notify_all()

    def _next_stamp(self) -> str:
        self._last_stamp = max(self._last_stamp + 1, time.time_ns() // 1000)
        return f"{self._last_stamp // 1_000_000}.{self._last_stamp % 1_000_000:06}"
