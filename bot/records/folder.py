"""The data folder, looked at without touching it."""

import fcntl
import os
import pwd
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bot.domain.check.here import Folder

LOCK = "lock"
_OURS = (
    "records.db",
    "records.db-wal",
    "records.db-shm",
    "workflow.db",
    "workflow.db-wal",
    "workflow.db-shm",
)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def look_at(folder: Path) -> Folder:
    """How this folder looks to whoever runs this; makes nothing, keeps no lock."""
    there = _nearest(folder)
    files = tuple(_files(folder))
    room = os.statvfs(there)
    return Folder(
        path=str(folder),
        account=_account(),
        exists=there == folder.absolute(),
        writable=there.is_dir() and _may(there, os.W_OK | os.X_OK),
        free_bytes=room.f_bavail * room.f_frsize,
        held=_is_held(folder / LOCK),
        exposed=tuple(str(file) for file, mode in files if mode & _OTHERS),
        locked=tuple(str(file) for file, _ in files if not _may(file, os.R_OK | os.W_OK)),
    )


def _nearest(folder: Path) -> Path:
    """What there is already of the way to it."""
    whole = folder.absolute()
    return next(path for path in (whole, *whole.parents) if os.path.exists(path))  # noqa: PTH110 (it never raises)


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for name in _OURS:
        with suppress(FileNotFoundError, NotADirectoryError):
            yield folder / name, (folder / name).stat().st_mode


def _may(path: Path, what: int) -> bool:
    return os.access(path, what, effective_ids=os.access in os.supports_effective_ids)


def _account() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _is_held(lock: Path) -> bool:
    with suppress(OSError), lock.open("rb") as file:
        try:
            # Shared: two who look do not hinder each other, and a bot that starts tries again at once.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
