"""A waiver: somebody's dated acceptance of one thing that the doctor found."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from bot.domain.doctor.finding import Finding
from bot.domain.errors import BotError, UsageError
from bot.domain.words import in_code, quoted

MOST_DAYS = 180
"""A risk that is accepted for longer is to be looked at anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """It holds to the end of its last day, in UTC, for the same thing in the same place."""

    fleet: str
    master: str
    finding: str
    """The finding's id."""
    check: str
    where: str
    what: str
    """What the finding said when it was waived."""
    until: date
    reason: str
    by: str = ""
    """Who: "TEAM/USER"."""

    @property
    def thing(self) -> tuple[str, str, str]:
        """What it is about: which master, which check, where. An id is short, and may stand for another."""
        return self.master, self.check, self.where

    def concerns(self, finding: Finding, master: str) -> bool:
        """Whether it is of this finding."""
        return self.thing == (master, finding.check, finding.where)

    def holds(self, at: datetime) -> bool:
        """Whether it is not over at this moment."""
        return at.astimezone(UTC).date() <= self.until

    @property
    def end(self) -> datetime:
        """The moment from which on it does not hold."""
        return datetime.combine(self.until + timedelta(days=1), time(), UTC)


def waive(finding: Finding, *, fleet: str, master: str, until: date, reason: str) -> Waiver:
    """A waiver of this finding, as it is now."""
    return Waiver(
        fleet=fleet,
        master=master,
        finding=finding.id,
        check=finding.check,
        where=finding.where,
        what=finding.what,
        until=until,
        reason=reason,
    )


def given(waiver: Waiver) -> tuple[str, tuple[str, ...]]:
    """Title and lines that tell the fleet's people of a new one."""
    title = f"*{waiver.fleet}*: `{waiver.finding}` is waived until {waiver.until}"
    then = "Until that day is over (UTC), images are made in spite of it."
    return title, (f"By {_by(waiver)}", _about(waiver), then)


def ended(waiver: Waiver) -> tuple[str, tuple[str, ...]]:
    """Title and lines that tell them that it is over."""
    title = f"*{waiver.fleet}*: the waiver of `{waiver.finding}` is over"
    then = f"If that is still so, no image is made from now on. Type `/clone doctor {waiver.fleet}` to see."
    return title, (f"It held until {waiver.until}. It was given by {_by(waiver)}", _about(waiver), then)


def _by(waiver: Waiver) -> str:
    return f"@{waiver.by.rpartition('/')[2]}: {quoted(waiver.reason, 300)}"


def _about(waiver: Waiver) -> str:
    return f"It is about: {quoted(waiver.what, 300)} Where: {in_code(waiver.where, 200)}"


def parse_until(text: str) -> date:
    """Read "2026-12-31"; raises UsageError on anything else."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise UsageError(f"`{text}` is not a date. Write it as 2026-12-31.") from None


def require_soon(until: date, now: datetime) -> None:
    """Raise BotError unless the day is to come, and not too far away."""
    today = now.astimezone(UTC).date()
    last = today + timedelta(days=MOST_DAYS)
    if until <= today:
        raise BotError(
            f"{until} is not in the future (today is {today}, UTC), and a waiver ends at its date."
        )
    if until > last:
        raise BotError(
            f"{until} is too far away: a waiver lasts {MOST_DAYS} days at most, so until {last}. "
            "Then look at it again."
        )
