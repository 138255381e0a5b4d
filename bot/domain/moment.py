"""Spans and points of time, in words."""

from datetime import UTC, datetime, timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))
_IN_SECONDS, _IN_MINUTES = 2 * 60, 2 * 3600


def span(time: timedelta) -> str:
    """Say how long in one unit, rounded down: "3 days"."""
    seconds = max(0, int(time.total_seconds()))
    for unit, size in _UNITS:
        if seconds >= size:
            number = seconds // size
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return "less than a minute"


def lasting(seconds: int) -> str:
    """Say exactly how long: "2 days", "10 minutes", "90 seconds"."""
    size, unit = next((size, unit) for unit, size in (*_UNITS, ("second", 1)) if seconds % size == 0)
    number = seconds // size
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def about(time: timedelta) -> str:
    """Say roughly how long: "12 s", "7 min", "2.5 h"."""
    seconds = time.total_seconds()
    if seconds < _IN_SECONDS:
        return f"{max(1, round(seconds))} s"
    if seconds < _IN_MINUTES:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def stamp(time: datetime) -> str:
    """Say when, in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
