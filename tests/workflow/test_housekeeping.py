"""Images are pinned and removed: only those that nobody needs at the last moment."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import CloudDenied, CloudError, CloudUnreachable
from bot.domain.fleet import Images, ImageState
from bot.domain.operation import Operation, Stage
from tests.workflow.bench import BOB, LEA, Bench


@pytest.fixture
def bench(bench: Bench) -> Bench:
    """A fleet with three images, of which only the newest is to stay; all are old."""
    bench.cloud.add_image(bench.spec, "ami-2", ImageState.BAD)
    bench.cloud.add_image(bench.spec, "ami-3")
    bench.change(images=Images(keep=1))
    return bench


def images(bench: Bench) -> list[str]:
    return [image.id for image in bench.cloud.look(bench.spec).images]


def clean_up(bench: Bench) -> Operation:
    operation = bench.ask("clean-up web")
    assert operation, bench.chat.answered[-1].text
    assert bench.operation(operation).stage is Stage.AWAITING_APPROVAL
    bench.approve(operation)
    return bench.end_of(operation)


def test_what_nobody_needs_goes_with_its_snapshots_once_somebody_else_agreed(bench: Bench) -> None:
    ended = clean_up(bench)
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 2 of 2 images removed, snapshots included.")
    assert images(bench) == ["ami-3"]
    assert bench.cloud.snapshots == {"snap-3"}
    assert [row.action for row in bench.rows() if row.text == "deregister ami-1 and delete snap-1"] == [
        f"{ended.id}.1/ami-1"
    ]
    assert bench.ask("clean-up web") == ""
    assert "no image can go; nothing to do" in bench.chat.answers_to(BOB.id)[-1]


def test_done_several_times_it_is_the_same(bench: Bench) -> None:
    bench.times = 3
    assert clean_up(bench).stage is Stage.DONE
    assert images(bench) == ["ami-3"]


@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
def test_cut_off_around_any_call_it_ends_the_same(bench: Bench, cut: str) -> None:
    for number in range(1, 40, 5):
        before = images(bench)
        bench.cloud.add_image(bench.spec, f"ami-x{number}", ImageState.BAD)
        operation = bench.ask("clean-up web")
        bench.approve(operation)
        setattr(bench.supply, cut, bench.supply.calls + number)
        assert bench.end_of(operation).stage is Stage.DONE
        bench.supply.restore()
        assert images(bench) == ["ami-3"], before


class TestTheWorldChangesAfterTheApproval:
    """Then nothing is removed, and somebody is asked again."""

    @pytest.mark.parametrize("how", ["pinned", "launched", "named", "gone"])
    def test_an_image_is_needed_or_gone(self, bench: Bench, how: str) -> None:
        operation = bench.ask("clean-up web")
        bench.approve(operation)
        match how:
            case "pinned":
                bench.cloud.pin_image(bench.spec, "ami-1", pinned=True, action="by hand")
            case "launched":
                server = bench.cloud.start_by_hand(bench.spec)
                bench.cloud.started_from(server, "ami-1")
            case "named":
                bench.cloud.templates["ami-1"] = ("web",)
            case "gone":
                bench.cloud.remove_image(bench.spec, "ami-1", ["snap-1"], action="by hand")
        before = images(bench)
        again = bench.end_of(operation)
        assert again.stage is Stage.AWAITING_APPROVAL
        assert again.plan.summary == f"web: remove 1 clone image of {len(before)}"
        assert images(bench) == before
        bench.approve(operation)
        assert bench.end_of(operation).stage is Stage.DONE
        assert images(bench) == [image for image in before if image != "ami-2"]


class TestOneThatCannotBeRemoved:
    def test_does_not_stop_the_others_and_is_told(self, bench: Bench) -> None:
        bench.cloud.failures["remove_image"] = [CloudError("ami-1 was pinned meanwhile, so it stays.")]
        ended = clean_up(bench)
        assert (ended.stage, images(bench)) == (Stage.PARTLY_DONE, ["ami-3", "ami-1"])
        assert ended.result == (
            "web: 1 of 2 images removed, because ami-1: ami-1 was pinned meanwhile, so it stays. "
            "Type `/clone clean-up web` to try again."
        )

    def test_since_aws_does_not_allow_it_says_so(self, bench: Bench) -> None:
        bench.cloud.failures["remove_image"] = [CloudDenied("Not allowed.")] * 2
        ended = clean_up(bench)
        assert (ended.stage, len(images(bench))) == (Stage.FAILED, 3)
        assert "web: 0 of 2 images removed, because ami-1, ami-2: Not allowed." in ended.result

    def test_for_a_moment_is_tried_again(self, bench: Bench) -> None:
        bench.cloud.lost["remove_image"] = [CloudUnreachable("no answer")]
        assert clean_up(bench).stage is Stage.DONE

    def test_with_its_snapshots_is_told_where_to_find_them(self, bench: Bench) -> None:
        bench.cloud.lost["remove_image"] = [CloudDenied("Not allowed to delete snapshots.")]
        ended = clean_up(bench)
        assert ended.stage is Stage.PARTLY_DONE
        assert "Gone, but perhaps not with its snapshots: ami-1; `/clone doctor web` names" in ended.result


def test_a_snapshot_that_another_image_uses_stays_and_is_told(bench: Bench) -> None:
    bench.cloud.share_snapshot("ami-1", "ami-3")
    ended = clean_up(bench)
    assert (ended.stage, images(bench)) == (Stage.DONE, ["ami-3"])
    assert "snap-1" in bench.cloud.snapshots
    assert "snap-1 of ami-1 stays, because ami-3 uses it." in ended.result


def test_images_of_another_fleet_are_not_looked_at(bench: Bench) -> None:
    other = replace(bench.spec, name="shop")
    bench.cloud.add_image(other, "ami-shop")
    clean_up(bench)
    assert [image.id for image in bench.cloud.look(other).images] == ["ami-shop"]
    assert bench.ask("pin web ami-shop") == ""
    assert "it was deleted, is of another fleet, or never was one" in bench.chat.answers_to(BOB.id)[-1]


def test_a_young_image_stays(bench: Bench) -> None:
    bench.clock.at = bench.cloud.look(bench.spec).images[0].created + timedelta(days=6)
    assert bench.ask("clean-up web") == ""
    assert "`ami-1` stays: younger than 7 days" in bench.chat.answers_to(BOB.id)[-1]


def test_it_waits_for_a_bake_that_runs_and_leaves_its_image(bench: Bench) -> None:
    baking, cleaning = bench.ask("bake web"), bench.ask("clean-up web", LEA)
    assert bench.desk.queue(baking) == bench.desk.queue(cleaning)
    bench.approve(cleaning)
    assert bench.end_of(baking).stage is Stage.DONE
    bench.end_of(cleaning)
    assert f"ami-{baking}.1" in images(bench)


class TestPinning:
    def test_keeps_an_image_until_it_is_unpinned(self, bench: Bench) -> None:
        pinned = bench.end_of(bench.ask("pin web ami-1"))
        assert (pinned.stage, pinned.needed) == (Stage.DONE, 0)
        assert pinned.result == "web: ami-1 is pinned: `clean-up` leaves it."
        clean_up(bench)
        assert images(bench) == ["ami-3", "ami-1"]
        assert bench.end_of(bench.ask("unpin web ami-1")).result == "web: ami-1 is not pinned any more."
        clean_up(bench)
        assert images(bench) == ["ami-3"]

    def test_of_an_image_that_is_gone_when_its_turn_comes_changes_nothing(self, bench: Bench) -> None:
        operation = bench.ask("pin web ami-1")
        bench.cloud.remove_image(bench.spec, "ami-1", (), action="by hand")
        ended = bench.end_of(operation)
        assert ended.stage is Stage.FAILED
        assert ended.result.startswith(
            "Nothing was changed: *web* has no clone image `ami-1`: it was deleted"
        )

    def test_that_aws_does_not_allow_says_so(self, bench: Bench) -> None:
        bench.cloud.failures["pin_image"] = [CloudDenied("Not allowed.")]
        ended = bench.end_of(bench.ask("pin web ami-1"))
        assert ended.stage is Stage.FAILED
        assert "web: ami-1 is as it was, because could not pin ami-1: Not allowed." in ended.result


def test_only_what_asks_for_it_asks_aws_who_uses_images(bench: Bench) -> None:
    for text in ("status web", "scale web 1 --dry-run", "bake web --dry-run", "pin web ami-1 --dry-run"):
        bench.ask(text)
    assert bench.cloud.asked["image_uses"] == 0
    bench.ask("images web")
    assert bench.cloud.asked["image_uses"] == 1
    assert "*web*: 3 clone images; new clones start from `ami-3`" in bench.chat.answers_to(BOB.id)[-1]
