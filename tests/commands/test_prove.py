"""`prove` and `release`: whom they judge, and what is done about it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import BotError
from bot.domain.fleet import Role, Service, State, Writes
from bot.domain.plan import RouteWrites
from bot.domain.policy import approvals_needed
from bot.domain.quarantine import ProveAgain, Readmit, SetAside
from tests.commands.examples import MASTER, POLICY, a_fleet, a_server, a_spec, answer, kinds, plan, run

SERVING, IDLE = a_server("i-1"), a_server("i-2", service=Service.OUT)
STOPPED = a_server("i-3", state=State.STOPPED, service=Service.OUT)
APART = a_server("i-9", Role.QUARANTINED, service=Service.OUT)


def test_every_clone_that_runs_is_judged_and_what_fails_set_aside() -> None:
    planned = plan("prove", a_fleet(IDLE, SERVING, STOPPED, quarantined=(APART,)))
    assert planned.actions == (
        ProveAgain(servers=("i-1", "i-2")),
        SetAside(servers=("i-1", "i-2"), target_group="arn:web"),
    )
    assert (planned.command, planned.summary) == ("prove web", "web: prove 2 clones")
    assert planned.before == planned.after == 3
    assert approvals_needed(planned, POLICY) == 0


def test_one_clone_is_judged_alone() -> None:
    planned = plan("prove `i-2`", a_fleet(SERVING, IDLE))
    assert [action.servers for action in planned.actions if isinstance(action, ProveAgain)] == [("i-2",)]
    assert (planned.command, planned.summary) == ("prove web i-2", "web: prove i-2")


def test_of_a_quarantined_server_it_only_says_what_it_finds() -> None:
    assert plan("prove i-9", a_fleet(quarantined=(APART,))).actions == (ProveAgain(servers=("i-9",)),)


@pytest.mark.parametrize("text", ["prove", "release i-9"])
def test_writes_go_to_the_master_before_anything_is_judged(text: str) -> None:
    fleet = a_fleet(SERVING, quarantined=(APART,), writes_routed=False)
    assert isinstance(plan(text, fleet).actions[0], RouteWrites)
    by_proxy = replace(fleet, spec=a_spec(writes=Writes(by="proxy")))
    assert "route_writes" not in kinds(plan(text, by_proxy))


def test_a_fleet_without_clones_has_nothing_to_prove() -> None:
    assert answer("prove web", a_fleet(STOPPED)) == "*web* has no clone that runs; nothing to prove."


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (MASTER, "is the master of .*: clones are compared with it"),
        ("i-3", "`i-3` is stopped, so it cannot be looked at"),
        ("i-0dead", "`i-0dead` is no clone of .* `/clone status web`"),
    ],
)
def test_nothing_else_can_be_proved(server: str, why: str) -> None:
    with pytest.raises(BotError, match=why):
        run(f"prove {server}", a_fleet(SERVING, STOPPED))


def test_a_released_server_is_proved_first_and_counts_again() -> None:
    planned = plan('release web i-9 --reason "mended"', a_fleet(SERVING, quarantined=(APART,)))
    assert planned.actions == (
        ProveAgain(servers=("i-9",)),
        Readmit(servers=("i-9",), target_group="arn:web"),
    )
    assert (planned.command, planned.summary) == ("release web i-9", "web: 1 → 2 clones, with i-9 again")
    assert (planned.before, planned.after, planned.inverse) == (1, 2, "scale web 1")
    assert planned.reason == "mended"


def test_a_release_needs_an_approval_where_as_many_clones_would() -> None:
    two, three = (SERVING, IDLE), (SERVING, IDLE, a_server("i-4"))
    for clones, needed in ((two[:1], 0), (two, 1), (three, 1)):
        planned = plan("release i-9", a_fleet(*clones, quarantined=(APART,)))
        assert approvals_needed(planned, POLICY) == needed


@pytest.mark.parametrize(
    ("server", "fleet", "why"),
    [
        ("i-1", {}, "`i-1` is a clone of .* `/clone prove web i-1`"),
        (MASTER, {}, "is the master of"),
        ("i-0dead", {}, "no server of .* Quarantined: `i-9`"),
        ("i-9", {"spec": a_spec(max_clones=1)}, "1 clone at most, and has 1. Type `/clone scale web 0`"),
        ("i-9", {"quarantined": (replace(APART, state=State.STOPPED),)}, "It is stopped"),
        ("i-9", {"spec": a_spec(target_group="")}, "adopt"),
    ],
)
def test_what_cannot_be_released_is_refused_and_why(server: str, fleet: dict[str, Any], why: str) -> None:
    with pytest.raises(BotError, match=why):
        run(f"release {server}", a_fleet(SERVING, **{"quarantined": (APART,), **fleet}))


@pytest.mark.parametrize("text", ["prove web", "release web i-9"])
def test_without_a_running_master_there_is_nothing_to_compare_with(text: str) -> None:
    master = a_server(MASTER, Role.MASTER, state=State.STOPPED)
    with pytest.raises(BotError, match=f"is stopped, .* `/clone {text}` again"):
        run(text, a_fleet(SERVING, master=master, quarantined=(APART,)))


def test_clones_that_stand_behind_nothing_are_not_judged() -> None:
    with pytest.raises(BotError, match="adopt"):
        run("prove", a_fleet(SERVING, spec=a_spec(target_group="")))
