"""Scaling out when something goes wrong: what then serves, what is set aside, and what is said."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.audit import Kind
from bot.domain.errors import (
    BotError,
    CloudDenied,
    CloudError,
    CloudUnreachable,
    HostKeyMismatch,
    NoCapacity,
    RemoteFailed,
    ServerUnreachable,
    Throttled,
    UnsafeSource,
)
from bot.domain.fleet import Content, FleetSpec, Recipe, Server, State, Writes
from bot.domain.operation import Operation, Stage
from bot.domain.proof import Facts
from bot.domain.relay import Relay
from tests.adapters.servers_fake import FakeHost, FakeServers
from tests.workflow.bench import INDEX, Bench

FIRST, SECOND = "i-0002", "i-0003"
"""The first servers that this cloud starts."""
NEWS = "/var/www/html/news.html"
LONG = 1000
"""More failures than anybody is patient with."""


def one_of_two_serves(bench: Bench, ended: Operation, why: str) -> None:
    assert ended.stage is Stage.PARTLY_DONE
    assert ended.result.startswith(f"web: 1 of 2 clones serve, because {FIRST}: ")
    assert why in ended.result
    assert f"Out of service and quarantined for a look: {FIRST}." in ended.result
    assert ended.result.endswith("Type `/clone scale web 2` to try again.")
    assert (bench.serving(), bench.clones(), bench.quarantined()) == ([SECOND], [SECOND], [FIRST])
    assert f"{FIRST} stays out of service" in bench.notes(ended.id)


def none_of_two_serves(bench: Bench, ended: Operation, why: str) -> None:
    assert ended.stage is Stage.FAILED
    assert "web: 0 of 2 clones serve" in ended.result
    assert why in ended.result
    assert (bench.serving(), bench.clones(), bench.quarantined()) == ([], [], [FIRST, SECOND])


class TestBeforeAnythingIsLaunched:
    def test_writes_that_cannot_be_routed_stop_it(self, empty: Bench) -> None:
        empty.cloud.failures["route_writes"] = [CloudDenied("AWS does not let me change listeners.")]
        ended = empty.scale(2)
        assert (ended.stage, empty.done()) == (Stage.FAILED, ["route_writes"])
        assert "AWS does not let me change listeners. Type" in ended.result

    def test_an_image_that_cannot_be_begun_stops_it(self, empty: Bench) -> None:
        empty.cloud.failures["bake"] = [CloudDenied("AWS does not let me make images.")]
        ended = empty.scale(2)
        assert (ended.stage, empty.done()) == (Stage.FAILED, ["route_writes", "bake"])

    def test_an_image_that_fails_stops_it(self, empty: Bench) -> None:
        empty.cloud.failures["image_ready"] = [CloudError("The image failed.")]
        assert empty.scale(2).stage is Stage.FAILED
        assert "launch" not in empty.done()

    def test_an_image_that_never_gets_ready_stops_it(self, empty: Bench) -> None:
        empty.cloud.bakes_after = 100_000
        ended = empty.scale(2)
        assert "was not ready after 1 hour" in ended.result
        assert "launch" not in empty.done()

    def test_rules_that_aws_does_not_take_at_once_are_asked_for_again(self, empty: Bench) -> None:
        empty.cloud.failures["route_writes"] = [Throttled("slow down"), CloudUnreachable("no answer")]
        assert empty.scale(1).stage is Stage.DONE

    def test_a_moment_without_an_answer_does_not(self, empty: Bench) -> None:
        empty.cloud.failures["image_ready"] = [Throttled("slow down"), CloudUnreachable("no answer")]
        empty.cloud.lost["bake"] = [CloudUnreachable("no answer")]
        assert empty.scale(2).stage is Stage.DONE
        assert len(empty.cloud.look(empty.spec).images) == 1


class TestLaunching:
    def test_without_any_capacity_each_place_is_asked_once(self, bench: Bench) -> None:
        bench.cloud.capacity |= {"subnet-a": 0, "subnet-b": 0}
        ended = bench.scale(4)
        assert (ended.stage, bench.done()) == (Stage.FAILED, ["launch", "launch"])
        assert not bench.servers.calls

    @pytest.mark.parametrize("error", [Throttled("slow down"), CloudUnreachable("no answer")])
    def test_what_may_pass_is_waited_for(self, bench: Bench, error: CloudError) -> None:
        bench.cloud.failures["launch"] = [error] * 5
        assert bench.scale(2).stage is Stage.DONE
        assert len({action for method, action in bench.cloud.calls if method == "launch"}) == 2

    def test_a_lost_answer_starts_nothing_twice(self, bench: Bench) -> None:
        bench.cloud.lost["launch"] = [CloudUnreachable("no answer")] * 3
        assert bench.scale(2).stage is Stage.DONE
        assert len(bench.clones()) == 2

    def test_an_answer_lost_for_good_is_not_hidden(self, bench: Bench) -> None:
        bench.cloud.lost["launch"] = [CloudUnreachable("no answer")] * LONG
        ended = bench.scale(1)
        assert ended.stage is Stage.FAILED
        assert f"{FIRST}: it is out of service" in ended.result

    def test_a_lack_of_capacity_is_not_waited_for(self, bench: Bench) -> None:
        bench.cloud.failures["launch"] = [NoCapacity("none")]
        before = bench.clock.at
        bench.scale(1)
        assert (bench.clock.at - before).total_seconds() < 1


class TestOneOfTwo:
    def test_never_answers(self, bench: Bench) -> None:
        unreachable = ServerUnreachable(f"{FIRST} cannot be reached.")
        bench.servers.fail("reach", unreachable, server=FIRST, times=LONG)
        one_of_two_serves(bench, bench.scale(2), "cannot be reached. (waited 10 minutes)")

    def test_shows_another_host_key(self, bench: Bench) -> None:
        bench.servers.fail("reach", HostKeyMismatch("it shows another key"), server=FIRST, times=LONG)
        before = bench.clock.at
        one_of_two_serves(bench, bench.scale(2), "it shows another key")
        assert (bench.clock.at - before).total_seconds() < 60
        assert [method for method, server in bench.servers.calls if server == FIRST] == ["reach"]

    def test_cannot_be_prepared(self, bench: Bench) -> None:
        bench.servers.fail("prepare", RemoteFailed("systemctl failed"), server=FIRST)
        one_of_two_serves(bench, bench.scale(2), "systemctl failed")

    def test_cannot_get_a_key(self, bench: Bench) -> None:
        bench.servers.fail("make_key", RemoteFailed("no space left"), server=FIRST)
        one_of_two_serves(bench, bench.scale(2), "no space left")

    def test_cannot_copy(self, bench: Bench) -> None:
        bench.servers.fail("pull_content", RemoteFailed("rsync failed"), server=FIRST)
        one_of_two_serves(bench, bench.scale(2), "rsync failed")

    @pytest.mark.parametrize(
        ("spoil", "why"),
        [
            (lambda host: setattr(host, "health", 500), "health page: it answered 500"),
            (lambda host: setattr(host, "health", 0), "health page: it did not answer"),
            (lambda host: setattr(host, "machine_id", "machine of i-master"), "machine-id: it is the master"),
            (lambda host: setattr(host, "hostname", "i-master"), "hostname: it is the master's"),
            (lambda host: setattr(host, "host_key", "key of i-master"), "SSH host keys: they are the master"),
            (lambda host: host.running.add("sitedb"), "sitedb: it runs on the clone"),
            (lambda host: host.masked.clear(), "sitedb masked: it could start again"),
            (
                lambda host: host.settings.update({"/etc/site.conf": "db=localhost\n"}),
                "/etc/site.conf: it does not hold the clone's settings",
            ),
        ],
    )
    def test_fails_a_check_of_the_proof(
        self, tmp_path: Path, spoil: Callable[[FakeHost], object], why: str
    ) -> None:
        bench = Bench(tmp_path, SpoiltServers(spoil))
        bench.furnish()
        one_of_two_serves(bench, bench.scale(2), f"the proof failed: {why}")
        bench.assert_audit_is_whole()

    def test_loses_its_content_again_and_again(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, SpoiltServers(lambda host: host.files.pop(INDEX, None)))
        bench.furnish()
        one_of_two_serves(bench, bench.scale(2), "its content differs from the master's")

    def test_writes_into_its_own_content_again_and_again(self, tmp_path: Path) -> None:
        servers = SpoiltServers(lambda host: servers.write(host.id, "/var/www/html/only-here", "x"))
        bench = Bench(tmp_path, servers)
        bench.furnish()
        one_of_two_serves(bench, bench.scale(2), "its content differs from the master's")

    def test_takes_nothing_over_though_a_file_is_new_and_written_again_meanwhile(
        self, tmp_path: Path
    ) -> None:
        """By what was there when the last copy began, the clone would equal the master."""
        servers = DeafServers()
        bench = Bench(tmp_path, servers)
        bench.furnish()
        servers.write(bench.spec.master, NEWS, "new")
        one_of_two_serves(bench, bench.scale(2), "copying that changes nothing there")

    def test_never_becomes_healthy(self, bench: Bench) -> None:
        bench.cloud.sick.add(FIRST)
        ended = bench.scale(2)
        one_of_two_serves(bench, ended, "the load balancer did not find it healthy within 5 minutes")
        assert bench.cloud.service(bench.spec, [FIRST])[FIRST] == "out of service"

    def test_is_ended_by_somebody_while_it_boots(self, bench: Bench) -> None:
        bench.cloud.boots_after = 3
        bench.clock.passing = lambda: bench.cloud.terminate(bench.spec, [FIRST], action="by hand")
        ended = bench.scale(2)
        assert (ended.stage, bench.serving()) == (Stage.PARTLY_DONE, [SECOND])
        assert f"{FIRST}: it is terminated" in ended.result

    @pytest.mark.parametrize("method", ["prepare", "pull_content", "facts"])
    def test_vanishes_between_two_actions(self, tmp_path: Path, method: str) -> None:
        servers = MeddledServers()
        bench = Bench(tmp_path, servers)
        bench.furnish()
        servers.after = lambda did, _: did == method and vanish(bench, FIRST)
        ended = bench.scale(2)
        assert (ended.stage, bench.serving()) == (Stage.PARTLY_DONE, [SECOND])
        assert f"{FIRST}: AWS does not know it any more" in ended.result

    def test_cannot_even_be_tagged(self, bench: Bench) -> None:
        bench.servers.fail("prepare", RemoteFailed("systemctl failed"), server=FIRST)
        bench.cloud.failures["quarantine"] = [CloudDenied("AWS does not let me tag.")]
        ended = bench.scale(2)
        assert ended.stage is Stage.PARTLY_DONE
        assert f"{FIRST} could not be tagged as quarantined: AWS does not let me tag." in ended.result
        assert f"Not tagged as quarantined, so still counted as clones: {FIRST}." in ended.result
        assert "quarantined for a look" not in ended.result
        assert bench.serving() == [SECOND]

    def test_cannot_even_be_taken_out(self, bench: Bench) -> None:
        bench.cloud.sick.add(FIRST)
        bench.cloud.failures["take_out"] = [CloudDenied("AWS does not let me deregister.")]
        ended = bench.scale(2)
        assert ended.stage is Stage.PARTLY_DONE
        assert f"Still registered with the load balancer: {FIRST}." in ended.result
        assert (bench.serving(), bench.quarantined()) == ([SECOND], [FIRST])


class TestBoth:
    def test_stay_out_while_the_content_is_unsafe(self, bench: Bench) -> None:
        bench.servers.fail("offer_content", UnsafeSource("/var/www/html is empty on the master."))
        none_of_two_serves(bench, bench.scale(2), "/var/www/html is empty on the master")
        assert "put_in_service" not in bench.done()

    def test_stay_out_when_the_master_cannot_be_compared_with(self, bench: Bench) -> None:
        gone = ServerUnreachable("i-master cannot be reached.")
        bench.servers.fail("facts", gone, server="i-master", times=LONG)
        none_of_two_serves(bench, bench.scale(2), "i-master cannot be reached")

    def test_do_not_suffer_from_a_master_that_is_away_for_a_moment(self, bench: Bench) -> None:
        gone = ServerUnreachable("i-master cannot be reached.")
        bench.servers.fail("facts", gone, server="i-master", times=3)
        bench.servers.fail("clock", gone, server="i-master", times=3)
        assert bench.scale(2).stage is Stage.DONE

    def test_are_taken_out_when_nobody_knows_whether_they_were_put_in(self, bench: Bench) -> None:
        bench.cloud.lost["put_in_service"] = [CloudUnreachable("no answer")] * LONG
        none_of_two_serves(bench, bench.scale(2), "it could not be put in service: no answer")

    def test_serve_when_only_an_answer_was_lost(self, bench: Bench) -> None:
        bench.cloud.lost["put_in_service"] = [CloudUnreachable("no answer")] * 3
        assert bench.scale(2).stage is Stage.DONE

    def test_stay_out_when_the_load_balancer_refuses(self, bench: Bench) -> None:
        bench.cloud.failures["put_in_service"] = [CloudDenied("AWS does not let me register.")]
        none_of_two_serves(bench, bench.scale(2), "AWS does not let me register")


class TestWhileNothingChangesOnTheMaster:
    @pytest.fixture
    def quiet(self, empty: Bench) -> Bench:
        empty.servers.busy = False
        return empty

    def copied(self, bench: Bench) -> list[str]:
        return [server for method, server in bench.servers.calls if method == "pull_content"]

    def test_nothing_is_copied_to_new_clones_and_all_are_proved(self, quiet: Bench) -> None:
        for count in (1, 3):
            assert quiet.scale(count).stage is Stage.DONE
        assert len(quiet.serving()) == 3
        assert set(self.copied(quiet)) <= {FIRST}  # it was there before, and is brought along
        held = {repr(quiet.servers.hosts[clone].synced) for clone in quiet.clones()}
        assert held == {repr(quiet.servers.hosts["i-master"].files)}
        told = [row for row in quiet.rows(Kind.OUTCOME) if "nothing was changed on the master" in str(row)]
        assert len(told) == 3

    def test_a_file_that_is_written_after_the_image_was_begun_is_copied_to_each(self, quiet: Bench) -> None:
        quiet.scale(1)
        quiet.servers.write("i-master", INDEX, "hello again")
        quiet.scale(2)
        assert SECOND in self.copied(quiet)
        assert {quiet.servers.hosts[clone].files[INDEX][0] for clone in quiet.clones()} == {"hello again"}

    def test_what_an_image_holds_that_was_begun_before_a_crash_its_tag_tells(self, quiet: Bench) -> None:
        bake = quiet.cloud.bake

        def then_somebody_writes(*args: Any, **more: Any) -> str:
            image = bake(*args, **more)
            quiet.servers.write("i-master", INDEX, "hello again")
            return image

        quiet.cloud.bake = then_somebody_writes  # type: ignore[method-assign]  # a visitor of the site
        quiet.times = 2
        assert quiet.scale(2).stage is Stage.DONE
        assert set(self.copied(quiet)) == {FIRST, SECOND}

    def test_an_image_whose_content_nobody_knows_is_not_relied_on(self, quiet: Bench) -> None:
        quiet.servers.fail("content_version", ServerUnreachable("the master cannot be reached."))
        assert quiet.scale(2).stage is Stage.DONE
        assert set(self.copied(quiet)) == {FIRST, SECOND}

    def test_one_that_cannot_remember_what_it_holds_copies_it(self, quiet: Bench) -> None:
        quiet.servers.fail("remember_content", RemoteFailed("/var/www/html cannot be read"), server=FIRST)
        assert quiet.scale(2).stage is Stage.DONE
        assert self.copied(quiet) == [FIRST]


class TestCatchingUp:
    @pytest.fixture
    def behind(self, tmp_path: Path) -> Bench:
        servers = MeddledServers()
        bench = Bench(tmp_path, servers)
        bench.furnish()
        self.pulls = 0

        def spoil(method: str, _: str) -> None:
            self.pulls += method == "pull_content"
            if self.pulls == 2:
                servers.fail(self.method, self.error, times=LONG)

        in_service = bench.cloud.service

        def somebody_writes(spec: FleetSpec, clones: list[str]) -> object:
            servers.write(bench.spec.master, INDEX, "hello again")
            return in_service(spec, clones)

        servers.after = spoil
        bench.cloud.service = somebody_writes  # type: ignore[assignment,method-assign]  # a visitor of the site
        return bench

    @pytest.mark.parametrize(
        ("method", "error"),
        [
            ("pull_content", RemoteFailed("rsync failed")),
            ("offer_content", UnsafeSource("/var/www/html is empty.")),
            ("offer_content", ServerUnreachable("the master cannot be reached.")),
        ],
    )
    def test_that_fails_is_only_a_warning(self, behind: Bench, method: str, error: RemoteFailed) -> None:
        self.method, self.error = method, error
        ended = behind.scale(2)
        assert ended.stage is Stage.DONE
        assert ended.result.startswith("web: 2 of 2 clones serve. ")
        assert "could not be brought up to date" in ended.result
        assert behind.serving() == behind.clones() == [FIRST, SECOND]
        assert not behind.quarantined()

    def test_copies_nothing_again_while_the_master_holds_what_was_proved(self, tmp_path: Path) -> None:
        servers = MeddledServers()
        bench = Bench(tmp_path, servers)
        bench.furnish()
        copied: list[str] = []
        servers.after = lambda did, server: copied.append(server) if did == "pull_content" else None
        assert bench.scale(2).stage is Stage.DONE
        assert sorted(copied) == [FIRST, SECOND]

    def test_looks_at_the_fleet_in_vain(self, bench: Bench) -> None:
        operation = bench.ask("scale web 2")
        in_service = bench.cloud.service

        def then_fail(spec: FleetSpec, servers: list[str]) -> object:
            bench.cloud.failures["members"] = [Throttled("slow down")]
            return in_service(spec, servers)

        bench.cloud.service = then_fail  # type: ignore[assignment,method-assign]  # a cloud that gets tired
        ended = bench.end_of(operation)
        assert (ended.stage, len(bench.serving()), bench.quarantined()) == (Stage.DONE, 2, [])

    def test_brings_the_older_clones_along(self, bench: Bench) -> None:
        bench.scale(1)
        bench.servers.write(bench.spec.master, INDEX, "hello again")
        bench.scale(2)
        assert {bench.servers.hosts[clone].files[INDEX][0] for clone in bench.clones()} == {"hello again"}


def test_a_master_that_is_written_to_all_the_time_has_clones_all_the_same(tmp_path: Path) -> None:
    servers = MeddledServers()
    bench = Bench(tmp_path, servers)
    bench.furnish()
    written = iter(range(100_000))
    servers.after = lambda *_: servers.write("i-master", f"/var/www/html/{next(written)}", "guest")
    ended = bench.scale(2)
    assert (ended.stage, len(bench.serving())) == (Stage.DONE, 2)
    bench.assert_audit_is_whole()


def test_an_older_clone_that_does_not_serve_is_named(bench: Bench) -> None:
    bench.scale(1)
    bench.cloud.take_out(bench.spec, [FIRST], action="by hand")
    ended = bench.scale(2)
    assert ended.stage is Stage.PARTLY_DONE
    assert ended.result.startswith(f"web: 1 of 2 clones serve, because {FIRST}: it is out of service.")


@pytest.mark.parametrize("error", [CloudDenied("not allowed"), BotError("the master is gone")])
def test_an_end_that_cannot_be_seen_is_not_called_done(bench: Bench, error: BotError) -> None:
    operation = bench.ask("scale web 1")
    pull = bench.cloud.service

    def then_fail(spec: FleetSpec, servers: list[str]) -> object:
        bench.cloud.failures["members"] = [error] * 2
        return pull(spec, servers)

    bench.cloud.service = then_fail  # type: ignore[assignment,method-assign]  # a cloud that gets tired
    ended = bench.end_of(operation)
    assert ended.stage is Stage.FAILED
    assert "AWS could not be asked what came of it" in ended.result


def vanish(bench: Bench, server: str) -> object:
    """AWS forgets a server."""
    bench.cloud._servers.pop(server, None)  # noqa: SLF001 (no promise of the cloud makes it forget)
    return bench.cloud._fleets.pop(server, None)  # noqa: SLF001 (the same)


class MeddledServers(FakeServers):
    """Servers to which something happens after each call."""

    after: Callable[[str, str], object] = staticmethod(lambda *_: None)

    def prepare(self, spec: FleetSpec, server: Server, recipe: Recipe, *, relay: Relay | None = None) -> None:
        super().prepare(spec, server, recipe, relay=relay)
        self.after("prepare", server.id)

    def facts(
        self,
        spec: FleetSpec,
        server: Server,
        recipe: Recipe,
        *,
        as_of: int = 0,
        relay: Relay | None = None,
    ) -> Facts:
        facts = super().facts(spec, server, recipe, as_of=as_of, relay=relay)
        self.after("facts", server.id)
        return facts

    def pull_content(
        self, spec: FleetSpec, master: Server, clone: Server, content: Content, *, sync: str
    ) -> None:
        super().pull_content(spec, master, clone, content, sync=sync)
        self.after("pull_content", clone.id)


class SpoiltServers(FakeServers):
    """The first clone is spoilt whenever somebody looks at it."""

    def __init__(self, spoil: Callable[[FakeHost], object]) -> None:
        super().__init__()
        self._spoil = spoil

    def facts(
        self,
        spec: FleetSpec,
        server: Server,
        recipe: Recipe,
        *,
        as_of: int = 0,
        relay: Relay | None = None,
    ) -> Facts:
        if server.id == FIRST:
            self._spoil(self.host(spec, server))
        return super().facts(spec, server, recipe, as_of=as_of, relay=relay)


class DeafServers(SpoiltServers):
    """The first clone never gets a file that is new, and that is written again and again."""

    def __init__(self) -> None:
        super().__init__(lambda host: host.files.pop(NEWS, None))

    def facts(
        self,
        spec: FleetSpec,
        server: Server,
        recipe: Recipe,
        *,
        as_of: int = 0,
        relay: Relay | None = None,
    ) -> Facts:
        if as_of:
            self.write(spec.master, NEWS, "newer still")
        return super().facts(spec, server, recipe, as_of=as_of, relay=relay)


class BusyServers(FakeServers):
    """Copying takes a moment, and is counted."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self._counting = threading.Lock()

    def pull_content(
        self, spec: FleetSpec, master: Server, clone: Server, content: Content, *, sync: str
    ) -> None:
        with self._counting:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        super().pull_content(spec, master, clone, content, sync=sync)
        with self._counting:
            self.now -= 1


def test_a_masters_sshd_never_has_ten_clones_that_log_in(tmp_path: Path) -> None:
    servers = BusyServers()
    bench = Bench(tmp_path, servers)
    bench.furnish()
    bench.configure(replace(bench.spec, max_clones=20))
    assert bench.scale(20).stage is Stage.DONE
    assert 1 < servers.most < 10


def test_one_that_answers_while_others_are_asked_is_not_waited_for(bench: Bench) -> None:
    bench.servers.fail("reach", ServerUnreachable("not yet"), server=FIRST)
    before = bench.clock.at
    assert bench.scale(2).stage is Stage.DONE
    assert (bench.clock.at - before).total_seconds() < 0.1


def test_servers_of_a_stopped_master_are_not_begun(bench: Bench) -> None:
    operation = bench.ask("scale web 1")
    bench.cloud.stop_master(State.STOPPED)
    assert bench.end_of(operation).stage is Stage.FAILED
    assert not bench.done()


class TestWhereClonesRelayWrites:
    def test_each_passes_them_on_to_the_master_and_no_listener_rule_is_made(self, relaying: Bench) -> None:
        relaying.servers.hosts["i-master"].web_server = "nginx"
        assert relaying.scale(2).stage is Stage.DONE
        assert "route_writes" not in relaying.done()
        clones = [relaying.servers.hosts[clone] for clone in (FIRST, SECOND)]
        master = relaying.cloud.look(relaying.spec).master
        assert [clone.relay and clone.relay.master for clone in clones] == [master.address] * 2

    def test_a_web_server_that_cannot_is_named(self, relaying: Bench) -> None:
        none_of_two_serves(relaying, relaying.scale(2), "neither Apache nor nginx serves")

    def test_a_clone_that_keeps_writes_does_not_serve(self, tmp_path: Path) -> None:
        def forget(host: FakeHost) -> None:
            host.relay = None

        bench = a_relaying_bench(tmp_path, SpoiltServers(forget))
        bench.servers.hosts["i-master"].web_server = "apache2"
        one_of_two_serves(bench, bench.scale(2), "the proof failed: writes: they stay on it")

    def test_none_serves_while_the_master_itself_passes_writes_on(self, relaying: Bench) -> None:
        master = relaying.servers.hosts["i-master"]
        master.web_server = "nginx"
        master.relay = Relay(master="10.0.0.9", port=80, health="/", methods=("POST",), prefixes=())
        none_of_two_serves(relaying, relaying.scale(2), "writes end at the master: it passes them on itself")


@pytest.fixture
def relaying(tmp_path: Path) -> Bench:
    return a_relaying_bench(tmp_path)


def a_relaying_bench(folder: Path, servers: FakeServers | None = None) -> Bench:
    bench = Bench(folder, servers)
    bench.furnish()
    bench.configure(replace(bench.spec, writes=Writes(by="proxy", prefixes=("/upload",))))
    return bench
