"""What scaling to many costs against scaling to few: calls of AWS, and time."""

import gc
import os
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median

from bot.lab.aws.calls import Call
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.benchmarks.memory import MEMORY, in_memory
from tests.benchmarks.table import Row
from tests.scenarios.visitor import Visitor

_REACH_CALLS = 20
_REACH_TIMES = 2.5
_ROUNDS = 5
_PER_SERVER = {"GetConsoleOutput"}
"""AWS has no batch for these."""


def measure(folder: Path) -> list[Row]:
    """Scale one fleet out and in again and again. The image is there: baking takes the same for all."""
    with in_memory(folder) as place:
        return _measure(place)


def _measure(folder: Path) -> list[Row]:
    with Lab(folder, delays=NO_DELAYS, rate_limits=False, patience={"reconcile": 3600}) as lab:
        text = lab.fleet_file.read_text()
        lab.stop_bot()
        lab.fleet_file.write_text(text.replace("max_clones = 8", "max_clones = 50"))
        bot = lab.start_bot()
        visitor = Visitor(lab)
        gc.freeze()  # as in a lab that is started for people
        _seconds(visitor, 1)
        times = [(_seconds(visitor, 20), _seconds(visitor, 1)) for _ in range(_ROUNDS)]
        work = _work(visitor, bot)
        visitor.edit("since the image")
        behind = [(_seconds(visitor, 20), _seconds(visitor, 1)) for _ in range(_ROUNDS)]
        calls = [_calls(visitor, count) for count in (4, 50)]
    # The servers are real, and share the machine with the bot.
    disk = ", in memory" if folder.is_relative_to(MEMORY) else ""
    where = f"{work[0]:.1f} CPU-s on {os.cpu_count()} cores, {work[1]:.1f} of them the bot's{disk}"
    return [
        _time("wall time of `scale` to 20 against `scale` to 1", times, f" ({where})", _REACH_TIMES),
        _time("the same after a page was edited, so that each clone copies the content", behind),
        _count(*calls),
    ]


def _time(what: str, times: list[tuple[float, float]], where: str = "", most: float | None = None) -> Row:
    # Not the best: whoever waits in steps is sometimes lucky.
    twenty, one = map(median, zip(*times, strict=True))
    return Row(
        what=what,
        ours=f"{twenty:.2f} s{where}",
        against=f"{one:.2f} s (to 1; medians of {_ROUNDS})",
        result=f"{twenty / one:.2f} ×",
        reach=f"≤ {most} ×" if most else "",
        reached=twenty / one <= most if most else None,
    )


def _count(few: Counter[str], many: Counter[str]) -> Row:
    return Row(
        what="mutating and describing AWS calls of `scale` to 50, beyond polls and console output",
        ours=str(many.total()),
        against=f"{few.total()} (to 4)",
        result=f"{many.total() / few.total():.2f} ×" + _difference(few, many),
        reach=f"equal, ≤ {_REACH_CALLS}",
        reached=few == many and many.total() <= _REACH_CALLS,
    )


def _difference(few: Counter[str], many: Counter[str]) -> str:
    more = ", ".join(f"{name} {few[name]} → {many[name]}" for name in many | few if few[name] != many[name])
    return f" ({more})" if more else ""


def _seconds(visitor: Visitor, count: int) -> float:
    """Scale from none; seconds from the moment it starts until its end is recorded."""
    _away(visitor)
    operation = visitor.scale(count).id
    (began,), (ended,) = visitor.audit(
        "SELECT julianday(at) * 86400 FROM audit WHERE operation = ? AND kind IN ('started', 'finished') "
        "ORDER BY seq",
        operation,
    )
    assert len(visitor.serving()) == count
    return float(ended - began)


def _work(visitor: Visitor, bot: int) -> tuple[float, float]:
    """CPU-seconds that scaling to 20 takes: everybody's on this machine, and the bot's."""
    _away(visitor)
    before = (_ticks("/proc/stat", slice(1, 4)), _ticks(f"/proc/{bot}/stat", slice(13, 15)))
    visitor.scale(20)
    after = (_ticks("/proc/stat", slice(1, 4)), _ticks(f"/proc/{bot}/stat", slice(13, 15)))
    everybody, own = (
        (late - early) / os.sysconf("SC_CLK_TCK") for early, late in zip(before, after, strict=True)
    )
    return everybody, own


def _ticks(file: str, fields: slice) -> int:
    return sum(map(int, Path(file).read_text().split()[fields]))


def _calls(visitor: Visitor, count: int) -> Counter[str]:
    """Scale from none; how often each call of AWS was made, from the request to the end."""
    _away(visitor)
    time.sleep(1)
    visitor.lab.aws.calls.clear()
    operation = visitor.scale(count).id
    made = visitor.lab.aws.calls.all()  # the bot's alone: nobody looked on
    assert len(visitor.serving()) == count
    spans = _actions(visitor, operation)
    return Counter(call.action for call in _without_polls(made, spans) if call.action not in _PER_SERVER)


def _actions(visitor: Visitor, operation: str) -> list[tuple[float, float]]:
    """When each action of the operation began and ended, as Unix time."""
    rows = visitor.audit(
        "SELECT min(at), max(at) FROM audit WHERE operation = ? AND kind IN ('intent', 'outcome') "
        "GROUP BY action",
        operation,
    )
    return [(_moment(began), _moment(ended)) for began, ended in rows]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _without_polls(calls: Sequence[Call], actions: list[tuple[float, float]]) -> list[Call]:
    """A poll asks again, within one action, about nothing but what was asked about before."""
    kept: list[Call] = []
    asked: dict[tuple[str, int], list[frozenset[str]]] = {}
    for call in calls:
        within = next((n for n, (began, ended) in enumerate(actions) if began <= call.at <= ended), None)
        if within is None or call.mutating:
            kept.append(call)
            continue
        about = frozenset(value for value in call.parameters.values() if value.startswith("i-"))
        before = asked.setdefault((call.action, within), [])
        if not any(about <= earlier for earlier in before):
            kept.append(call)
        before.append(about)
    return kept


def _away(visitor: Visitor) -> None:
    if visitor.clones():
        visitor.scale(0)
