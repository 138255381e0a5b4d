"""The bot is killed, as by a power cut, at every boundary of the main job; then it is started again."""

import os
import random
import time
from collections.abc import Callable

import pytest

from bot.domain.operation import Stage
from bot.lab.aws.calls import Call, Moment
from tests.scenarios.visitor import Visitor

RANDOM_KILLS = int(os.environ.get("RANDOM_KILLS", "2"))
"""`make invariants` has more of them."""
ROWS = ["requested", "planned", "approved", "started", "intent", "outcome"]
CALLS = ["CreateRule", "CreateImage", "RunInstances", "RegisterTargets"]


@pytest.mark.parametrize("kind", ROWS)
def test_killed_once_a_row_is_written_it_ends_with_four_clones(visitor: Visitor, kind: str) -> None:
    rows = (
        visitor.audit("SELECT coalesce(max(seq), 0) FROM audit")[0][0] if visitor.lab.records.exists() else 0
    )
    sql = "SELECT count(*) FROM audit WHERE kind = ? AND seq > ?"
    killed = visitor.kill_when(lambda who: who.audit(sql, kind, rows)[0][0] > 0)

    _go_through_a_crash(visitor, killed.is_set)


@pytest.mark.parametrize("action", CALLS)
@pytest.mark.parametrize("moment", list(Moment))
def test_killed_around_a_call_it_ends_with_four_clones(visitor: Visitor, action: str, moment: Moment) -> None:
    if action in {"CreateRule", "CreateImage"}:
        visitor.forget_image_and_rules()
    killed: list[Call] = []

    def kill(call: Call, when: Moment) -> None:
        if call.action == action and when is moment and not killed and "clonebot/" in call.user_agent:
            visitor.lab.kill_bot()
            killed.append(call)

    forget = visitor.lab.aws.calls.on_call(kill)
    try:
        _go_through_a_crash(visitor, lambda: bool(killed))
    finally:
        forget()


@pytest.mark.parametrize("action", ["RunInstances", "RegisterTargets"])
def test_killed_once_an_answer_has_arrived_it_ends_with_four_clones(visitor: Visitor, action: str) -> None:
    known = len(visitor.lab.aws.calls.of(action))

    def answered(_: Visitor) -> bool:
        return any(call.answered_at for call in visitor.lab.aws.calls.of(action)[known:])

    killed = visitor.kill_when(answered)

    _go_through_a_crash(visitor, killed.is_set)


@pytest.mark.parametrize("seed", range(RANDOM_KILLS))
def test_killed_at_a_random_moment_it_ends_with_four_clones(visitor: Visitor, seed: int) -> None:
    wait = random.Random(seed).uniform(0, 6)
    begin = time.monotonic()
    killed = visitor.kill_when(lambda _: time.monotonic() > begin + wait)

    _go_through_a_crash(visitor, killed.is_set)


def _go_through_a_crash(visitor: Visitor, killed: Callable[[], bool]) -> None:
    """Ask for four clones; restart the bot once it was killed; check that exactly four came of it."""
    trigger = f"{time.time_ns()}.crash"
    operation = visitor.ask_with(trigger, "scale web 4")
    visitor.until(lambda: _approve(visitor, operation) or killed(), "nothing happened")
    visitor.until(killed, "the bot was not killed")
    visitor.lab.start_bot()
    visitor.until(
        lambda: visitor.knows(operation) or visitor.ask_with(trigger, "scale web 4"), "it was forgotten"
    )
    visitor.until(lambda: _approve(visitor, operation), "it was not approved")

    ended = visitor.end_of(operation)

    assert (ended.stage, ended.result) == (Stage.DONE, "web: 4 of 4 clones serve.")
    assert len(visitor.serving()) == len(visitor.clones()) == 4
    assert len(visitor.ever_launched(operation)) == 4
    visitor.assert_audit_is_complete()


def _approve(visitor: Visitor, operation: str) -> bool:
    """Press Approve if it is there; whether the operation needs no approval any more."""
    if not visitor.knows(operation):
        return False
    if visitor.operation(operation).stage is not Stage.AWAITING_APPROVAL:
        return True
    visitor.try_to_press(operation)
    return False
