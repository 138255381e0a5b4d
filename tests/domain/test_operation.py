"""An operation's life: what may follow what."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from bot.domain import plan as plans
from bot.domain.audit import Entry, Kind
from bot.domain.errors import Conflict
from bot.domain.operation import Operation, Progress, Stage, advance
from bot.domain.plan import Boot, Lane, Plan, Prove

PLAN = Plan(
    fleet="web",
    lane=Lane.CAPACITY,
    command="scale web 4",
    summary="web: 2 → 4 clones",
    actions=(Boot(), Prove()),
    before=2,
    after=4,
)
OTHER = replace(PLAN, actions=(Boot(),))


NOW = datetime(2026, 11, 22, tzinfo=UTC)


def entry(kind: Kind, person: str = "T0/U0ADA", text: str = "", **detail: Any) -> Entry:
    return Entry(
        kind=kind,
        at=NOW,
        key="",
        operation="op-1",
        text=text,
        person=person,
        detail=detail,
    )


def planned(needed: int = 1, plan: Plan = PLAN) -> Entry:
    return entry(Kind.PLANNED, "T0/U0BOB", plan=plans.to_json(plan), approvals=needed, channel="C0WEB")


def approved(person: str = "T0/U0ADA", plan: Plan = PLAN) -> Entry:
    return entry(Kind.APPROVED, person, plan=plan.hash)


def until(moment: datetime) -> Entry:
    """A plan that can be approved until then."""
    first = planned(1)
    return replace(first, detail={**first.detail, "expires": moment.isoformat()})


EXPIRED = entry(Kind.FINISHED, text="Nobody approved it.", stage="expired")
LATER = NOW + timedelta(seconds=1)
DENIED = entry(Kind.DENIED, text="not today", plan=PLAN.hash)
STARTED = entry(Kind.STARTED, plan=PLAN.hash)
CANCELLED = entry(Kind.CANCELLED, text="wrong fleet")
FINISHED = entry(Kind.FINISHED, text="4 of 4 serve", stage="done")


def life(*entries: Entry) -> Operation:
    start: Operation | None = None
    operation = reduce(advance, entries, start)
    assert operation is not None
    return operation


@pytest.mark.parametrize(
    ("entries", "stage"),
    [
        ([planned(0)], Stage.WAITING),
        ([planned(1)], Stage.AWAITING_APPROVAL),
        ([planned(1), approved()], Stage.WAITING),
        ([planned(2), approved()], Stage.AWAITING_APPROVAL),
        ([planned(2), approved(), approved("T0/U0LEA")], Stage.WAITING),
        ([planned(1), DENIED], Stage.DENIED),
        ([planned(1), approved(), STARTED], Stage.RUNNING),
        ([planned(0), STARTED, STARTED], Stage.RUNNING),
        ([planned(0), STARTED, FINISHED], Stage.DONE),
        ([planned(1), approved(), planned(1, OTHER)], Stage.AWAITING_APPROVAL),
        ([planned(1), CANCELLED], Stage.CANCELLED),
        ([planned(1), approved(), CANCELLED], Stage.CANCELLED),
        ([planned(0), STARTED, CANCELLED], Stage.RUNNING),
        ([planned(0), STARTED, CANCELLED, FINISHED], Stage.DONE),
        ([until(LATER), approved()], Stage.WAITING),
        ([until(NOW), EXPIRED], Stage.EXPIRED),
        ([until(NOW), DENIED], Stage.DENIED),
        ([until(NOW), planned(1, OTHER), approved(plan=OTHER)], Stage.WAITING),
    ],
)
def test_each_row_of_the_log_moves_it_on(entries: list[Entry], stage: Stage) -> None:
    assert life(*entries).stage is stage


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([planned(1), approved("T0/U0BOB")], "your own request"),
        ([planned(2), approved(), approved()], "You have approved `op-1` already"),
        ([planned(1), approved(), approved("T0/U0LEA")], r"no decision any more.*approved by @U0ADA"),
        ([planned(1), DENIED, approved()], r"no decision any more.*denied by @U0ADA"),
        ([planned(1), approved(), DENIED], "no decision any more"),
        ([planned(1), approved(plan=OTHER)], "has changed since"),
        ([planned(1), STARTED], "cannot start: awaiting approval"),
        ([planned(1), DENIED, STARTED], "cannot start: denied"),
        ([planned(0, OTHER), STARTED], "cannot start: its plan has changed"),
        ([planned(0), STARTED, FINISHED, FINISHED], "has ended already"),
        ([planned(0), STARTED, FINISHED, planned(0)], "has ended"),
        (
            [planned(0), STARTED, FINISHED, CANCELLED],
            "has ended already, so there is nothing to cancel: done",
        ),
        ([planned(1), DENIED, CANCELLED], "nothing to cancel: denied by @U0ADA"),
        ([planned(1), CANCELLED, CANCELLED], "nothing to cancel: cancelled by @U0ADA"),
        ([planned(0), STARTED, CANCELLED, CANCELLED], "is being cancelled already, by @U0ADA"),
        ([planned(0), CANCELLED, STARTED], "cannot start: cancelled"),
        ([planned(1), CANCELLED, approved()], "no decision any more: cancelled"),
        (
            [until(NOW), approved()],
            "could be approved until 2026-11-22 00:00:00 UTC. To ask again, type `/clone",
        ),
        ([until(NOW), EXPIRED, approved()], "no decision any more: expired"),
        ([until(NOW), EXPIRED, CANCELLED], "nothing to cancel: expired"),
        ([until(LATER), EXPIRED], "was decided in time: awaiting approval"),
        ([until(NOW), DENIED, EXPIRED], "has ended already"),
        ([until(LATER), approved(), EXPIRED], "was decided in time: waiting"),
    ],
)
def test_what_may_not_follow_is_a_conflict(entries: list[Entry], said: str) -> None:
    with pytest.raises(Conflict, match=said):
        life(*entries)


def test_an_approval_of_the_plan_before_does_not_count_for_the_one_after() -> None:
    operation = life(planned(1), approved(), planned(1, OTHER))
    assert (operation.approvers, operation.plan.hash) == ((), OTHER.hash)


def test_progress_follows_intents_and_outcomes() -> None:
    operation = life(
        planned(0),
        STARTED,
        entry(Kind.INTENT, index=0),
        entry(Kind.OUTCOME, index=0, ok=True),
        entry(Kind.INTENT, index=1),
    )
    assert operation.progress == (Progress.DONE, Progress.DOING)
    failed = advance(operation, entry(Kind.OUTCOME, index=1, ok=False))
    assert failed is not None
    assert failed.progress == (Progress.DONE, Progress.FAILED)


def test_rows_about_no_operation_make_none() -> None:
    assert advance(None, entry(Kind.REQUESTED)) is None
    assert advance(None, entry(Kind.APPROVED)) is None


def test_the_result_and_the_message_are_remembered() -> None:
    operation = life(planned(0), entry(Kind.POSTED, message="123.4"), STARTED, FINISHED)
    assert (operation.message, operation.result) == ("123.4", "4 of 4 serve")
