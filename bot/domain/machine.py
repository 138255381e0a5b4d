"""What a server says of itself as a machine, beyond what it serves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Its clock, its time zone, and the file system of its content where that has the least space left."""

    ahead: float | None = None
    """By how many seconds its clock is before the bot's; None if it does not know what time it is."""
    zone: str = ""
    """"Europe/Berlin"; empty if it could not be read."""
    free: int | None = None
    """Bytes that are left; None if that could not be read."""
    size: int = 0
    """Of how many."""
