"""What looking at a real server costs it, and costs here."""

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.debian import Master
from tests.patience import within

FILES = 50_000
MOST_CPU_SECONDS = within(2)
MOST_BYTES = 50 * 1024 * 1024
_PAGES = f"""
for part in $(seq {FILES // 500}); do
    mkdir $part
    (cd $part; {{ seq -f page-%g.html 490; seq -f config-%g.php 10; }} | xargs touch)
done
"""
_TICKS = 100
"""In a second, by every kernel's word to programs."""

# Of all that runs and, in its parents' figures, of all that has ended.
_CPU = """
cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | awk '{ticks += $12 + $13 + $14 + $15} END {print ticks}'
"""

# The brackets keep it from finding itself. What is ending has neither a command line nor a class any more.
_WATCH = """
seen=0
for moment in $(seq 2000); do
    [ $seen -lt 3 ] || break
    for process in $(grep -ls '[i]gnore_readdir_race' /proc/[0-9]*/cmdline | cut -d/ -f3); do
        nice=$(sed 's/.*) //' /proc/$process/stat | cut -d' ' -f17) && how=$(ionice -p $process) || continue
        grep -qs . /proc/$process/cmdline || continue
        echo "nice $nice, $how"
        seen=$((seen + 1))
    done
    sleep 0.005
done 2>/dev/null
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What something cost a server, and what it cost here."""

    cpu_seconds: float
    bytes: int
    """The most memory that it took in this process, beyond what was there before."""
    priorities: frozenset[str]
    """Of what walked the disk there, as the kernel said meanwhile."""


@contextmanager
def large_site(master: Master, folder: str) -> Iterator[None]:
    """Have as many files in this folder as a large site has, in memory for speed, for a while."""
    master.shell(f"mount -t tmpfs tmpfs {folder}; cd {folder}; {_PAGES}", seconds=100)
    yield
    master.shell(f"umount {folder}")


def cost(master: Master, look: Callable[[], object]) -> Cost:
    """Do something twice: watched from the server, and measured."""
    doing = threading.Thread(target=look)
    doing.start()
    priorities = frozenset(master.shell(_WATCH).splitlines())
    doing.join()
    before = cpu_seconds(master)
    tracemalloc.start()
    look()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Cost(cpu_seconds(master) - before, most, priorities)


def cpu_seconds(master: Master) -> float:
    """What the server has spent since it booted."""
    return int(master.shell(_CPU)) / _TICKS
