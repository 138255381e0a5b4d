"""What must be true of a clone before it may serve, and how its recipe is filled in."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.errors import ConfigError
from bot.domain.fleet import Recipe, Rewrite, Template
from bot.domain.habits import Habits
from bot.domain.proof import Facts, prove
from bot.domain.recipe import fill
from bot.domain.relay import Relay

RECIPE = Recipe(
    services=("db",),
    jobs=("crontab:bob",),
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
        ({"later": frozenset({"0/only-here"})}, "content: it differs from the master's"),
        ({"host_keys": MASTER.host_keys | GOOD.host_keys}, "SSH host keys: they are the master's"),
        ({"host_keys": frozenset()}, "SSH host keys: there are none"),
        ({"machine_id": "m"}, "machine-id: it is the master's"),
        ({"machine_id": ""}, "machine-id: there is none"),
        ({"hostname": "master"}, "hostname: it is the master's"),
        ({"running": frozenset({"db"})}, "db: it runs on the clone"),
        ({"jobs": frozenset({"crontab:bob"})}, "crontab:bob: it would run on the clone"),
        ({"masked": frozenset()}, "db masked: it could start again"),
        ({"settings": frozenset()}, "/etc/site.conf: it does not hold the clone's settings"),
    ],
)
def test_one_thing_wrong_is_enough_to_stay_out_of_service(wrong: dict[str, Any], why: str) -> None:
    proof = prove("i-1", replace(GOOD, **wrong), MASTER, RECIPE)
    assert not proof.ok
    assert proof.failures == why


ITSELF = "it passes them on itself, as a clone does; empty Clonebot's file among those of its web server"
RELAY = Relay(master="10.0.0.1", port=80, health="/", methods=("POST",), prefixes=())


@pytest.mark.parametrize(
    ("clone", "master", "failures"),
    [
        ({"relays": True}, {}, ""),
        ({}, {}, "writes: they stay on it"),
        (
            {"relays": True, "astray": ("POST sent to shop.example",)},
            {},
            "writes: these do not reach the master: POST sent to shop.example",
        ),
        (
            {"relays": True},
            {"relays": True},
            f"writes end at the master: {ITSELF}",
        ),
    ],
)
def test_where_the_clones_relay_writes_they_must_reach_the_master_and_end_there(
    clone: dict[str, Any], master: dict[str, Any], failures: str
) -> None:
    proof = prove("i-1", replace(GOOD, **clone), replace(MASTER, **master), RECIPE, relay=RELAY)
    assert proof.failures == failures


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
    filled = fill(recipe, master_address="10.0.0.1", clone_address="10.0.0.2", instance="i-2", fleet="web")
    assert [each.replace for each in filled.rewrite] == ["10.0.0.1", "<10.0.0.2>\n"]


@pytest.mark.parametrize(
    "template",
    ["{{ master.name }}", "{{ other }}", "{{ unclosed", "{{ master.__class__.__mro__ }}", "{% for x in y %}"],
)
def test_a_recipe_with_any_other_name_is_refused(template: str) -> None:
    recipe = Recipe(rewrite=(Rewrite(file="/f", find="x", replace=template),))
    with pytest.raises(ConfigError, match="cannot be filled in"):
        fill(recipe, master_address="10.0.0.1", clone_address="10.0.0.2", instance="i-2", fleet="web")


SWEPT = Recipe(
    remove=("/root/.ssh/*",),
    truncate=("/etc/club/token",),
    template=(Template(file="/etc/motd", text="clone"),),
    clean=("/var/cache/club/",),
    spools=("/var/spool/postfix",),
    agents=("wazuh", "zabbix"),
)
SWEPT_WELL = Habits(written=frozenset({"/etc/motd"}))
MAIL = "/var/spool/postfix/maildrop/A1"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({}, ""),
        ({"there": {"/root/.ssh/*": "/root/.ssh/id"}}, "/root/.ssh/*: /root/.ssh/id is on the clone"),
        (
            {"full": {"/etc/club/token": "/etc/club/token"}},
            "/etc/club/token empty: /etc/club/token is not empty",
        ),
        ({"written": frozenset()}, "/etc/motd written: it is not as the recipe's template has it"),
        (
            {"left": {"/var/cache/club/": "/var/cache/club/a"}},
            "/var/cache/club/: /var/cache/club/a came with the master's image",
        ),
        ({"left": {"/var/spool/postfix": MAIL}}, f"/var/spool/postfix: {MAIL} came with the master's image"),
        (
            {"left": {"agent wazuh": "/var/ossec/etc/client.keys"}},
            "agent wazuh: /var/ossec/etc/client.keys came with",
        ),
        (
            {"named": {"zabbix": "/etc/zabbix/zabbix_agentd.conf"}},
            "agent zabbix named anew: /etc/zabbix/zabbix_agentd.conf still names the master",
        ),
    ],
)
def test_of_what_the_recipe_takes_away_nothing_may_be_left(wrong: dict[str, Any], why: str) -> None:
    clone = replace(GOOD, habits=replace(SWEPT_WELL, **wrong))
    proof = prove("i-1", clone, MASTER, SWEPT)
    assert proof.ok is not bool(why)
    assert proof.failures.startswith(why)
