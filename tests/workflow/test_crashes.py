"""Every step is safe to repeat: done twice, or cut off around any call that leaves the bot."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.audit import Kind
from bot.domain.fleet import ImageState, Role, Service, State, Writes
from bot.domain.operation import Stage
from tests.workflow.bench import ADA, BOB, LEA, STRIDE, Bench


@contextmanager
def a_bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.furnish()
        yield bench
        bench.assert_audit_is_whole()
        bench.records.close()


def grow(bench: Bench) -> None:
    """Three clones, with an approval."""
    operation = bench.ask("scale web 3")
    assert bench.approve(operation) == operation
    ended = bench.end_of(operation)
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 3 of 3 clones serve.")
    assert len(bench.serving()) == len(bench.clones()) == 3
    assert len(ever_launched(bench)) == 3
    assert ended.approvers == (f"{ADA.team}/{ADA.id}",)
    assert len([row for row in bench.rows(Kind.APPROVED) if row.operation == operation]) == 1


def shrink(bench: Bench) -> None:
    """All clones go."""
    ended = bench.end_of(bench.ask("scale web 0"))
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 0 clones left.")
    assert bench.clones() == bench.quarantined() == []
    master = bench.cloud.look(bench.spec).master
    assert (master.state, master.service) == (State.RUNNING, Service.HEALTHY)


def grow_relaying(bench: Bench) -> None:
    """Three clones that pass writes on to the master by themselves."""
    bench.servers.hosts["i-master"].web_server = "nginx"
    bench.change(writes=Writes(by="proxy", prefixes=("/upload",)))
    grow(bench)
    master = bench.cloud.look(bench.spec).master.address
    relays = [bench.servers.hosts[clone].relay for clone in bench.clones()]
    assert [relay and relay.master for relay in relays] == [master] * 3
    assert "route_writes" not in bench.done()


def quieten(bench: Bench) -> None:
    """Let there be an image, after which nothing changes on the master."""
    bench.servers.busy = False
    master = bench.cloud.look(bench.spec).master
    version = bench.servers.content_version(bench.spec, master, bench.spec.content)
    image = bench.cloud.bake(
        bench.spec, master.id, reboot=False, version=version, doctor="", operation="op-0", action="op-0.1"
    )
    bench.cloud.mark_image(bench.spec, image, ImageState.GOOD, action="op-0.2")
    assert bench.cloud.image_ready(bench.spec, image)


def grow_as_baked(bench: Bench) -> None:
    """Three clones to which nothing has to be copied."""
    grow(bench)
    assert not {"offer_content", "pull_content"} & {method for method, _ in bench.servers.calls}
    held = {repr(bench.servers.hosts[clone].synced) for clone in bench.clones()}
    assert held == {repr(bench.servers.hosts["i-master"].files)}


def ever_launched(bench: Bench) -> list[str]:
    servers = bench.cloud._servers.values()  # noqa: SLF001 (the fake forgets nobody, its promises hide the dead)
    return [server.id for server in servers if server.role is not Role.MASTER]


@pytest.mark.parametrize("times", [2, 3])
def test_every_step_done_several_times_leaves_the_same_world(empty: Bench, times: int) -> None:
    empty.times = times
    grow(empty)
    shrink(empty)
    assert len(empty.cloud.look(empty.spec).images) == 1
    assert not any(host.keys for host in empty.servers.hosts.values())


def length(job: Callable[[Bench], None], before: Callable[[Bench], None]) -> int:
    with a_bench() as bench:
        before(bench)
        began = bench.supply.calls
        job(bench)
        return bench.supply.calls - began


def bake(bench: Bench) -> None:
    """One image, tried with one server, which is gone again."""
    ended = bench.end_of(bench.ask("bake web"))
    new, _ = bench.cloud.look(bench.spec).images
    assert (ended.stage, new.state) == (Stage.DONE, ImageState.GOOD)
    assert len(ever_launched(bench)) == 1
    assert bench.clones() == bench.quarantined() == bench.serving() == []
    assert not any(host.keys for host in bench.servers.hosts.values())


def bake_badly(bench: Bench) -> None:
    """One bad image, and its one server kept for a look."""
    bench.servers.clone_health = 500
    ended = bench.end_of(bench.ask("bake web"))
    new, _ = bench.cloud.look(bench.spec).images
    assert (ended.stage, new.state) == (Stage.FAILED, ImageState.BAD)
    assert ever_launched(bench) == bench.quarantined()
    assert len(bench.quarantined()) == 1


@pytest.mark.parametrize("job", [bake, bake_badly])
def test_every_step_of_a_bake_done_several_times_leaves_one_image(
    bench: Bench, job: Callable[[Bench], None]
) -> None:
    bench.times = 3
    job(bench)


def spoil(bench: Bench) -> None:
    """Of two clones that serve, one is not what it should be any more."""
    assert bench.scale(2).stage is Stage.DONE
    bench.servers.hosts["i-0002"].hostname = "i-master"


def sort_out(bench: Bench) -> None:
    """It is found and set aside, and the other one serves on."""
    ended = bench.end_of(bench.ask("prove web"))
    assert ended.stage is Stage.PARTLY_DONE
    assert (bench.serving(), bench.quarantined()) == (["i-0003"], ["i-0002"])


def mend(bench: Bench) -> None:
    """One is quarantined, and nothing is wrong with it any more."""
    spoil(bench)
    sort_out(bench)
    bench.servers.hosts["i-0002"].hostname = "mended"


def readmit(bench: Bench) -> None:
    """It serves again."""
    ended = bench.end_of(bench.ask("release web i-0002"))
    assert (ended.stage, bench.quarantined()) == (Stage.DONE, [])
    assert len(bench.serving()) == len(bench.clones()) == 2


def discard(bench: Bench) -> None:
    """It ends, whatever it holds."""
    ended = bench.end_of(bench.ask("remove web i-0002 --discard"))
    assert (ended.stage, ended.result) == (Stage.DONE, "web: i-0002 ended.")
    assert (bench.serving(), bench.quarantined()) == (["i-0003"], [])


JOBS = {
    "proved": (sort_out, spoil),
    "released": (readmit, mend),
    "removed": (discard, mend),
    "out": (grow, lambda _: None),
    "bake": (bake, lambda _: None),
    "in": (shrink, grow),
    "out, by proxy": (grow_relaying, lambda _: None),
    "out, nothing changed": (grow_as_baked, quieten),
}


@pytest.mark.parametrize(("job", "before"), JOBS.values(), ids=JOBS.keys())
@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
def test_cut_off_around_any_call_it_ends_the_same(
    job: Callable[[Bench], None], before: Callable[[Bench], None], cut: str
) -> None:
    first = 1 if cut == "cut_before" else 4
    for number in range(first, length(job, before) + 1, STRIDE):
        with a_bench() as bench:
            before(bench)
            setattr(bench.supply, cut, bench.supply.calls + number)
            try:
                job(bench)
            except AssertionError as error:
                error.add_note(f"{cut}={number}")
                raise


@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
@pytest.mark.parametrize("number", range(1, 12))
def test_an_approval_cut_off_anywhere_counts_once_and_is_not_refused(
    bench: Bench, cut: str, number: int
) -> None:
    operation = bench.ask("scale web 3")
    setattr(bench.supply, cut, bench.supply.calls + number)
    assert bench.approve(operation) == operation
    bench.supply.restore()
    assert bench.operation(operation).approvers == (f"{ADA.team}/{ADA.id}",)
    assert not bench.rows(Kind.REFUSED)


def test_something_unexpected_has_an_outcome_too_and_ends_the_operation(bench: Bench) -> None:
    operation = bench.ask("scale web 1")
    bench.cloud.failures["put_in_service"] = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        bench.end_of(operation)
    (row,) = (row for row in bench.rows(Kind.OUTCOME) if row.text.startswith("unknown"))
    assert row.detail["ok"] is False
    for _ in range(2):
        bench.carrier.give_up(operation, "Something unexpected went wrong; reference `1a2b`.")
    ended = bench.operation(operation)
    assert ended.stage is Stage.FAILED
    assert ended.result.endswith("reference `1a2b`. Type `/clone status web` to see what is.")
    assert bench.serving() == []
    assert bench.clones() == []
    assert len(bench.quarantined()) == 1


ASK = st.tuples(st.just("ask"), st.sampled_from([BOB, LEA]), st.integers(0, 5))
DECIDE = st.tuples(st.sampled_from(["approve", "deny"]), st.sampled_from([ADA, LEA, BOB]), st.integers(0, 5))
GO_ON = st.tuples(st.just("go on"), st.just(BOB), st.integers(0, 5))
CRASH = st.tuples(st.sampled_from(["cut_before", "cut_after"]), st.just(BOB), st.integers(1, 120))


@settings(
    max_examples=20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
)
@given(st.lists(st.one_of(ASK, DECIDE, GO_ON, GO_ON, CRASH), max_size=12))
def test_whatever_people_do_and_wherever_it_crashes_the_invariants_hold(
    story: list[tuple[str, object, int]],
) -> None:
    with a_bench() as bench:
        asked: list[str] = []
        most = 0
        for what, person, number in story:
            match what:
                case "ask":
                    most = max(most, number)
                    operation = bench.ask(f"scale web {number}", person)  # type: ignore[arg-type]  # a person
                    asked += [operation] if operation else []
                case "approve" | "deny" if asked:
                    bench.ask(f"{what} {asked[number % len(asked)]}", person)  # type: ignore[arg-type]
                case "go on" if asked:
                    bench.end_of(asked[number % len(asked)])
                case "cut_before" | "cut_after":
                    setattr(bench.supply, what, bench.supply.calls + number)
            assert_invariants(bench, most)
        bench.supply.restore()
        for operation in asked:
            bench.end_of(operation)
        assert_invariants(bench, most)


def assert_invariants(bench: Bench, most: int) -> None:
    assert len(bench.clones()) <= most
    assert not bench.quarantined()
    master = bench.cloud.look(bench.spec).master
    assert (master.state, master.service) == (State.RUNNING, Service.HEALTHY)
    for operation in bench.records.operations(limit=100):
        assert operation.requester not in operation.approvers
        if operation.stage in {Stage.RUNNING, Stage.DONE} and operation.needed:
            assert len(operation.approvers) >= operation.needed or operation.result.endswith("nothing to do.")


def test_what_waits_does_not_begin_while_another_one_of_its_lane_is_cut_off_in_the_middle(
    bench: Bench,
) -> None:
    begun, waiting = bench.ask("scale web 1"), bench.ask("scale web 2", LEA)
    assert bench.carrier.look_again(begun, 1)
    before = bench.rows()
    assert not bench.carrier.look_again(waiting, 1)
    assert not bench.carrier.ended(waiting)
    assert bench.rows() == before
    assert bench.end_of(begun).stage is Stage.DONE
    assert bench.carrier.look_again(waiting, 2)
    assert len(bench.rows(Kind.STARTED)) == 2
    bench.end_of(waiting)
