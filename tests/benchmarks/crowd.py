"""Visitors who read and write all the time, at one pace, wherever the site's name points to."""

import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

_SECONDS = 10.0


@dataclass
class Crowd:
    """Half of the requests only read, half write. `url` is what the site's name points to."""

    url: str
    per_second: float
    count: Callable[[], bool]
    """Whether a request that begins now counts."""
    page: str = "/upload?name=visitor-{visitor}.txt"
    """Where they write."""
    text: bytes = b"hello"
    """What they write."""
    visitors: int = 8
    counted: Counter[str] = field(default_factory=Counter)
    """Requests, by where they went."""
    failures: list[str] = field(default_factory=list)
    _under_way: dict[int, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Come."""
        self._threads = [threading.Thread(target=self._visit, args=[n]) for n in range(self.visitors)]
        for thread in self._threads:
            thread.start()

    def move(self, url: str) -> None:
        """Let the name point elsewhere; return when nobody is at the old place any more."""
        self.url, moved = url, time.monotonic()
        while any(began <= moved for began in list(self._under_way.values())):
            time.sleep(0.01)

    def leave(self) -> None:
        """Go home."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int) -> None:
        pause = self.visitors / self.per_second
        due = time.monotonic() + pause * number / self.visitors
        turn = number
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due = max(due + pause, time.monotonic() - pause)
            self._under_way[number] = time.monotonic()
            self._ask(number, writes=bool(turn % 2), counts=self.count())
            del self._under_way[number]
            turn += 1

    def _ask(self, number: int, *, writes: bool, counts: bool) -> None:
        url = self.url
        path, body = (self.page.format(visitor=number), self.text) if writes else ("/", None)
        request = urllib.request.Request(url + path, data=body)
        trouble = ""
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                answer.read()
        except OSError as error:
            trouble = f"{request.get_method()} {request.full_url}: {error}"
        with self._guard:
            self.counted[url] += counts
            if counts and trouble:
                self.failures.append(trouble)
