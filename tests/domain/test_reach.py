"""Where the master's database answers, as far as a recipe tells."""

import pytest

from bot.domain.fleet import Recipe, Rewrite
from bot.domain.reach import databases

MASTER = "10.0.0.1"


def ports(*services: str, replace: str) -> list[int]:
    recipe = Recipe(services=services, rewrite=(Rewrite(file="/f", find="localhost", replace=replace),))
    places = databases(recipe, MASTER)
    assert all(address == MASTER for address, _ in places)
    return [port for _, port in places]


@pytest.mark.parametrize(
    ("services", "replace", "expected"),
    [
        ((), "db=10.0.0.1:3307", [3307]),
        (("mariadb",), "db=10.0.0.1:3307", [3307]),
        (("mariadb",), "define('DB_HOST', '10.0.0.1');", [3306]),
        (("mysql.service", "mariadb"), "10.0.0.1", [3306]),
        (("postgresql@15-main.service",), "host=10.0.0.1", [5432]),
        (("redis-server",), "tcp://10.0.0.1:6379/0", [6379]),
        (("postgresql", "redis-server"), "10.0.0.1", []),
        (("sitedb",), "10.0.0.1", []),
        (("mariadb",), "127.0.0.1", []),
        (("mariadb",), "110.0.0.1 10.0.0.12 10.0.0.1.example", []),
        (("mariadb",), "At 10.0.0.1.", [3306]),
        ((), "10.0.0.1:123456", []),
    ],
)
def test_a_port_is_known_where_the_recipe_leaves_no_doubt(
    services: tuple[str, ...], replace: str, expected: list[int]
) -> None:
    assert ports(*services, replace=replace) == expected


def test_two_settings_may_name_two_ports() -> None:
    places = ("10.0.0.1:3306", "10.0.0.1:11211")
    recipe = Recipe(rewrite=tuple(Rewrite(file="/f", find="x", replace=place) for place in places))
    assert databases(recipe, MASTER) == ((MASTER, 3306), (MASTER, 11211))
