"""What people are told in reply; pure."""

from collections.abc import Sequence
from datetime import timedelta

from bot.command import Answer, Verdict
from bot.domain.audit import Kind
from bot.domain.doctor.waiver import Waiver
from bot.domain.freeze import Freeze, Thaw, as_detail, given
from bot.domain.moment import about, stamp
from bot.domain.operation import Operation, Stage
from bot.domain.plan import Plan
from bot.domain.step import in_words
from bot.domain.words import plural, quoted

NOTHING_CHANGED = "Nothing was changed"
"""The title of every refusal."""
_STOPPING = "It stops at the next safe point; what it started and does not serve yet is removed."


def unshown(operation: Operation, trouble: str) -> tuple[str, tuple[str, ...]]:
    """What to tell who asked when the channel cannot show their operation: what to type in its place."""
    title = f"`{operation.id}` ({operation.plan.summary}) cannot be shown in its channel"
    follow = "`/clone operations` shows how it stands."
    if operation.stage is not Stage.AWAITING_APPROVAL:
        return title, (trouble, f"It goes on all the same; {follow}")
    decide = f"Who approves it can type `/clone approve {operation.id}` or `/clone deny {operation.id}`"
    return title, (trouble, f"{decide}; `/clone {operation.plan.command} --dry-run` shows the plan.", follow)


def decided(operation: Operation, verdict: Verdict) -> tuple[str, tuple[str, ...]]:
    """What to tell somebody whose decision was recorded."""
    title = f"{verdict.value.capitalize()} `{operation.id}`: {operation.plan.summary}"
    if verdict is Verdict.CANCEL and not operation.stage.ended:
        return title, (_STOPPING, "Its card says what was undone and what stays.")
    if verdict is not Verdict.APPROVE:
        return title, ("Nothing of it is done.",)
    missing = operation.needed - len(operation.approvers)
    if operation.stage is Stage.AWAITING_APPROVAL and missing > 0:
        return title, (f"It needs {plural(missing, 'more approval')}.",)
    return title, ("It starts as soon as nothing is ahead of it; its card and thread show how far it is.",)


def halted(operations: Sequence[Operation], trouble: str) -> tuple[str, tuple[str, ...]]:
    """What to tell somebody who stopped everything that was open, and why some of it goes on, if it does."""
    lines = [_halted(each) for each in operations]
    if trouble:
        lines.append(f"What else is open goes on: {trouble} Type `/clone stop-all` again.")
    return f"Cancelled {plural(len(operations), 'operation')}", tuple(lines)


def _halted(operation: Operation) -> str:
    what = "nothing of it was done" if operation.stage.ended else "it stops at the next safe point"
    return f"`{operation.id}` ({operation.plan.summary}): {what}."


def expired(operation: Operation, lasted: str) -> str:
    """How an operation ends that nobody approved in time."""
    return (
        f"Nobody approved it within {lasted}, so nothing of it was done. "
        f"To ask again, type `/clone {operation.plan.command}`."
    )


def reminder(operation: Operation, who: Sequence[str]) -> str:
    """What the thread says half-way to those who may approve."""
    names = " ".join(f"@{name}" for name in who)
    until = f" until {stamp(operation.expires)}" if operation.expires else ""
    return f"{names} `{operation.id}` still awaits approval{until}; then it ends, and nothing of it is done."


def waived(waiver: Waiver) -> tuple[str, tuple[str, ...]]:
    """What to tell somebody whose waiver was recorded."""
    title = f"Waived `{waiver.finding}` of *{waiver.fleet}* until {waiver.until}"
    then = (
        "It does not block until that day is over (UTC), then it does again; every report and plan says so."
    )
    return title, (quoted(waiver.what, 600), then)


def waived_row(waiver: Waiver) -> str:
    """What the log says of it, in one sentence."""
    what = f"{waiver.finding} is waived until {waiver.until}"
    return f"{what}: {quoted(waiver.reason, 300)}. It said: {quoted(waiver.what, 300)}"


def kept_still(order: Freeze | Thaw) -> tuple[str, tuple[str, ...]]:
    """What to tell somebody whose freeze, or whose end of one, was recorded."""
    if isinstance(order, Thaw):
        return f"*{order.fleet}* is no longer frozen", ("Its channel is told so.",)
    title, (_, *lines) = given(order)
    return title, (
        *lines,
        "What runs goes on; what waits for its turn does not begin. Its channel is told so.",
    )


def kept_still_row(order: Freeze | Thaw) -> tuple[Kind, str, dict[str, object]]:
    """What the log says of it: the kind of row, one sentence, and what is needed to read it again."""
    if isinstance(order, Thaw):
        why = f": {quoted(order.reason, 300)}" if order.reason else ""
        return Kind.THAWED, f"{order.fleet} is no longer frozen{why}", {"reason": order.reason}
    text = f"{order.fleet} is frozen until {stamp(order.until)}: {quoted(order.reason, 300)}"
    return Kind.FROZEN, text, as_detail(order)


def unreported(channel: str, trouble: str) -> tuple[str, ...]:
    """What to add where the whole report could not be shown."""
    return (f"The whole report could not be posted in #{channel}: {trouble}",)


def cancelled(operation: Operation) -> str:
    """What the operation's thread says of a cancellation."""
    asked, who = (person.partition("/")[2] for person in (operation.requester, operation.cancelled_by))
    what = operation.result if operation.stage.ended else _STOPPING
    return f"@{asked} `{operation.id}` was cancelled by @{who}. {what}"


def dry_run(plan: Plan) -> Answer:
    """Say what the plan would do."""
    steps = tuple(f"{number}. {action}" for number, action in enumerate(in_words(plan.actions), 1))
    cost = () if plan.cost_per_hour is None else (f"Per hour: {plan.cost_per_hour:+.4f} {plan.currency}",)
    time = about(timedelta(seconds=plan.seconds))
    back = f"; `/clone {plan.inverse}` leads back" if plan.inverse else ""
    lines = (*steps, *plan.notes, *cost, f"Takes about {time}{back}.", "Nothing was changed.")
    return Answer(title=f"Dry run: {plan.summary}", lines=lines)
