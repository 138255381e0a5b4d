"""`bake`."""

import pytest

from bot.domain.errors import BotError
from bot.domain.fleet import Role, State
from bot.domain.plan import Bake, Lane
from tests.commands.examples import MASTER, a_fleet, a_server, plan


def test_it_plans_one_image_of_the_master_and_no_other_change() -> None:
    planned = plan("bake web --reason 'new release'", a_fleet(a_server("i-1")))
    assert planned.actions == (Bake(master=MASTER),)
    assert (planned.lane, planned.command, planned.inverse) == (Lane.IMAGE, "bake web", "")
    assert (planned.before, planned.after, planned.cost_per_hour) == (1, 1, None)
    assert planned.summary == f"web: a new clone image of {MASTER}"
    assert planned.reason == "new release"


def test_it_says_how_old_the_image_is_that_clones_start_from_now() -> None:
    assert plan("bake", a_fleet()).notes == ("The image `ami-1` is 3 days old; it is kept.",)
    assert plan("bake", a_fleet(images=())).notes == ("There is no usable image yet.",)


def test_a_master_that_does_not_run_cannot_be_baked() -> None:
    stopped = a_server(MASTER, Role.MASTER, state=State.STOPPED)
    with pytest.raises(BotError, match=r"is stopped.*Start it, then type `/clone bake web` again"):
        plan("bake web", a_fleet(master=stopped))
