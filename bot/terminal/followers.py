"""Who, at a terminal, waits to hear of which request."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue

from bot.domain.doctor.diagnosis import Diagnosis


@dataclass(frozen=True, slots=True)
class Told:
    """What only the person who asked is told."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """One line about how far an operation is."""

    text: str


@dataclass(frozen=True, slots=True)
class Reported:
    """What the doctor found."""

    diagnosis: Diagnosis


Item = Told | Noted | Reported
News = SimpleQueue[Item]


class Followers:
    """Threads may share it. A request and the operation that comes of it have one id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news: dict[str, News] = {}

    @contextmanager
    def follow(self, request: str) -> Iterator[News]:
        """Hear what is told of this request, from now on."""
        news: News = SimpleQueue()
        with self._lock:
            self._news[request] = news
        try:
            yield news
        finally:
            with self._lock:
                del self._news[request]

    def tell(self, request: str, item: Item) -> bool:
        """Tell who follows; return whether anybody does."""
        with self._lock:
            news = self._news.get(request)
        if news is None:
            return False
        news.put(item)
        return True

    @property
    def number(self) -> int:
        """How many there are."""
        with self._lock:
            return len(self._news)
