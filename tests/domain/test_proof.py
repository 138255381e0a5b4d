"""What must be true of a clone before it may serve, and how its recipe is filled in."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import ConfigError
from bot.domain.fleet import Recipe, Rewrite
from bot.domain.proof import Facts, prove
from bot.domain.recipe import fill

RECIPE = Recipe(
    services=("db",),
    rewrite=(Rewrite(file="/etc/site.conf", find="localhost", replace="{{ master.private_ip }}"),),
)
MASTER = Facts(
    host_keys=frozenset({"ssh-ed25519 M"}),
    machine_id="m",
    hostname="master",
    running=frozenset({"db"}),
    masked=frozenset(),
    settings=frozenset(),
    content="same",
    health=200,
)
GOOD = Facts(
    host_keys=frozenset({"ssh-ed25519 C"}),
    machine_id="c",
    hostname="clone",
    running=frozenset(),
    masked=frozenset({"db"}),
    settings=frozenset({"/etc/site.conf"}),
    content="same",
    health=200,
)


def test_a_harmless_clone_that_equals_the_master_may_serve() -> None:
    proof = prove("i-1", GOOD, MASTER, RECIPE)
    assert proof.ok
    assert proof.failures == ""


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"health": 500}, "health page: it answered 500"),
        ({"health": 0}, "health page: it did not answer"),
        ({"health": 404}, "health page: it answered 404"),
        ({"content": "other"}, "content: it differs from the master's"),
        ({"content": ""}, "content: it differs from the master's"),
        ({"host_keys": MASTER.host_keys | GOOD.host_keys}, "SSH host keys: they are the master's"),
        ({"host_keys": frozenset()}, "SSH host keys: there are none"),
        ({"machine_id": "m"}, "machine-id: it is the master's"),
        ({"machine_id": ""}, "machine-id: there is none"),
        ({"hostname": "master"}, "hostname: it is the master's"),
        ({"running": frozenset({"db"})}, "db: it runs on the clone"),
        ({"masked": frozenset()}, "db masked: it could start again"),
        ({"settings": frozenset()}, "/etc/site.conf: it does not hold the clone's settings"),
    ],
)
def test_one_thing_wrong_is_enough_to_stay_out_of_service(wrong: dict[str, Any], why: str) -> None:
    proof = prove("i-1", replace(GOOD, **wrong), MASTER, RECIPE)
    assert not proof.ok
    assert proof.failures == why


def test_content_that_could_not_be_read_on_either_side_proves_nothing() -> None:
    assert not prove("i-1", replace(GOOD, content=""), replace(MASTER, content=""), RECIPE).ok


def test_a_recipe_is_filled_in_with_the_servers_addresses() -> None:
    recipe = replace(
        RECIPE,
        rewrite=(
            *RECIPE.rewrite,
            Rewrite(file="/f", find="x", replace="<{{ clone.private_ip }}>\n"),
        ),
    )
    filled = fill(recipe, master_address="10.0.0.1", clone_address="10.0.0.2")
    assert [each.replace for each in filled.rewrite] == ["10.0.0.1", "<10.0.0.2>\n"]


@pytest.mark.parametrize(
    "template",
    ["{{ master.name }}", "{{ other }}", "{{ unclosed", "{{ master.__class__.__mro__ }}", "{% for x in y %}"],
)
def test_a_recipe_with_any_other_name_is_refused(template: str) -> None:
    recipe = Recipe(rewrite=(Rewrite(file="/f", find="x", replace=template),))
    with pytest.raises(ConfigError, match="cannot be filled in"):
        fill(recipe, master_address="10.0.0.1", clone_address="10.0.0.2")
