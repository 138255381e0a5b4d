"""What stands in front of a master: names, and how it was before."""

import itertools
import re

import pytest

from bot.domain.adoption import Protect, front_name
from bot.domain.front import Part, Standing, read_standing


@pytest.mark.parametrize(
    ("fleet", "part", "name"),
    [("web", "", "clonebot-web"), ("web", Part.WRITES, "clonebot-web-writes"), ("a-b", "", "clonebot-a-b")],
)
def test_what_adopt_makes_is_named_after_the_fleet(fleet: str, part: str, name: str) -> None:
    assert front_name(fleet, part) == name


def test_every_fleet_has_names_of_its_own_that_aws_takes() -> None:
    fleets = ["a" * 31, "a" * 30, "a" * 25 + "b", "ends-", "a--b", "a-b"]
    names = [front_name(fleet, part) for fleet in fleets for part in ("", Part.WRITES)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) and len(name) <= 32 for name in names)


def test_a_tag_tells_how_a_master_stood() -> None:
    for values in itertools.product([True, False], repeat=4):
        standing = Standing(**dict(zip(("terminate", "stop", "site", "writes"), values, strict=True)))
        assert read_standing(str(standing)) == standing
    assert read_standing("") == read_standing("terminated=on nonsense") == Standing()


def test_a_plan_says_what_becomes_of_each_protection() -> None:
    said = str(Protect(master="i-1", terminate=True, stop=False))
    assert said == "turn termination protection of i-1 on, stop protection off"
