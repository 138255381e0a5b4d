"""A freeze at work: it holds back what is asked and what was approved, says so, and ends."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.audit import Kind
from bot.domain.errors import CloudUnreachable
from bot.domain.fleet import Window
from bot.domain.operation import Stage
from tests.workflow.bench import ADA, BOB, Bench

FREEZE = 'freeze web --until 2026-11-30 --reason "big sale"'
SAYS = "*web* is frozen until 2026-12-01 00:00:00 UTC, by @U0ADA: big sale."


@pytest.fixture(autouse=True)
def furnished(bench: Bench) -> None:
    bench.furnish()


def answer(bench: Bench) -> str:
    return bench.chat.answered[-1].text


def test_nothing_is_planned_while_it_holds_and_then_it_is(bench: Bench) -> None:
    assert bench.ask(FREEZE, ADA) == ""
    assert bench.ask("scale web 1") == ""
    assert "Nothing was changed" in answer(bench)
    assert SAYS in answer(bench)
    assert bench.done() == []
    bench.clock.at = datetime(2026, 12, 1, tzinfo=UTC)
    assert bench.scale(1).stage is Stage.DONE


def test_a_dry_run_is_told_so_too(bench: Bench) -> None:
    bench.ask(FREEZE, ADA)
    bench.ask("scale web 1 --dry-run")
    assert SAYS in answer(bench)


def test_what_was_approved_and_has_not_begun_does_not_begin(bench: Bench) -> None:
    operation = bench.ask("scale web 3")
    bench.approve(operation)
    bench.ask(FREEZE, ADA)
    ended = bench.end_of(operation)
    assert (ended.stage, bench.done()) == (Stage.FAILED, [])
    assert ended.result.startswith(f"Nothing was changed: {SAYS}")


def test_more_clones_are_started_where_it_lets_them(bench: Bench) -> None:
    bench.ask(f"{FREEZE} --scale-out", ADA)
    assert bench.scale(1).stage is Stage.DONE
    assert bench.ask("scale web 0") == ""
    assert SAYS in answer(bench)


def test_it_is_ended_before_its_time_by_an_approver_alone(bench: Bench) -> None:
    bench.ask(FREEZE, ADA)
    bench.ask("thaw web", BOB)
    assert "needs the role *approver*" in answer(bench)
    bench.ask('thaw web --reason "sold out"', ADA)
    assert "*web* is no longer frozen" in answer(bench)
    assert [row.text for row in bench.rows(Kind.THAWED)] == ["web is no longer frozen: sold out"]
    assert bench.scale(1).stage is Stage.DONE
    bench.ask("thaw web", ADA)
    assert "Nobody froze *web*, so there is nothing to end." in answer(bench)


def test_a_new_one_takes_the_place_of_the_last(bench: Bench) -> None:
    bench.ask(FREEZE, ADA)
    bench.ask('freeze web --until "2026-11-22 13:00" --reason "only lunch"', ADA)
    bench.ask("status web")
    assert "frozen until 2026-11-22 13:00:00 UTC, by @U0ADA: only lunch" in answer(bench)
    assert "big sale" not in answer(bench)


def test_the_digest_shows_it(bench: Bench) -> None:
    bench.ask(FREEZE, ADA)
    bench.ask("digest web")
    assert SAYS in answer(bench)


def test_asked_again_after_a_crash_it_is_ordered_once(bench: Bench) -> None:
    request = bench.request(FREEZE, ADA)
    bench.hand_in(request)
    bench.hand_in(request)
    assert len(bench.rows(Kind.FROZEN)) == 1


def test_it_can_be_ordered_while_aws_does_not_answer(bench: Bench) -> None:
    bench.cloud.failures["look"] = [CloudUnreachable("AWS does not answer")]
    bench.ask(FREEZE, ADA)
    assert len(bench.rows(Kind.FROZEN)) == 1


def test_the_channel_is_told_of_its_beginning_and_of_its_end_each_once(bench: Bench) -> None:
    bench.ask(FREEZE, ADA)
    for _ in range(2):
        bench.notices.look_around()
    bench.clock.at += timedelta(days=30)
    for _ in range(2):
        bench.notices.look_around()
    assert [notice.title for _, notice in bench.chat.notices.values()] == [
        "*web* is frozen until 2026-12-01 00:00:00 UTC",
        "*web* is no longer frozen: it was so until 2026-12-01 00:00:00 UTC",
    ]


def test_the_channel_is_told_who_ended_it(bench: Bench) -> None:
    bench.ask(FREEZE, ADA)
    bench.ask("thaw web", ADA)
    bench.clock.at += timedelta(days=30)
    bench.notices.look_around()
    assert [notice.title for _, notice in bench.chat.notices.values()][1:] == [
        "*web* is no longer frozen: @U0ADA ended it"
    ]


def test_a_window_of_the_fleet_file_holds_and_nobody_ends_it(bench: Bench) -> None:
    bench.change(freezes=(Window(begins="0 18 * * 5", ends="0 8 * * 1", reason="weekend"),))  # it is Sunday
    assert bench.ask("scale web 1") == ""
    assert "is frozen until 2026-11-23 08:00:00 UTC, by the fleet file: weekend" in answer(bench)
    bench.ask("thaw web", ADA)
    assert "That is a window of the fleet file, which ends by itself." in answer(bench)
    bench.clock.at = datetime(2026, 11, 23, 8, tzinfo=UTC)
    assert bench.scale(1).stage is Stage.DONE
