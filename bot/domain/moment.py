"""Spans and points of time, in words."""

from datetime import UTC, datetime, timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def span(time: timedelta) -> str:
    """Say how long in one unit, rounded down: "3 days"."""
    seconds = max(0, int(time.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return "less than a minute"


def stamp(time: datetime) -> str:
    """Say when, in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
