"""Who asks while others ask the same shares one answer, never one that was begun before they asked."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from bot.domain.errors import ServerUnreachable
from bot.workflow.together import Together

SECONDS = 30


@dataclass
class Slow:
    """Finds 1, then 2, then 3, each once it is let."""

    begun: list[int] = field(default_factory=list)
    let: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    fails: bool = False

    def find(self) -> int:
        self.begun.append(len(self.begun) + 1)
        found = self.begun[-1]
        assert self.let.acquire(timeout=SECONDS)
        if self.fails:
            raise ServerUnreachable("It is silent.")
        return found


def test_whoever_asks_alone_gets_an_answer_of_their_own() -> None:
    slow, together = Slow(let=threading.Semaphore(2)), Together[int]()
    assert [together.ask("web", slow.find) for _ in range(2)] == [1, 2]


def test_all_who_ask_while_one_is_found_share_the_next(rush: Callable[[Slow], list[Future[int]]]) -> None:
    slow = Slow()
    first, *others = rush(slow)
    slow.let.release(2)
    assert first.result(SECONDS) == 1
    assert {other.result(SECONDS) for other in others} == {2}
    assert slow.begun == [1, 2]


def test_they_share_what_went_wrong_too(rush: Callable[[Slow], list[Future[int]]]) -> None:
    slow = Slow(fails=True)
    asked = rush(slow)
    slow.let.release(2)
    for each in asked:
        with pytest.raises(ServerUnreachable, match="It is silent"):
            each.result(SECONDS)
    assert slow.begun == [1, 2]


def test_other_keys_have_answers_of_their_own() -> None:
    slow, together = Slow(let=threading.Semaphore(2)), Together[int]()
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(together.ask, key, slow.find) for key in ("web", "shop")]
        assert sorted(each.result(SECONDS) for each in asked) == [1, 2]


@pytest.fixture
def rush() -> Callable[[Slow], list[Future[int]]]:
    """One asks, and while that is found six others do."""

    def ask(slow: Slow) -> list[Future[int]]:
        together, pool = Together[int](), ThreadPoolExecutor(7)
        arrived = threading.Semaphore(0)

        def wait_and_ask() -> int:
            arrived.release()
            return together.ask("web", slow.find)

        asked = [pool.submit(together.ask, "web", slow.find)]
        while not slow.begun:
            threading.Event().wait(0.001)
        asked += [pool.submit(wait_and_ask) for _ in range(6)]
        for _ in range(6):
            assert arrived.acquire(timeout=SECONDS)
        threading.Event().wait(0.1)  # each of them has called by then
        pool.shutdown(wait=False)
        return asked

    return ask
