"""The ledger: nothing is done to AWS or a server without a row before it and a row after it."""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from bot.domain.audit import Entry, Kind
from bot.domain.errors import BotError, RecordsError
from bot.world import Clock, Records

_log = structlog.get_logger()
_PAUSE = 2.0

T = TypeVar("T")


class Ledger:
    """Writes intents and outcomes for one operation. While the log cannot be written, nothing is done."""

    def __init__(
        self, records: Records, clock: Clock, operation: str, fleet: str, warn: Callable[[str], None]
    ) -> None:
        self._records = records
        self._clock = clock
        self._operation = operation
        self._fleet = fleet
        self._warn = warn

    def carry_out(self, action: str, what: str, do: Callable[[], T], *, index: int | None = None) -> T:
        """Write the intent, do it, write the outcome. What `do` raises is recorded and raised again."""
        detail: dict[str, Any] = {} if index is None else {"index": index}
        intent = self._insist(lambda: self._records.begin(self._entry(Kind.INTENT, action, what, detail)))
        outcome, ok = "unknown: something unexpected happened", False
        try:
            result = do()
            outcome, ok = f"done: {what}", True
            if isinstance(result, str | list | tuple):
                detail["result"] = result
        except BotError as error:
            outcome = f"failed: {error}"
            raise
        finally:
            self._close(intent, outcome, {**detail, "ok": ok})
        return result

    def _close(self, intent: Entry, text: str, detail: dict[str, Any]) -> None:
        entry = Entry(
            kind=Kind.OUTCOME,
            at=self._clock.now(),
            key=f"{intent.action}#{intent.attempt}:{Kind.OUTCOME}",
            operation=self._operation,
            action=intent.action,
            attempt=intent.attempt,
            fleet=self._fleet,
            text=text,
            detail=detail,
        )
        self._insist(lambda: self._records.append(entry))

    def _entry(self, kind: Kind, action: str, text: str, detail: dict[str, Any]) -> Entry:
        return Entry(
            kind=kind,
            at=self._clock.now(),
            key="",
            operation=self._operation,
            action=action,
            fleet=self._fleet,
            text=text,
            detail=detail,
        )

    def _insist(self, write: Callable[[], Entry]) -> Entry:
        warned = False
        while True:
            try:
                return write()
            except RecordsError as error:
                if not warned:
                    _log.error("records", operation=self._operation, why=str(error))
                    self._warn(f"Paused: {error} I go on as soon as it can be written again.")
                    warned = True
                self._clock.sleep(_PAUSE)
