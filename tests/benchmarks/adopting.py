"""Requests that fail while a live server is put behind a load balancer, and taken from behind it again."""

import sys
import threading
import time
from pathlib import Path

from bot.domain.operation import Operation, Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.benchmarks.crowd import Crowd
from tests.benchmarks.table import Row
from tests.scenarios.visitor import Visitor

_REQUESTS = 10_000
_PER_SECOND = 75.0
"""Of each of two crowds."""
_LEAST = 50
_QUIET_SECONDS = 20.0
_STAY_SECONDS = 2.0
"""Behind the balancer, before it is disowned."""


def measure(folder: Path, requests: int = _REQUESTS) -> list[Row]:
    """Adopt and disown again and again, until so many requests were sent meanwhile.

    One crowd knows the server's own address, the other goes where the site's name points to: to the load
    balancer from the moment when the bot says that it may, and back to the server before it is disowned.
    """
    with Lab(folder, delays=NO_DELAYS, rate_limits=False, balanced=False) as lab:
        calm = threading.Event()
        calm.set()
        quiet = [Crowd(lab.site.site_url, _PER_SECOND, calm.is_set) for _ in range(2)]
        time.sleep(_QUIET_SECONDS)
        _leave(quiet)
        running = threading.Event()
        crowds = [Crowd(lab.site.site_url, _PER_SECOND, running.is_set) for _ in range(2)]
        try:
            seconds, rounds = _rounds(Visitor(lab), crowds, running, requests)
        finally:
            _leave(crowds)
    return [_row(crowds, quiet, seconds, rounds)]


def _leave(crowds: list[Crowd]) -> None:
    for crowd in crowds:
        crowd.leave()


def _rounds(
    visitor: Visitor, crowds: list[Crowd], running: threading.Event, requests: int
) -> tuple[float, int]:
    """The seconds in which requests counted, and how often the server was adopted and disowned."""
    lab, (_, following) = visitor.lab, crowds
    began, rounds = time.monotonic(), 0
    running.set()
    while _counted(crowds) < requests:
        ended = _do(visitor, f"adopt {lab.site.master} as web")
        following.move(f"http://{_balancer(ended)}")
        time.sleep(_STAY_SECONDS)
        following.move(lab.site.site_url)
        _do(visitor, "disown web")
        rounds += 1
    running.clear()
    return time.monotonic() - began, rounds


def _do(visitor: Visitor, text: str) -> Operation:
    operation = visitor.open(text)
    visitor.press(operation)
    ended = visitor.end_of(operation)
    assert ended.stage is Stage.DONE, ended.result
    return ended


def _counted(crowds: list[Crowd]) -> int:
    return sum(crowd.counted.total() for crowd in crowds)


def _balancer(adopted: Operation) -> str:
    """Where the result says that the name may point to: "127.64.255.10, port 8000"."""
    said = adopted.result.partition("behind the load balancer ")[2].partition(". ")[0]
    return said.replace(", port ", ":")


def _row(crowds: list[Crowd], quiet: list[Crowd], seconds: float, rounds: int) -> Row:
    counted, failures = _counted(crowds), [failure for each in crowds for failure in each.failures]
    for failure in failures[:5]:
        print(failure, file=sys.stderr)
    direct = crowds[0].url
    through = sum(number for each in crowds for url, number in each.counted.items() if url != direct)
    return Row(
        what="requests failed while `adopt` and `disown` run, GET and POST, by address and by name",
        ours=f"{len(failures)} of {counted:,} ({through:,} through the new balancers)",
        against=f"{sum(len(each.failures) for each in quiet)} of {_counted(quiet):,} (nothing runs)",
        result=f"{counted / seconds:.0f} a second in {rounds} rounds",
        reach=f"0 of ≥ {_REQUESTS:,}, ≥ {_LEAST} a second",
        reached=not failures and counted >= _REQUESTS and counted / seconds >= _LEAST,
    )
