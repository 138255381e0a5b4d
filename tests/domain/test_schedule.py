"""When digests are due, also on the two days a year when clocks change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.schedule import Schedule, problems

BERLIN = "Europe/Berlin"
SPRING, AUTUMN = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
CRONS = ["30 2 * * *", "0 9 * * 1-5", "*/30 * * * *", "30 * * * *", "*/20 2 * * *", "15 3 1 * *"]


def ticks(cron: str, after: datetime, count: int, zone: str = BERLIN) -> list[str]:
    schedule, found = Schedule(cron=cron, timezone=zone), []
    for _ in range(count):
        after = schedule.following(after)
        found.append(f"{after:%d %H:%M}")
    return found


def test_nine_in_the_morning_stays_nine_in_the_morning() -> None:
    assert ticks("0 9 * * *", SPRING - timedelta(hours=6), 2) == ["28 08:00", "29 07:00"]
    assert ticks("0 9 * * *", AUTUMN - timedelta(hours=6), 2) == ["24 07:00", "25 08:00"]


def test_an_hour_that_a_day_lacks_comes_when_the_clock_goes_on() -> None:
    assert ticks("30 2 * * *", SPRING, 2) == ["29 01:00", "30 00:30"]


def test_an_hour_that_a_day_has_twice_counts_once() -> None:
    assert ticks("30 2 * * *", AUTUMN, 2) == ["25 00:30", "26 01:30"]


def test_what_comes_each_hour_comes_each_hour_when_the_clock_goes_back() -> None:
    midnight = datetime(2026, 10, 24, 23, tzinfo=UTC)
    assert ticks("30 * * * *", midnight, 4) == ["24 23:30", "25 00:30", "25 01:30", "25 02:30"]


@given(
    cron=st.sampled_from(CRONS),
    day=st.sampled_from([SPRING, AUTUMN]),
    minutes=st.integers(0, 2 * 24 * 60),
)
def test_looking_back_finds_the_same_ticks_as_looking_ahead(cron: str, day: datetime, minutes: int) -> None:
    schedule = Schedule(cron=cron, timezone=BERLIN)
    now = day + timedelta(minutes=minutes, microseconds=1)
    latest = schedule.latest(now)
    assert latest <= now < schedule.following(now)
    assert schedule.following(latest) == schedule.following(now)
    assert schedule.following(schedule.before(latest)) == latest


def test_a_time_that_a_clock_change_repeats_is_not_due_again_in_the_second_hour() -> None:
    schedule = Schedule(cron="30 2 * * *", timezone=BERLIN)
    in_the_second_hour = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)
    assert schedule.latest(in_the_second_hour) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert schedule.following(in_the_second_hour) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_a_tick_is_due_from_its_very_moment() -> None:
    schedule = Schedule(cron="0 9 * * *")
    nine = datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert schedule.latest(nine) == nine
    assert schedule.latest(nine - timedelta(microseconds=1)) == nine - timedelta(days=1)


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 4 *", "61 * * * *", "* * * *", "@daily", "x"])
def test_a_time_that_never_comes_is_a_problem(cron: str) -> None:
    assert [key for key, _ in problems(Schedule(cron=cron))] == ["cron"]


def test_a_leap_day_comes() -> None:
    assert not list(problems(Schedule(cron="0 0 29 2 *")))
    assert ticks("0 0 29 2 *", SPRING, 1, "UTC") == ["29 00:00"]
