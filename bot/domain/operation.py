"""An operation: one plan's life, told by the audit log. `advance` is the only place that knows the order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain import plan as plans
from bot.domain.audit import Entry, Kind
from bot.domain.errors import Conflict
from bot.domain.moment import stamp
from bot.domain.plan import Plan


class Stage(StrEnum):
    """Where an operation stands."""

    AWAITING_APPROVAL = "awaiting approval"
    WAITING = "waiting for its turn"
    RUNNING = "running"
    DONE = "done"
    PARTLY_DONE = "partly done"
    FAILED = "failed"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        """Nothing will happen any more."""
        return self not in {Stage.AWAITING_APPROVAL, Stage.WAITING, Stage.RUNNING}


class Progress(StrEnum):
    """Where one action of the plan stands."""

    TO_DO = "to do"
    DOING = "doing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One plan's life so far. `requester` and `approvers` are "TEAM/USER"."""

    id: str
    plan: Plan
    requester: str
    channel: str
    via: str
    stage: Stage
    created: datetime
    needed: int = 0
    """Approvals needed."""
    expires: datetime | None = None
    """From when on nobody can approve it any more; None where nobody has to."""
    approvers: tuple[str, ...] = ()
    denied_by: str = ""
    cancelled_by: str = ""
    """Who cancelled it; while it runs still, it stops at the next safe point."""
    cancel_reason: str = ""
    """Why, in their words."""
    progress: tuple[Progress, ...] = ()
    message: str = ""
    """The live message in chat."""
    behind: str = ""
    """The operation that it waits for, if it waits for its turn."""
    result: str = ""
    """What really is, once it ended."""


def advance(operation: Operation | None, entry: Entry) -> Operation | None:
    """The operation after this row of the log. Raises Conflict if the row may not follow."""
    if entry.kind is Kind.PLANNED:
        return _planned(operation, entry)
    step = _STEPS.get(entry.kind)
    if operation is None or step is None:
        return operation
    return step(operation, entry)


def _planned(operation: Operation | None, entry: Entry) -> Operation:
    plan = plans.from_json(entry.detail["plan"])
    needed = int(entry.detail["approvals"])
    if operation is not None and operation.stage.ended:
        raise Conflict(f"`{operation.id}` has ended: {operation.stage}.")
    return Operation(
        id=entry.operation,
        plan=plan,
        requester=entry.person,
        channel=str(entry.detail["channel"]),
        via=entry.via,
        stage=Stage.AWAITING_APPROVAL if needed else Stage.WAITING,
        created=operation.created if operation else entry.at,
        needed=needed,
        expires=datetime.fromisoformat(expires) if (expires := entry.detail.get("expires")) else None,
        progress=(Progress.TO_DO,) * len(plan.actions),
        message=operation.message if operation else "",
    )


def has_expired(operation: Operation, now: datetime) -> bool:
    """Whether nobody agreed in time, so that nobody can any more."""
    awaits = operation.stage is Stage.AWAITING_APPROVAL
    return awaits and operation.expires is not None and operation.expires <= now


def _approved(operation: Operation, entry: Entry) -> Operation:
    _require_undecided(operation, entry)
    if has_expired(operation, entry.at):
        raise Conflict(
            f"`{operation.id}` could be approved until {stamp(operation.expires or entry.at)}. "
            f"To ask again, type `/clone {operation.plan.command}`."
        )
    if entry.person == operation.requester:
        raise Conflict(f"`{operation.id}` is your own request; somebody else must approve it.")
    if entry.person in operation.approvers:
        raise Conflict(f"You have approved `{operation.id}` already.")
    approvers = (*operation.approvers, entry.person)
    enough = len(approvers) >= operation.needed
    stage = Stage.WAITING if enough else Stage.AWAITING_APPROVAL
    return replace(operation, approvers=approvers, stage=stage)


def _denied(operation: Operation, entry: Entry) -> Operation:
    _require_undecided(operation, entry)
    return replace(operation, stage=Stage.DENIED, denied_by=entry.person, result=entry.text)


def _require_undecided(operation: Operation, entry: Entry) -> None:
    if operation.stage is not Stage.AWAITING_APPROVAL:
        raise Conflict(f"`{operation.id}` needs no decision any more: {operation.stage}{_by(operation)}.")
    if entry.detail["plan"] != operation.plan.hash:
        raise Conflict(
            f"The plan of `{operation.id}` has changed since; look at the new one and decide again."
        )


def _by(operation: Operation) -> str:
    people = (operation.denied_by,) if operation.denied_by else operation.approvers
    names = ", ".join("@" + person.partition("/")[2] for person in people)
    verb = "denied" if operation.denied_by else "approved"
    return f" ({verb} by {names})" if names else ""


def _cancelled(operation: Operation, entry: Entry) -> Operation:
    require_stoppable(operation)
    marked = replace(operation, cancelled_by=entry.person, cancel_reason=entry.text, behind="")
    if operation.stage is Stage.RUNNING:
        return marked
    return replace(marked, stage=Stage.CANCELLED, result="Nothing of it was done.")


def require_stoppable(operation: Operation) -> None:
    """Raise Conflict if the operation has ended or is being cancelled already."""
    if operation.stage.ended:
        raise Conflict(
            f"`{operation.id}` has ended already, so there is nothing to cancel: {_end(operation)}."
        )
    if operation.cancelled_by:
        who = operation.cancelled_by.partition("/")[2]
        raise Conflict(f"`{operation.id}` is being cancelled already, by @{who}.")


def _end(operation: Operation) -> str:
    people = {Stage.CANCELLED: operation.cancelled_by, Stage.DENIED: operation.denied_by}
    who = people.get(operation.stage, "").partition("/")[2]
    return f"{operation.stage} by @{who}" if who else str(operation.stage)


def _started(operation: Operation, entry: Entry) -> Operation:
    if operation.stage not in {Stage.WAITING, Stage.RUNNING}:
        raise Conflict(f"`{operation.id}` cannot start: {operation.stage}.")
    if entry.detail["plan"] != operation.plan.hash:
        raise Conflict(f"`{operation.id}` cannot start: its plan has changed.")
    return replace(operation, stage=Stage.RUNNING, behind="")


def _queued(operation: Operation, entry: Entry) -> Operation:
    return replace(operation, behind=str(entry.detail["behind"]))


def _intent(operation: Operation, entry: Entry) -> Operation:
    return _mark(operation, entry, Progress.DOING)


def _outcome(operation: Operation, entry: Entry) -> Operation:
    return _mark(operation, entry, Progress.DONE if entry.detail.get("ok") else Progress.FAILED)


def _mark(operation: Operation, entry: Entry, progress: Progress) -> Operation:
    index = entry.detail.get("index")
    if index is None:
        return operation
    marks = list(operation.progress)
    marks[int(index)] = progress
    return replace(operation, progress=tuple(marks))


def _finished(operation: Operation, entry: Entry) -> Operation:
    if operation.stage.ended:
        raise Conflict(f"`{operation.id}` has ended already: {operation.stage}.")
    stage = Stage(entry.detail["stage"])
    if stage is Stage.EXPIRED and not has_expired(operation, entry.at):
        raise Conflict(f"`{operation.id}` was decided in time: {operation.stage}.")
    return replace(operation, stage=stage, result=entry.text)


def _posted(operation: Operation, entry: Entry) -> Operation:
    return replace(operation, message=str(entry.detail["message"]))


_STEPS: Mapping[Kind, Callable[[Operation, Entry], Operation]] = {
    Kind.APPROVED: _approved,
    Kind.DENIED: _denied,
    Kind.CANCELLED: _cancelled,
    Kind.QUEUED: _queued,
    Kind.STARTED: _started,
    Kind.INTENT: _intent,
    Kind.OUTCOME: _outcome,
    Kind.FINISHED: _finished,
    Kind.POSTED: _posted,
}
