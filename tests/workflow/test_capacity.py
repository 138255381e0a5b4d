"""AWS has too few servers to give: the others come from wherever else the plan allows, once each."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.audit import Kind
from bot.domain.errors import CloudDenied, CloudError, CloudUnreachable, QuotaReached
from bot.domain.fleet import Role, State
from bot.domain.operation import Operation, Stage
from bot.domain.plan import LaunchElsewhere
from tests.workflow.bench import BOB, STRIDE, Bench

FIRST = "i-0002"
"""The first server that this cloud starts."""
LONG = 1000
TYPE = "t3.medium"
OTHER, LAST = "t3a.medium", "m5.large"


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A fleet with two subnets, and two types to fall back on."""
    bench.change(instance_types=(OTHER, LAST))
    return bench


def places(bench: Bench) -> Counter[str]:
    """What runs where."""
    clones = bench.cloud.look(bench.spec).clones
    return Counter(f"{clone.type} in {clone.subnet}" for clone in clones)


def asked(bench: Bench) -> list[str]:
    """The actions that asked for servers, in order."""
    return [action for method, action in bench.cloud.calls if method == "launch"]


def alive(bench: Bench) -> list[str]:
    servers = bench.cloud._servers.values()  # noqa: SLF001 (also those that belong to nobody any more)
    return [s.id for s in servers if s.role is not Role.MASTER and s.state is not State.TERMINATED]


class TestTheMissingOnes:
    def test_come_from_the_other_subnet(self, bench: Bench) -> None:
        bench.cloud.capacity["subnet-a"] = 0
        ended = bench.scale(4)
        assert (ended.stage, places(bench)) == (Stage.DONE, {f"{TYPE} in subnet-b": 4})
        assert ended.result == (
            f"web: 4 of 4 clones serve. AWS had too few of {TYPE} in subnet-a; "
            f"started in their place: 2 × {TYPE} in subnet-b."
        )
        assert asked(bench) == [f"{ended.id}.1", f"{ended.id}.2", f"{ended.id}.3/1"]

    def test_of_a_subnet_that_gave_some_are_asked_for_elsewhere(self, bench: Bench) -> None:
        bench.cloud.capacity["subnet-b"] = 1
        ended = bench.scale(4)
        assert ended.stage is Stage.DONE
        assert places(bench) == {f"{TYPE} in subnet-a": 3, f"{TYPE} in subnet-b": 1}
        assert f"too few of {TYPE} in subnet-b; started in their place: 1 ×" in ended.result
        assert "→ `i-0004`; t3.medium in subnet-b: AWS gave 1 of 2" in bench.notes(ended.id)

    def test_come_as_the_next_types_in_their_order(self, bench: Bench) -> None:
        bench.cloud.capacity |= {TYPE: 1, f"{OTHER} in subnet-a": 0, f"{OTHER} in subnet-b": 1}
        ended = bench.scale(4)
        assert ended.stage is Stage.DONE
        assert places(bench) == {
            f"{TYPE} in subnet-a": 1,
            f"{OTHER} in subnet-b": 1,
            f"{LAST} in subnet-a": 2,
        }
        assert f"1 × {OTHER} in subnet-b, 2 × {LAST} in subnet-a." in ended.result

    def test_are_told_with_what_was_got_when_even_that_is_too_little(self, bench: Bench) -> None:
        bench.cloud.capacity |= {TYPE: 1, OTHER: 1, LAST: 0}
        ended = bench.scale(4)
        assert (ended.stage, len(bench.serving())) == (Stage.PARTLY_DONE, 2)
        assert ended.result.startswith(
            "web: 2 of 4 clones serve, because t3.medium in subnet-a: AWS gave 1 of 2"
        )
        assert f"started in their place: 1 × {OTHER} in subnet-a." in ended.result
        assert ended.result.endswith("Type `/clone scale web 4` to try again.")
        assert len(asked(bench)) == 6  # each place once

    def test_are_not_asked_for_where_the_plan_allows_no_other_place(self, bench: Bench) -> None:
        bench.change(subnets=("subnet-a",), instance_types=())
        bench.cloud.capacity["subnet-a"] = 1
        ended = bench.scale(3)
        assert not any(isinstance(action, LaunchElsewhere) for action in ended.plan.actions)
        assert ended.result.startswith(
            "web: 1 of 3 clones serve, because t3.medium in subnet-a: AWS gave 1 of 3."
        )

    def test_pass_over_a_type_that_aws_refuses_for_another_reason(self, bench: Bench) -> None:
        bench.cloud.capacity[TYPE] = 0
        operation = bench.ask("scale web 1")
        refuse(bench, f"{operation}.2/2", CloudError("AWS refused RunInstances (another architecture)."))
        ended = bench.end_of(operation)
        assert (ended.stage, places(bench)) == (Stage.DONE, {f"{OTHER} in subnet-b": 1})

    def test_are_not_many_calls_for_many_servers(self, bench: Bench) -> None:
        bench.change(max_clones=500)
        bench.cloud.capacity |= {f"{TYPE} in subnet-a": 0, f"{TYPE} in subnet-b": 120}
        ended = bench.scale(240)
        assert ended.stage is Stage.DONE
        assert places(bench) == {f"{TYPE} in subnet-b": 120, f"{OTHER} in subnet-a": 120}
        counts = Counter(action.partition("/")[2] for action in asked(bench))
        assert counts == {"": 4, "1": 1, "2": 1, "3": 1}


def refuse(bench: Bench, action: str, error: CloudError) -> None:
    """Let the cloud answer this one action so."""
    launch = bench.cloud.launch

    def answer(*args: object, **options: object) -> object:
        if options["action"] == action:
            bench.cloud.calls.append(("launch", action))
            raise error
        return launch(*args, **options)  # type: ignore[arg-type]  # as it was called

    bench.cloud.launch = answer  # type: ignore[assignment,method-assign]  # a cloud that refuses one thing


class TestElsewhereIsNotTried:
    @pytest.mark.parametrize(
        "error",
        [QuotaReached("A quota is reached."), CloudDenied("not allowed"), CloudUnreachable("no answer")],
    )
    def test_where_the_first_answer_was_no_lack_of_capacity(self, bench: Bench, error: CloudError) -> None:
        bench.cloud.failures["launch"] = [error] * LONG
        ended = bench.scale(1)
        assert ended.stage is Stage.FAILED
        assert f"because subnet-a: {str(error).rstrip('.')}." in ended.result
        assert set(asked(bench)) == {f"{ended.id}.1"}

    def test_after_a_quota_and_no_other_launch_either(self, bench: Bench) -> None:
        bench.cloud.failures["launch"] = [QuotaReached("A quota is reached.")]
        ended = bench.scale(2)
        assert asked(bench) == [f"{ended.id}.1"]
        assert ended.result == (
            "web: 0 of 2 clones serve, because subnet-a: A quota is reached. "
            "Type `/clone scale web 2` to try again."
        )

    @pytest.mark.parametrize("error", [QuotaReached("A quota is reached."), CloudUnreachable("no answer")])
    def test_any_further_after_a_quota_or_no_answer(self, bench: Bench, error: CloudError) -> None:
        bench.cloud.capacity["subnet-a"] = 0
        operation = bench.ask("scale web 1")
        refuse(bench, f"{operation}.2/1", error)
        ended = bench.end_of(operation)
        assert ended.stage is Stage.FAILED
        assert f"{TYPE} in subnet-b: {str(error).rstrip('.')}" in ended.result
        assert set(asked(bench)) == {f"{operation}.1", f"{operation}.2/1"}


def test_a_lost_answer_elsewhere_starts_nothing_twice(bench: Bench) -> None:
    bench.cloud.capacity["subnet-a"] = 0
    operation = bench.ask("scale web 1")
    bench.cloud.lost["launch"] = [CloudUnreachable("no answer")] * 2
    ended = bench.end_of(operation)
    assert (ended.stage, len(alive(bench))) == (Stage.DONE, 1)


def test_each_attempt_has_its_rows_which_say_what_and_where(bench: Bench) -> None:
    bench.cloud.capacity |= {TYPE: 0, OTHER: 1}
    ended = bench.scale(2)
    rows = [
        (row.action, row.kind, row.text) for row in bench.rows() if row.action.startswith(f"{ended.id}.3/")
    ]
    none = "failed: AWS has no such server to give there just now. Try again later."
    assert rows == [
        (f"{ended.id}.3/1", Kind.INTENT, f"launch 2 × {OTHER} in subnet-a from ami-1"),
        (f"{ended.id}.3/1", Kind.OUTCOME, f"done: launch 2 × {OTHER} in subnet-a from ami-1"),
        (f"{ended.id}.3/2", Kind.INTENT, f"launch 1 × {OTHER} in subnet-b from ami-1"),
        (f"{ended.id}.3/2", Kind.OUTCOME, none),
        (f"{ended.id}.3/3", Kind.INTENT, f"launch 1 × {LAST} in subnet-a from ami-1"),
        (f"{ended.id}.3/3", Kind.OUTCOME, f"done: launch 1 × {LAST} in subnet-a from ami-1"),
    ]


def short_of_everything(bench: Bench) -> None:
    """Three servers come from three places, and three other places have none."""
    bench.cloud.capacity |= {TYPE: 1, OTHER: 1}
    operation = bench.ask("scale web 3")
    bench.approve(operation)
    ended = bench.end_of(operation)
    assert (ended.stage, len(bench.serving()), len(alive(bench))) == (Stage.DONE, 3, 3)
    assert sum(places(bench).values()) == 3


def cancelled_elsewhere(bench: Bench) -> None:
    """It is cancelled while the first place beside the planned ones is asked."""
    bench.cloud.capacity |= {TYPE: 1, f"{OTHER} in subnet-a": 1}
    operation = bench.ask("scale web 3")
    bench.approve(operation)
    launch = bench.cloud.launch

    def cancel_and_launch(*args: object, **options: object) -> object:
        if options["action"] == f"{operation}.3/1" and not bench.operation(operation).cancelled_by:
            bench.ask(f"cancel {operation}", BOB)
        return launch(*args, **options)  # type: ignore[arg-type]  # as it was called

    bench.cloud.launch = cancel_and_launch  # type: ignore[assignment,method-assign]  # somebody is quick
    ended = bench.end_of(operation)
    assert (ended.stage, alive(bench)) == (Stage.CANCELLED, [])
    assert f"Undone: {FIRST}, i-0003, started for this and not serving yet, terminated." in ended.result
    assert set(asked(bench)) <= {f"{operation}.1", f"{operation}.2", f"{operation}.3/1"}


STORIES: list[Callable[[Bench], None]] = [short_of_everything, cancelled_elsewhere]


@pytest.mark.parametrize("story", STORIES)
def test_every_step_done_several_times_leaves_the_same_world(
    bench: Bench, story: Callable[[Bench], None]
) -> None:
    bench.times = 3
    story(bench)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
def test_cut_off_around_any_call_of_the_launches_it_ends_the_same(
    tmp_path: Path, story: Callable[[Bench], None], cut: str
) -> None:
    first, last = _calls_of_the_launches(tmp_path / "whole", story)
    for number in range(first + (cut == "cut_after"), last + 1, STRIDE):
        another = _furnished(tmp_path / str(number))
        setattr(another.supply, cut, number)
        try:
            story(another)
            another.assert_audit_is_whole()
        except AssertionError as error:
            error.add_note(f"{cut}={number}")
            raise


def test_capacity_that_comes_back_after_a_crash_starts_nothing_more(bench: Bench) -> None:
    """The first attempt elsewhere was refused, the second started servers, then the power was cut."""
    bench.cloud.capacity |= {TYPE: 0, f"{OTHER} in subnet-a": 0}
    operation = bench.ask("scale web 2")
    launch = bench.cloud.launch

    def launch_and_cut(*args: object, **options: object) -> object:
        started = launch(*args, **options)  # type: ignore[arg-type]  # as it was called
        bench.cloud.launch = launch  # type: ignore[method-assign]  # once
        bench.cloud.capacity.clear()
        bench.supply.cut_after = bench.supply.calls
        return started

    bench.cloud.launch = launch_and_cut  # type: ignore[assignment,method-assign]  # a cut at the worst moment
    ended = bench.end_of(operation)
    assert (ended.stage, places(bench)) == (Stage.DONE, {f"{OTHER} in subnet-b": 2})
    assert len(alive(bench)) == 2


def _furnished(folder: Path) -> Bench:
    folder.mkdir()
    bench = Bench(folder)
    bench.furnish()
    bench.change(instance_types=(OTHER, LAST))
    return bench


def _calls_of_the_launches(folder: Path, story: Callable[[Bench], None]) -> tuple[int, int]:
    """The numbers of the calls from shortly before the first launch until shortly after the last."""
    bench, numbers = _furnished(folder), list[int]()
    launch = bench.cloud.launch

    def note(*args: object, **options: object) -> object:
        numbers.append(bench.supply.calls)
        return launch(*args, **options)  # type: ignore[arg-type]  # as it was called

    bench.cloud.launch = note  # type: ignore[assignment,method-assign]  # it listens
    story(bench)
    return numbers[0] - 4, numbers[-1] + 6


class TestAServerThatNeverBoots:
    def test_because_it_stays_pending_is_given_up_after_the_patience(self, bench: Bench) -> None:
        bench.cloud.stuck.add(FIRST)
        ended = bench.scale(2)
        one_of_two(bench, ended, f"{FIRST}: it did not start (waited 10 minutes)")
        assert bench.quarantined() == [FIRST]

    def test_because_aws_ends_it_at_once_is_told_with_awss_reason(self, bench: Bench) -> None:
        why = "Client.VolumeLimitExceeded: Volume limit exceeded"
        bench.cloud.doomed[FIRST] = why
        before = bench.clock.at
        ended = bench.scale(2)
        one_of_two(bench, ended, f"{FIRST}: it is terminated ({why})")
        assert (bench.clock.at - before).total_seconds() < 60
        assert bench.quarantined() == []


def one_of_two(bench: Bench, ended: Operation, why: str) -> None:
    assert (ended.stage, len(bench.serving())) == (Stage.PARTLY_DONE, 1)
    assert ended.result.startswith(f"web: 1 of 2 clones serve, because {why}.")
    assert ended.result.endswith("Type `/clone scale web 2` to try again.")


def test_four_clones_cost_as_many_calls_as_fifty(tmp_path: Path) -> None:
    def calls(count: int) -> Counter[str]:
        bench = _furnished(tmp_path / str(count))
        bench.change(max_clones=60)
        assert bench.scale(count).stage is Stage.DONE
        return bench.cloud.asked

    assert calls(4) == calls(50)
