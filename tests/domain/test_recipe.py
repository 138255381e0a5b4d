"""A recipe is filled in with the addresses of real servers, and with nothing else."""

from typing import get_args

import pytest

from bot.domain.agents import AGENTS, agent_of
from bot.domain.errors import ConfigError
from bot.domain.fleet import AgentName, Preset, Recipe, Rewrite, Template
from bot.domain.presets import PRESETS, effective
from bot.domain.recipe import fill, job_files, matches, queues


def filled(replace: str) -> str:
    recipe = Recipe(rewrite=(Rewrite(file="/etc/site.conf", find="db=localhost", replace=replace),))
    (rewrite,) = fill(
        recipe, master_address="10.0.0.1", clone_address="10.0.0.2", instance="i-2", fleet="web"
    ).rewrite
    return rewrite.replace


@pytest.mark.parametrize(
    ("replace", "expected"),
    [
        ("db={{ master.private_ip }}", "db=10.0.0.1"),
        ("me={{ clone.private_ip }}", "me=10.0.0.2"),
        ("plain & <simple>\n", "plain & <simple>\n"),
        ("{{master.private_ip}}:{{master.private_ip}}", "10.0.0.1:10.0.0.1"),
        ("{{ instance.id }} of {{ fleet.name }}", "i-2 of web"),
    ],
)
def test_it_knows_the_addresses(replace: str, expected: str) -> None:
    assert filled(replace) == expected


@pytest.mark.parametrize(
    "replace",
    [
        "{{ maser.private_ip }}",
        "{{ master.public_ip }}",
        "{{ master.private_ip",
        "{% include '/etc/passwd' %}",
        "{{ ''.__class__.__mro__ }}",
    ],
)
def test_anything_else_names_the_file_and_what_is_known(replace: str) -> None:
    with pytest.raises(ConfigError, match=r"/etc/site.conf.*Known names: \{\{ master.private_ip \}\}"):
        filled(replace)


def test_the_rest_of_the_recipe_stays_as_it_is() -> None:
    recipe = Recipe(services=("sitedb",), restart=("site",))
    assert (
        fill(recipe, master_address="10.0.0.1", clone_address="10.0.0.2", instance="i-2", fleet="web")
        == recipe
    )


@pytest.mark.parametrize(
    ("job", "place"),
    [
        ("/etc/cron.d/billing", "/etc/cron.d/billing"),
        ("/etc/cron.daily/0backup.sh", "/etc/cron.daily/0backup.sh"),
        ("crontab:www-data", "/var/spool/cron/crontabs/www-data"),
        ("at", "/var/spool/cron/atjobs"),
    ],
)
def test_a_job_is_kept_in_files(job: str, place: str) -> None:
    assert place in job_files(job)


@pytest.mark.parametrize(
    "job",
    [
        "",
        "bill",
        "/etc/crontab",
        "/etc/cron.d/../passwd",
        "/etc/cron.d/",
        "crontab:",
        "crontab:a/b",
        "at now",
    ],
)
def test_anything_else_is_no_job(job: str) -> None:
    assert job_files(job) == ()


def test_a_template_is_filled_in_like_a_rewrite() -> None:
    recipe = Recipe(template=(Template(file="/etc/club", text="id={{ instance.id }}\n"),))
    filled = fill(recipe, master_address="", clone_address="", instance="i-2", fleet="web")
    assert filled.template == (Template(file="/etc/club", text="id=i-2\n"),)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/run/*.pid", "/run/club.pid", True),
        ("/run/*.pid", "/run/club/x.pid", False),
        ("/run/*.pid", "/run/.x.pid", False),
        ("/run/.*.pid", "/run/.x.pid", True),
        ("/run/club/", "/run/club/a/b", True),
        ("/run/club/", "/run/club", False),
        ("/home/*/.ssh/authorized_keys", "/home/bob/.ssh/authorized_keys", True),
        ("/var/lib/club", "/var/lib/club/x", False),
    ],
)
def test_a_pattern_means_what_it_would_mean_to_a_shell(pattern: str, path: str, expected: object) -> None:
    assert matches(pattern, path) is expected


def test_of_a_spool_only_what_waits_is_purged_where_mail_servers_keep_more_there() -> None:
    assert "/var/spool/postfix/deferred/" in queues("/var/spool/postfix/")
    assert not any(folder.startswith("/var/spool/postfix/etc") for folder in queues("/var/spool/postfix"))
    assert queues("/var/spool/club") == ("/var/spool/club/",)


def test_each_agent_that_a_recipe_may_name_has_something_to_forget() -> None:
    assert set(AGENTS) == set(get_args(AgentName))
    for name, agent in AGENTS.items():
        assert agent.units
        assert agent.files or agent.lines
        assert agent_of(f"{agent.units[0]}.service") == name
    assert not agent_of("ssh.service")


def test_presets_add_what_the_fleet_does_not_name_and_does_not_want_everywhere() -> None:
    recipe = Recipe(preset=("mariadb", "redis", "postfix"), services=("solr",), everywhere=("redis-server",))
    full = effective(recipe)
    assert full.services == ("solr", "mariadb")
    assert full.spools == ("/var/spool/postfix",)
    assert effective(full) == full
    assert set(PRESETS) == set(get_args(Preset))
    assert all(effective(Recipe(preset=(name,))) != Recipe(preset=(name,)) for name in get_args(Preset))
