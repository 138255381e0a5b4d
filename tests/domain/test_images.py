"""What is said of clone images, and which servers are canaries."""

from dataclasses import replace

from bot.domain.capacity import usable_image
from bot.domain.fleet import ImageState
from bot.domain.image_conclusion import conclude_image
from bot.domain.images import none_good, set_canaries_apart
from bot.domain.operation import Stage
from bot.domain.plan import Lane
from bot.domain.tally import Tally
from tests.commands.examples import a_fleet, a_server, an_image, an_operation

BAKE = replace(an_operation().plan, lane=Lane.IMAGE, command="bake web", before=2, after=2)
BAD, UNTRIED = ImageState.BAD, ImageState.BUILDING


def test_new_clones_start_from_the_newest_good_image_and_from_no_other() -> None:
    untried, bad, good = an_image("ami-3", state=UNTRIED), an_image("ami-2", state=BAD), an_image("ami-1")
    assert usable_image(a_fleet(images=(untried, bad, good))) == good
    assert usable_image(a_fleet(images=(untried, bad))) is None


def test_it_is_said_why_there_is_no_good_image_though_there_are_images() -> None:
    untried, bad = an_image("ami-3", state=UNTRIED), an_image("ami-2", state=BAD)
    said = "No image is good: `ami-3` was never tried, `ami-2` is bad"
    assert none_good(a_fleet(images=(untried, bad))) == said
    assert none_good(a_fleet(images=(bad, an_image()))) == none_good(a_fleet(images=())) == ""
    many = tuple(an_image(f"ami-{number}", state=BAD) for number in range(5))
    assert none_good(a_fleet(images=many)).endswith("`ami-2` is bad, 2 more")


def test_a_bake_says_which_image_new_clones_start_from() -> None:
    new, old = an_image("ami-2", days=1), an_image("ami-1")
    fleet = a_fleet(images=(new, old))
    assert conclude_image(BAKE, Tally(image="ami-2"), fleet) == (
        Stage.DONE,
        "web: image ami-2 is good; new clones start from it.",
    )
    assert conclude_image(BAKE, Tally(image="ami-1"), fleet) == (
        Stage.DONE,
        "web: image ami-1 is good; new clones start from ami-2.",
    )


def test_a_bake_whose_image_is_gone_or_was_never_finished_says_so() -> None:
    again = "Type `/clone bake web` to try again."
    fleet = a_fleet(images=(an_image("ami-3", available=False), an_image()))
    gone = f"web: no new image, because ami-2 is gone. {again}"
    assert conclude_image(BAKE, Tally(image="ami-2"), fleet) == (Stage.FAILED, gone)
    stopped = Tally(stopped="could not bake: not allowed.")
    says = f"web: no new image, because could not bake: not allowed. {again}"
    assert conclude_image(BAKE, stopped, fleet) == (Stage.FAILED, says)


def test_servers_of_a_bake_under_way_are_canaries_and_what_it_left_behind_counts_as_a_clone() -> None:
    clone, canary = a_server("i-1", operation="op-0"), a_server("i-2", operation="op-k3m9ta")
    fleet = a_fleet(clone, canary)
    baking = replace(an_operation(stage=Stage.RUNNING), plan=BAKE)
    apart = set_canaries_apart(fleet, [baking])
    assert (apart.clones, apart.canaries) == ((clone,), (canary,))
    assert apart.server("i-2") == canary
    for other in (replace(baking, stage=Stage.FAILED), an_operation(stage=Stage.RUNNING)):
        assert set_canaries_apart(fleet, [other]) == fleet
