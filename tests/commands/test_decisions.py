"""`approve` and `deny`."""

from dataclasses import replace

import pytest

from bot.command import Record, Verdict
from bot.domain.decision import undecided
from bot.domain.errors import Conflict, NotAllowed, UsageError
from bot.domain.operation import Stage
from bot.domain.people import Person
from tests.commands.examples import ADA, BOB, EVE, POLICY, an_operation, run

OPEN = an_operation()


@pytest.mark.parametrize(
    ("typed", "verdict", "reason"),
    [
        ("approve op-k3m9ta", Verdict.APPROVE, ""),
        ("approve `OP-K3M9TA`.", Verdict.APPROVE, ""),
        ("deny op-k3m9ta", Verdict.DENY, ""),
        ("deny op-k3m9ta not today, it's late", Verdict.DENY, "not today, it's late"),
    ],
)
def test_an_approver_decides_on_the_plan_as_it_stands(typed: str, verdict: Verdict, reason: str) -> None:
    assert run(typed, person=ADA, operations=(OPEN,)) == Record(
        operation=OPEN.id, plan=OPEN.plan.hash, verdict=verdict, reason=reason
    )


@pytest.mark.parametrize("word", ["approve", "deny"])
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.AWAITING_APPROVAL])
def test_what_is_decided_needs_no_decision_any_more(word: str, stage: Stage) -> None:
    with pytest.raises(Conflict, match=f"needs no decision any more: it is {stage}"):
        run(f"{word} op-k3m9ta", person=ADA, operations=(an_operation(stage=stage),))


def test_an_unknown_id_is_answered_with_those_that_wait() -> None:
    done = an_operation("op-aaaaaa", Stage.DONE)
    with pytest.raises(UsageError) as raised:
        run("approve op-k3m9tb", person=ADA, operations=(OPEN, done))
    assert "Did you mean `op-k3m9ta`? Awaiting approval: `op-k3m9ta`." in str(raised.value)
    with pytest.raises(UsageError, match="Nothing awaits approval now"):
        run("approve op-aaaaab", person=ADA, operations=(done,))


@pytest.mark.parametrize("person", [BOB, EVE], ids=["an operator", "a viewer"])
def test_only_approvers_decide(person: Person) -> None:
    with pytest.raises(NotAllowed, match=r"needs the role \*approver\*.*@U0ADA"):
        undecided((OPEN,), OPEN.id, person, POLICY)


@pytest.mark.parametrize("word", ["approve", "deny"])
def test_nobody_decides_on_their_own_request(word: str) -> None:
    mine = replace(OPEN, requester="T0/U0ADA")
    with pytest.raises(NotAllowed, match="your own request"):
        run(f"{word} op-k3m9ta", person=ADA, operations=(mine,))
