"""How soon requests are acknowledged while AWS hangs, servers hang, and two others write to records.db."""

import sqlite3
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.benchmarks.acknowledgement import knock
from tests.benchmarks.load import Order
from tests.benchmarks.table import Row

_AT_A_TIME = 4
_SECONDS = 30.0
_REACH_P99 = 1000.0
_REACH_SLOWEST = 3000.0
_PAUSE_SECONDS = 0.04
_WRITING_SECONDS = 0.01


def measure(folder: Path) -> list[Row]:
    """The same requests while all is well, then while nothing is."""
    with Lab(folder, delays=NO_DELAYS, transport="http", rate_limits=False) as lab:
        order = Order(f"{lab.bot_url}/slack/events", lab.slack.signing_secret, _AT_A_TIME, seconds=_SECONDS)
        well = knock(order)
    with Lab(folder, delays=NO_DELAYS, transport="http", rate_limits=False) as lab:
        order = Order(f"{lab.bot_url}/slack/events", lab.slack.signing_secret, _AT_A_TIME, seconds=_SECONDS)
        with everything_hanging(lab):
            ill = knock(order)
    p99, usual = (statistics.quantiles(met.milliseconds, n=100)[98] for met in (ill, well))
    slowest = max(ill.milliseconds)
    return [
        Row(
            what=f"acknowledgement while AWS and servers hang and two others write, {_AT_A_TIME} at a time",
            ours=f"p99 {p99:.0f} ms, slowest {slowest:.0f} ms; {ill.failed} failed",
            against=f"p99 {usual:.0f} ms (while all is well)",
            result=f"{p99 / usual:.1f} ×",
            reach=f"p99 ≤ {_REACH_P99:.0f} ms, always < {_REACH_SLOWEST:.0f} ms",
            reached=p99 <= _REACH_P99 and slowest < _REACH_SLOWEST and not ill.failed,
        )
    ]


@contextmanager
def everything_hanging(lab: Lab, seconds: float = 60) -> Iterator[None]:
    """Each AWS call takes so long, the master stands still, two others hold the write lock in turn."""
    over = threading.Event()
    writers = [threading.Thread(target=_write, args=(lab.records, over)) for _ in range(2)]
    lab.aws.faults.delay("*", seconds, times=None)
    lab.hosts.freeze(lab.site.master)
    for writer in writers:
        writer.start()
    try:
        yield
    finally:
        over.set()
        for writer in writers:
            writer.join()
        lab.hosts.thaw(lab.site.master)
        lab.aws.faults.clear()


def _write(file: Path, over: threading.Event) -> None:
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as db:
        while not over.wait(_PAUSE_SECONDS):
            db.execute("BEGIN IMMEDIATE")
            time.sleep(_WRITING_SECONDS)
            db.execute("COMMIT")
