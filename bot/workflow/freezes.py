"""Freezes: what is written of them, and which hold now."""

from collections.abc import Iterable
from datetime import datetime

from bot.domain.audit import Entry, Kind
from bot.domain.fleet import FleetSpec
from bot.domain.freeze import Freeze, Thaw, from_detail, windows
from bot.world import Records


def subject(fleet: str) -> str:
    """What rows about the freezes of a fleet are filed under."""
    return f"freeze/{fleet}"


def read_freezes(records: Records, specs: Iterable[FleetSpec], now: datetime) -> tuple[Freeze, ...]:
    """What holds changes of these fleets back now; of each, what somebody ordered comes first."""
    return tuple(
        freeze for spec in specs for freeze in (*_ordered(records, spec.name, now), *windows(spec, now))
    )


def read_orders(records: Records, fleet: str) -> list[Entry]:
    """The rows of all freezes that were ordered, and of their ends before time, oldest first."""
    rows = (*records.filed(subject(fleet), Kind.FROZEN), *records.filed(subject(fleet), Kind.THAWED))
    return sorted(rows, key=lambda row: row.seq)


def read_order(row: Entry) -> Freeze | Thaw:
    """What such a row says."""
    if row.kind is Kind.THAWED:
        return Thaw(fleet=row.fleet, reason=str(row.detail["reason"]))
    return from_detail(row.detail, fleet=row.fleet, by=row.person)


def _ordered(records: Records, fleet: str, now: datetime) -> tuple[Freeze, ...]:
    rows = read_orders(records, fleet)
    order = read_order(rows[-1]) if rows else None
    return (order,) if isinstance(order, Freeze) and order.holds(now) else ()
