"""`bake`."""

import pytest

from bot.domain.errors import BotError, UsageError
from bot.domain.fleet import ImageState, Recipe, Role, Service, State, Writes
from bot.domain.plan import Bake, Lane, Launch, Prepare
from bot.domain.policy import approvals_needed
from bot.domain.quiesce import Quiesce, Way
from tests.commands.examples import MASTER, POLICY, a_fleet, a_server, a_spec, an_image, kinds, plan


def test_it_plans_one_image_and_one_canary_in_the_emptiest_subnet_that_never_serves() -> None:
    planned = plan("bake web --reason 'new release'", a_fleet(a_server("i-1")))
    tried = ["launch", "launch_elsewhere", "boot", "prepare", "sync", "prove", "judge", "end_canary"]
    assert kinds(planned) == ["bake", *tried]
    assert planned.actions[0] == Bake(master=MASTER)
    canary = planned.actions[1]
    assert isinstance(canary, Launch)
    assert (canary.count, canary.image, canary.place) == (1, "", "t3.small in subnet-b")
    assert (planned.lane, planned.command, planned.inverse) == (Lane.IMAGE, "bake web", "")
    assert (planned.before, planned.after, planned.cost_per_hour) == (1, 1, None)
    assert planned.summary == f"web: a new clone image of {MASTER}"
    assert planned.reason == "new release"


def test_it_says_how_old_the_image_is_that_clones_start_from_now() -> None:
    assert plan("bake", a_fleet()).notes[1:] == ("The image `ami-1` is 3 days old; it is kept.",)
    assert plan("bake", a_fleet(images=())).notes[1:] == ("There is no usable image yet.",)


def test_it_says_where_no_image_is_good_so_far() -> None:
    untried = an_image(state=ImageState.BUILDING)
    assert plan("bake", a_fleet(images=(untried,))).notes[1:] == (
        "No image is good: `ami-1` was never tried.",
    )


def test_a_fleet_without_a_load_balancer_can_have_an_image_too() -> None:
    alone = a_fleet(spec=a_spec(target_group="", writes=Writes(by="proxy")))
    assert Prepare(recipe=Recipe(), relay=Writes(by="proxy")) in plan("bake", alone).actions


def test_a_master_that_does_not_run_cannot_be_baked() -> None:
    stopped = a_server(MASTER, Role.MASTER, state=State.STOPPED)
    with pytest.raises(BotError, match=r"is stopped.*Start it, then type `/clone bake web` again"):
        plan("bake web", a_fleet(master=stopped))


QUIESCE = Quiesce(before=("sync",), after=("true",))


def test_without_a_flag_it_says_what_a_running_master_means_for_the_image() -> None:
    assert plan("bake", a_fleet()).notes[0].startswith("The image is made while the server runs, as a power")


def test_a_quiesced_one_runs_the_fleets_own_commands_and_needs_no_approval() -> None:
    planned = plan("bake --quiesce", a_fleet(spec=a_spec(quiesce=QUIESCE)))
    assert planned.actions[0] == Bake(master=MASTER, way=Way.QUIESCED, quiesce=QUIESCE)
    assert planned.command == "bake web --quiesce"
    assert approvals_needed(planned, POLICY) == 0


def test_another_way_or_other_commands_are_another_plan() -> None:
    fleets = [
        a_fleet(a_server("i-1"), spec=a_spec(quiesce=each)) for each in (QUIESCE, Quiesce(before=("x",)))
    ]
    typed = ["bake", "bake --reboot", "bake --quiesce"]
    assert len({plan(text, fleet).hash for text in typed for fleet in fleets}) == 4


def test_nobody_is_quiesced_by_no_command() -> None:
    with pytest.raises(BotError, match=r"Name the commands in `\[fleets\.web\.quiesce\]`"):
        plan("bake --quiesce", a_fleet())


def test_while_a_clone_serves_the_master_may_be_rebooted_with_an_approval() -> None:
    planned = plan("bake --reboot", a_fleet(a_server("i-1")))
    assert planned.actions[0] == Bake(master=MASTER, way=Way.REBOOTED)
    assert planned.summary == f"web: a new clone image of {MASTER}"
    assert "For some minutes it answers nothing, and no clone can take a write." in planned.notes[0]
    assert approvals_needed(planned, POLICY) == 1


@pytest.mark.parametrize("service", [Service.OUT, Service.UNHEALTHY, Service.DRAINING])
def test_the_only_server_that_serves_is_rebooted_only_if_that_was_said(service: Service) -> None:
    fleet = a_fleet(a_server("i-1", service=service))
    with pytest.raises(
        BotError, match=r"the site would be down.*`/clone bake web --reboot --outage` if that may be"
    ):
        plan("bake --reboot", fleet)
    planned = plan("bake --reboot --outage", fleet)
    assert planned.summary.endswith("; no server serves the site while it reboots")
    assert planned.command == "bake web --reboot --outage"


@pytest.mark.parametrize(
    ("typed", "says"),
    [("bake --reboot --quiesce", "exclude each other"), ("bake --outage", "only with `--reboot`")],
)
def test_flags_that_make_no_sense_together_are_refused(typed: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        plan(typed, a_fleet())
