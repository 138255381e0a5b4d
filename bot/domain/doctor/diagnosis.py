"""What the doctor says of one fleet's master now, and which of it is waived."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.doctor.finding import Examination, Finding, Severity
from bot.domain.doctor.waiver import Waiver
from bot.domain.errors import BotError
from bot.domain.words import in_code, plural, quoted

SERVER = "server"
"""The check that stands for all those on the server, where none could be made."""
_NAMED = 10
"""Findings that a refusal names."""
_WAIVED_DAYS = 30
"""What the example of a waiver proposes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """An examination at one moment, and the fleet's waivers, the newest first."""

    fleet: str
    master: str
    at: datetime
    examination: Examination
    waivers: tuple[Waiver, ...] = ()

    def waiver(self, finding: Finding) -> Waiver | None:
        """The one that holds for this finding; of several, only the newest counts."""
        newest = next((each for each in self.waivers if each.concerns(finding, self.master)), None)
        return newest if newest and newest.holds(self.at) else None

    @property
    def looked(self) -> bool:
        """Whether the server itself was looked at; AWS alone tells little."""
        return all(each.check != SERVER for each in self.examination.not_checked)

    @property
    def blocking(self) -> tuple[Finding, ...]:
        """What keeps an image from being made."""
        return tuple(each for each in self.examination.of(Severity.BLOCKS) if not self.waiver(each))

    @property
    def waived(self) -> tuple[tuple[Finding, Waiver], ...]:
        """What would block, were it not waived."""
        found = ((each, self.waiver(each)) for each in self.examination.of(Severity.BLOCKS))
        return tuple((finding, waiver) for finding, waiver in found if waiver)


def verdict(diagnosis: Diagnosis) -> str:
    """For a tag of AWS: "2026-11-30 0 blocking 1 waived 3 warnings 0 not checked"."""
    found = diagnosis.examination
    counts = {
        "blocking": len(diagnosis.blocking),
        "waived": len(diagnosis.waived),
        "warnings": len(found.of(Severity.WARNS)),
        "not checked": len(found.not_checked),
    }
    return " ".join((f"{diagnosis.at:%Y-%m-%d}", *(f"{count} {what}" for what, count in counts.items())))


def require_harmless(diagnosis: Diagnosis | None, fleet: str) -> Diagnosis:
    """Raise BotError, naming what blocks and what to type, unless an image may be made."""
    if diagnosis is None:
        raise BotError(
            f"The master of *{fleet}* was not examined, so no image is made. Type `/clone doctor`."
        )
    if diagnosis.blocking:
        raise BotError("\n".join(_refusal(diagnosis)))
    if not diagnosis.looked:
        raise BotError(
            f"The master of *{fleet}* was not looked at, so no image is made of it. Start it first."
        )
    if not diagnosis.examination.whole:
        raise BotError(
            f"The doctor could not look at all of the master of *{fleet}* in the time it has, so no image is "
            f"made of it. Try again when the server is less busy; `/clone doctor {fleet}` shows what is left."
        )
    return diagnosis


def _refusal(diagnosis: Diagnosis) -> list[str]:
    blocking, fleet = diagnosis.blocking, diagnosis.fleet
    things, more = plural(len(blocking), "thing"), len(blocking) - _NAMED
    until = (diagnosis.at + timedelta(days=_WAIVED_DAYS)).date()
    waive = f'`/clone waive {fleet} {blocking[0].id} --until {until} --reason "…"`'
    return [
        f"The doctor found {things} on the master of *{fleet}* that would go wrong on clones:",
        *map(line, blocking[:_NAMED]),
        *([f"… and {more} more."] if more > 0 else []),
        f"So no image is made of it. `/clone doctor {fleet}` shows what to do about each.",
        f"What is to be accepted for a time, an approver can waive: {waive}",
    ]


def line(finding: Finding) -> str:
    """One finding, briefly."""
    return f"• `{finding.id}` {quoted(finding.what, 300)} Where: {in_code(finding.where, 200)}"


def notes(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What the approver of an image should know."""
    unknown, warned = diagnosis.examination.not_checked, diagnosis.examination.of(Severity.WARNS)
    told = [f"warns of {plural(len(warned), 'thing')}"] if warned else []
    told += [f"could not check {plural(len(unknown), 'thing')}"] if unknown else []
    doctor = f"The doctor {' and '.join(told)}: `/clone doctor {diagnosis.fleet}` shows which."
    return (*(waived_line(*each) for each in diagnosis.waived), *([doctor] if told else []))


def waived_line(finding: Finding, waiver: Waiver) -> str:
    """Who accepted it, until when and why."""
    by, reason = waiver.by.rpartition("/")[2], quoted(waiver.reason, 300)
    return f"`{finding.id}` is waived until {waiver.until} by @{by}: {reason}"
