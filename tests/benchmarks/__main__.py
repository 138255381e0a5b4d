"""`make bench`: each figure beside what it is compared with, measured in the same run."""

import hashlib
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.audit import Entry, Kind
from bot.records.log import SqliteRecords

_ROWS = 500
_ROUNDS = 5


def main() -> None:
    """Measure, and print one table."""
    print("| what | ours | compared with | ratio (median of rounds) |")
    print("|---|---|---|---|")
    ours, raw, ratio = _paired(_append_to_the_log, _append_raw)
    print(
        f"| durable, chained appends to the audit log per second, against raw sqlite3 with the same chain, "
        f"WAL and synchronous=FULL | {ours:.0f} | {raw:.0f} | {ratio:.2f} |"
    )


def _paired(ours: Callable[[Path], float], other: Callable[[Path], float]) -> tuple[float, float, float]:
    """Run both in turn; the medians, and the median of the ratios pair by pair."""
    pairs = []
    for _ in range(_ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            pairs.append((ours(Path(folder)), other(Path(folder))))
    ratio = statistics.median(one / two for one, two in pairs)
    return statistics.median(one for one, _ in pairs), statistics.median(two for _, two in pairs), ratio


def _append_to_the_log(folder: Path) -> float:
    now = datetime.now(UTC)
    with closing(SqliteRecords(folder / "ours.db")) as records:
        begin = time.perf_counter()
        for number in range(_ROWS):
            text = f"request number {number}"
            records.append(Entry(kind=Kind.REQUESTED, at=now, key=text, operation=f"op-{number}", text=text))
        return _ROWS / (time.perf_counter() - begin)


def _append_raw(folder: Path) -> float:
    with closing(sqlite3.connect(folder / "raw.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE audit (seq INTEGER PRIMARY KEY, row TEXT, hash TEXT)")
        begin, head = time.perf_counter(), ""
        for number in range(_ROWS):
            row = json.dumps(
                {"seq": number, "text": f"request number {number}", "before": head}, sort_keys=True
            )
            head = hashlib.sha256(row.encode()).hexdigest()
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO audit VALUES (?, ?, ?)", (number, row, head))
            db.execute("COMMIT")
        return _ROWS / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
