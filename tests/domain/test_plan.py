"""The hash of a plan: what an approval is bound to."""

from dataclasses import fields, replace
from typing import Any

import pytest

from bot.domain import plan as plans
from bot.domain.fleet import Content, Recipe, Rewrite, Template, Writes
from bot.domain.plan import (
    Bake,
    Boot,
    CheckStrays,
    Lane,
    Launch,
    Plan,
    Prepare,
    Prove,
    PutInService,
    RouteWrites,
    Sync,
    TakeOut,
    Terminate,
)

LAUNCH = Launch(image="ami-1", type="t3.small", subnet="subnet-a", security_groups=("sg-1",), count=2)
ACTIONS: tuple[Any, ...] = (
    RouteWrites(target_group="a", writes_group="b", master="i-1", methods=("POST",), prefixes=("/up",)),
    Bake(master="i-1"),
    LAUNCH,
    Boot(),
    Prepare(recipe=Recipe(services=("db",), rewrite=(Rewrite(file="/f", find="a", replace="b"),))),
    Prepare(recipe=Recipe(), relay=Writes(by="proxy", methods=("POST",), prefixes=("/up",))),
    Sync(master="i-1", content=Content(paths=("/var/www",))),
    Prove(),
    PutInService(target_group="a"),
    Sync(master="i-1", content=Content(paths=("/var/www",)), everyone=True),
    CheckStrays(servers=("i-2",), discard=False),
    TakeOut(target_group="a", servers=("i-2",)),
    Terminate(servers=("i-2",), discard=False),
)
PLAN = Plan(
    fleet="web",
    lane=Lane.CAPACITY,
    command="scale web 4",
    summary="web: 2 → 4 clones",
    actions=ACTIONS,
    before=2,
    after=4,
)


def test_a_plan_with_every_action_survives_being_written_and_read_again() -> None:
    again = plans.from_json(plans.to_json(PLAN))
    assert again == PLAN
    assert again.hash == PLAN.hash


@pytest.mark.parametrize(
    "shown",
    [
        {"cost_per_hour": 1.0},
        {"seconds": 60},
        {"notes": ("x",)},
        {"reason": "x"},
        {"summary": "x"},
        {"before": 1},
        {"inverse": "x"},
    ],
)
def test_what_is_only_shown_is_not_hashed(shown: dict[str, Any]) -> None:
    assert replace(PLAN, **shown).hash == PLAN.hash


@pytest.mark.parametrize(
    "effect",
    [{"image": "ami-2"}, {"type": "t3.large"}, {"subnet": "subnet-b"}, {"security_groups": ()}, {"count": 3}],
)
def test_every_effect_is_hashed(effect: dict[str, Any]) -> None:
    small = replace(PLAN, actions=(LAUNCH,))
    assert replace(small, actions=(replace(LAUNCH, **effect),)).hash != small.hash
    assert replace(small, fleet="shop").hash != small.hash


def test_each_part_of_a_launch_has_its_case_above() -> None:
    assert {field.name for field in fields(LAUNCH)} == {
        "kind",
        "image",
        "type",
        "subnet",
        "security_groups",
        "count",
    }


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.kind)
def test_every_action_says_what_it_does_in_one_line(action: object) -> None:
    assert "\n" not in str(action)
    assert not str(action).startswith(type(action).__name__)


def test_a_plan_names_the_writes_that_each_clone_is_to_pass_on() -> None:
    writes = Writes(by="proxy", methods=("POST", "PUT"), prefixes=("/upload",))
    assert str(Prepare(recipe=Recipe(), relay=writes)) == (
        "prepare each: renew its identity; "
        "let its web server pass writes (POST, PUT, /upload) on to the master"
    )


def test_a_plan_names_all_that_is_taken_from_each_clone() -> None:
    recipe = Recipe(
        services=("mariadb",),
        jobs=("at",),
        template=(Template(file="/etc/motd", text=""),),
        remove=("/etc/a",),
        spools=("/var/spool/postfix",),
        agents=("wazuh",),
    )
    assert str(Prepare(recipe=recipe)) == (
        "prepare each: take off at; stop and mask mariadb; sweep /etc/a, /var/spool/postfix; "
        "let forget the master wazuh; rewrite /etc/motd; renew its identity"
    )
