"""An approval is waited for so long and no longer; half-way, those who may approve are reminded."""

from datetime import timedelta

import pytest

from bot.domain.audit import Kind
from bot.domain.operation import Stage
from tests.workflow.bench import ADA, BOB, LEA, Bench

DAY = timedelta(days=1)


@pytest.fixture
def asked(bench: Bench) -> str:
    """An operation that awaits approval since just now."""
    operation = bench.ask("scale web 3")
    assert bench.desk.undecided(operation) == 600
    return operation


def test_one_that_nobody_approves_ends_and_nothing_of_it_is_done(bench: Bench, asked: str) -> None:
    bench.clock.at += DAY
    ended = bench.end_of(asked)
    assert (ended.stage, bench.done()) == (Stage.EXPIRED, [])
    assert ended.result == (
        "Nobody approved it within 1 day, so nothing of it was done. To ask again, type `/clone scale web 3`."
    )
    bench.desk.conclude(asked)
    assert f"@{BOB.id} Nobody approved it within 1 day" in bench.notes(asked)
    assert bench.chat.cards()[asked].stage is Stage.EXPIRED
    bench.ask("digest web")
    assert f"`{asked}` web: 0 → 3 clones, expired. Nobody approved it" in bench.chat.answered[-1].text


def test_an_approval_that_comes_too_late_does_not_count(bench: Bench, asked: str) -> None:
    bench.clock.at += DAY
    assert bench.approve(asked) == ""
    told = bench.chat.answers_to(ADA.id)[-1]
    assert "could be approved until 2026-11-23 12:00:00 UTC. To ask again, type `/clone scale web 3`" in told
    assert bench.end_of(asked).stage is Stage.EXPIRED


def test_one_that_comes_just_in_time_does(bench: Bench, asked: str) -> None:
    bench.clock.at += DAY - timedelta(seconds=1)
    assert bench.approve(asked) == asked
    assert bench.end_of(asked).stage is Stage.DONE


def test_who_may_approve_is_reminded_half_way_and_once(bench: Bench, asked: str) -> None:
    bench.clock.at += DAY / 2 - timedelta(minutes=5)
    assert 0 < bench.desk.undecided(asked) <= 300
    assert "still awaits approval" not in bench.notes(asked)
    bench.clock.at += timedelta(minutes=5)
    for _ in range(3):
        assert bench.desk.undecided(asked) == 600
    (row,) = bench.rows(Kind.REMINDED)
    says = f"`{asked}` still awaits approval until 2026-11-23 12:00:00 UTC; then it ends, and nothing of it"
    assert says in row.text
    assert row.text.startswith("@U0ADA @U0LEA `op-")
    assert bench.notes(asked).count(says) == 1


def test_who_asked_is_not_reminded_of_their_own(bench: Bench) -> None:
    asked = bench.ask("scale web 3", LEA)
    bench.clock.at += DAY / 2
    bench.desk.undecided(asked)
    assert bench.rows(Kind.REMINDED)[0].text.startswith("@U0ADA `op-")


def test_the_last_look_is_when_it_ends(bench: Bench, asked: str) -> None:
    bench.clock.at += DAY - timedelta(seconds=90)
    assert bench.desk.undecided(asked) == 90


def test_a_plan_that_has_to_be_asked_about_again_has_the_whole_time_again(bench: Bench, asked: str) -> None:
    bench.clock.at += DAY / 2
    first = bench.operation(asked).expires
    bench.approve(asked)
    bench.scale(1)
    again = bench.end_of(asked)
    assert again.stage is Stage.AWAITING_APPROVAL
    assert first
    assert again.expires
    assert again.expires - first > DAY / 3


def test_what_needs_nobody_never_expires(bench: Bench) -> None:
    operation = bench.ask("scale web 1")
    assert bench.operation(operation).expires is None
    bench.clock.at += 30 * DAY
    assert bench.end_of(operation).stage is Stage.DONE
