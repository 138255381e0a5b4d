"""A waiver is for one thing in one place of one master, and ends by itself."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from bot.domain.doctor.waiver import ended, given, parse_until, require_soon, waive
from bot.domain.errors import BotError, UsageError
from tests.commands.examples import MASTER, NOW, a_finding

LAST = date(2026, 12, 31)
FINDING = a_finding()
WAIVER = waive(FINDING, fleet="web", master=MASTER, until=LAST, reason="does no harm")


def covers(master: str = MASTER, **changes: Any) -> bool:
    return WAIVER.concerns(replace(FINDING, **changes), master)


def test_it_keeps_what_the_finding_said() -> None:
    assert (WAIVER.finding, WAIVER.check, WAIVER.where) == (FINDING.id, "cron-jobs", "/etc/cron.d/billing:3")
    assert (WAIVER.what, WAIVER.reason, WAIVER.by) == (FINDING.what, "does no harm", "")


def test_people_are_told_what_is_waived_by_whom_until_when_and_why_and_its_end_alike() -> None:
    by_ada = replace(WAIVER, by="T0LAB/U0ADA", reason="no harm, @U0CAT")
    about = f"It is about: {FINDING.what} Where: `/etc/cron.d/billing:3`"
    assert given(by_ada) == (
        f"*web*: `{FINDING.id}` is waived until 2026-12-31",
        (
            "By @U0ADA: no harm, @\N{WORD JOINER}U0CAT",
            about,
            "Until that day is over (UTC), images are made in spite of it.",
        ),
    )
    assert ended(by_ada) == (
        f"*web*: the waiver of `{FINDING.id}` is over",
        (
            "It held until 2026-12-31. It was given by @U0ADA: no harm, @\N{WORD JOINER}U0CAT",
            about,
            "If that is still so, no image is made from now on. Type `/clone doctor web` to see.",
        ),
    )
    assert by_ada.end == datetime(2027, 1, 1, tzinfo=UTC)


def test_it_covers_the_same_thing_also_where_that_says_something_else_by_now() -> None:
    assert covers()
    assert covers(what="The same cron job, in other words.")


@pytest.mark.parametrize(
    ("check", "where", "master"),
    [
        ("cron-jobs", "/etc/cron.d/billing:4", MASTER),
        ("timers", "/etc/cron.d/billing:3", MASTER),
        ("cron-jobs", "/etc/cron.d/billing:3", "i-another"),
    ],
    ids=["another place", "another check", "another master"],
)
def test_it_covers_nothing_else(check: str, where: str, master: str) -> None:
    assert not covers(master, check=check, where=where)


def test_it_covers_nothing_that_merely_has_the_same_id() -> None:
    """Sixteen bits of a hash are soon found twice."""
    twins = (replace(FINDING, where=f"/etc/cron.d/job{number}:1") for number in range(10_000_000))
    twin = next(each for each in twins if each.id == FINDING.id)
    assert twin.where != FINDING.where
    assert not WAIVER.concerns(twin, MASTER)


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2027, 1, 1, 0, 0, 0, tzinfo=UTC), False),
    ],
    ids=["on its last day", "the day after"],
)
def test_it_ends_with_its_last_day(at: datetime, *, holds: bool) -> None:
    assert WAIVER.holds(at) == holds


def test_a_date_is_written_one_way() -> None:
    assert parse_until("2026-12-31") == LAST


@pytest.mark.parametrize(
    "text", ["31.12.2026", "2026-13-01", "2026-02-30", "20261231", "tomorrow", "", "2026"]
)
def test_anything_else_is_no_date(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a date\. Write it as 2026-12-31"):
        parse_until(text)


@pytest.mark.parametrize("days", [1, 180])
def test_it_may_last_from_one_day_to_half_a_year(days: int) -> None:
    require_soon(NOW.date() + timedelta(days=days), NOW)


@pytest.mark.parametrize(
    ("days", "why"), [(0, "not in the future"), (-1, "not in the future"), (181, "180 days at most")]
)
def test_it_may_not_end_before_it_begins_or_last_for_ever(days: int, why: str) -> None:
    with pytest.raises(BotError, match=why):
        require_soon(NOW.date() + timedelta(days=days), NOW)
