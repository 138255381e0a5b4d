"""Which clone images may go, and why each of the others stays."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.fleet import Fleet, Image, Images, ImageState
from bot.domain.keeping import Sorted, Uses, sort_images
from bot.domain.operation import Operation, Stage
from tests.commands.examples import NOW, a_fleet, a_spec, an_image, an_operation

BAD, UNTRIED = ImageState.BAD, ImageState.BUILDING
DEFAULT = an_image("ami-9", days=1)
OLD = an_image("ami-1", days=90)
UNUSED = Uses()
FEW = a_spec(images=Images(keep=1, days=7))


def sort(
    *images: Image, uses: Uses = UNUSED, operations: tuple[Operation, ...] = (), **changes: Any
) -> Sorted:
    fleet: Fleet = a_fleet(images=images, **{"spec": FEW, **changes})
    return sort_images(fleet, uses, operations, NOW)


def test_what_is_old_and_of_no_use_may_go_the_oldest_first() -> None:
    older = an_image("ami-0", days=91, state=BAD)
    found = sort(DEFAULT, OLD, older)
    assert found.going == (older, OLD)
    assert found.staying == {"ami-9": "new clones start from it"}


@pytest.mark.parametrize("state", ImageState)
def test_what_is_old_may_go_whether_it_was_good_or_not(state: ImageState) -> None:
    assert sort(DEFAULT, replace(OLD, state=state)).going[0].id == OLD.id


@pytest.mark.parametrize(
    ("image", "uses", "why"),
    [
        (OLD, Uses(servers={OLD.id: ("i-1",)}), "1 living server started from it"),
        (OLD, Uses(servers={OLD.id: ("i-1", "i-2")}), "2 living servers started from it"),
        (OLD, Uses(templates={OLD.id: ("web", "shop")}), "named by the launch template `web`, `shop`"),
        (replace(OLD, pinned=True), Uses(), "pinned"),
        (replace(OLD, available=False), Uses(), "AWS is still making it"),
        (an_image("ami-1", days=6), Uses(), "younger than 7 days"),
        (an_image("ami-1", days=6, state=BAD), Uses(), "younger than 7 days"),
    ],
)
def test_what_somebody_may_need_stays(image: Image, uses: Uses, why: str) -> None:
    found = sort(DEFAULT, image, uses=uses)
    assert (found.going, found.staying[image.id]) == ((), why)


def test_the_last_good_ones_stay_and_those_that_are_not_good_do_not_count() -> None:
    images = [an_image(f"ami-{9 - n}", days=30 + n) for n in range(5)]
    bad = [an_image(f"ami-b{n}", days=20 + n, state=BAD) for n in range(5)]
    found = sort(*bad, *images, spec=a_spec())
    assert [image.id for image in found.going] == ["ami-5", "ami-6", *(f"ami-b{n}" for n in (4, 3, 2, 1, 0))]
    assert found.staying == {
        "ami-9": "new clones start from it",
        "ami-8": "one of the last 3 good ones",
        "ami-7": "one of the last 3 good ones",
    }


def test_the_default_stays_also_where_newer_ones_are_of_a_former_master() -> None:
    former = an_image("ami-9", days=30, master="i-0000000000000000b")
    found = sort(former, an_image("ami-8", days=40))
    assert found.staying == {"ami-9": "the last good one", "ami-8": "new clones start from it"}


def test_one_that_is_being_tried_stays_and_one_whose_bake_ended_does_not() -> None:
    untried = an_image("ami-1", days=90, state=UNTRIED, operation="op-k3m9ta")
    running = an_operation(stage=Stage.RUNNING)
    assert sort(DEFAULT, untried, operations=(running,)).staying["ami-1"] == "`op-k3m9ta` is trying it"
    assert sort(DEFAULT, untried, operations=(replace(running, stage=Stage.FAILED),)).going == (untried,)
