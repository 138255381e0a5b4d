"""How soon the audit log answers when it holds a million rows, against the newest row by its number."""

import itertools
import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from bot.domain.audit import Kind
from bot.records import chain, schema
from bot.records.log import SqliteRecords
from tests.benchmarks.table import Row

ROWS = int(os.environ.get("AUDIT_ROWS", "1_000_000"))
_QUESTIONS = 200
_REACH = 100.0


def measure(folder: Path) -> list[Row]:
    """Ask each kind of question many times, about rows old and new."""
    file = folder / "long.db"
    write_rows(file, ROWS)
    with closing(SqliteRecords(file)) as records:
        ours = _times(_questions(records, ROWS))
    with closing(sqlite3.connect(file)) as db:
        least = _times(_newest(db) for _ in range(_QUESTIONS))
    p99 = statistics.quantiles(ours, n=100)[98]
    return [
        Row(
            what=f"audit queries over {ROWS:,} rows, p99",
            ours=f"{p99:.1f} ms (p50 {statistics.median(ours):.1f}, slowest {max(ours):.0f})",
            against=f"{statistics.quantiles(least, n=100)[98]:.1f} ms (the newest row, raw sqlite3)",
            result=f"{len(ours)} queries",
            reach=f"≤ {_REACH:.0f} ms",
            reached=p99 <= _REACH,
        )
    ]


def write_rows(file: Path, number: int) -> None:
    """Fill a new log, chained as ours are, past the code that makes every single row durable."""
    SqliteRecords(file).close()
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA synchronous=OFF")
        for some in _batches(_rows(number)):
            db.executemany(schema.INSERT, some)
            db.commit()


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while some := list(itertools.islice(rows, 10_000)):
        yield some


def _rows(number: int) -> Iterator[dict[str, Any]]:
    head = ""
    for seq in range(1, number + 1):
        kind = (Kind.REQUESTED, Kind.ANSWERED, Kind.INTENT, Kind.OUTCOME)[seq % 4]
        row: dict[str, Any] = {
            "seq": seq,
            "at": f"2026-{1 + seq % 12:02}-{1 + seq % 28:02}T12:00:00.{seq % 1_000_000:06}+00:00",
            "kind": str(kind),
            "key": f"op-{seq // 4}:{kind}",
            "operation": f"op-{seq // 4}",
            "action": f"op-{seq // 4}/1" if kind in {Kind.INTENT, Kind.OUTCOME} else "",
            "attempt": 0,
            "fleet": "web",
            "person": f"T0LAB/U0{seq % 50}",
            "via": "slack",
            "text": f"scale web {seq % 9}, launch i-{seq % 5000:017x}",
            "detail": "{}",
            "prev_hash": head,
        }
        head = row["hash"] = chain.hash_of(row)
        yield row


def _questions(records: SqliteRecords, rows: int) -> Iterator[Callable[[], object]]:
    dice = random.Random(22)
    for _ in range(_QUESTIONS):
        operation = f"op-{dice.randrange(rows // 4)}"
        words = dice.choice(
            ["scale", "web scale", "U07", f"i-{dice.randrange(5000):017x}", operation, "nothing"]
        )
        yield lambda operation=operation: records.operation(operation)  # type: ignore[misc]
        yield lambda words=words: records.search(words)  # type: ignore[misc]
        yield lambda: records.search("", steps=False)
        yield lambda operation=operation: records.newest(operation, Kind.REQUESTED)  # type: ignore[misc]
        yield lambda operation=operation: records.find(f"{operation}:requested")  # type: ignore[misc]
        yield lambda: records.after(rows - 1000, [Kind.OUTCOME], limit=20)


def _newest(db: sqlite3.Connection) -> Callable[[], object]:
    return lambda: db.execute("SELECT * FROM audit ORDER BY seq DESC LIMIT 1").fetchone()


def _times(questions: Iterator[Callable[[], object]]) -> list[float]:
    seen = []
    for ask in questions:
        began = time.perf_counter()
        ask()
        seen.append((time.perf_counter() - began) * 1000)
    return seen
