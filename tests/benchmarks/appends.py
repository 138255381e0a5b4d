"""Durable appends to the audit log, against raw sqlite3 with the same chain and the same durability."""

import hashlib
import json
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.audit import Entry, Kind
from bot.records.log import SqliteRecords
from tests.benchmarks.table import Row

_ROWS = 500
_ROUNDS = 5
_REACH = 0.6


def measure() -> list[Row]:
    """Run both in turn, several times; the ratio is the median of the pairs'."""
    pairs = []
    for _ in range(_ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            pairs.append((_append_to_the_log(Path(folder)), _append_raw(Path(folder))))
    ratio = statistics.median(one / two for one, two in pairs)
    ours, raw = (statistics.median(column) for column in zip(*pairs, strict=True))
    return [
        Row(
            what="durable, chained appends to the audit log per second",
            ours=f"{ours:.0f}",
            against=f"{raw:.0f} (raw sqlite3, same chain, WAL, synchronous=FULL)",
            result=f"{ratio:.2f} ×",
            reach=f"≥ {_REACH} ×",
            reached=ratio >= _REACH,
        )
    ]


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
