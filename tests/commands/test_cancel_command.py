"""`cancel`."""

from dataclasses import replace

import pytest

from bot.command import Record, Verdict
from bot.domain.decision import stoppable
from bot.domain.errors import Conflict, NotAllowed, UsageError
from bot.domain.operation import Stage
from bot.domain.people import Person
from tests.commands.examples import ADA, BOB, COMMANDS, EVE, POLICY, an_operation, answer, run

OPEN = (Stage.AWAITING_APPROVAL, Stage.WAITING, Stage.RUNNING)
ASKED = an_operation(stage=Stage.RUNNING)


@pytest.mark.parametrize("person", [BOB, ADA], ids=["who asked for it", "an approver"])
@pytest.mark.parametrize("stage", OPEN)
def test_what_is_open_can_be_cancelled_with_a_reason(person: Person, stage: Stage) -> None:
    operation = an_operation(stage=stage)
    assert run("cancel `OP-K3M9TA`. it's over", person=person, operations=(operation,)) == Record(
        operation=operation.id, plan=operation.plan.hash, verdict=Verdict.CANCEL, reason="it's over"
    )


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in OPEN])
def test_what_has_ended_cannot(stage: Stage) -> None:
    with pytest.raises(Conflict, match=f"has ended already, so there is nothing to cancel: {stage}"):
        run("cancel op-k3m9ta", operations=(an_operation(stage=stage),))


def test_what_is_being_cancelled_is_not_cancelled_again() -> None:
    with pytest.raises(Conflict, match="is being cancelled already, by @U0ADA"):
        run("cancel op-k3m9ta", operations=(replace(ASKED, cancelled_by="T0/U0ADA"),))


def test_an_unknown_id_is_answered_with_those_that_are_open() -> None:
    with pytest.raises(UsageError, match=r"Did you mean `op-k3m9ta`\? Open: `op-k3m9ta`\."):
        run("cancel op-k3m9tb", operations=(ASKED, an_operation("op-aaaaaa", Stage.DONE)))
    with pytest.raises(UsageError, match="Nothing is open now"):
        run("cancel op-k3m9tb")


@pytest.mark.parametrize("person", [BOB, EVE], ids=["another operator", "a viewer"])
def test_nobody_else_may(person: Person) -> None:
    others = replace(ASKED, requester="T0/U0CAT")
    with pytest.raises(NotAllowed, match=r"Only @U0CAT, who asked for it.*\*approver\* may.*@U0ADA"):
        stoppable((others,), others.id, person, POLICY)


def test_only_who_may_cancel_something_reads_of_it_in_the_help() -> None:
    assert "cancel" in answer("help", person=ADA)
    assert "cancel" in answer("help", person=BOB)
    assert "/clone cancel" not in answer("help", person=EVE)
    (cancel,) = (each for each in COMMANDS if each.name == "cancel")
    assert cancel.roles == "operator, approver"
