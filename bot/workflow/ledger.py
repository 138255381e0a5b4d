"""The ledger: nothing is done to AWS or a server without a row before it and a row after it."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from itertools import count
from typing import Any, TypeVar

import structlog

from bot.domain.audit import Entry, Kind
from bot.domain.errors import BotError, CloudUnreachable, RecordsError
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

    def carry_out(  # noqa: PLR0913 (one action, all its parts)
        self,
        action: str,
        what: str,
        do: Callable[[], T],
        *,
        index: int | None = None,
        about: Mapping[str, Any] | None = None,
        effects: Callable[[T], Mapping[str, Any]] = lambda _: {},
    ) -> T:
        """Write the intent, do it, write the outcome. What `do` raises is recorded and raised again.

        `about` stands in the first row, `effects` of the result in the second.
        """
        detail: dict[str, Any] = {} if index is None else {"index": index}
        before = self._entry(Kind.INTENT, action, what, {**(about or {}), **detail})
        intent = self._insist(lambda: self._records.begin(before))
        outcome, ok = "unknown: something unexpected happened", False
        try:
            result = do()
            detail |= effects(result)
            ok = not detail.get("unknown")
            outcome = f"done: {what}" if ok else f"unknown: AWS gave no clear answer to: {what}"
            if isinstance(result, str | list | tuple):
                detail["result"] = result
        except CloudUnreachable as error:
            outcome, detail["unknown"] = f"unknown: {error}", True
            raise
        except BotError as error:
            outcome = f"failed: {error}"
            detail["error"] = type(error).__name__
            raise
        finally:
            self._close(intent, outcome, {**detail, "ok": ok})
        return result

    def file(
        self,
        kind: Kind,
        subject: str,
        *,
        key: str,
        text: str,
        change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    ) -> None:
        """Write a row in place of the newest about this subject; `change` makes its detail of that one's."""
        entry = Entry(
            kind=kind,
            at=self._clock.now(),
            key=key,
            operation=subject,
            fleet=self._fleet,
            text=text,
            detail=change(self.newest(kind, subject)),
        )
        self._insist(lambda: self._records.append(entry))

    def newest(self, kind: Kind, subject: str) -> Mapping[str, Any]:
        """The detail of the newest row about this subject; empty if there is none."""
        row = self._insist(lambda: self._records.newest(subject, kind))
        return row.detail if row else {}

    def was_begun(self, action: str, attempt: int = 1) -> bool:
        """Whether the log has an intent of this attempt at the action."""
        return self._insist(lambda: self._records.find(f"{action}#{attempt}:{Kind.INTENT}")) is not None

    def recall(self, action: str, clear: Collection[str]) -> Entry | None:
        """The last outcome of this action: a result, or one of the errors that are `clear`.

        None where the action was never begun, was cut off, or ended in an error that tells nothing.
        """
        last = None
        for attempt in count(1):
            row = self._insist(partial(self._records.find, f"{action}#{attempt}:{Kind.OUTCOME}"))
            if row is None:
                break
            last = row
        known = last is not None and ("result" in last.detail or last.detail.get("error") in clear)
        return last if known else None

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

    def _insist(self, write: Callable[[], T]) -> T:
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
