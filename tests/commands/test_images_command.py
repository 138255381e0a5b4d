"""`images`, `pin`, `unpin` and `clean-up`."""

import pytest

from bot.domain.errors import BotError, NotAllowed
from bot.domain.fleet import Fleet, Images, ImageState
from bot.domain.imaging import Discard, Pin, RemoveImages
from bot.domain.keeping import MOST_AT_ONCE, Uses
from bot.domain.plan import Lane
from bot.domain.policy import Policy, approvals_needed
from tests.commands.examples import EVE, MASTER, POLICY, a_fleet, a_spec, an_image, answer, plan

BAD = an_image("ami-2", days=2, state=ImageState.BAD)
OLD = an_image("ami-0", days=90)
SPEC = a_spec(images=Images(keep=1, days=7))


def images_of(*images: object) -> Fleet:
    return a_fleet(images=images, spec=SPEC)


def test_images_tells_age_size_state_use_and_master_and_which_one_is_the_default() -> None:
    former = an_image("ami-0", days=90, master="i-0000000000000000b", pinned=True, encrypted=True)
    good = an_image(doctor="2026-11-20 0 blocking 3 warnings")
    uses = Uses(servers={"ami-1": ("i-1", "i-2")}, templates={"ami-0": ("web",)})
    title, *lines = answer("images web", images_of(BAD, good, former), person=EVE, uses=uses).splitlines()
    assert title == "*web*: 3 clone images; new clones start from `ami-1`"
    used = "2 living servers started from it"
    named = "pinned, named by the launch template `web`"
    found = "the doctor on 2026-11-20 0 blocking 3 warnings"
    assert lines == [
        f"`ami-2`: 2 days old, 8 GiB not encrypted, is bad, not in use; of the master `{MASTER}`",
        f"`ami-1`: 3 days old, 8 GiB not encrypted, is good, {used}; of the master `{MASTER}`; {found}",
        f"`ami-0`: 90 days old, 8 GiB encrypted, is good, {named}; of the former master `{former.master}`",
    ]


def test_images_says_where_there_is_none_or_none_that_is_good() -> None:
    assert answer("images web", images_of()) == ("*web* has no clone image yet. `/clone bake web` makes one.")
    assert answer("images web", images_of(BAD)).startswith(
        "*web*: 1 clone image; no image is good: `ami-2` is bad"
    )


def test_images_names_launch_templates_that_do_not_tell_their_image() -> None:
    told = answer("images web", images_of(BAD), uses=Uses(unclear=("web",)))
    assert told.endswith("since they look it up when they are used: `web`. Pin what they need.")


@pytest.mark.parametrize(("verb", "other", "pinned"), [("pin", "unpin", True), ("unpin", "pin", False)])
def test_pin_and_unpin_are_each_others_inverse_and_change_one_tag(
    verb: str,
    other: str,
    pinned: bool,  # noqa: FBT001 (a case)
) -> None:
    fleet = images_of(an_image("ami-1", pinned=not pinned))
    planned = plan(f"{verb} web ami-1 --reason 'before the sale'", fleet)
    assert planned.actions == (Pin(image="ami-1", pinned=pinned),)
    assert (planned.command, planned.inverse) == (f"{verb} web ami-1", f"{other} web ami-1")
    assert (planned.lane, planned.reason) == (Lane.IMAGE, "before the sale")
    assert approvals_needed(planned, POLICY) == 0


def test_pinning_twice_is_answered() -> None:
    assert answer("pin web ami-1", images_of(an_image(pinned=True))) == (
        "`ami-1` is pinned already; nothing to do."
    )
    assert answer("unpin web ami-1", images_of(an_image())) == "`ami-1` is not pinned; nothing to do."


@pytest.mark.parametrize("verb", ["pin", "unpin"])
def test_an_image_that_the_fleet_does_not_have_is_not_pinned(verb: str) -> None:
    with pytest.raises(BotError) as raised:
        plan(f"{verb} web ami-0dead", images_of(an_image()))
    assert str(raised.value) == (
        "*web* has no clone image `ami-0dead`: it was deleted, is of another fleet, or never was one. "
        "Type `/clone images web` to see those that there are."
    )


def test_clean_up_names_each_image_with_its_snapshots_and_needs_an_approval() -> None:
    planned = plan("clean-up web", images_of(an_image(), OLD))
    assert planned.actions == (RemoveImages(images=(Discard(id="ami-0", snapshots=("snap-0",)),)),)
    assert str(planned.actions[0]) == "deregister ami-0 and delete its snapshot"
    assert (planned.lane, planned.command, planned.inverse) == (Lane.IMAGE, "clean-up web", "")
    assert planned.summary == "web: remove 1 clone image of 2"
    assert planned.notes == (
        "What is removed cannot be brought back.",
        "`ami-0` is 90 days old, holds 8 GiB, and is good.",
        "Stays: `ami-1` (new clones start from it).",
    )
    assert approvals_needed(planned, POLICY) == 1


def test_the_approval_of_a_clean_up_is_bound_to_the_images() -> None:
    one, other = (images_of(an_image(), an_image(f"ami-{n}", days=90)) for n in (7, 8))
    assert plan("clean-up web", one).hash != plan("clean-up web", other).hash


def test_clean_up_says_why_each_image_stays_where_none_can_go() -> None:
    told = answer("clean-up web", images_of(an_image(), OLD), uses=Uses(servers={"ami-0": ("i-9",)}))
    assert told.splitlines() == [
        "*web*: no image can go; nothing to do.",
        "`ami-1` stays: new clones start from it",
        "`ami-0` stays: 1 living server started from it",
    ]


def test_clean_up_removes_no_more_at_once_than_one_can_read() -> None:
    many = [an_image(f"ami-x{n}", days=90 + n, state=ImageState.BAD) for n in range(MOST_AT_ONCE + 3)]
    planned = plan("clean-up web", images_of(an_image(), *many))
    (action,) = planned.actions
    assert isinstance(action, RemoveImages)
    assert len(action.images) == MOST_AT_ONCE
    assert action.images[0].id == f"ami-x{MOST_AT_ONCE + 2}"
    assert "3 more images can go; ask again afterwards." in planned.notes
    assert str(action).endswith(f"and delete {MOST_AT_ONCE} snapshots")


def test_clean_up_is_refused_where_nobody_could_approve_it() -> None:
    with pytest.raises(NotAllowed, match="needs an approval"):
        plan("clean-up web", images_of(an_image(), OLD), policy=Policy(roles={}))
