"""Clones are judged while they serve; what fails is set aside, and serves again once it is mended."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.audit import Kind
from bot.domain.errors import CloudDenied, CloudUnreachable, HostKeyMismatch, RemoteFailed, ServerUnreachable
from bot.domain.fleet import Recipe, Rewrite, Service, State, Writes
from bot.domain.operation import Operation, Stage
from bot.domain.reach import Place
from tests.adapters.servers_fake import FakeHost
from tests.workflow.bench import INDEX, Bench

ONE, TWO, THREE = "i-0002", "i-0003", "i-0004"


@pytest.fixture(autouse=True)
def clones(bench: Bench) -> None:
    """Three clones serve."""
    grow(bench)


def grow(bench: Bench) -> None:
    assert bench.scale(3).stage is Stage.DONE
    bench.cloud.calls.clear()
    bench.servers.calls.clear()


def ask(bench: Bench, text: str) -> Operation:
    operation = bench.ask(text)
    assert operation, bench.chat.answered[-1].text
    if bench.desk.undecided(operation):
        bench.approve(operation)
    return bench.end_of(operation)


def status(bench: Bench, server: str) -> str:
    bench.ask("status web")
    return next(line for line in bench.chat.answered[-1].text.splitlines() if f"`{server}`" in line)


def break_it(bench: Bench, server: str, **how: Any) -> FakeHost:
    host = bench.servers.hosts[server]
    for name, value in how.items():
        setattr(host, name, value)
    return host


def test_all_are_proved_and_everybody_can_read_what_was_checked(bench: Bench) -> None:
    ended = ask(bench, "prove")
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 3 of 3 clones are proved.")
    assert f"`{ONE}`, `{TWO}`, `{THREE}`: ✅ health page ✅ content ✅ SSH host keys" in bench.notes(ended.id)
    rows = [row for row in bench.rows(Kind.OUTCOME) if row.action == f"{ended.id}.1/{ONE}"]
    assert str(rows[-1].detail["result"]).startswith("proved: health page, content, ")
    assert bench.done() == []
    bench.clock.at += timedelta(minutes=5)
    assert status(bench, ONE).endswith("proved 5 minutes ago")


def test_what_scale_proved_is_known_too(bench: Bench) -> None:
    bench.clock.at += timedelta(minutes=3)
    assert all("proved 3 minutes ago" in status(bench, server) for server in bench.clones())


def test_one_that_fails_is_taken_out_of_service_and_quarantined(bench: Bench) -> None:
    break_it(bench, TWO, hostname="i-master")
    ended = ask(bench, "prove")
    assert ended.stage is Stage.PARTLY_DONE
    assert ended.result == (
        f"web: 2 of 3 clones are proved, because {TWO}: the proof failed: hostname: it is the master's. "
        f"Out of service and quarantined for a look, until 2026-11-22 13:00 UTC: {TWO}. "
        f"Mend it and type `/clone release web {TWO}`, or end it with `/clone remove web {TWO}`. "
        "`/clone scale web 3` starts another in the meantime."
    )
    assert bench.done() == ["take_out", "quarantine"]
    assert (bench.clones(), bench.serving(), bench.quarantined()) == ([ONE, THREE], [ONE, THREE], [TWO])
    assert f"`{TWO}`: ✅ health page" in bench.notes(ended.id)
    assert "❌ hostname: it is the master's" in bench.notes(ended.id)
    assert "failed less than a minute ago (the proof failed: hostname" in status(bench, TWO)
    bench.reconciler.look_around(lambda _: True)
    bench.reconciler.look_around(lambda _: True)
    assert not bench.chat.notices


def test_one_that_does_not_serve_and_fails_is_quarantined_as_well(bench: Bench) -> None:
    bench.cloud.turn_by_hand(TWO, service=Service.OUT)
    break_it(bench, TWO, running={"sitedb"})
    ask(bench, "prove")
    assert bench.done() == ["quarantine"]
    assert bench.quarantined() == [TWO]


def test_only_the_one_that_is_named_is_judged(bench: Bench) -> None:
    for server in (ONE, TWO):
        break_it(bench, server, machine_id="")
    ended = ask(bench, f"prove {TWO}")
    assert ended.stage is Stage.FAILED
    assert ended.result.startswith(f"web: 0 of 1 clone is proved, because {TWO}: ")
    assert bench.quarantined() == [TWO]


def test_the_last_healthy_server_stays_and_that_is_said(bench: Bench) -> None:
    bench.cloud.turn_by_hand("i-master", service=Service.UNHEALTHY)
    for server in (ONE, TWO, THREE):
        break_it(bench, server, hostname="i-master")
    ended = ask(bench, "prove")
    assert ended.stage is Stage.FAILED
    assert bench.serving() == [ONE]
    assert bench.quarantined() == [TWO, THREE]
    assert f"{ONE} goes on serving although it failed, since no other server of the fleet" in ended.result


def test_one_that_is_only_stale_is_copied_to_and_proved(bench: Bench) -> None:
    bench.servers.busy = False
    bench.servers.write("i-master", INDEX, "newer")
    assert ask(bench, "prove").result == "web: 3 of 3 clones are proved."
    assert bench.servers.hosts[TWO].files[INDEX] == bench.servers.hosts["i-master"].files[INDEX]


def test_one_that_holds_what_the_master_lacks_fails(bench: Bench) -> None:
    bench.servers.write(TWO, INDEX.replace("index", "upload"), "only here")
    ended = ask(bench, "prove")
    assert f"{TWO}: its content differs from the master's" in ended.result
    assert bench.quarantined() == [TWO]


@pytest.mark.parametrize("error", [ServerUnreachable("It cannot be reached."), RemoteFailed("No sudo.")])
def test_one_that_cannot_be_judged_is_left_as_it_is(bench: Bench, error: Any) -> None:
    bench.servers.fail("facts", error, server=TWO, times=9)
    ended = ask(bench, "prove")
    assert ended.stage is Stage.PARTLY_DONE
    assert f"{TWO}: it could not be judged: {str(error).rstrip('.')}" in ended.result
    assert "`/clone prove web` to judge again" in ended.result
    assert f"`{TWO}`: ⚠️ not judged: {error}" in bench.notes(ended.id)
    assert (len(bench.serving()), bench.done()) == (3, [])


def test_one_whose_content_cannot_be_copied_is_left_as_it_is(bench: Bench) -> None:
    bench.servers.write("i-master", INDEX, "newer")
    bench.servers.fail("pull_content", RemoteFailed("rsync is missing"), server=TWO, times=9)
    assert f"{TWO}: it could not be judged: rsync is missing" in ask(bench, "prove").result
    assert len(bench.serving()) == 3


def test_one_that_is_another_than_it_should_be_fails(bench: Bench) -> None:
    bench.servers.fail("facts", HostKeyMismatch("It shows another key."), server=TWO, times=9)
    assert f"{TWO}: It shows another key" in ask(bench, "prove").result
    assert bench.quarantined() == [TWO]


def test_one_that_does_not_reach_the_masters_database_fails(bench: Bench) -> None:
    place = point_to_the_database(bench)
    break_it(bench, TWO, cut_off={place})
    ended = ask(bench, "prove")
    assert f"{TWO}: the proof failed: {place[0]}:3306: the master takes no connection" in ended.result
    assert bench.quarantined() == [TWO]


def point_to_the_database(bench: Bench) -> Place:
    """Let the recipe name the port of the master's database, and the clones have it."""
    master = bench.cloud.look(bench.spec).master.address
    there = Rewrite(file="/etc/site.conf", find="db=localhost", replace="db={{ master.private_ip }}:3306")
    bench.change(recipe=Recipe(services=("sitedb",), rewrite=(there,)))
    for clone in bench.clones():
        bench.servers.hosts[clone].settings["/etc/site.conf"] = f"db={master}:3306\n"
    return master, 3306


class TestWhatTheMasterFailsInToo:
    """Nobody knows whether anything is wrong with the clones then, so that all of them go on serving."""

    def told(self, bench: Bench) -> str:
        ended = ask(bench, "prove")
        assert ended.stage is Stage.FAILED
        assert (len(bench.serving()), bench.done()) == (3, [])
        return ended.result

    def test_is_no_fault_of_theirs(self, bench: Bench) -> None:
        for server in ("i-master", *bench.clones()):
            break_it(bench, server, health=503)
        why = "it could not be judged: the master fails as well: health page: it answered 503"
        assert f"{ONE}: {why}; {TWO}: {why}; {THREE}: {why}. What was not judged" in self.told(bench)

    def test_hides_nothing_else_that_is_wrong(self, bench: Bench) -> None:
        for server in ("i-master", *bench.clones()):
            break_it(bench, server, health=503)
        break_it(bench, TWO, running={"sitedb"})
        ask(bench, "prove")
        assert bench.quarantined() == [TWO]

    def test_counts_too_while_content_is_copied_again(self, bench: Bench) -> None:
        for server in ("i-master", *bench.clones()):
            break_it(bench, server, health=0)
        bench.servers.busy = False
        bench.servers.write("i-master", INDEX, "newer")
        assert "the master fails as well: health page: it did not answer" in self.told(bench)
        assert bench.servers.hosts[TWO].files[INDEX] == bench.servers.hosts["i-master"].files[INDEX]

    def test_may_be_its_database_that_does_not_answer(self, bench: Bench) -> None:
        place = point_to_the_database(bench)
        for server in ("i-master", *bench.clones()):
            break_it(bench, server, cut_off={place})
        assert f"the master fails as well: {place[0]}:3306: the master takes no" in self.told(bench)

    def test_may_be_a_relay_that_only_clones_should_have(self, bench: Bench) -> None:
        assert bench.scale(0).stage is Stage.DONE
        break_it(bench, "i-master", web_server="nginx")
        bench.change(writes=Writes(by="proxy"))
        grow(bench)
        break_it(bench, "i-master", relay=bench.servers.hosts[bench.clones()[0]].relay)
        assert "the master fails as well: writes end at the master: it passes them on" in self.told(bench)


def test_no_two_clones_may_be_one(bench: Bench) -> None:
    bench.servers.hosts[TWO].machine_id = bench.servers.hosts[THREE].machine_id
    ended = ask(bench, "prove")
    assert bench.quarantined() == [TWO, THREE]
    assert f"{TWO}: the proof failed: no other's identity: it has {THREE}'s machine-id" in ended.result


def test_nor_may_one_be_another_that_was_proved_before(bench: Bench) -> None:
    bench.servers.hosts[TWO].machine_id = bench.servers.hosts[THREE].machine_id
    ended = ask(bench, f"prove {TWO}")
    assert bench.quarantined() == [TWO]
    assert f"no other's identity: it has {THREE}'s machine-id" in ended.result


def test_the_listener_rules_are_checked_without_another_call(bench: Bench) -> None:
    bench.cloud.asked.clear()
    ended = ask(bench, "prove")
    assert "✅ writes" in bench.notes(ended.id)
    assert bench.cloud.asked["look"] == 2  # when it was asked for, and at its turn
    bench.cloud._routes.clear()  # noqa: SLF001 (somebody removes the rules)
    assert ask(bench, "prove").result == "web: 3 of 3 clones are proved."
    assert bench.done() == ["route_writes"]


def test_while_the_master_cannot_be_asked_nobody_is_judged(bench: Bench) -> None:
    break_it(bench, TWO, hostname="i-master")
    bench.servers.hosts["i-master"].reachable = False
    ended = ask(bench, "prove")
    assert ended.stage is Stage.FAILED
    assert "0 of 3 clones are proved, because" in ended.result
    assert (len(bench.serving()), bench.done()) == (3, [])


@pytest.mark.parametrize(
    ("method", "told"),
    [("take_out", "could not be taken out of service"), ("quarantine", "could not be tagged as quarantined")],
)
def test_what_could_not_be_set_aside_is_said(bench: Bench, method: str, told: str) -> None:
    break_it(bench, TWO, hostname="i-master")
    bench.cloud.failures[method] = [CloudDenied("AWS does not let me.")]
    assert f"{TWO} {told}: AWS does not let me." in ask(bench, "prove").result


def test_of_a_quarantined_one_it_only_says_what_it_finds(bench: Bench) -> None:
    host = break_it(bench, TWO, hostname="i-master")
    ask(bench, "prove")
    bench.cloud.calls.clear()
    ended = ask(bench, f"prove {TWO}")
    assert ended.stage is Stage.FAILED
    assert ended.result.startswith(f"web: {TWO} stays quarantined, because {TWO}: the proof failed: hostname")
    host.hostname = "mended"
    ended = ask(bench, f"prove {TWO}")
    assert ended.stage is Stage.DONE
    assert ended.result == (
        f"web: {TWO} is proved; it is still quarantined. Type `/clone release web {TWO}` to let it serve."
    )
    assert bench.done() == []


def test_cancelled_before_anything_was_set_aside_it_says_what_serves_and_failed(bench: Bench) -> None:
    break_it(bench, TWO, hostname="i-master")
    perform = bench.carrier.perform

    def cancelling(operation_id: str, index: int, so_far: Mapping[str, Any]) -> dict[str, Any]:
        after = perform(operation_id, index, so_far)
        if index == 0:
            bench.ask(f"cancel {operation_id}")
        return after

    bench.carrier.perform = cancelling  # type: ignore[method-assign]
    ended = ask(bench, "prove")
    assert ended.stage is Stage.CANCELLED
    assert f"Goes on serving, although {TWO} failed: the proof failed: hostname" in ended.result
    assert (len(bench.serving()), bench.done()) == (3, [])


class TestRelease:
    @pytest.fixture(autouse=True)
    def apart(self, bench: Bench) -> None:
        """One of them is quarantined."""
        set_one_apart(bench)

    def test_lets_a_mended_server_serve_again(self, bench: Bench) -> None:
        bench.servers.hosts[TWO].hostname = "mended"
        ended = ask(bench, f"release {TWO}")
        assert (ended.stage, ended.result) == (Stage.DONE, f"web: {TWO} serves again, as one of 3 clones.")
        assert bench.done() == ["release", "put_in_service"]
        assert (len(bench.serving()), bench.quarantined()) == (3, [])
        (server,) = [clone for clone in bench.cloud.look(bench.spec).clones if clone.id == TWO]
        assert server.expires is None
        for _ in range(3):
            bench.reconciler.look_around(lambda _: True)
        assert not bench.chat.notices
        bench.ask("digest web")
        assert "3 of 3 clones serving" in bench.chat.answered[-1].text

    def test_leaves_apart_what_fails_still(self, bench: Bench) -> None:
        ended = ask(bench, f"release {TWO}")
        assert ended.stage is Stage.FAILED
        assert ended.result == (
            f"web: {TWO} stays quarantined, because {TWO}: the proof failed: hostname: it is the master's. "
            f"Mend it and type `/clone release web {TWO}`, or end it with `/clone remove web {TWO}`."
        )
        assert (bench.done(), bench.quarantined()) == ([], [TWO])

    @pytest.mark.parametrize("what", ["sick", "release", "put_in_service"])
    def test_sets_it_apart_again_if_it_cannot_serve(self, bench: Bench, what: str) -> None:
        bench.servers.hosts[TWO].hostname = "mended"
        if what == "sick":
            bench.cloud.sick.add(TWO)
        else:
            bench.cloud.failures[what] = [CloudDenied("AWS does not let me.")]
        ended = ask(bench, f"release {TWO}")
        assert ended.stage is Stage.FAILED
        assert f"{TWO} stays quarantined, because {TWO}: " in ended.result
        assert (bench.quarantined(), len(bench.serving())) == ([TWO], 2)
        for _ in range(3):
            bench.reconciler.look_around(lambda _: True)
        assert not bench.chat.notices

    def test_can_be_cancelled_and_leaves_it_apart(self, bench: Bench) -> None:
        bench.servers.hosts[TWO].hostname = "mended"
        bench.cloud.healthy_after = 10_000
        operation = bench.ask(f"release {TWO}")
        bench.approve(operation)
        bench.clock.passing = once(lambda: bench.ask(f"cancel {operation}"))
        ended = bench.end_of(operation)
        assert ended.stage is Stage.CANCELLED
        assert (bench.quarantined(), len(bench.serving())) == ([TWO], 2)
        assert "Type `/clone release web i-0003` to begin again." in ended.result

    def test_waits_out_a_passing_fault(self, bench: Bench) -> None:
        bench.servers.hosts[TWO].hostname = "mended"
        bench.cloud.failures["put_in_service"] = [CloudUnreachable("No answer.")]
        assert ask(bench, f"release {TWO}").stage is Stage.DONE

    def test_given_up_it_is_set_apart_again(self, bench: Bench) -> None:
        bench.servers.hosts[TWO].hostname = "mended"
        bench.cloud.failures["put_in_service"] = [ZeroDivisionError()]
        operation = bench.ask(f"release {TWO}")
        bench.approve(operation)
        with pytest.raises(ZeroDivisionError):
            bench.end_of(operation)
        bench.step(bench.carrier.abandon, operation, "Something unexpected went wrong.")
        assert bench.quarantined() == [TWO]

    def test_is_refused_of_what_ended(self, bench: Bench) -> None:
        bench.cloud.turn_by_hand(TWO, state=State.TERMINATED)
        assert not bench.ask(f"release {TWO}")


def once(do: Callable[[], object]) -> Callable[[], None]:
    left = [do]

    def passing() -> None:
        while left:
            left.pop()()

    return passing


def set_one_apart(bench: Bench) -> None:
    break_it(bench, TWO, hostname="i-master")
    ask(bench, "prove")
    bench.cloud.calls.clear()
    assert bench.quarantined() == [TWO]
