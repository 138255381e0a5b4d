"""`world.Records` on SQLite."""

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlite_utils import Database

from bot.domain.audit import Entry, Kind
from bot.domain.errors import RecordsError
from bot.domain.operation import Operation, Stage, advance
from bot.domain.words import one_line
from bot.records import chain, schema

_UNANSWERED = """
    SELECT * FROM audit AS request WHERE kind = 'requested' AND at > ?
    AND NOT EXISTS (SELECT 1 FROM audit WHERE operation = request.operation AND kind != 'requested')
    ORDER BY seq"""

_WHO_DID_WHAT = """
    SELECT * FROM audit
    WHERE kind NOT IN ('intent', 'outcome', 'posted', 'answered', 'digest', 'examined')
    ORDER BY seq DESC LIMIT ?"""

_BUSY = "Try again in a minute; if it stays so, look for another program that writes to it."
_WITH_WORDS = """
    SELECT * FROM audit WHERE seq IN
    (SELECT rowid FROM audit_fts WHERE audit_fts MATCH ? ORDER BY rowid DESC LIMIT ?) ORDER BY seq DESC"""
"""The index gives its newest rows first; sorted afterwards, a word of every row takes a second."""

_HINTS = {
    "SQLITE_FULL": " Make room on its disk.",
    "SQLITE_IOERR_WRITE": " Make room on its disk.",
    "SQLITE_READONLY": " Let the user that I run as write it.",
    "SQLITE_BUSY": f" {_BUSY}",
}

_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)

_FIELDS = tuple(field.name for field in fields(Entry))

_AFTER = """
    SELECT * FROM audit WHERE seq > ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"""


class SqliteRecords:
    """The audit log, and the operations that it tells of.

    One connection writes and one reads, each used by one thread at a time: who records waits for no reader.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._distrust = ""
        self._patience = -1
        self._db: Database = schema.connect(path)
        self._reader: Database = schema.connect(path)

    def append(self, entry: Entry) -> Entry:
        """Write one row and what follows from it; see `world.Records`."""
        with self._write():
            return self._append(entry)

    def begin(self, entry: Entry) -> Entry:
        """Write the intent of an action's next attempt; see `world.Records`."""
        with self._write():
            attempts = _rows(self._db, "SELECT * FROM audit WHERE action = ? ORDER BY seq", entry.action)
            last = attempts[-1] if attempts else None
            if last and last.kind is Kind.INTENT:
                self._append(_unknown_outcome(last, entry.at))
            attempt = last.attempt + 1 if last else 1
            return self._append(
                replace(entry, attempt=attempt, key=f"{entry.action}#{attempt}:{Kind.INTENT}")
            )

    def operation(self, operation_id: str) -> Operation | None:
        """Look up one operation."""
        with self._read() as db:
            return _operation(db, operation_id)

    def operations(self, *, limit: int = 20) -> tuple[Operation, ...]:
        """Open ones and then the newest others."""
        sql = "SELECT state FROM operations ORDER BY ended, seq DESC LIMIT ?"
        with self._read() as db:
            rows = list(db.query(sql, [limit]))
        return tuple(_OPERATION.validate_json(row["state"]) for row in rows)

    def stages(self) -> Mapping[Stage, int]:
        """How many operations there are in each stage."""
        sql = "SELECT json_extract(state, '$.stage') AS stage, count(*) AS number FROM operations GROUP BY 1"
        with self._read() as db:
            return {Stage(row["stage"]): row["number"] for row in db.query(sql)}

    def search(self, words: str, *, limit: int = 20, steps: bool = True) -> tuple[Entry, ...]:
        """Rows that hold all these words, newest first; without `steps` (and words), what people did."""
        with self._read() as db:
            if not steps:
                return tuple(_rows(db, _WHO_DID_WHAT, limit))
            if not words.strip():
                return tuple(_rows(db, "SELECT * FROM audit ORDER BY seq DESC LIMIT ?", limit))
            return tuple(_rows(db, _WITH_WORDS, db.quote_fts(words), limit))

    def find(self, key: str) -> Entry | None:
        """Look up the row with this key."""
        with self._read() as db:
            return _find(db, key)

    def newest(self, operation: str, kind: Kind) -> Entry | None:
        """Look up the newest row of this kind that is filed under this operation."""
        sql = "SELECT * FROM audit WHERE operation = ? AND kind = ? ORDER BY seq DESC LIMIT 1"
        with self._read() as db:
            return next(iter(_rows(db, sql, operation, str(kind))), None)

    def filed(self, operation: str, kind: Kind) -> tuple[Entry, ...]:
        """All rows of this kind that are filed under this operation, oldest first."""
        sql = "SELECT * FROM audit WHERE operation = ? AND kind = ? ORDER BY seq"
        with self._read() as db:
            return tuple(_rows(db, sql, operation, str(kind)))

    def after(self, seq: int, kinds: Collection[Kind], *, limit: int | None = None) -> tuple[Entry, ...]:
        """Rows of these kinds after that one, oldest first."""
        with self._read() as db:
            return tuple(_rows(db, _AFTER, seq, json.dumps(sorted(kinds)), -1 if limit is None else limit))

    def unanswered(self) -> tuple[Entry, ...]:
        """Requests of the last hour that nothing followed yet, oldest first."""
        with self._read() as db:
            return tuple(_rows(db, _UNANSWERED, _an_hour_ago()))

    def check(self) -> None:
        """Raise RecordsError unless a row could be written now; whoever writes one is not held up by it."""
        self._require_trust()
        try:
            schema.try_to_write(self._path)
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    def trust(self) -> None:
        """Read the whole log; if it was tampered with, write nothing to it any more."""
        fault = self.first_fault()
        if fault:
            self._distrust = (
                f"The audit log {self._path} was tampered with: {fault}. So nothing is done any more. Look "
                "into who changed it, put a whole copy in its place (or move it away, and a new one begins), "
                "and start me again."
            )

    def first_fault(self) -> str:
        """Say where the log was tampered with; empty if it is whole."""
        with self._read() as db:
            return chain.first_fault(db.query("SELECT * FROM audit ORDER BY seq"))

    def replayed(self) -> dict[str, Operation]:
        """Every operation, told anew from the log alone."""
        told: dict[str, Operation] = {}
        with self._read() as db:
            for row in db.query("SELECT * FROM audit ORDER BY seq"):
                entry = _entry(row)
                operation = advance(told.get(entry.operation), entry)
                if operation is not None:
                    told[entry.operation] = operation
        return told

    def close(self) -> None:
        """Close the file."""
        with self._writing, self._reading:
            self._db.conn.close()
            self._reader.conn.close()

    def _append(self, entry: Entry) -> Entry:
        schema.require_triggers(self._db)
        known = _find(self._db, entry.key)
        if known:
            return known
        entry = replace(entry, text=one_line(entry.text))
        before = _operation(self._db, entry.operation)
        after = advance(before, entry)
        row = self._chained(entry)
        self._db.execute(schema.INSERT, row)
        if after is not None and after != before:
            self._keep(after, row["seq"])
        return replace(entry, seq=row["seq"], hash=row["hash"])

    def _chained(self, entry: Entry) -> dict[str, Any]:
        head = next(iter(self._db.query("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")), None)
        row = _row(entry)
        row["seq"] = head["seq"] + 1 if head else 1
        row["prev_hash"] = head["hash"] if head else ""
        row["hash"] = chain.hash_of(row)
        return row

    def _keep(self, operation: Operation, seq: int) -> None:
        state = _OPERATION.dump_json(operation).decode()
        row = {"id": operation.id, "ended": int(operation.stage.ended), "seq": seq, "state": state}
        self._db.table("operations").insert(row, replace=True)

    @contextmanager
    def _read(self) -> Iterator[Database]:
        try:
            with self._reading:
                yield self._reader
        except sqlite3.Error as error:
            raise RecordsError(f"The audit log {self._path} cannot be read: {error}.") from error

    @contextmanager
    def _write(self) -> Iterator[None]:
        self._require_trust()
        try:
            with self._turn() as seconds:
                self._wait_for_others(round(seconds * 1000))
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.conn.in_transaction:  # a full disk ends a transaction by itself
                        self._db.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise self._unwritable(error) from error

    @contextmanager
    def _turn(self) -> Iterator[float]:
        """Wait for our own threads; how many seconds are left to wait for other programs."""
        began = time.monotonic()
        if not self._writing.acquire(timeout=schema.BUSY_SECONDS):
            raise RecordsError(f"The audit log {self._path} is busy, so nothing was done. {_BUSY}")
        try:
            yield max(0.0, schema.BUSY_SECONDS - (time.monotonic() - began))
        finally:
            self._writing.release()

    def _wait_for_others(self, milliseconds: int) -> None:
        if milliseconds != self._patience:
            self._db.execute(f"PRAGMA busy_timeout = {milliseconds}")
            self._patience = milliseconds

    def _require_trust(self) -> None:
        if self._distrust:
            raise RecordsError(self._distrust)

    def _unwritable(self, error: sqlite3.Error) -> RecordsError:
        hint = _HINTS.get(getattr(error, "sqlite_errorname", ""), "")
        return RecordsError(
            f"The audit log {self._path} cannot be written ({error}), so nothing was done.{hint}"
        )


def _rows(db: Database, sql: str, *values: Any) -> list[Entry]:
    return [_entry(row) for row in db.query(sql, list(values))]


def _find(db: Database, key: str) -> Entry | None:
    return next(iter(_rows(db, "SELECT * FROM audit WHERE key = ?", key)), None)


def _operation(db: Database, operation_id: str) -> Operation | None:
    rows = list(db.query("SELECT state FROM operations WHERE id = ?", [operation_id]))
    return _OPERATION.validate_json(rows[0]["state"]) if rows else None


def _an_hour_ago() -> str:
    return (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def _unknown_outcome(intent: Entry, at: datetime) -> Entry:
    return replace(
        intent,
        kind=Kind.OUTCOME,
        at=at,
        key=f"{intent.action}#{intent.attempt}:{Kind.OUTCOME}",
        text="unknown: the bot stopped before it learned the outcome; it is tried again",
        detail={"unknown": True},
    )


def _row(entry: Entry) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in _FIELDS}
    row["at"] = entry.at.isoformat()
    row["kind"] = str(entry.kind)
    row["detail"] = json.dumps(entry.detail, sort_keys=True)
    return row


def _entry(row: dict[str, Any]) -> Entry:
    values = {name: row[name] for name in _FIELDS}
    values["at"] = datetime.fromisoformat(row["at"])
    values["kind"] = Kind(row["kind"])
    values["detail"] = json.loads(row["detail"])
    return Entry(**values)
