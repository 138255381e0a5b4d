"""What is known to differ in a fleet, as the log keeps it: one row for each time that something changed."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from bot.domain.audit import Entry, Kind
from bot.domain.reconcile import Difference, line
from bot.world import Records


def subject(fleet: str) -> str:
    """What rows about the differences of a fleet are filed under."""
    return f"reconcile/{fleet}"


def newest_row(records: Records, fleet: str) -> Entry | None:
    """The row that says what is known to differ."""
    return records.newest(subject(fleet), Kind.RECONCILED)


def read_differences(row: Entry | None) -> tuple[Difference, ...]:
    """What is known to differ."""
    return tuple(_read(each) for each in row.detail["known"]) if row else ()


def read_lines(records: Records, fleets: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The same of several fleets, in words; those of which nothing differs are left out."""
    found = {fleet: read_differences(newest_row(records, fleet)) for fleet in fleets}
    return {fleet: tuple(line(fleet, each) for each in known) for fleet, known in found.items() if known}


def write_difference(difference: Difference) -> dict[str, Any]:
    """A difference as plain JSON values, without the hint: that is good for the moment alone."""
    since = difference.since.isoformat() if difference.since else None
    return {**asdict(difference), "since": since, "hint": ""}


def _read(value: dict[str, Any]) -> Difference:
    since = value["since"]
    return Difference(**{**value, "since": datetime.fromisoformat(since) if since else None})
