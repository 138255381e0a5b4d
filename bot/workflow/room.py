"""Let the engine wait for room on its disk; of itself it waits only for other writers."""

import sqlite3

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

_PASSING = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_READONLY"})


def wait_for_room() -> None:
    """Tell the engine of a full disk in the words that it takes for a reason to try again."""
    if not event.contains(Engine, "handle_error", _as_locked):
        event.listen(Engine, "handle_error", _as_locked, retval=True)


def _as_locked(context: ExceptionContext) -> OperationalError | None:
    error = context.original_exception
    if not isinstance(error, sqlite3.OperationalError) or not _passes(error):
        return None
    return OperationalError(
        context.statement, None, sqlite3.OperationalError(f"database is locked ({error})")
    )


def _passes(error: sqlite3.OperationalError) -> bool:
    return getattr(error, "sqlite_errorname", "") in _PASSING
