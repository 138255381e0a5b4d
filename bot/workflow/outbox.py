"""What people are still to see: each card's newest state and every line, sent at the pace that chat takes."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

import structlog

from bot.domain.errors import BotError, ChatUnavailable, RecordsError
from bot.domain.pace import MINUTE, Pace

_log = structlog.get_logger()
_KEPT_SECONDS = 3600.0
"""For so long a letter is tried again while chat does not take it."""
_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds until the next try after so many failures in a row."""


class Part(Enum):
    """What of an operation a letter brings up to date."""

    CARD = "card"
    THREAD = "thread"


Key = tuple[str, Part]


class Sender(Protocol):
    """Sends. ChatUnavailable and RecordsError mean later; any other error of ours means never."""

    def card(self, operation_id: str) -> None:
        """Bring the card up to date."""

    def line(self, operation_id: str, text: str) -> None:
        """Add to the thread."""


@dataclass(frozen=True, slots=True)
class _Letter:
    since: float
    lines: tuple[str, ...] = ()


class Outbox:
    """Keeps one letter per card and thread: a newer state replaces the older, lines gather in order.

    Threads may share it. It holds nothing that the records do not know: after a crash the
    operation's end is told again, and lines on the way to it may be missing.
    """

    def __init__(self, sender: Sender, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only grow."""
        self._sender = sender
        self._pace = pace
        self._clock = clock
        self._changed = threading.Condition()
        self._letters: dict[Key, _Letter] = {}
        self._sending: set[Key] = set()
        self._urgent: set[str] = set()
        self._last: dict[Key, float] = {}
        self._changes: deque[float] = deque()
        self._failures = 0
        self._quiet_until = 0.0

    def show(self, operation: str) -> None:
        """Bring the operation's card up to date soon."""
        self._put((operation, Part.CARD), ())

    def note(self, operation: str, text: str) -> None:
        """Add a line to its thread soon."""
        self._put((operation, Part.THREAD), (text,))

    def settle(self, operation: str) -> None:
        """Wait until nothing about it is left to send; it goes before what can wait."""
        with self._changed:
            self._urgent.add(operation)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._is_open(operation))
            self._urgent.discard(operation)

    def work(self, longest: float) -> None:
        """Send one letter if one is due; else wait for that, `longest` seconds at most."""
        with self._changed:
            key, wait = self._choose()
            if key is None or wait > 0:
                self._changed.wait(min(longest, wait) if key else longest)
                return
            letter = self._take(key)
        self._send(key, letter)

    def flush(self) -> None:
        """Send everything now, whatever the pace, as far as chat takes it."""
        while True:
            with self._changed:
                key, _ = self._choose()
                if key is None:
                    return
                letter = self._take(key)
            if not self._send(key, letter):
                return

    def _put(self, key: Key, lines: tuple[str, ...]) -> None:
        with self._changed:
            letter = self._letters.get(key) or _Letter(self._clock())
            self._letters[key] = replace(letter, lines=letter.lines + lines)
            self._changed.notify_all()

    def _is_open(self, operation: str) -> bool:
        return any(concerned == operation for concerned, _ in (*self._letters, *self._sending))

    def _choose(self) -> tuple[Key | None, float]:
        """What to send next and in how many seconds; what somebody waits for goes first."""
        now = self._clock()
        while self._changes and self._changes[0] <= now - MINUTE:
            self._changes.popleft()
        waits = {key: self._wait(key, now) for key in self._letters}
        if not waits:
            return None, 0.0
        key = min(waits, key=lambda key: (waits[key], key[0] not in self._urgent))
        return key, max(waits[key], self._quiet_until - now)

    def _wait(self, key: Key, now: float) -> float:
        own = self._pace.wait(now, self._last.get(key))
        if key[1] is Part.THREAD:
            return own
        return max(own, self._pace.wait_for_all(now, self._changes, ended=key[0] in self._urgent))

    def _take(self, key: Key) -> _Letter:
        self._sending.add(key)
        return self._letters.pop(key)

    def _send(self, key: Key, letter: _Letter) -> bool:
        """Send it; False if chat does not take anything just now."""
        later = False
        try:
            self._deliver(key, letter)
        except (ChatUnavailable, RecordsError) as error:
            later = True
            _log.warning("not sent yet", operation=key[0], part=key[1].value, why=str(error))
        except BotError as error:
            _log.warning("not sent", operation=key[0], part=key[1].value, why=str(error))
        finally:
            self._finish(key, letter, later=later)
        return not later

    def _deliver(self, key: Key, letter: _Letter) -> None:
        operation, part = key
        if part is Part.CARD:
            self._sender.card(operation)
        else:
            self._sender.line(operation, "\n".join(letter.lines))

    def _finish(self, key: Key, letter: _Letter, *, later: bool) -> None:
        with self._changed:
            now = self._clock()
            self._sending.discard(key)
            self._last = {known: at for known, at in self._last.items() if at > now - self._pace.gap}
            self._last[key] = now
            if key[1] is Part.CARD:
                self._changes.append(now)
            self._failures = self._failures + 1 if later else 0
            self._quiet_until = now + _PAUSES[min(self._failures, len(_PAUSES)) - 1] if later else 0.0
            if later and now - letter.since < _KEPT_SECONDS:
                newer = self._letters.get(key)
                self._letters[key] = replace(letter, lines=letter.lines + (newer.lines if newer else ()))
            self._changed.notify_all()
