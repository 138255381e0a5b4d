"""A notice: something that a channel is told once, that nobody asked for."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Title and lines; `id` tells it from every other."""

    id: str
    at: datetime
    title: str
    lines: tuple[str, ...]
