"""The cgroups of Debian servers: they outlive who made them, so they carry a mark."""

import subprocess
import time
from pathlib import Path

MARK = "clonebot-e2e-"
"""How the names of our cgroups begin."""

_GONE_SECONDS = 2


def forget_dead_runs(runs: Path) -> None:
    """Remove the cgroups of runs that were killed and whose folders are gone."""
    for left in cgroups_like("run-*"):
        run = left.name.removeprefix(MARK).rsplit("-i-", 1)[0]
        if not (runs / run).exists():
            remove_cgroups(run)


def remove_cgroups(run: str) -> None:
    """Remove what the ended servers of a run left of their cgroups."""
    for left in cgroups_like(f"{run}-*"):
        remove_cgroup(left)


def cgroups_like(pattern: str) -> list[Path]:
    """Find those of servers whose run and id are like this, in each hierarchy."""
    roof = Path("/sys/fs/cgroup")
    return [*roof.glob(MARK + pattern), *roof.glob(f"*/{MARK}{pattern}")]


def remove_cgroup(left: Path) -> None:
    """Try for a while: the kernel lets go of the last process a moment after it ended."""
    deadline = time.monotonic() + _GONE_SECONDS
    while left.exists() and time.monotonic() < deadline:
        command = ("find", str(left), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";")
        subprocess.run(command, check=False, capture_output=True)
