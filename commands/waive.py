"""`waive`: accept for a time what the doctor found."""

from dataclasses import dataclass
from datetime import date

from bot.command import Look, Scope, always, argument, command, needed
from bot.domain.decision import parse_id
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.finding import Finding, Severity
from bot.domain.doctor.waiver import Waiver, parse_until, require_soon, waive
from bot.domain.errors import BotError, UsageError
from bot.domain.people import Power
from bot.domain.words import did_you_mean


@dataclass(frozen=True, slots=True)
class Args:
    """What, until when, and why."""

    finding: str = argument("the finding's id, as the doctor names it", shown="FINDING", parse=parse_id)
    until: date = needed(  # noqa: RUF009 (it declares a field)
        "the last day on which it holds, as 2026-12-31", shown="DATE", parse=parse_until
    )
    reason: str = needed("why; shown in every report and kept in the audit log")


@command(
    "waive",
    power=Power.APPROVER,
    scope=Scope.ONE,
    args=Args,
    example='waive web cron-jobs-3f2a --until 2026-12-31 --reason "runs twice, and does no harm"',
    examines=always,
)
def waive_finding(args: Args, look: Look) -> Waiver:
    """Accept one thing that blocks, until a date: images are made in spite of it.

    The waiver stands in every report and plan, and ends by itself. It is for this thing in this place of this
    master, and for nothing that is found later. It is an approver's to give, since it lifts what holds an
    operator back.
    """
    if look.diagnosis is None:
        raise BotError("The master was not examined, so nothing was waived. Try again.")
    finding = _find(args.finding, look.diagnosis)
    require_soon(args.until, look.now)
    diagnosis = look.diagnosis
    return waive(
        finding, fleet=diagnosis.fleet, master=diagnosis.master, until=args.until, reason=args.reason
    )


def _find(finding_id: str, diagnosis: Diagnosis) -> Finding:
    """The finding that blocks, be it waived already or not."""
    found = {each.id: each for each in diagnosis.examination.findings}
    finding = found.get(finding_id)
    blocking = [each.id for each in diagnosis.examination.of(Severity.BLOCKS)]
    if finding is None:
        named = f" What blocks now: {', '.join(f'`{each}`' for each in blocking)}." if blocking else ""
        near = did_you_mean(finding_id, blocking)
        raise UsageError(
            f"The doctor finds no `{finding_id}` on the master of *{diagnosis.fleet}* now.{near}"
            f"{named or ' Nothing blocks.'}"
        )
    if finding.id not in blocking:
        raise BotError(f"`{finding.id}` does not block, so there is nothing to waive.")
    return finding
