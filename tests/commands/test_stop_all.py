"""`stop-all`."""

from dataclasses import replace

import pytest

from bot.command import Halt, Record, Verdict
from bot.domain.errors import UsageError
from bot.domain.operation import Stage
from bot.domain.people import Person
from tests.commands.examples import ADA, BOB, EVE, an_operation, answer, run

OPEN = tuple(
    an_operation(f"op-{number}", stage)
    for number, stage in enumerate((Stage.AWAITING_APPROVAL, Stage.WAITING, Stage.RUNNING))
)
ENDED = tuple(an_operation(f"op-{stage.name.lower()}", stage) for stage in Stage if stage.ended)
STOPPING = replace(an_operation("op-9", Stage.RUNNING), cancelled_by="T0/U0CAT")


def test_all_that_is_open_is_cancelled_with_the_reason_whoever_asked_for_it() -> None:
    others = replace(OPEN[0], id="op-8", requester="T0/U0CAT")
    known = (*ENDED, *OPEN, STOPPING, others)
    assert run("stop-all it's on fire", person=ADA, operations=known) == Halt(
        records=tuple(
            Record(operation=each.id, plan=each.plan.hash, verdict=Verdict.CANCEL, reason="it's on fire")
            for each in (*OPEN, others)
        )
    )


def test_where_nothing_is_open_it_says_so() -> None:
    assert "Nothing is open, so there is nothing to stop." in answer("stop-all", person=ADA, operations=ENDED)


def test_what_is_being_cancelled_already_is_named() -> None:
    said = answer("stop-all", person=ADA, operations=(STOPPING,))
    assert "`op-9` is being cancelled already; its card says how far it is." in said


@pytest.mark.parametrize("person", [BOB, EVE], ids=["an operator", "a viewer"])
def test_nobody_but_an_approver_may(person: Person) -> None:
    with pytest.raises(UsageError, match="stop-all"):
        run("stop-all", person=person, operations=OPEN)
