"""Adopt and disown on fakes: the order, what fails, what is cancelled, and a crash anywhere."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.audit import Kind
from bot.domain.errors import BotError, CloudDenied, CloudUnreachable, NotThereYet
from bot.domain.fleet import Patience, Service, Writes
from bot.domain.front import Front, Standing
from bot.domain.operation import Operation, Stage
from tests.workflow.bench import ADA, BOB, SPEC, STRIDE, Bench

ALONE = replace(SPEC, target_group="", writes=Writes(), patience=Patience(healthy=20, drain=20, balancer=20))
ADOPT, DISOWN = "adopt i-master as web", "disown web"
PROTECTED_BEFORE = Front(network="vpc-1", now=Standing(stop=True))


@contextmanager
def a_bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        bench.cloud.stand_alone()
        bench.cloud.front = PROTECTED_BEFORE
        bench.configure(ALONE)
        yield bench
        bench.assert_audit_is_whole()
        bench.records.close()


@pytest.fixture
def alone() -> Iterator[Bench]:
    """A master that stands alone, and was protected from being stopped."""
    with a_bench() as bench:
        yield bench


def do(bench: Bench, text: str) -> Operation:
    operation = bench.ask(text)
    assert operation, bench.chat.answered[-1].text
    assert bench.step(bench.desk.undecided, operation), "it needs an approval"
    bench.approve(operation)
    return bench.end_of(operation)


def front(bench: Bench) -> Front:
    return bench.cloud.survey(bench.spec)


def service(bench: Bench) -> Service:
    return bench.cloud.look(bench.spec).master.service


def adopted(bench: Bench) -> None:
    """It serves behind a balancer, and all is made once."""
    ended = do(bench, ADOPT)
    assert ended.stage is Stage.DONE
    assert "i-master serves behind the load balancer balancer.example, port 80." in ended.result
    assert "Point the site's DNS name there" in ended.result
    assert "keeps answering directly" in ended.result
    found = front(bench)
    assert (service(bench), found.adopted("web"), len(found.made)) == (Service.HEALTHY, True, 4)
    assert (found.now.terminate, found.now.stop) == (True, True)
    assert found.before == Standing(stop=True)


def disowned(bench: Bench) -> None:
    """It is adopted and disowned: all is as it was."""
    adopted(bench)
    ended = do(bench, DISOWN)
    assert (ended.stage, ended.result) == (
        Stage.DONE,
        "web: i-master stands alone again, as before it was adopted.",
    )
    assert_untouched(bench)


def assert_untouched(bench: Bench) -> None:
    assert front(bench) == PROTECTED_BEFORE
    assert service(bench) is Service.OUT


def test_the_master_is_claimed_first_and_protected_once_it_serves(alone: Bench) -> None:
    adopted(alone)
    assert alone.done() == ["claim", "make_groups", "make_balancer", "put_in_service", "protect"]


def test_nothing_is_done_before_the_approval(alone: Bench) -> None:
    operation = alone.ask(ADOPT)
    alone.end_of(operation)
    assert (alone.operation(operation).stage, alone.done()) == (Stage.AWAITING_APPROVAL, [])
    assert alone.approve(operation, BOB) != operation
    alone.ask(f"deny {operation}", ADA)
    assert (alone.end_of(operation).stage, alone.done()) == (Stage.DENIED, [])


def test_it_waits_until_the_balancer_is_ready_and_finds_the_master_healthy(alone: Bench) -> None:
    alone.cloud.ready_after, alone.cloud.healthy_after = 3, 3
    adopted(alone)


def test_disowned_the_master_is_as_it_was(alone: Bench) -> None:
    alone.cloud.drains_after = 3
    disowned(alone)
    assert alone.done()[5:] == ["release_master", "remove_front", "protect", "disclaim"]


def test_a_fleet_can_be_scaled_once_it_is_adopted_and_disowned_once_its_clones_are_gone(alone: Bench) -> None:
    assert alone.ask("scale web 1") == ""
    assert "Type `/clone adopt i-master as web`" in alone.chat.answered[-1].text
    adopted(alone)
    assert alone.scale(1).stage is Stage.DONE
    assert alone.ask(DISOWN) == ""
    assert "Type `/clone scale web 0` first" in alone.chat.answered[-1].text
    assert alone.scale(0).stage is Stage.DONE
    assert do(alone, DISOWN).stage is Stage.DONE
    assert_untouched(alone)


def test_an_adopted_master_is_no_difference(alone: Bench) -> None:
    adopted(alone)
    for _ in range(3):
        alone.reconciler.look_around(lambda _: True)
    assert not alone.chat.notices


@pytest.mark.parametrize("method", ["claim", "make_groups", "make_balancer", "put_in_service"])
def test_what_fails_half_way_is_undone_and_told(alone: Bench, method: str) -> None:
    alone.cloud.failures[method] = [CloudDenied("AWS does not let me.")]
    ended = do(alone, ADOPT)
    assert ended.stage is Stage.FAILED
    assert ended.result.startswith("web: not adopted, because could not ")
    assert "AWS does not let me" in ended.result
    assert "Nothing that adopt made is left." in ended.result
    assert ended.result.endswith(f"Type `/clone {ADOPT}` to begin again at any time.")
    assert_untouched(alone)


def test_a_master_that_never_gets_healthy_is_let_go_again(alone: Bench) -> None:
    alone.cloud.sick = {"i-master"}
    ended = do(alone, ADOPT)
    assert ended.stage is Stage.FAILED
    assert "did not find i-master healthy within 20 seconds. It asks / at port 80" in ended.result
    assert_untouched(alone)


def test_a_master_without_protection_goes_on_serving_and_that_is_told(alone: Bench) -> None:
    alone.cloud.failures["protect"] = [CloudDenied("AWS does not let me.")]
    ended = do(alone, ADOPT)
    assert (ended.stage, service(alone)) == (Stage.FAILED, Service.HEALTHY)
    assert "i-master is running and healthy behind its load balancer." in ended.result
    assert "load balancer clonebot-web" in ended.result
    assert f"`/clone {ADOPT}` to go on or `/clone {DISOWN}` to lead back." in ended.result
    adopted(alone)


def test_what_somebody_removed_before_is_named_and_the_rest_undone(alone: Bench) -> None:
    adopted(alone)
    del alone.cloud.made["load balancer clonebot-web"]
    ended = do(alone, DISOWN)
    assert ended.stage is Stage.DONE
    assert ended.result.endswith("adopted. Gone already, or never made: load balancer clonebot-web.")
    assert_untouched(alone)


def test_what_cannot_be_undone_is_told(alone: Bench) -> None:
    alone.cloud.failures["make_balancer"] = [CloudDenied("AWS does not let me.")]
    alone.cloud.failures["remove_front"] = [CloudDenied("AWS does not let me remove it.")]
    ended = do(alone, ADOPT)
    assert ended.stage is Stage.FAILED
    assert "What it began could not be undone: AWS does not let me remove it." in ended.result
    assert "Still there: target group clonebot-web, target group clonebot-web-writes" in ended.result
    assert do(alone, DISOWN).stage is Stage.DONE
    assert_untouched(alone)


@pytest.mark.parametrize("method", ["claim", "make_groups", "make_balancer", "put_in_service", "protect"])
@pytest.mark.parametrize("error", [CloudUnreachable("no answer"), NotThereYet("not yet")])
def test_an_answer_that_is_lost_changes_nothing(alone: Bench, method: str, error: BotError) -> None:
    alone.cloud.lost[method] = [error]
    adopted(alone)


@pytest.mark.parametrize("method", ["release_master", "remove_front", "protect", "disclaim"])
def test_what_fails_while_it_is_disowned_is_told_and_can_be_gone_on_with(alone: Bench, method: str) -> None:
    adopted(alone)
    alone.cloud.failures[method] = [CloudDenied("AWS does not let me.")]
    ended = do(alone, DISOWN)
    assert ended.stage is Stage.FAILED
    assert ended.result.startswith("web: not disowned, because could not ")
    assert "the tags of i-master" in ended.result
    assert do(alone, DISOWN).stage is Stage.DONE
    assert_untouched(alone)


def test_something_unexpected_can_be_gone_on_with_or_led_back(alone: Bench) -> None:
    operation = alone.ask(ADOPT)
    alone.approve(operation)
    alone.cloud.failures["make_balancer"] = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        alone.end_of(operation)
    alone.carrier.give_up(operation, "Something unexpected went wrong; reference `1a2b`.")
    said = alone.operation(operation).result
    assert said.endswith(f"Type `/clone {ADOPT}` to go on, or `/clone {DISOWN}` to lead back.")
    assert do(alone, DISOWN).stage is Stage.DONE
    assert_untouched(alone)


def test_what_aws_never_answered_is_told_with_what_to_type(alone: Bench) -> None:
    adopted(alone)
    alone.cloud.failures["protect"] = [CloudUnreachable("no answer")] * 1000
    assert do(alone, DISOWN).stage is Stage.FAILED
    alone.cloud.failures.clear()
    alone.clock.sleep(alone.reconciler.seconds + 1)
    alone.reconciler.look_around(lambda _: True)
    ((_, notice),) = alone.chat.notices.values()
    told = " ".join(notice.lines)
    assert "turn termination protection of i-master off, stop protection on: AWS did not say" in told
    assert f"Type `/clone {DISOWN}` to go on, or `/clone {ADOPT}` to lead back." in told


def test_aws_may_take_its_time_to_free_what_was_removed(alone: Bench) -> None:
    adopted(alone)
    alone.cloud.failures["remove_front"] = [NotThereYet("AWS still holds it.")] * 3
    assert do(alone, DISOWN).stage is Stage.DONE
    assert_untouched(alone)


def cancelled(bench: Bench, text: str) -> Operation:
    """Cancel it the first time that it waits for something."""
    operation = bench.ask(text)
    bench.approve(operation)

    def cancel() -> None:
        bench.clock.passing = lambda: None
        assert bench.ask(f"cancel {operation}") == operation

    bench.clock.passing = cancel
    return bench.end_of(operation)


def test_cancelled_while_it_waits_everything_is_undone(alone: Bench) -> None:
    alone.cloud.healthy_after = 100
    ended = cancelled(alone, ADOPT)
    assert ended.stage is Stage.CANCELLED
    assert "Nothing that adopt made is left." in ended.result
    assert_untouched(alone)


def test_cancelled_while_requests_end_the_master_serves_behind_the_balancer_again(alone: Bench) -> None:
    adopted(alone)
    alone.cloud.drains_after = 100
    ended = cancelled(alone, DISOWN)
    assert (ended.stage, service(alone)) == (Stage.CANCELLED, Service.HEALTHY)
    assert "healthy behind its load balancer" in ended.result
    assert len(front(alone).made) == 4


def test_a_later_adopt_that_fails_undoes_nothing_of_an_earlier_one(alone: Bench) -> None:
    adopted(alone)
    alone.cloud.front = replace(alone.cloud.front, now=Standing())
    alone.cloud.failures["make_balancer"] = [CloudDenied("AWS does not let me.")]
    assert do(alone, ADOPT).stage is Stage.FAILED
    assert (service(alone), len(front(alone).made)) == (Service.HEALTHY, 4)
    assert front(alone).adopted("web")


def test_of_configured_target_groups_nothing_is_made_or_removed(alone: Bench) -> None:
    alone.configure(replace(SPEC, patience=ALONE.patience))
    assert do(alone, ADOPT).stage is Stage.DONE
    assert alone.done() == ["claim", "put_in_service", "protect"]
    assert do(alone, DISOWN).stage is Stage.DONE
    assert alone.done()[3:] == ["release_master", "protect", "disclaim"]


STORIES = [adopted, disowned]


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("times", [2, 3])
def test_every_step_done_several_times_leaves_the_same_world(
    story: Callable[[Bench], None], times: int
) -> None:
    with a_bench() as bench:
        bench.times = times
        story(bench)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
def test_cut_off_around_any_call_it_ends_the_same(story: Callable[[Bench], None], cut: str) -> None:
    with a_bench() as bench:
        story(bench)
        calls = bench.supply.calls
    assert calls > 50
    for number in range(1 if cut == "cut_before" else 2, calls, STRIDE):
        with a_bench() as bench:
            setattr(bench.supply, cut, number)
            story(bench)
            bench.supply.restore()
            ended = [row.operation for row in bench.rows(Kind.FINISHED)]
            assert len(ended) == len(set(ended))
