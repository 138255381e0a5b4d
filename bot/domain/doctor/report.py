"""The doctor's report: a short card, the whole of it to read, and the same as plain values."""

from collections.abc import Iterator, Sequence
from typing import Any

from bot.domain.doctor.diagnosis import Diagnosis, line, waived_line
from bot.domain.doctor.finding import Finding, NotChecked, Severity
from bot.domain.doctor.waiver import Waiver
from bot.domain.moment import stamp
from bot.domain.words import in_code, one_line, plural, quoted

NOTHING = "Nothing."
"""The remedy of what is no trouble; there is no need to say it."""
_ON_A_CARD = 10
_LONGEST = 600
"""Characters of one part of a finding, to read; the plain values are whole."""


def headline(diagnosis: Diagnosis) -> str:
    """What one reads first."""
    number = len(diagnosis.blocking)
    if number:
        verb = "blocks" if number == 1 else "block"
        return f"*{diagnosis.fleet}*: {plural(number, 'thing')} {verb} a clone image"
    if not diagnosis.looked:
        return f"*{diagnosis.fleet}*: the master was not looked at, so nobody knows what blocks a clone image"
    if not diagnosis.examination.whole:
        return f"*{diagnosis.fleet}*: nothing seen so far blocks a clone image, but the look was cut off"
    return f"*{diagnosis.fleet}*: nothing blocks a clone image"


def card(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The counts, what blocks, and what is waived."""
    blocking, waived = diagnosis.blocking, diagnosis.waived
    more = len(blocking) - _ON_A_CARD
    return (
        _counts(diagnosis),
        *map(line, blocking[:_ON_A_CARD]),
        *([f"… and {more} more."] if more > 0 else []),
        *(f"• {waived_line(*each)}" for each in waived[:_ON_A_CARD]),
        *([f"… and {len(waived) - _ON_A_CARD} more."] if len(waived) > _ON_A_CARD else []),
    )


def _counts(diagnosis: Diagnosis) -> str:
    seen = diagnosis.examination
    waived, warned = len(diagnosis.waived), len(seen.of(Severity.WARNS))
    fixed, unknown = len(seen.of(Severity.FIXED)), len(seen.not_checked)
    told = [f"{len(diagnosis.blocking)} blocking"]
    told += [f"{waived} waived"] if waived else []
    told += [plural(warned, "warning")] if warned else []
    told += [f"{fixed} fixed automatically"] if fixed else []
    told += [f"{unknown} not checked"] if unknown else []
    return " · ".join(told)


def report(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Everything, one paragraph each."""
    return tuple(_paragraphs(diagnosis))


def _paragraphs(diagnosis: Diagnosis) -> Iterator[str]:
    seen = diagnosis.examination
    yield f"`{diagnosis.master}`, the master of *{diagnosis.fleet}*, as it was at {stamp(diagnosis.at)}"
    yield from _part("Blocking, until put right or waived", diagnosis.blocking)
    if diagnosis.waived:
        yield "*Waived*"
        for finding, waiver in diagnosis.waived:
            yield f"{_whole(finding)} {_acceptance(finding, waiver)}"
    yield from _part("Warnings", seen.of(Severity.WARNS))
    yield from _part("Fixed automatically, and proved on each clone", seen.of(Severity.FIXED))
    if seen.not_checked:
        yield "*Not checked*"
        yield from _unknown(seen.not_checked)


def _part(title: str, findings: Sequence[Finding]) -> Iterator[str]:
    if findings:
        yield f"*{title}*"
        yield from map(_whole, findings)


def _whole(finding: Finding) -> str:
    what, where = quoted(finding.what, _LONGEST), in_code(finding.where, _LONGEST)
    do = "" if finding.remedy == NOTHING else f" To do: {quoted(finding.remedy, _LONGEST)}"
    return f"• `{finding.id}` (pitfall {finding.pitfall}) {what} Where: {where}.{do}"


def _acceptance(finding: Finding, waiver: Waiver) -> str:
    by, reason = waiver.by.rpartition("/")[2], quoted(waiver.reason, _LONGEST)
    changed = "" if waiver.what == finding.what else f" It said then: {quoted(waiver.what, _LONGEST)}"
    return f"Waived until {waiver.until} by @{by}: {reason}{changed}"


def _unknown(unknown: Sequence[NotChecked]) -> Iterator[str]:
    """One line for each reason: it is the same for many checks."""
    for why in dict.fromkeys(each.why for each in unknown):
        names = (f"`{each.check}` (pitfall {each.pitfall})" for each in unknown if each.why == why)
        yield f"• {', '.join(names)}: {quoted(why, _LONGEST)}"


def plain_text(diagnosis: Diagnosis) -> str:
    """The report as a file, nothing shortened."""
    return "\n".join((*_text(diagnosis), ""))


def _text(diagnosis: Diagnosis) -> Iterator[str]:
    yield f"The doctor on {diagnosis.master}, the master of {diagnosis.fleet}, {stamp(diagnosis.at)}"
    yield _counts(diagnosis)
    for each in as_json(diagnosis)["findings"]:
        yield ""
        yield f"{each['severity'].upper()} {each['id']} (pitfall {each['pitfall']})"
        yield from (f"  {name}: {one_line(each[name])}" for name in ("what", "where", "remedy"))
        if waived := each["waived"]:
            yield f"  waived: until {waived['until']} by {waived['by']}: {one_line(waived['reason'])}"
    for each in as_json(diagnosis)["not_checked"]:
        yield ""
        yield f"NOT CHECKED {each['check']} (pitfall {each['pitfall']})"
        yield f"  why: {one_line(each['why'])}"


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The same as plain values, exactly as found; documented in the README."""
    return {
        "fleet": diagnosis.fleet,
        "master": diagnosis.master,
        "at": diagnosis.at.isoformat(),
        "blocking": len(diagnosis.blocking),
        "findings": [
            _finding(diagnosis, severity, each)
            for severity in Severity
            for each in diagnosis.examination.of(severity)
        ],
        "whole": diagnosis.examination.whole,
        "not_checked": [
            {"check": each.check, "pitfall": each.pitfall, "why": each.why}
            for each in diagnosis.examination.not_checked
        ],
    }


def _finding(diagnosis: Diagnosis, severity: Severity, finding: Finding) -> dict[str, Any]:
    waiver = diagnosis.waiver(finding) if severity is Severity.BLOCKS else None
    return {
        "id": finding.id,
        "check": finding.check,
        "pitfall": finding.pitfall,
        "severity": str(severity),
        "what": finding.what,
        "where": finding.where,
        "remedy": finding.remedy,
        "waived": waiver
        and {"until": waiver.until.isoformat(), "by": waiver.by.rpartition("/")[2], "reason": waiver.reason},
    }
