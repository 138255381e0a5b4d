"""What becomes of a request, as events: plain values, one JSON object each. Pure."""

from collections.abc import Iterator
from typing import Any

from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.report import as_json, card, headline, report
from bot.domain.moment import stamp
from bot.domain.operation import Operation, Stage
from bot.domain.step import in_words
from bot.terminal.followers import Item, Noted, Reported, Told
from bot.workflow.replies import NOTHING_CHANGED

Event = dict[str, Any]

DONE, NOT_DONE, WRONG = 0, 1, 2
"""Exit statuses: done; not done, refused or failed; wrong usage or configuration."""


class Story:
    """Tells each thing once; the last event has an `exit`."""

    def __init__(self, *, slack: bool) -> None:
        """`slack` says whether the buttons in Slack reach this bot."""
        self._slack = slack
        self._plan = ""
        self._stage: tuple[Any, ...] = ()

    def tell(self, item: Operation | Item, request: str) -> Iterator[Event]:
        """What is new in this."""
        match item:
            case Noted(text):
                yield {"event": "step", "operation": request, "text": text}
            case Told(title, lines) if self._plan:  # not the end: for instance that its card cannot be shown
                yield {"event": "step", "operation": request, "text": ": ".join((title, *lines[:1]))}
            case Told(title, lines):
                refused = title == NOTHING_CHANGED
                event = "refused" if refused else "answer"
                yield answered(event, title, lines, NOT_DONE if refused else DONE)
            case Reported(diagnosis):
                yield _report(diagnosis)
            case Operation():
                yield from self._operation(item)

    def _operation(self, operation: Operation) -> Iterator[Event]:
        if operation.plan.hash != self._plan:
            self._plan = operation.plan.hash
            yield _plan(operation)
        stage = (operation.stage, operation.approvers, operation.behind, operation.cancelled_by)
        if operation.stage.ended:
            yield _end(operation)
        elif stage != self._stage:
            yield _stage(operation, slack=self._slack)
        self._stage = stage


def answered(event: str, title: str, lines: tuple[str, ...], status: int) -> Event:
    """What only the person who asked is told: an answer, or why not."""
    return {"event": event, "title": title, "lines": list(lines), "exit": status}


def _report(diagnosis: Diagnosis) -> Event:
    """The doctor's report, to read and as plain values."""
    lines = (*card(diagnosis), *report(diagnosis))
    return {**answered("report", headline(diagnosis), lines, DONE), **as_json(diagnosis)}


def refused(why: str, status: int = NOT_DONE) -> Event:
    """Say that nothing was changed, and why."""
    return answered("refused", NOTHING_CHANGED, tuple(why.splitlines()), status)


def _plan(operation: Operation) -> Event:
    plan = operation.plan
    return {
        "event": "plan",
        "operation": operation.id,
        "fleet": plan.fleet,
        "command": plan.command,
        "summary": plan.summary,
        "hash": plan.hash,
        "steps": list(in_words(plan.actions)),
        "notes": list(plan.notes),
        "reason": plan.reason,
        "cost_per_hour": plan.cost_per_hour,
        "currency": plan.currency,
        "seconds": plan.seconds,
        "inverse": plan.inverse,
        "approvals_needed": operation.needed,
    }


def _stage(operation: Operation, *, slack: bool) -> Event:
    return {
        "event": "stage",
        "operation": operation.id,
        "stage": str(operation.stage),
        "approvers": [person.partition("/")[2] for person in operation.approvers],
        "behind": operation.behind,
        "cancelled_by": operation.cancelled_by.partition("/")[2],
        "expires": stamp(operation.expires) if operation.expires else "",
        "slack": slack,
    }


def _end(operation: Operation) -> Event:
    return {
        "event": "end",
        "operation": operation.id,
        "stage": str(operation.stage),
        "result": operation.result,
        "exit": DONE if operation.stage is Stage.DONE else NOT_DONE,
    }
