"""The live message of an operation: what it changes, for what price, on whose word, and how far it is."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    PlainTextObject,
)

from bot.domain.moment import about, stamp
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.step import in_words
from bot.domain.words import one_line, plural
from bot.slack.views.markup import fit, mrkdwn, quote, shorten
from bot.slack.views.message import LINE, SECTION, WHOLE, Message, marked, message, section, sections

APPROVE = "operation.approve"
DENY = "operation.deny"
CANCEL = "operation.cancel"
DECISION = "operation.decision"

_HEADER = 150
_MARKS = {Progress.TO_DO: "▫️", Progress.DOING: "⏳", Progress.DONE: "✅", Progress.FAILED: "❌"}
_SIGNS = {
    Stage.AWAITING_APPROVAL: "✋",
    Stage.WAITING: "🕒",
    Stage.RUNNING: "⏳",
    Stage.DONE: "✅",
    Stage.PARTLY_DONE: "⚠️",
    Stage.FAILED: "❌",
    Stage.DENIED: "🚫",
    Stage.CANCELLED: "🛑",
    Stage.EXPIRED: "⌛",
}

_NOT_BEGUN = {Stage.AWAITING_APPROVAL, Stage.WAITING, Stage.DENIED, Stage.EXPIRED}


def show_operation(operation: Operation) -> Message:
    """The card as it is now."""
    running = "running, " if operation.stage is Stage.RUNNING else ""
    return message(f"{operation.plan.summary}: {running}{_headline(operation)}", list(_blocks(operation)))


def button_value(operation: Operation) -> str:
    """What a button sends back: the operation and the plan that the person saw."""
    return f"{operation.id}:{operation.plan.hash}"


def _blocks(operation: Operation) -> Iterator[Block]:
    plan = operation.plan
    yield HeaderBlock(text=PlainTextObject(text=shorten(one_line(plan.summary), _HEADER), emoji=False))
    yield section(f"{_SIGNS[operation.stage]} {_status(operation)}")
    if facts := " · ".join(_facts(operation)):
        yield section(facts)
    if plan.reason:
        yield section(f"*Reason:* {fit(plan.reason, LINE, quote)}")
    yield from sections([f"⚠️ {note}" for note in plan.notes], budget=SECTION // 2)
    rest = f"The whole plan is in the records: type `/clone audit {operation.id}`."
    yield from sections(_steps(operation), budget=WHOLE, rest=rest)
    yield ContextBlock(elements=[marked(fit(_small_print(operation), SECTION))])
    if operation.stage is Stage.AWAITING_APPROVAL:
        yield _decision(operation)
    elif not (operation.stage.ended or operation.cancelled_by):
        yield _cancellation(operation)


def _headline(operation: Operation) -> str:
    if operation.stage is Stage.RUNNING and operation.progress:
        done = sum(mark is Progress.DONE for mark in operation.progress)
        return f"{done} of {plural(len(operation.progress), 'step')} done"
    return operation.result or str(operation.stage)


def _status(operation: Operation) -> str:
    stage = f"*{str(operation.stage).capitalize()}*"
    if operation.stage is Stage.AWAITING_APPROVAL:
        counted = f" ({len(operation.approvers)} of {operation.needed})" if operation.needed > 1 else ""
        until = f", until {stamp(operation.expires)}" if operation.expires else ""
        return f"{stage}{counted} by somebody else than {mrkdwn(_mention(operation.requester))}{until}"
    if operation.stage is Stage.WAITING:
        return f"{stage}, behind {fit(operation.behind, LINE)}" if operation.behind else stage
    if operation.stage is Stage.DENIED:
        reason = operation.result if operation.result != operation.stage else ""
        by = f"{stage} by {mrkdwn(_mention(operation.denied_by))}"
        return f"{by}: {fit(reason, LINE, quote)}" if reason else by
    if operation.cancelled_by:
        return f"{stage}: {fit(_headline(operation), LINE)} · {_cancelled(operation)}"
    return f"{stage}: {fit(_headline(operation), LINE)}"


def _cancelled(operation: Operation) -> str:
    by = f"cancelled by {mrkdwn(_mention(operation.cancelled_by))}"
    stops = "" if operation.stage.ended else "; it stops at the next safe point"
    reason = f": {fit(operation.cancel_reason, LINE, quote)}" if operation.cancel_reason else ""
    return f"{by}{stops}{reason}"


def _facts(operation: Operation) -> Iterator[str]:
    plan = operation.plan
    if plan.cost_per_hour is not None:
        yield f"*{_money(plan.cost_per_hour)} {quote(plan.currency)}* per hour"
    if plan.seconds and not operation.stage.ended:
        yield f"takes about {about(timedelta(seconds=plan.seconds))}"
    if plan.inverse:
        yield f"back with `/clone {fit(plan.inverse, LINE, quote)}`"


def _steps(operation: Operation) -> Sequence[str]:
    actions = tuple(in_words(operation.plan.actions))
    begun = any(mark is not Progress.TO_DO for mark in operation.progress)
    cancelled_early = operation.stage is Stage.CANCELLED and not begun
    if cancelled_early or operation.stage in _NOT_BEGUN:
        return [f"{number}. {action}" for number, action in enumerate(actions, 1)]
    marks = zip(operation.progress, actions, strict=True)
    return [f"{_MARKS[mark]} {number}. {action}" for number, (mark, action) in enumerate(marks, 1)]


def _small_print(operation: Operation) -> str:
    people = [f"asked by {_mention(operation.requester)}"]
    if operation.approvers:
        people.append(f"approved by {', '.join(map(_mention, operation.approvers))}")
    return " · ".join([f"`{operation.id}`", *people, f"plan `{operation.plan.short_hash}`"])


def _decision(operation: Operation) -> ActionsBlock:
    value = button_value(operation)
    approve = ButtonElement(text="Approve", action_id=APPROVE, value=value, style="primary")
    deny = ButtonElement(text="Deny", action_id=DENY, value=value, style="danger")
    return ActionsBlock(block_id=DECISION, elements=[approve, deny])


def _cancellation(operation: Operation) -> ActionsBlock:
    ask = ConfirmObject(
        title="Cancel this operation?",
        text=PlainTextObject(text="What it started and does not serve yet is removed; the rest stays."),
        confirm="Cancel it",
        deny="Let it go on",
    )
    button = ButtonElement(text="Cancel", action_id=CANCEL, value=button_value(operation), confirm=ask)
    return ActionsBlock(block_id=DECISION, elements=[button])


def _mention(person: str) -> str:
    return "@" + person.partition("/")[2]


def _money(amount: float) -> str:
    whole, _, cents = f"{amount:+,.4f}".partition(".")
    return f"{whole}.{cents.rstrip('0').ljust(2, '0')}"
