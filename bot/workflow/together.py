"""Who asks while others ask the same shares their answer: a rush costs a server no more than one look."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bot.domain.errors import BotError

T = TypeVar("T")


@dataclass(slots=True)
class _Turn(Generic[T]):
    lock: threading.Lock = field(default_factory=threading.Lock)
    began: float = float("-inf")
    """When the newest answer was begun to be found."""
    answer: Callable[[], T] | None = None


class Together(Generic[T]):
    """One answer at a time for each key. Nobody gets one that was begun before they asked."""

    def __init__(self) -> None:
        self._turns: dict[str, _Turn[T]] = {}
        self._guard = threading.Lock()

    def ask(self, key: str, find: Callable[[], T]) -> T:
        """What `find` returns, or raises, for us or for somebody who asked at the same time."""
        asked = time.monotonic()
        with self._guard:
            turn = self._turns.setdefault(key, _Turn())
        with turn.lock:
            if turn.answer is None or turn.began <= asked:
                turn.answer, turn.began = None, time.monotonic()
                turn.answer = _kept(find)
            answer = turn.answer
        return answer()


def _kept(find: Callable[[], T]) -> Callable[[], T]:
    """Find it once; what returns or raises the same from now on."""
    try:
        found = find()
    except BotError as error:
        trouble = error

        def fail() -> T:
            raise trouble

        return fail
    return lambda: found
