"""The doctor at work: what blocks keeps images from being made, until it is put right or waived."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.audit import Kind
from bot.domain.doctor.aws.facts import Area
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.errors import ChatError, CloudDenied, CloudUnreachable, ServerUnreachable
from bot.domain.fleet import State
from bot.domain.operation import Stage
from bot.domain.people import Person
from bot.workflow.examination import read_waivers
from tests.workflow.bench import ADA, BOB, EVE, Bench, PowerCut

WAIVE = "--until 2026-12-31 --reason 'moved next week'"


@pytest.fixture
def ill(empty: Bench) -> Bench:
    """A master of which no image should be made, and none was."""
    fall_ill(empty)
    return empty


def fall_ill(bench: Bench) -> None:
    bench.cloud.found = replace(bench.cloud.inspect(bench.spec), root_on_disk=False)


def recover(bench: Bench) -> None:
    bench.cloud.found = None


def told(bench: Bench, person: str = BOB.id) -> str:
    return bench.chat.answers_to(person)[-1]


def reported(bench: Bench) -> Diagnosis:
    ((_, diagnosis),) = bench.chat.reports.values()
    return diagnosis


def blocking(bench: Bench) -> str:
    """The id of what blocks, as people read it in the report."""
    bench.ask("doctor web")
    *_, (_, diagnosis) = bench.chat.reports.values()
    (finding,) = diagnosis.blocking
    return finding.id


def later(bench: Bench, **time: int) -> None:
    bench.clock.sleep(timedelta(**time).total_seconds())


def test_a_report_goes_to_the_fleets_channel_and_who_asked_is_told(empty: Bench) -> None:
    assert empty.ask("doctor web") == ""
    ((channel, diagnosis),) = empty.chat.reports.values()
    assert channel == empty.spec.channel
    assert (diagnosis.fleet, diagnosis.master, diagnosis.blocking) == ("web", "i-master", ())
    assert told(empty).startswith("*web*: nothing blocks a clone image")
    assert [row.text for row in empty.rows(Kind.ANSWERED)] == ["*web*: nothing blocks a clone image"]


def test_a_report_looks_at_the_server_and_at_aws(empty: Bench) -> None:
    empty.ask("doctor web")
    assert ("inspect", "i-master") in empty.servers.calls
    assert empty.cloud.asked["inspect"] == 1
    assert empty.done() == []


def test_what_blocks_stands_in_the_log_in_status_and_in_the_digest(ill: Bench) -> None:
    name = blocking(ill)
    (row,) = ill.rows(Kind.EXAMINED)
    assert (row.operation, row.fleet) == ("doctor/web", "web")
    assert row.text == f"*web*: 1 thing blocks a clone image: {name}"
    later(ill, hours=5)
    said = f"No new image of *web*: `{name}` blocks, as the doctor saw 5 hours ago."
    for text in ("status web", "digest web"):
        ill.ask(text, ADA)
        assert said in told(ill, ADA.id)
    assert len(ill.rows(Kind.EXAMINED)) == 1, "status and digest look at no master"


@pytest.mark.parametrize("end", ["put right", "waived"])
def test_what_was_put_right_or_waived_is_not_said_to_block(ill: Bench, end: str) -> None:
    name = blocking(ill)
    if end == "waived":
        ill.ask(f"waive web {name} {WAIVE}", ADA)
    else:
        recover(ill)
        ill.ask("doctor web")
    ill.ask("status web", ADA)
    assert "No new image" not in told(ill, ADA.id)


def test_whoever_has_the_master_examined_its_result_is_remembered(ill: Bench) -> None:
    ill.ask("status web")
    assert "Its master was not examined yet" in told(ill)
    ill.ask("bake web")
    ill.ask("status web")
    assert "No new image of *web*: `root-device-" in told(ill)


def test_a_report_that_the_channel_does_not_take_is_told_in_short_with_why(ill: Bench) -> None:
    ill.chat.outside.add(ill.spec.channel)
    ill.ask("doctor web")
    assert told(ill).startswith("*web*: 1 thing blocks a clone image")
    assert "root-device-" in told(ill)
    assert "could not be posted in #C0WEB: I am not in that channel. Type `/invite" in told(ill)


def test_a_server_that_cannot_be_reached_is_named_and_nothing_is_told_by_halves(empty: Bench) -> None:
    empty.servers.fail("inspect", ServerUnreachable("i-master cannot be reached over SSH."), times=2)
    empty.ask("doctor web")
    assert told(empty) == "Nothing was changed\ni-master cannot be reached over SSH."
    empty.ask("bake web")
    assert told(empty) == "Nothing was changed\ni-master cannot be reached over SSH."
    assert (empty.chat.reports, empty.done()) == ({}, [])


def test_aws_that_does_not_answer_is_told_as_that(empty: Bench) -> None:
    empty.cloud.failures["inspect"] = [CloudUnreachable("AWS does not answer.")]
    empty.ask("doctor web")
    assert told(empty) == "Nothing was changed\nAWS does not answer."


def test_a_stopped_master_is_not_looked_into_and_that_is_said(empty: Bench) -> None:
    empty.cloud.stop_master()
    empty.ask("doctor web")
    seen = reported(empty).examination
    assert [finding.check for finding in seen.findings] == ["stopped-master"]
    assert [each.check for each in seen.not_checked] == ["server", "other-quotas"]
    assert not seen.whole
    assert told(empty).startswith("*web*: the master was not looked at, so nobody knows what blocks")
    empty.ask("status web")
    assert "Its master was not examined yet" in told(empty)
    assert "inspect" not in [method for method, _ in empty.servers.calls]


def test_no_image_is_made_while_something_blocks(ill: Bench) -> None:
    for text in ("bake web", "scale web 2", "bake web --dry-run"):
        assert ill.ask(text) == ""
        assert "`root-device-" in told(ill)
        assert "`/clone doctor web`" in told(ill)
    assert ill.done() == []
    assert len(ill.rows(Kind.REFUSED)) == 3


def test_what_was_put_right_does_not_block_any_more(ill: Bench) -> None:
    assert ill.ask("bake web") == ""
    recover(ill)
    assert ill.end_of(ill.ask("bake web")).stage is Stage.DONE


def test_what_was_waived_does_not_block_until_the_waiver_is_over(ill: Bench) -> None:
    name = blocking(ill)
    assert ill.ask(f"waive web {name} {WAIVE}", ADA) == ""
    assert told(ill, ADA.id).startswith(f"Waived `{name}` of *web* until 2026-12-31")

    operation = ill.ask("bake web")
    notes = ill.operation(operation).plan.notes
    assert f"`{name}` is waived until 2026-12-31 by @U0ADA: moved next week" in notes
    assert ill.end_of(operation).stage is Stage.DONE

    later(ill, days=39)  # 2026-12-31, noon
    assert ill.end_of(ill.ask("bake web")).stage is Stage.DONE
    later(ill, days=1)
    assert ill.ask("bake web") == ""
    assert f"`{name}`" in told(ill)


def test_a_waiver_is_for_its_own_finding_alone(ill: Bench) -> None:
    ill.ask(f"waive web {blocking(ill)} {WAIVE}", ADA)
    assert ill.cloud.found
    ill.cloud.found = replace(ill.cloud.found, free_addresses={})
    assert ill.ask("bake web") == ""
    assert "`subnet-" in told(ill)
    assert "root-device" not in told(ill)


def test_a_waiver_stands_in_the_log_with_who_what_until_when_and_why(ill: Bench) -> None:
    name = blocking(ill)
    ill.ask(f"waive web {name} {WAIVE}", ADA)
    (row,) = ill.rows(Kind.WAIVED)
    assert (row.operation, row.fleet, row.person, row.via) == ("doctor/web", "web", "T0LAB/U0ADA", "slack")
    assert row.text.startswith(f"{name} is waived until 2026-12-31: moved next week. It said: The master's")
    assert row.detail == {
        "finding": name,
        "check": "root-device",
        "where": "i-master",
        "what": "The master's root device is an instance store, of which AWS makes no image.",
        "master": "i-master",
        "until": "2026-12-31",
        "reason": "moved next week",
    }
    ill.assert_audit_is_whole()


def test_waivers_are_what_the_log_says_of_them_the_newest_first(ill: Bench) -> None:
    name = blocking(ill)
    for until in ("2026-12-31", "2026-12-01"):
        ill.ask(f"waive web {name} --until {until} --reason 'why not'", ADA)
    assert [str(each.until) for each in read_waivers(ill.records, "web")] == ["2026-12-01", "2026-12-31"]
    assert read_waivers(ill.records, "shop") == ()
    later(ill, days=10)
    assert ill.ask("bake web") == "", "the newest one counts"


def test_every_report_shows_what_is_waived(ill: Bench) -> None:
    name = blocking(ill)
    ill.ask(f"waive web {name} {WAIVE}", ADA)
    ill.ask("doctor web", ADA)
    *_, (_, diagnosis) = ill.chat.reports.values()
    ((finding, waiver),) = diagnosis.waived
    assert (finding.id, waiver.by, waiver.reason) == (name, "T0LAB/U0ADA", "moved next week")
    assert diagnosis.blocking == ()


def notices(bench: Bench) -> list[str]:
    """The titles of what the fleet's channel was told."""
    assert {channel for channel, _ in bench.chat.notices.values()} <= {bench.spec.channel}
    return [notice.title for _, notice in bench.chat.notices.values()]


def test_the_fleets_channel_is_told_of_a_waiver_at_once_and_when_it_is_over_each_once(ill: Bench) -> None:
    name = blocking(ill)
    ill.ask(f"waive web {name} {WAIVE}", ADA)
    given, over = f"*web*: `{name}` is waived until 2026-12-31", f"*web*: the waiver of `{name}` is over"
    ill.notices.look_around()
    assert notices(ill) == [given]
    later(ill, days=39)  # 2026-12-31, noon
    ill.notices.look_around()
    assert notices(ill) == [given]
    later(ill, days=1)
    for _ in range(2):
        ill.notices.look_around()
    assert notices(ill) == [given, over]
    assert len(ill.rows(Kind.POSTED)) == 2


def test_of_waivers_for_one_thing_only_the_end_of_the_newest_is_told(ill: Bench) -> None:
    name = blocking(ill)
    for until in ("2026-11-24", "2026-11-24", "2026-11-26"):
        ill.ask(f"waive web {name} --until {until} --reason 'why not'", ADA)
    later(ill, days=3)
    ill.notices.look_around()
    assert not any("is over" in title for title in notices(ill))
    later(ill, days=2)
    ill.notices.look_around()
    assert [title for title in notices(ill) if "is over" in title] == [
        f"*web*: the waiver of `{name}` is over"
    ]


def test_of_a_former_master_no_waivers_end_is_told(ill: Bench) -> None:
    ill.ask(f"waive web {blocking(ill)} {WAIVE}", ADA)
    ill.change(master="i-another")
    later(ill, days=41)
    ill.notices.look_around()
    assert len(notices(ill)) == 1


def test_a_channel_that_does_not_take_it_is_told_later_and_the_waiver_holds(ill: Bench) -> None:
    name = blocking(ill)
    ill.chat.outside.add(ill.spec.channel)
    ill.ask(f"waive web {name} {WAIVE}", ADA)
    assert told(ill, ADA.id).startswith(f"Waived `{name}`")
    assert notices(ill) == []
    ill.chat.outside.clear()
    ill.notices.look_around()
    assert notices(ill) == [f"*web*: `{name}` is waived until 2026-12-31"]


@pytest.mark.parametrize("place", ["cut_before", "cut_after"])
def test_cut_off_around_any_call_the_channel_is_told_once(ill: Bench, place: str) -> None:
    ill.ask(f"waive web {blocking(ill)} {WAIVE}", ADA)
    later(ill, days=41)
    for number in range(1, 7):
        setattr(ill.supply, place, ill.supply.calls + number)
        with suppress(PowerCut):
            ill.notices.look_around()
        ill.supply.restore()
    ill.notices.look_around()
    assert len(notices(ill)) == len(ill.rows(Kind.POSTED)) == 2


@pytest.mark.parametrize("person", [BOB, EVE], ids=["operator", "viewer"])
def test_only_an_approver_may_waive(ill: Bench, person: Person) -> None:
    name = blocking(ill)
    ill.ask(f"waive web {name} {WAIVE}", person)
    assert "needs the role *approver*" in told(ill, person.id)
    assert ill.rows(Kind.WAIVED) == []


def test_nothing_is_waived_that_the_doctor_does_not_find_now(ill: Bench) -> None:
    name = blocking(ill)
    recover(ill)
    ill.ask(f"waive web {name} {WAIVE}", ADA)
    assert f"The doctor finds no `{name}` on the master of *web* now" in told(ill, ADA.id)
    assert ill.rows(Kind.WAIVED) == []


def test_a_waiver_asked_for_again_by_a_repeated_delivery_is_one(ill: Bench) -> None:
    name = blocking(ill)
    ill.times = 3
    ill.ask(f"waive web {name} {WAIVE}", ADA)
    assert len(ill.rows(Kind.WAIVED)) == 1


@pytest.mark.parametrize("place", ["cut_before", "cut_after"])
def test_cut_off_around_any_call_a_waiver_is_recorded_once(ill: Bench, place: str) -> None:
    name, number = blocking(ill), 0
    while number < 100:
        number += 1
        before = len(ill.rows(Kind.WAIVED))
        request = ill.request(f"waive web {name} {WAIVE}", ADA)
        setattr(ill.supply, place, ill.supply.calls + number)
        try:
            ill.desk.receive(request)
            ill.desk.decide(request)
        except PowerCut:
            ill.supply.restore()
            ill.desk.receive(request)
            assert ill.desk.decide(request) == ""
            assert len(ill.rows(Kind.WAIVED)) == before + 1
            ill.notices.look_around()
            assert len(notices(ill)) == before + 1
        else:
            break
    ill.supply.restore()
    assert 5 < number < 100
    ill.assert_audit_is_whole()


def test_what_begins_to_block_between_request_and_turn_is_not_baked(empty: Bench) -> None:
    operation = empty.ask("bake web")
    assert operation
    fall_ill(empty)
    ended = empty.end_of(operation)
    assert ended.stage is Stage.FAILED
    assert ended.result.startswith("Nothing was changed: The doctor found 1 thing on the master of *web*")
    assert empty.done() == []


def test_a_waiver_that_ends_between_approval_and_turn_ends_what_it_allowed(ill: Bench) -> None:
    ill.ask(f"waive web {blocking(ill)} --until 2026-11-23 --reason 'tonight only'", ADA)
    later(ill, days=1)
    operation = ill.ask("scale web 4")
    later(ill, hours=23)
    ill.approve(operation)
    ended = ill.end_of(operation)
    assert (ended.stage, ill.done()) == (Stage.FAILED, [])
    assert "root-device-" in ended.result


def test_scaling_from_an_image_looks_at_no_master_and_asks_aws_no_more_than_before(bench: Bench) -> None:
    fall_ill(bench)
    bench.cloud.asked.clear()
    bench.scale(2)
    bench.scale(1)
    assert len(bench.clones()) == 1
    assert bench.cloud.asked["inspect"] == 0
    assert "inspect" not in [method for method, _ in bench.servers.calls]


def test_what_aws_does_not_let_us_see_is_not_checked_and_does_not_block(empty: Bench) -> None:
    found = empty.cloud.inspect(empty.spec)
    empty.cloud.found = replace(found, unread={Area.KEYS: str(CloudDenied("Not allowed: kms:DescribeKey."))})
    operation = empty.ask("bake web")
    assert "could not check 2 things" in "\n".join(empty.operation(operation).plan.notes)
    assert empty.end_of(operation).stage is Stage.DONE


def test_a_slack_that_is_down_changes_nothing_about_a_waiver(ill: Bench) -> None:
    name = blocking(ill)
    request = ill.request(f"waive web {name} {WAIVE}", ADA)
    ill.desk.receive(request)
    ill.desk.decide(request)
    ill.chat.down = ChatError("Slack is out of order.")
    ill.desk.decide(request)
    assert len(ill.rows(Kind.WAIVED)) == 1


def test_a_master_that_ends_in_between_is_told(empty: Bench) -> None:
    operation = empty.ask("bake web")
    empty.cloud.stop_master(State.TERMINATED)
    assert empty.end_of(operation).stage is Stage.FAILED
