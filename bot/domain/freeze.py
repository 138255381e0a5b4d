"""A freeze: until a moment, nothing of a fleet is changed by request."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from bot.domain.errors import BotError, UsageError
from bot.domain.fleet import FleetSpec, Window
from bot.domain.moment import stamp
from bot.domain.people import Power
from bot.domain.plan import Lane, Plan
from bot.domain.schedule import Schedule, cron_problems, near_zone, zone_problems
from bot.domain.words import quoted

MOST_DAYS = 180
"""Whoever wants it for longer is to say so again."""
_DATE = re.compile(r"(?P<day>\d{4}-\d{2}-\d{2})(?:[ T](?P<time>\d{2}:\d{2}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """It holds up to `until`, and not at that moment any more."""

    fleet: str
    until: datetime
    reason: str
    scale_out: bool = False
    """More clones may be started all the same."""
    by: str = ""
    """Who: "TEAM/USER"; empty if the fleet file says so."""

    def holds(self, at: datetime) -> bool:
        """Whether it is not over at this moment."""
        return at < self.until

    def allows(self, plan: Plan) -> bool:
        """Whether this may be done all the same: no more than to start clones of an image that there is."""
        bakes = any(action.kind == "bake" for action in plan.actions)
        grows = plan.lane is Lane.CAPACITY and plan.after > plan.before
        return self.scale_out and grows and not bakes


@dataclass(frozen=True, slots=True, kw_only=True)
class Thaw:
    """The end of a freeze before its time."""

    fleet: str
    reason: str = ""


def windows(spec: FleetSpec, at: datetime) -> Iterator[Freeze]:
    """The freezes that the fleet file sets at this moment."""
    for window in spec.freezes:
        begins = Schedule(cron=window.begins, timezone=window.timezone)
        ends = Schedule(cron=window.ends, timezone=window.timezone)
        if begins.latest(at) > ends.latest(at):
            yield Freeze(
                fleet=spec.name,
                until=ends.following(at),
                reason=window.reason,
                scale_out=window.scale_out,
            )


def problems(window: Window) -> Iterator[tuple[str, str]]:
    """Why this window could never be kept: key and what is wrong."""
    yield from zone_problems(window.timezone)
    yield from cron_problems("begins", window.begins)
    yield from cron_problems("ends", window.ends)
    if window.begins == window.ends:
        yield "ends", "expected another time than `begins`, or it would end as it begins"


def require_thawed(plan: Plan, freezes: Iterable[Freeze]) -> None:
    """Raise BotError if one of these holds the plan back."""
    for freeze in freezes:
        if freeze.fleet == plan.fleet and not freeze.allows(plan):
            raise BotError(f"{told(freeze)} {_who_may_lift(freeze)}")


def told(freeze: Freeze) -> str:
    """What is so, until when, on whose word, and what may be done all the same."""
    who = f"@{freeze.by.rpartition('/')[2]}" if freeze.by else "the fleet file"
    until = f"*{freeze.fleet}* is frozen until {stamp(freeze.until)}"
    return f"{until}, by {who}: {quoted(freeze.reason, 300)}. {_still(freeze)}"


def given(freeze: Freeze) -> tuple[str, tuple[str, ...]]:
    """Title and lines that tell the fleet's people of a new one."""
    who = f"By @{freeze.by.rpartition('/')[2]}: {quoted(freeze.reason, 300)}"
    return f"*{freeze.fleet}* is frozen until {stamp(freeze.until)}", (
        who,
        _still(freeze),
        _who_may_lift(freeze),
    )


def ended(freeze: Freeze) -> tuple[str, tuple[str, ...]]:
    """Title and lines that tell them that its time is over."""
    who = f"It was ordered by @{freeze.by.rpartition('/')[2]}: {quoted(freeze.reason, 300)}"
    return f"*{freeze.fleet}* is no longer frozen: it was so until {stamp(freeze.until)}", (who,)


def lifted(thaw: Thaw, by: str) -> tuple[str, tuple[str, ...]]:
    """Title and lines that tell them that somebody ended one."""
    why = (f"Why: {quoted(thaw.reason, 300)}",) if thaw.reason else ()
    return f"*{thaw.fleet}* is no longer frozen: @{by.rpartition('/')[2]} ended it", why


def _still(freeze: Freeze) -> str:
    if freeze.scale_out:
        return (
            "More clones of the image that there is may be started; nothing else of it is changed by request."
        )
    return "Nothing of it is changed by request."


def _who_may_lift(freeze: Freeze) -> str:
    if freeze.by:
        return f"Whoever has the role *{Power.APPROVER}* may lift it: `/clone thaw {freeze.fleet}`."
    return (
        f"It is a window of the fleet file (`fleets.{freeze.fleet}.freezes`); who keeps that may change it."
    )


@dataclass(frozen=True, slots=True)
class Until:
    """A moment as people write it, which means another one in each time zone."""

    text: str
    wall: datetime

    def within(self, zone: str) -> datetime:
        """When the clocks on the walls there show it, in UTC."""
        return self.wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)

    def __str__(self) -> str:
        return self.text


def parse_until(text: str) -> Until:
    """Read "2026-12-31", the end of that day, or "2026-12-31 18:00"; raises UsageError on anything else."""
    match = _DATE.fullmatch(text.strip())
    with suppress(ValueError, OverflowError):
        if match and match["time"]:
            return Until(text, datetime.fromisoformat(f"{match['day']}T{match['time']}"))
        if match:
            return Until(text, datetime.fromisoformat(match["day"]) + timedelta(days=1))
    raise UsageError(f'`{text}` is no moment. Write a day, as 2026-12-31, or "2026-12-31 18:00".')


def parse_zone(text: str) -> str:
    """Read the name of a time zone; raises UsageError."""
    if text not in available_timezones():
        raise UsageError(f'`{text}` is no time zone such as "UTC" or "Europe/Berlin".{near_zone(text)}')
    return text


def require_soon(until: datetime, now: datetime) -> None:
    """Raise BotError unless the moment is to come, and not too far away."""
    if until <= now:
        raise BotError(
            f"{stamp(until)} is not in the future (it is {stamp(now)}), so nothing would be frozen."
        )
    if until > now + timedelta(days=MOST_DAYS):
        raise BotError(
            f"{stamp(until)} is too far away: a freeze lasts {MOST_DAYS} days at most. "
            "What comes again and again stands in the fleet file, as `freezes`."
        )


def as_detail(freeze: Freeze) -> dict[str, object]:
    """For a row of the log, which knows the fleet and the person."""
    return {
        "until": freeze.until.isoformat(),
        "reason": freeze.reason,
        "scale_out": freeze.scale_out,
    }


def from_detail(detail: Mapping[str, object], *, fleet: str, by: str) -> Freeze:
    """The same from such a row."""
    return Freeze(
        fleet=fleet,
        until=datetime.fromisoformat(str(detail["until"])),
        reason=str(detail["reason"]),
        scale_out=bool(detail["scale_out"]),
        by=by,
    )
