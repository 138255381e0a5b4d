"""When digests are due: a cron expression in a time zone, right across clock changes."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from bot.domain.fleet import Text

_AROUND = timedelta(hours=3)
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The `[digest]` table: when a digest is posted, and where."""

    cron: Text
    """When: minute, hour, day, month, weekday, as in "0 9 * * 1-5". Of six fields, the first is seconds."""
    timezone: Text = "UTC"
    """The IANA time zone that `cron` is read in, such as "Europe/Berlin"."""
    channel: Text | None = None
    """The one channel (C…) that is told of every fleet. Default: each fleet's own."""

    def latest(self, now: datetime) -> datetime:
        """The newest tick that is not after `now`, in UTC."""
        return self._beside(now.replace(microsecond=0) + timedelta(seconds=1), backward=True)

    def before(self, tick: datetime) -> datetime:
        """The tick before this one, in UTC."""
        return self._beside(tick, backward=True)

    def following(self, now: datetime) -> datetime:
        """The first tick after `now`, in UTC."""
        return self._beside(now, backward=False)

    def _beside(self, moment: datetime, *, backward: bool) -> datetime:
        start = self._start(moment, backward=backward)
        ticks = (tick.astimezone(UTC) for tick in CronSim(self.cron, start, reverse=backward))
        return next(tick for tick in ticks if (tick < moment if backward else tick > moment))

    def _start(self, moment: datetime, *, backward: bool) -> datetime:
        """Where to begin looking: not within a clock change, where cronsim loses its way."""
        zone = ZoneInfo(self.timezone)
        early, late = ((moment + around).astimezone(zone) for around in (-_AROUND, _AROUND))
        if early.utcoffset() == late.utcoffset():
            return moment.astimezone(zone)
        return late if backward else early


def problems(schedule: Schedule) -> Iterator[tuple[str, str]]:
    """Why this schedule could never be kept: key and what is wrong."""
    yield from zone_problems(schedule.timezone)
    yield from cron_problems("cron", schedule.cron)


def zone_problems(timezone: str) -> Iterator[tuple[str, str]]:
    """Why there is no such zone: key and what is wrong."""
    if timezone not in available_timezones():
        near = near_zone(timezone)
        yield "timezone", f'expected a zone such as "UTC" or "Europe/Berlin", found "{timezone}".{near}'


def cron_problems(key: str, cron: str) -> Iterator[tuple[str, str]]:
    """Why what stands at this key is no cron expression, or one that never comes."""
    try:
        next(CronSim(cron, _ANY_DAY))
    except StopIteration:
        yield key, f'expected a time such as "0 9 * * 1-5", found one that never comes: "{cron}"'
    except CronSimError as error:
        yield key, f'expected a time such as "0 9 * * 1-5" ({error}), found "{cron}"'


def near_zone(name: str) -> str:
    """Which zone may be meant: a sentence, or nothing."""
    zones = {zone.lower(): zone for zone in available_timezones()}
    near = difflib.get_close_matches(name.lower(), zones, n=1)
    return f" Did you mean `{zones[near[0]]}`?" if near else ""
