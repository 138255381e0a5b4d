"""Where files of a benchmark lie in memory: many servers that share one disk would measure that disk."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

MEMORY = Path("/dev/shm")  # noqa: S108 (shared memory, not a folder for temporary files)
_ROOM = 4 << 30
"""For the disks of fifty servers of the lab, or eight of Debian."""


@contextmanager
def in_memory(otherwise: Path | None = None) -> Iterator[Path]:
    """A folder in memory if there is room and programs may run there; else in the other one."""
    with TemporaryDirectory(dir=MEMORY if _has_room() else otherwise) as place:
        yield Path(place)


def _has_room() -> bool:
    if not MEMORY.is_dir():
        return False
    there = os.statvfs(MEMORY)
    return there.f_bavail * there.f_frsize > _ROOM and not there.f_flag & os.ST_NOEXEC
