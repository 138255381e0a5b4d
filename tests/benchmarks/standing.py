"""What the bot and its lab take before anybody asks for anything: memory, and time."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.benchmarks.idle import memory
from tests.benchmarks.table import Row

_ROUNDS = 3
_REACH_MEMORY = 1.3
_REACH_SECONDS = 8.0
_SETTLE_SECONDS = 3.0
_IMPORTS = "import bot.__main__, bot.lab.lab, bot.serve"


def measure(folder: Path) -> list[Row]:
    """Each in turn, several times."""
    return [_memory(folder), _ready(folder)]


def _memory(folder: Path) -> Row:
    rounds = [(_bot(folder), _libraries()) for _ in range(_ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(one / two for one, two in rounds)
    return Row(
        what="idle memory of the bot (RSS)",
        ours=f"{ours / 1024:.0f} MiB",
        against=f"{theirs / 1024:.0f} MiB (the same libraries, one of each made, idle)",
        result=f"{ratio:.2f} ×",
        reach=f"≤ {_REACH_MEMORY} ×",
        reached=ratio <= _REACH_MEMORY,
    )


def _bot(folder: Path) -> int:
    with Lab(folder, delays=NO_DELAYS) as lab:
        process = lab.start_bot() if lab.stop_bot() == 0 else 0
        time.sleep(_SETTLE_SECONDS)
        return memory(str(process))


def _libraries() -> int:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.idle"], capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[0])


def _ready(folder: Path) -> Row:
    rounds = [(_lab(folder), _timed([sys.executable, "-c", _IMPORTS])) for _ in range(_ROUNDS)]
    ours, imports = (statistics.median(column) for column in zip(*rounds, strict=True))
    return Row(
        what="lab ready after installation, from the command to the address of its page",
        ours=f"{ours:.1f} s",
        against=f"{imports:.1f} s (importing its code in one process)",
        result=f"{ours / imports:.2f} ×",
        reach=f"≤ {_REACH_SECONDS:.0f} s",
        reached=ours <= _REACH_SECONDS,
    )


def _lab(folder: Path) -> float:
    began = time.perf_counter()
    lab = subprocess.Popen(
        [sys.executable, "-u", "-m", "bot", "lab", "--folder", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert lab.stdout
    try:
        while "Slack " not in lab.stdout.readline():
            pass
        return time.perf_counter() - began
    finally:
        lab.terminate()
        lab.wait()


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True)
    return time.perf_counter() - began
