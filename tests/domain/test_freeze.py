"""Freezes: when they hold, also across a clock change, and what they hold back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.errors import BotError, UsageError
from bot.domain.fleet import Window
from bot.domain.freeze import (
    Freeze,
    as_detail,
    from_detail,
    parse_until,
    problems,
    require_soon,
    require_thawed,
    windows,
)
from bot.domain.plan import Plan
from tests.commands.examples import NOW, a_fleet, a_server, a_spec, plan

WEEKEND = Window(
    begins="0 18 * * 5", ends="0 8 * * 1", timezone="Europe/Berlin", reason="nobody is here", scale_out=True
)
FREEZE = Freeze(
    fleet="web", until=datetime(2026, 12, 27, 7, tzinfo=UTC), reason="Christmas sale", by="T0/U0ADA"
)


@pytest.mark.parametrize(
    ("text", "zone", "until"),
    [
        ("2026-12-24", "UTC", "2026-12-25 00:00"),
        ("2026-12-24 18:30", "UTC", "2026-12-24 18:30"),
        ("2026-12-24T18:30", "Europe/Berlin", "2026-12-24 17:30"),
        ("2027-06-24 18:30", "Europe/Berlin", "2027-06-24 16:30"),
        ("2026-12-24", "America/New_York", "2026-12-25 05:00"),
    ],
)
def test_a_moment_is_that_of_the_zone(text: str, zone: str, until: str) -> None:
    assert parse_until(text).within(zone) == datetime.fromisoformat(f"{until}+00:00")


@pytest.mark.parametrize(
    "text",
    ["", "tomorrow", "2026-13-01", "2026-12-24 25:00", "24.12.2026", "2026-12-24 18:30 x", "9999-12-31"],
)
def test_what_is_no_moment_is_explained(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no moment\. Write a day, as 2026-12-31"):
        parse_until(text)


@pytest.mark.parametrize("away", [timedelta(0), timedelta(days=-1), timedelta(days=181)])
def test_it_lies_ahead_and_not_too_far(away: timedelta) -> None:
    with pytest.raises(BotError, match=r"is not in the future|lasts 180 days at most"):
        require_soon(NOW + away, NOW)
    require_soon(NOW + timedelta(days=1), NOW)


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-27T16:59:59", None),
        ("2026-11-27T17:00:00", "2026-11-30T07:00:00"),  # 18:00 in Berlin in winter
        ("2026-11-30T06:59:59", "2026-11-30T07:00:00"),
        ("2026-11-30T07:00:00", None),
        ("2026-10-23T15:59:59", None),
        ("2026-10-23T16:00:00", "2026-10-26T07:00:00"),  # the clocks go back within it
        ("2027-03-26T17:00:00", "2027-03-29T06:00:00"),  # and forward
        ("2027-03-29T06:00:00", None),
    ],
)
def test_a_window_holds_by_the_clocks_on_the_wall(at: str, until: str | None) -> None:
    spec = a_spec(freezes=(WEEKEND,))
    held = [freeze.until for freeze in windows(spec, datetime.fromisoformat(f"{at}+00:00"))]
    assert held == ([datetime.fromisoformat(f"{until}+00:00")] if until else [])


def planned(text: str) -> Plan:
    return plan(text, a_fleet(a_server("i-1")))


def test_nothing_is_planned_but_what_it_lets_through() -> None:
    more, fewer = planned("scale web 2"), planned("scale web 0")
    for held in (more, fewer):
        with pytest.raises(BotError, match="frozen until 2026-12-27 07:00:00 UTC, by @U0ADA: Christmas sale"):
            require_thawed(held, [FREEZE])
    open_for_more = replace(FREEZE, scale_out=True)
    require_thawed(more, [open_for_more])
    with pytest.raises(BotError, match="may lift it: `/clone thaw web`"):
        require_thawed(fewer, [open_for_more])
    with pytest.raises(BotError, match="is frozen"):
        require_thawed(more, [open_for_more, FREEZE])


def test_more_clones_of_an_image_that_is_to_be_baked_are_not_let_through() -> None:
    bakes = plan("scale web 1", a_fleet(images=()))
    with pytest.raises(BotError, match="More clones of the image that there is"):
        require_thawed(bakes, [replace(FREEZE, scale_out=True)])


def test_a_window_says_who_may_change_it() -> None:
    (window,) = windows(a_spec(freezes=(replace(WEEKEND, scale_out=False),)), NOW)  # a Sunday
    with pytest.raises(BotError, match=r"by the fleet file.*`fleets\.web\.freezes`"):
        require_thawed(planned("scale web 2"), [window])


@pytest.mark.parametrize(
    ("changes", "key"),
    [({"timezone": "Berlin"}, "timezone"), ({"begins": "0 25 * * *"}, "begins"), ({"ends": "x"}, "ends")],
)
def test_a_window_that_could_never_be_kept_is_a_problem(changes: dict[str, str], key: str) -> None:
    assert not list(problems(WEEKEND))
    assert [found for found, _ in problems(replace(WEEKEND, **changes))] == [key]  # type: ignore[arg-type]


def test_one_that_ends_as_it_begins_is_a_problem() -> None:
    assert [key for key, _ in problems(replace(WEEKEND, ends=WEEKEND.begins))] == ["ends"]


def test_the_log_tells_it_as_it_was() -> None:
    assert from_detail(as_detail(FREEZE), fleet="web", by="T0/U0ADA") == FREEZE
