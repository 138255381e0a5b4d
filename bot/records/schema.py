"""The tables of `records.db`, and the triggers that keep the log append-only.

`audit` (one row per thing that happened; never changed, never deleted):

=========== =======================================================================================
seq         1, 2, 3 … without gaps
at          when, ISO 8601 in UTC
kind        requested, answered, refused, planned, approved, denied, queued, started, intent,
            outcome, finished, posted, digest, unposted, reconciled, examined, waived, frozen, thawed
key         unique; makes writing the row safe to repeat
operation   the operation, or the request that never became one; of digests: digest/CHANNEL;
            of what was found strange: reconcile/FLEET; of examinations and waivers: doctor/FLEET;
            of freezes: freeze/FLEET
action      the action of the operation, where the row is about one
attempt     which attempt at the action
fleet       the fleet
person      TEAM/USER in Slack; empty where the bot acts by itself
via         slack or terminal
text        one sentence, on one line
detail      JSON
prev_hash   hash of the row before
hash        SHA-256 over prev_hash and this row
=========== =======================================================================================

`operations` is what the log says of each operation, kept ready; it can be rebuilt from the log at any time.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlite_utils import Database

from bot.domain.errors import RecordsError

BUSY_SECONDS = 2.0
"""How long a write waits in all, for our threads and for other programs: Slack waits for three seconds."""

_COLUMNS = {
    "seq": int,
    **dict.fromkeys(("at", "kind", "key", "operation", "action"), str),
    "attempt": int,
    **dict.fromkeys(("fleet", "person", "via", "text", "detail", "prev_hash", "hash"), str),
}

_NAMES, _VALUES = ", ".join(_COLUMNS), ", ".join(f":{name}" for name in _COLUMNS)
INSERT = f"INSERT INTO audit ({_NAMES}) VALUES ({_VALUES})"  # noqa: S608 (our own names)
"""Written out once: to have it made anew for each row takes as long as all the rest."""

TRIGGERS = {
    "audit_is_a_chain": """
        CREATE TRIGGER audit_is_a_chain BEFORE INSERT ON audit
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
          OR NEW.prev_hash IS NOT coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), '')
        BEGIN SELECT raise(ABORT, 'a row of the audit log must follow the last one'); END""",
    "audit_rows_stay": """
        CREATE TRIGGER audit_rows_stay BEFORE DELETE ON audit
        BEGIN SELECT raise(ABORT, 'the audit log is never deleted from'); END""",
    "audit_rows_never_change": """
        CREATE TRIGGER audit_rows_never_change BEFORE UPDATE ON audit
        BEGIN SELECT raise(ABORT, 'the audit log is never changed'); END""",
}


_FIND_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"


def connect(path: Path) -> Database:
    """Open the file, made with the tables if it is new, readable by its owner alone. Raises RecordsError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        db = Database(connection)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        _create(db)
    except OSError as error:
        hint = "Make CLONEBOT_DATA a folder that the bot may write."
        raise RecordsError(f"The audit log {path} cannot be opened ({error.strerror}). {hint}") from error
    except sqlite3.Error as error:
        raise RecordsError(f"The audit log {path} cannot be opened: {error}.") from error
    require_triggers(db)
    return db


def try_to_write(path: Path) -> None:
    """Write something that changes nothing, as durably as a row. Raises sqlite3.Error or RecordsError."""
    file = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(file, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        require_triggers(Database(connection))
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")


def _create(db: Database) -> None:
    db.execute("BEGIN IMMEDIATE")
    try:
        if not db.table("audit").exists():
            _create_tables(db)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _create_tables(db: Database) -> None:
    audit = db.table("audit").create(_COLUMNS, pk="seq", not_null=_COLUMNS)
    audit.create_index(["key"], unique=True)
    audit.create_index(["operation"])
    audit.create_index(["action"])
    audit.enable_fts(["text", "operation", "fleet", "person", "kind"], create_triggers=True)
    db.table("operations").create({"id": str, "ended": int, "seq": int, "state": str}, pk="id")
    db.table("operations").create_index(["ended", "seq"])
    for sql in TRIGGERS.values():
        db.execute(sql)


def require_triggers(db: Database) -> None:
    """Raise RecordsError unless the log is protected as it should be."""
    found = {name: sql.strip() for name, sql in db.execute(_FIND_TRIGGERS)}
    for name, sql in TRIGGERS.items():
        if found.get(name) != sql.strip():
            raise RecordsError(
                f"The audit log's trigger `{name}` is missing or was changed, so nothing will be done. "
                "Look into who changed records.db, and put a whole copy in its place."
            )
