"""A recipe is filled in with the addresses of real servers, and with nothing else."""

import pytest

from bot.domain.errors import ConfigError
from bot.domain.fleet import Recipe, Rewrite
from bot.domain.recipe import fill


def filled(replace: str) -> str:
    recipe = Recipe(rewrite=(Rewrite(file="/etc/site.conf", find="db=localhost", replace=replace),))
    (rewrite,) = fill(recipe, master_address="10.0.0.1", clone_address="10.0.0.2").rewrite
    return rewrite.replace


@pytest.mark.parametrize(
    ("replace", "expected"),
    [
        ("db={{ master.private_ip }}", "db=10.0.0.1"),
        ("me={{ clone.private_ip }}", "me=10.0.0.2"),
        ("plain & <simple>\n", "plain & <simple>\n"),
        ("{{master.private_ip}}:{{master.private_ip}}", "10.0.0.1:10.0.0.1"),
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
    assert fill(recipe, master_address="10.0.0.1", clone_address="10.0.0.2") == recipe
