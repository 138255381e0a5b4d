"""Servers that failed are kept for a look, and end by a plan."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.errors import CloudDenied, RemoteFailed
from bot.domain.fleet import Patience, Role, Service, State
from bot.domain.operation import Operation, Stage
from tests.workflow.bench import INDEX, Bench

FAILED = "i-0002"


@pytest.fixture(autouse=True)
def failed(bench: Bench) -> None:
    """One clone serves, and one has failed."""
    bench.servers.fail("prepare", RemoteFailed("no"), server=FAILED)
    assert bench.scale(2).stage is Stage.PARTLY_DONE
    assert bench.quarantined() == [FAILED]
    bench.cloud.calls.clear()


def remove(bench: Bench, words: str = "") -> Operation:
    operation = bench.ask(f"remove web {words}")
    assert operation, bench.chat.answered[-1].text
    return bench.end_of(operation)


def meanwhile(bench: Bench, happens: Callable[[], None]) -> Operation:
    """Ask for its removal; this happens after the last look."""
    operation = bench.ask(f"remove web {FAILED}")
    look_again = bench.carrier.look_again

    def look(operation_id: str, number: int) -> bool:
        started = look_again(operation_id, number)
        happens()
        return started

    bench.carrier.look_again = look  # type: ignore[method-assign]
    return bench.end_of(operation)


def pass_time(bench: Bench, **time: float) -> None:
    bench.clock.at += timedelta(**time)


def test_it_is_kept_for_an_hour_and_then_ends_by_a_plan(bench: Bench) -> None:
    (server,) = bench.cloud.look(bench.spec).quarantined
    assert server.expires
    assert timedelta(minutes=59) < server.expires - bench.clock.now() <= timedelta(hours=1)
    assert not bench.ask("remove web")
    pass_time(bench, hours=1)
    ended = remove(bench)
    assert (ended.stage, ended.result) == (Stage.DONE, f"web: {FAILED} ended.")
    assert bench.quarantined() == []
    assert len(bench.serving()) == 1
    assert bench.done() == ["terminate"]


def test_the_fleet_file_says_how_long(bench: Bench) -> None:
    bench.change(patience=Patience(quarantine=60))
    bench.servers.fail("prepare", RemoteFailed("no"), server="i-0004")
    bench.scale(2)
    kept = {server.id: server.expires for server in bench.cloud.look(bench.spec).quarantined}
    assert kept["i-0004"]
    assert kept["i-0004"] - bench.clock.now() <= timedelta(minutes=1)


def test_one_that_holds_the_only_copy_of_a_file_is_kept_until_somebody_insists(bench: Bench) -> None:
    host = bench.servers.hosts[FAILED]
    host.synced = dict(host.files)
    bench.servers.write(FAILED, INDEX.replace("index", "upload"), "only here")
    ended = remove(bench, FAILED)
    assert ended.stage is Stage.FAILED
    assert ended.result == (
        f"web: nothing ended, because {FAILED}: it holds a file that the master lacks: "
        "/var/www/html/upload.html. "
        f"Rescue the files, or type `/clone remove web {FAILED} --discard` to lose them."
    )
    assert bench.done() == []
    assert remove(bench, f"{FAILED} --discard").stage is Stage.DONE
    assert bench.quarantined() == []


def test_one_that_cannot_be_searched_is_kept_until_somebody_insists(bench: Bench) -> None:
    bench.servers.hosts[FAILED].reachable = False
    assert "could not be searched" in remove(bench, FAILED).result
    assert bench.quarantined() == [FAILED]


@pytest.mark.parametrize(
    ("service", "why"), [(Service.HEALTHY, "the load balancer knows it (healthy)"), (Service.OUT, "")]
)
def test_one_that_was_put_in_service_meanwhile_is_not_ended(bench: Bench, service: Service, why: str) -> None:
    ended = meanwhile(bench, lambda: bench.cloud.turn_by_hand(FAILED, service=service))
    assert (bench.quarantined() == [FAILED]) == bool(why)
    assert why in ended.result


def test_one_that_is_gone_already_counts_as_ended(bench: Bench) -> None:
    ended = meanwhile(bench, lambda: bench.cloud.turn_by_hand(FAILED, state=State.TERMINATED))
    assert ended.result == f"web: {FAILED} ended."
    assert bench.done() == []


def test_what_aws_refuses_is_said(bench: Bench) -> None:
    bench.cloud.failures["terminate"] = [CloudDenied("AWS does not let me.")]
    ended = remove(bench, FAILED)
    assert ended.stage is Stage.FAILED
    assert "AWS does not let me." in ended.result
    assert bench.quarantined() == [FAILED]


def test_the_channel_is_told_once_that_the_time_is_over_and_status_and_digest_say_it(bench: Bench) -> None:
    def rounds() -> None:
        for _ in range(3):
            bench.reconciler.look_around(lambda _: True)

    rounds()
    assert not bench.chat.notices
    bench.ask("status web")
    assert f"`{FAILED}`" in bench.chat.answered[-1].text
    assert "kept for a look until 2026-11-22 13:" in bench.chat.answered[-1].text
    pass_time(bench, hours=1)
    rounds()
    ((_, notice),) = bench.chat.notices.values()
    assert notice.title == "*web*: somebody should decide about what is quarantined"
    (line,) = notice.lines
    assert f"`{FAILED}` is quarantined, and was to be kept for a look until 2026-11-22 13:" in line
    assert "type `/clone remove web`" in line
    assert f"`/clone release web {FAILED}`" in line
    bench.ask("digest web")
    assert "its time is over: `/clone remove web` ends it" in bench.chat.answered[-1].text
    assert bench.quarantined() == [FAILED]
    remove(bench)
    rounds()
    assert len(bench.chat.notices) == 2
    assert "Settled" in list(bench.chat.notices.values())[-1][1].lines[0]


def test_a_server_whose_tag_says_no_time_is_kept_until_it_is_named(bench: Bench) -> None:
    bench.cloud.start_by_hand(bench.spec, role=Role.QUARANTINED)
    pass_time(bench, days=9)
    assert remove(bench).result == f"web: {FAILED} ended."
    assert len(bench.quarantined()) == 1
