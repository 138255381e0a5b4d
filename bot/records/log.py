"""`world.Records` on SQLite."""

import json
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlite_utils import Database

from bot.domain.audit import Entry, Kind
from bot.domain.errors import RecordsError
from bot.domain.operation import Operation, Stage, advance
from bot.records import chain, schema

_UNANSWERED = """
    SELECT * FROM audit AS request WHERE kind = 'requested' AND at > ?
    AND NOT EXISTS (SELECT 1 FROM audit WHERE operation = request.operation AND kind != 'requested')
    ORDER BY seq"""

_WHO_DID_WHAT = """
    SELECT * FROM audit WHERE kind NOT IN ('intent', 'outcome', 'posted', 'answered', 'digest')
    ORDER BY seq DESC LIMIT ?"""

_OPERATION: TypeAdapter[Operation] = TypeAdapter(Operation)


class SqliteRecords:
    """The audit log, and the operations that it tells of. One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._db: Database = schema.connect(path)

    def append(self, entry: Entry) -> Entry:
        """Write one row and what follows from it; see `world.Records`."""
        with self._write():
            return self._append(entry)

    def begin(self, entry: Entry) -> Entry:
        """Write the intent of an action's next attempt; see `world.Records`."""
        with self._write():
            attempts = self._rows("SELECT * FROM audit WHERE action = ? ORDER BY seq", entry.action)
            last = attempts[-1] if attempts else None
            if last and last.kind is Kind.INTENT:
                self._append(_unknown_outcome(last, entry.at))
            attempt = last.attempt + 1 if last else 1
            return self._append(
                replace(entry, attempt=attempt, key=f"{entry.action}#{attempt}:{Kind.INTENT}")
            )

    def operation(self, operation_id: str) -> Operation | None:
        """Look up one operation."""
        with self._read():
            rows = list(self._db.query("SELECT state FROM operations WHERE id = ?", [operation_id]))
        return _OPERATION.validate_json(rows[0]["state"]) if rows else None

    def operations(self, *, limit: int = 20) -> tuple[Operation, ...]:
        """Open ones and then the newest others."""
        sql = "SELECT state FROM operations ORDER BY ended, seq DESC LIMIT ?"
        with self._read():
            rows = list(self._db.query(sql, [limit]))
        return tuple(_OPERATION.validate_json(row["state"]) for row in rows)

    def stages(self) -> Mapping[Stage, int]:
        """How many operations there are in each stage."""
        sql = "SELECT json_extract(state, '$.stage') AS stage, count(*) AS number FROM operations GROUP BY 1"
        with self._read():
            return {Stage(row["stage"]): row["number"] for row in self._db.query(sql)}

    def search(self, words: str, *, limit: int = 20, steps: bool = True) -> tuple[Entry, ...]:
        """Rows that hold all these words, newest first; without `steps` (and words), what people did."""
        with self._read():
            if not steps:
                return tuple(self._rows(_WHO_DID_WHAT, limit))
            if not words.strip():
                return tuple(self._rows("SELECT * FROM audit ORDER BY seq DESC LIMIT ?", limit))
            found = self._db.table("audit").search(words, order_by="rowid desc", limit=limit, quote=True)
            return tuple(_entry(row) for row in found)

    def find(self, key: str) -> Entry | None:
        """Look up the row with this key."""
        with self._read():
            return next(iter(self._rows("SELECT * FROM audit WHERE key = ?", key)), None)

    def newest(self, operation: str, kind: Kind) -> Entry | None:
        """Look up the newest row of this kind that is filed under this operation."""
        sql = "SELECT * FROM audit WHERE operation = ? AND kind = ? ORDER BY seq DESC LIMIT 1"
        with self._read():
            return next(iter(self._rows(sql, operation, str(kind))), None)

    def after(self, seq: int, kinds: Collection[Kind]) -> tuple[Entry, ...]:
        """Rows of these kinds after that one, oldest first."""
        sql = "SELECT * FROM audit WHERE seq > ? AND kind IN (SELECT value FROM json_each(?)) ORDER BY seq"
        with self._read():
            return tuple(self._rows(sql, seq, json.dumps(sorted(kinds))))

    def unanswered(self) -> tuple[Entry, ...]:
        """Requests of the last hour that nothing followed yet, oldest first."""
        with self._read():
            return tuple(self._rows(_UNANSWERED, _an_hour_ago()))

    def check(self) -> None:
        """Raise RecordsError unless a row could be written now."""
        with self._write():
            self._db.execute("UPDATE operations SET ended = ended WHERE 0")

    def first_fault(self) -> str:
        """Say where the log was tampered with; empty if it is whole."""
        with self._read():
            return chain.first_fault(self._db.query("SELECT * FROM audit ORDER BY seq"))

    def replayed(self) -> dict[str, Operation]:
        """Every operation, told anew from the log alone."""
        told: dict[str, Operation] = {}
        with self._read():
            for row in self._db.query("SELECT * FROM audit ORDER BY seq"):
                entry = _entry(row)
                operation = advance(told.get(entry.operation), entry)
                if operation is not None:
                    told[entry.operation] = operation
        return told

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.conn.close()

    def _append(self, entry: Entry) -> Entry:
        schema.require_triggers(self._db)
        known = self.find(entry.key)
        if known:
            return known
        before = self.operation(entry.operation)
        after = advance(before, entry)
        row = self._chained(entry)
        self._db.table("audit").insert(row)
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

    def _rows(self, sql: str, *values: Any) -> list[Entry]:
        return [_entry(row) for row in self._db.query(sql, list(values))]

    @contextmanager
    def _read(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except sqlite3.Error as error:
            raise RecordsError(f"The audit log {self._path} cannot be read: {error}.") from error

    @contextmanager
    def _write(self) -> Iterator[None]:
        try:
            with self._lock:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise RecordsError(
                f"The audit log {self._path} cannot be written ({error}), so nothing was done."
            ) from error


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
    row = asdict(entry)
    row["at"] = entry.at.isoformat()
    row["kind"] = str(entry.kind)
    row["detail"] = json.dumps(row["detail"], sort_keys=True)
    return row


def _entry(row: dict[str, Any]) -> Entry:
    names = Entry.__dataclass_fields__
    values = {name: value for name, value in row.items() if name in names}
    values["at"] = datetime.fromisoformat(row["at"])
    values["kind"] = Kind(row["kind"])
    values["detail"] = json.loads(row["detail"])
    return Entry(**values)
