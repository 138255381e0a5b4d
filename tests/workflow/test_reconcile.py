"""Round by round: what differs between AWS and the log is told once, and nothing is ever removed."""

from contextlib import suppress
from datetime import timedelta

import pytest

from bot.domain.audit import Entry, Kind
from bot.domain.errors import ChatError, CloudUnreachable
from bot.domain.fleet import Patience, Role, Service, State
from bot.domain.notice import Notice
from bot.domain.operation import Stage
from tests.workflow.bench import EVE, SPEC, Bench, PowerCut

NO_ANSWER = CloudUnreachable("AWS does not answer.")


def rounds(bench: Bench, number: int = 2, *, dead: str = "") -> None:
    """Let a minute pass before each."""
    for _ in range(number):
        bench.clock.at += timedelta(minutes=1)
        bench.reconciler.look_around(lambda operation: operation != dead)


def told(bench: Bench) -> list[str]:
    """What the channel was told, each notice as one text."""
    assert {channel for channel, _ in bench.chat.notices.values()} <= {SPEC.channel}
    return [_text(notice) for _, notice in bench.chat.notices.values()]


def _text(notice: Notice) -> str:
    return "\n".join((notice.title, *notice.lines))


def restart(bench: Bench) -> None:
    bench.configure(bench.spec)


def assert_nothing_was_done(bench: Bench) -> None:
    assert bench.cloud.calls == []


def test_while_all_is_as_recorded_nothing_is_told(bench: Bench) -> None:
    rounds(bench)
    bench.scale(2)
    rounds(bench, 3)
    bench.scale(1)
    rounds(bench, 3)
    assert told(bench) == []
    assert not bench.rows(Kind.RECONCILED)
    assert bench.reconciler.reports()["web"].differences == 0


def test_nor_after_a_server_was_set_aside(bench: Bench) -> None:
    bench.cloud.sick = {"i-0002"}
    assert bench.scale(2).stage is Stage.PARTLY_DONE
    rounds(bench, 3)
    assert told(bench) == []


# -- unknown servers


def test_a_server_tagged_by_hand_is_told_once_and_again_when_it_is_gone(bench: Bench) -> None:
    stranger = bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    rounds(bench, 1)
    assert told(bench) == []
    rounds(bench, 4)
    (text,) = told(bench)
    assert text.startswith("*web*: AWS and what I recorded differ\n⚠️ Unknown server `i-0002` carries this")
    assert "(role `clone`; running, out of service). It counts as a clone, so scaling in may end it" in text
    bench.cloud.turn_by_hand(stranger, state=State.TERMINATED)
    rounds(bench, 3)
    assert len(told(bench)) == 2
    assert told(bench)[1].startswith(
        "*web*: AWS and what I recorded agree again\n✅ Settled, it is so no more"
    )
    assert_nothing_was_done(bench)


def test_it_is_told_again_when_it_changes(bench: Bench) -> None:
    stranger = bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    rounds(bench, 3)
    bench.cloud.turn_by_hand(stranger, state=State.STOPPED)
    rounds(bench, 3)
    assert ["running" in text for text in told(bench)] == [True, False]
    assert "stopped" in told(bench)[1]


def test_it_is_seen_in_status_in_the_digest_and_in_the_figures(bench: Bench) -> None:
    bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    rounds(bench)
    for asked in ("status", "digest"):
        bench.ask(asked, EVE)
        assert "⚠️ web: Unknown server `i-0002` carries this fleet's tag" in bench.chat.answers_to(EVE.id)[-1]
    assert "0 of 1 fleet as wanted" in bench.chat.answers_to(EVE.id)[-1]
    report = bench.reconciler.reports()["web"]
    assert report.differences == 1
    assert report.read
    assert bench.clock.now() - report.read < timedelta(minutes=1)


def test_tags_that_were_copied_to_another_server_deceive_nobody(bench: Bench) -> None:
    bench.scale(1)
    copy = bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    mine = bench.cloud.servers(SPEC, bench.clones())["i-0002"]
    bench.cloud.tag_by_hand(copy, operation=mine.operation, action=mine.action)
    rounds(bench)
    assert "Unknown server `i-0003`" in told(bench)[0]


def test_a_stranger_in_the_target_group_is_told(bench: Bench) -> None:
    stranger = bench.cloud.start_by_hand(SPEC)
    bench.cloud.turn_by_hand(stranger, service=Service.HEALTHY)
    rounds(bench)
    assert (
        f"`{stranger}` is registered in the target group, and neither the master nor a clone"
        in told(bench)[0]
    )


def test_a_clone_that_somebody_put_in_service_without_a_proof_is_told(bench: Bench) -> None:
    bench.cloud.lost["launch"] = [NO_ANSWER] * 200
    bench.scale(1)
    bench.cloud.lost.clear()
    bench.cloud.turn_by_hand("i-0002", state=State.RUNNING, service=Service.HEALTHY)
    rounds(bench)
    what = "`i-0002` is registered in the target group (healthy), and was never proved"
    assert what in "\n".join(told(bench))


# -- clones that should serve


def test_a_clone_that_was_terminated_behind_our_back_is_told_once_until_it_is_replaced(bench: Bench) -> None:
    bench.scale(2)
    bench.cloud.turn_by_hand("i-0002", state=State.TERMINATED)
    rounds(bench, 2)
    bench.cloud.forget("i-0002")
    rounds(bench, 2)
    (text,) = told(bench)
    assert "⚠️ `i-0002` should serve, but was terminated, and not by me" in text
    assert "To start another, type `/clone scale web 2`." in text
    bench.scale(2)
    rounds(bench, 3)
    assert len(told(bench)) == 2
    assert "agree again\n✅ Settled, there are enough clones without it: `i-0002` should" in told(bench)[1]


def test_a_clone_that_nobody_replaces_is_mentioned_for_a_day(bench: Bench) -> None:
    bench.scale(2)
    bench.cloud.turn_by_hand("i-0002", state=State.TERMINATED)
    rounds(bench, 2)
    bench.clock.at += timedelta(hours=23)
    rounds(bench, 1)
    assert bench.reconciler.reports()["web"].differences == 1
    bench.clock.at += timedelta(hours=1)
    rounds(bench, 3)
    assert bench.reconciler.reports()["web"].differences == 0
    assert len(told(bench)) == 1


def test_a_clone_that_was_deregistered_behind_our_back_is_told_until_it_serves_again(bench: Bench) -> None:
    bench.scale(1)
    bench.cloud.turn_by_hand("i-0002", service=Service.OUT)
    rounds(bench, 3)
    (text,) = told(bench)
    assert "`i-0002` should serve, but nobody sends it requests: it was deregistered" in text
    assert "To replace it, type `/clone scale web 0`, then `/clone scale web 1`." in text
    bench.cloud.turn_by_hand("i-0002", service=Service.HEALTHY)
    rounds(bench, 3)
    assert "Settled" in told(bench)[1]


def test_a_clone_that_we_then_remove_is_settled(bench: Bench) -> None:
    bench.scale(2)
    bench.cloud.turn_by_hand("i-0002", service=Service.OUT)
    rounds(bench)
    assert bench.scale(1).stage is Stage.DONE
    rounds(bench, 3)
    assert len(told(bench)) == 2
    assert "Settled" in told(bench)[1]


def test_what_a_running_operation_works_on_is_not_strange(bench: Bench) -> None:
    bench.scale(2)
    asked = bench.ask("scale web 1")
    lines: list[str] = []

    def look() -> None:
        bench.clock.passing = lambda: None
        rounds(bench, 4)
        lines.extend(told(bench))

    bench.cloud.drains_after = 3
    bench.clock.passing = look
    assert bench.end_of(asked).stage is Stage.DONE
    rounds(bench, 3)
    assert (lines, told(bench)) == ([], [])


# -- answers that were lost


def test_a_launch_whose_answer_was_lost_for_good_is_found_out_and_told_once(bench: Bench) -> None:
    bench.cloud.lost["launch"] = [NO_ANSWER] * 200
    ended = bench.scale(1)
    assert ended.stage is Stage.FAILED
    (outcome,) = [row for row in bench.rows(Kind.OUTCOME) if row.text.startswith("unknown")]
    assert "AWS gave no clear answer to: launch 1 ×" in outcome.text
    bench.cloud.lost.clear()
    rounds(bench, 4)
    found = "AWS did not say what came of it. Found `i-0002` (pending, out of service)."
    found = found.replace("pending", "running")
    text = "\n".join(told(bench))
    assert text.count(found) == 1
    assert text.count(f"`i-0002` was started by `{ended.id}` and never served (running)") == 1
    assert "To remove it, type `/clone scale web 0`." in text
    (row,) = [row for row in bench.rows(Kind.RECONCILED) if row.operation == ended.id]
    assert (row.action, row.text[-len(found) :]) == (outcome.action, found)
    assert bench.scale(0, "--discard").stage is Stage.DONE
    rounds(bench, 3)
    assert "Settled" in told(bench)[-1]
    assert bench.reconciler.reports()["web"].differences == 0


def test_a_launch_that_never_reached_aws_started_nothing(bench: Bench) -> None:
    bench.cloud.failures["launch"] = [NO_ANSWER] * 200
    bench.scale(1)
    bench.cloud.failures.clear()
    rounds(bench, 4)
    (text,) = told(bench)
    assert text.startswith("*web*: I know now what came of a request that AWS did not answer\n")
    assert "Nothing that it started is there." in text


@pytest.mark.parametrize(
    ("fault", "found"), [("lost", "Found `ami-op-1.2`."), ("failures", "There is no image of it.")]
)
def test_a_bake_whose_answer_was_lost_for_good_is_found_out(empty: Bench, fault: str, found: str) -> None:
    getattr(empty.cloud, fault)["bake"] = [NO_ANSWER] * 200
    empty.scale(1)
    getattr(empty.cloud, fault).clear()
    rounds(empty, 3)
    assert found in "\n".join(told(empty))


# -- what is open and nobody works on


def test_an_intent_that_its_operation_left_open_is_closed_and_found_out(bench: Bench) -> None:
    ended = bench.scale(1)
    bench.records.begin(_intent(bench, ended.id))
    rounds(bench, 3)
    assert bench.rows(Kind.OUTCOME)[-1].text.startswith("unknown: its operation ended before")
    assert "Found `i-0002` (running, healthy)." in told(bench)[0]


def test_an_operation_that_the_engine_does_not_know_is_ended(bench: Bench) -> None:
    waiting = bench.ask("scale web 4")
    rounds(bench, 1, dead=waiting)
    assert bench.operation(waiting).stage is Stage.AWAITING_APPROVAL
    rounds(bench, 1, dead=waiting)
    ended = bench.operation(waiting)
    assert ended.stage is Stage.FAILED
    assert "I lost track of it" in ended.result
    assert "Type `/clone status web` to see what is." in ended.result


def test_one_that_the_engine_knows_goes_on(bench: Bench) -> None:
    waiting = bench.ask("scale web 4")
    rounds(bench, 4)
    assert bench.operation(waiting).stage is Stage.AWAITING_APPROVAL


# -- reading and telling fails


def test_aws_that_cannot_be_read_is_told_after_some_minutes_and_when_it_can_be_again(bench: Bench) -> None:
    bench.cloud.failures["census"] = [NO_ANSWER] * 8
    rounds(bench, 3)
    assert told(bench) == []
    rounds(bench, 5)
    (text,) = told(bench)
    assert text.startswith(
        "*web*: AWS cannot be read, so I do not know how the fleet is\n⚠️ Could not read AWS since"
    )
    assert "12:01 UTC: AWS does not answer." in text
    bench.ask("status", EVE)
    assert "Could not read AWS since" in bench.chat.answers_to(EVE.id)[-1]
    rounds(bench, 3)
    assert told(bench)[1].startswith("*web*: AWS and what I recorded agree again\n✅ AWS can be read again.")


def test_a_short_trouble_is_not_told(bench: Bench) -> None:
    bench.cloud.failures["census"] = [NO_ANSWER] * 3
    rounds(bench, 8)
    assert told(bench) == []


def test_what_was_known_stays_known_while_aws_cannot_be_read(bench: Bench) -> None:
    bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    rounds(bench)
    bench.cloud.failures["census"] = [NO_ANSWER] * 9
    rounds(bench, 9)
    assert bench.reconciler.reports()["web"].differences == 2
    rounds(bench, 1)
    assert bench.reconciler.reports()["web"].differences == 1
    assert told(bench)[-1].startswith("*web*: AWS and what I recorded differ\n✅ AWS can be read again.")


def test_after_a_restart_nothing_is_told_twice(bench: Bench) -> None:
    bench.scale(1)
    bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    bench.cloud.turn_by_hand("i-0002", state=State.TERMINATED)
    rounds(bench)
    restart(bench)
    rounds(bench, 4)
    assert len(told(bench)) == 1
    assert bench.reconciler.reports()["web"].differences == 2


def test_what_chat_did_not_take_is_told_later_and_once(bench: Bench) -> None:
    bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    bench.chat.down = ChatError("Slack is out of order.")
    rounds(bench)
    bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    rounds(bench, 2)
    bench.chat.down = None
    restart(bench)
    rounds(bench, 2)
    (text,) = told(bench)
    assert text.count("Unknown server `i-0002`") == text.count("Unknown server `i-0003`") == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_power_cut_around_the_telling_loses_and_repeats_nothing(bench: Bench, when: str) -> None:
    bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    rounds(bench, 1)
    before = bench.supply.calls
    bench.reconciler.look_around(lambda _: True)
    calls = bench.supply.calls - before
    assert calls > 5
    for number in range(1, calls + 1):
        bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
        rounds(bench, 1)
        setattr(bench.supply, f"cut_{when}", bench.supply.calls + number)
        with suppress(PowerCut):
            rounds(bench, 1)
        bench.supply.restore()
        restart(bench)
        rounds(bench)
    assert "\n".join(told(bench)).count("Unknown server") == calls + 1


def test_while_the_log_cannot_be_written_nothing_is_told(bench: Bench) -> None:
    bench.cloud.start_by_hand(SPEC, role=Role.CLONE)
    bench.records.refuse = lambda _: True
    rounds(bench, 3)
    assert told(bench) == []
    bench.records.refuse = lambda _: False
    rounds(bench, 1)
    assert len(told(bench)) == 1


def test_it_looks_as_often_as_the_fleet_file_says(bench: Bench) -> None:
    assert bench.reconciler.seconds == 60
    bench.change(patience=Patience(reconcile=5))
    assert bench.reconciler.seconds == 5


def _intent(bench: Bench, operation: str) -> Entry:
    return Entry(
        kind=Kind.INTENT,
        at=bench.clock.now(),
        key="",
        operation=operation,
        action=f"{operation}.9/i-0002",
        fleet="web",
        text="sync i-0002",
    )
