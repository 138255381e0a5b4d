"""Baking a clone image by itself."""

from bot.domain.errors import CloudDenied
from bot.domain.operation import Stage
from tests.workflow.bench import BOB, LEA, Bench


def test_it_needs_no_approval_and_leaves_the_clones_as_they_are(bench: Bench) -> None:
    bench.scale(3)
    before = bench.serving()
    assert bench.end_of(bench.ask("bake web")).stage is Stage.DONE
    assert bench.serving() == before


def test_one_that_fails_says_why_and_what_to_type(bench: Bench) -> None:
    bench.cloud.failures["bake"] = [CloudDenied("AWS does not let me make images.")]
    ended = bench.end_of(bench.ask("bake web"))
    assert ended.stage is Stage.FAILED
    assert ended.result.startswith("web: no new image, because could not bake")
    assert ended.result.endswith("AWS does not let me make images. Type `/clone bake web` to try again.")


def test_it_and_a_scaling_wait_for_each_other(bench: Bench) -> None:
    first, second = bench.ask("scale web 1"), bench.ask("bake web", LEA)
    assert bench.desk.queue(first) == bench.desk.queue(second)
    assert bench.operation(second).behind == f"`{first}` (scale web 1, @U0BOB)"
    assert bench.end_of(first).stage is Stage.DONE
    assert bench.end_of(second).stage is Stage.DONE


def test_done_several_times_it_is_one_image(empty: Bench) -> None:
    empty.times = 3
    assert empty.end_of(empty.ask("bake web")).stage is Stage.DONE
    assert len(empty.cloud.look(empty.spec).images) == 1


def test_a_dry_run_names_no_way_back_where_there_is_none(bench: Bench) -> None:
    assert bench.ask("bake web --dry-run") == ""
    told = bench.chat.answers_to(BOB.id)[-1]
    assert "Takes about 7 min.\nNothing was changed." in told
