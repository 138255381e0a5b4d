"""Runs checks side by side, and waits for none of them without end."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.domain.check.verdict import Verdict, failed
from bot.domain.errors import BotError

_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Something to find out."""

    about: str
    find: Callable[[], Iterable[Verdict]]
    """A BotError that it raises is its last, failed verdict."""
    remedy: str
    """Of that."""


@dataclass(slots=True)
class _Run:
    check: Check
    verdicts: list[Verdict] = field(default_factory=list)
    unforeseen: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    def start(self, slots: threading.Semaphore) -> None:
        # A daemon: one that hangs must not keep the process from ending.
        threading.Thread(target=self._run, args=[slots], daemon=True).start()

    def _run(self, slots: threading.Semaphore) -> None:
        with slots:
            try:
                self.verdicts.extend(self.check.find())
            except BotError as error:
                self.verdicts.append(failed(self.check.about, str(error), self.check.remedy))
            except BaseException as error:  # noqa: BLE001 (it is raised again where it is waited for)
                self.unforeseen = error
        self.over.set()


def run_together(checks: Sequence[Check], *, seconds: float) -> Iterator[Verdict]:
    """Every verdict in the order of the checks, as soon as it is known; after `seconds`, what there is."""
    slots = threading.Semaphore(_AT_ONCE)
    runs = [_Run(check) for check in checks]
    due = time.monotonic() + seconds
    for run in runs:
        run.start(slots)
    for run in runs:
        in_time = run.over.wait(max(0.0, due - time.monotonic()))
        if run.unforeseen:
            raise run.unforeseen
        yield from tuple(run.verdicts)
        if not in_time:
            yield failed(run.check.about, f"did not end within {seconds:.0f} s", run.check.remedy)
