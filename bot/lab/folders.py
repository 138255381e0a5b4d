"""A folder for each run of a lab, so that what was killed is found and removed."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_LOCK = "lab.lock"


@contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """A folder for one run, removed at its end; what killed runs left behind is removed first."""
    for left in folder.glob("run-*"):
        with suppress(OSError), (left / _LOCK).open() as theirs:
            fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    made, lock = _locked_folder(folder)
    with lock:
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _locked_folder(folder: Path) -> tuple[Path, IO[str]]:
    """A new folder that others see is in use; one that looks around just then may have taken it for left."""
    while True:
        made = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
        lock = (made / _LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (made / _LOCK).exists():
            return made, lock
        lock.close()
