"""Examine a master: what AWS and the server itself say of it, and what of that is waived."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bot.domain.audit import Entry, Kind
from bot.domain.doctor.aws.examine import examine_aws
from bot.domain.doctor.diagnosis import SERVER, Diagnosis, verdict
from bot.domain.doctor.finding import Examination, Finding, NotChecked, Severity
from bot.domain.doctor.report import headline
from bot.domain.doctor.server import examine_server
from bot.domain.doctor.waiver import Waiver
from bot.domain.fleet import Fleet, State
from bot.world import Cloud, Records, Servers

_VERDICT = "verdict"
_NAMED = 10
"""What blocks that a row of the log names; its detail has it all."""


def examine(cloud: Cloud, servers: Servers, records: Records, fleet: Fleet, now: datetime) -> Diagnosis:
    """Look at everything afresh, and note what blocks.

    Raises CloudError, ServerError or RecordsError: nothing is half known.
    """
    diagnosis = Diagnosis(
        fleet=fleet.name,
        master=fleet.master.id,
        at=now,
        examination=_on_server(servers, fleet) + examine_aws(cloud.inspect(fleet.spec), fleet.spec),
        waivers=read_waivers(records, fleet.name),
    )
    if diagnosis.looked:
        records.append(_note(diagnosis))
    return diagnosis


def _note(diagnosis: Diagnosis) -> Entry:
    about, blocking = subject(diagnosis.fleet), diagnosis.examination.of(Severity.BLOCKS)
    return Entry(
        kind=Kind.EXAMINED,
        at=diagnosis.at,
        key=f"{about}/{diagnosis.at.isoformat()}",
        operation=about,
        fleet=diagnosis.fleet,
        text=": ".join(filter(None, (headline(diagnosis), ", ".join(each.id for each in blocking[:_NAMED])))),
        detail={
            "master": diagnosis.master,
            "blocking": [_write_finding(each) for each in blocking],
            _VERDICT: verdict(diagnosis),
        },
    )


def _write_finding(finding: Finding) -> dict[str, Any]:
    return {"check": finding.check, "pitfall": finding.pitfall, "what": finding.what, "where": finding.where}


def read_verdict(detail: Mapping[str, Any]) -> str:
    """What the newest row about a fleet says in a few words; rows of an older Clonebot say nothing."""
    return str(detail.get(_VERDICT, ""))


def read_examined(records: Records, fleets: Sequence[str]) -> dict[str, Diagnosis]:
    """What the newest examination of each fleet found that blocks; nothing else of it is remembered."""
    rows = ((fleet, records.newest(subject(fleet), Kind.EXAMINED)) for fleet in fleets)
    return {fleet: _read_diagnosis(row, read_waivers(records, fleet)) for fleet, row in rows if row}


def _read_diagnosis(row: Entry, waivers: tuple[Waiver, ...]) -> Diagnosis:
    found = tuple(Finding(**each, severity=Severity.BLOCKS, remedy="") for each in row.detail["blocking"])
    return Diagnosis(
        fleet=row.fleet,
        master=row.detail["master"],
        at=row.at,
        examination=Examination(findings=found),
        waivers=waivers,
    )


def _on_server(servers: Servers, fleet: Fleet) -> Examination:
    if fleet.master.state is State.RUNNING:
        return examine_server(servers.inspect(fleet.spec, fleet.master), fleet.spec)
    why = f"The master is {fleet.master.state}, so nothing on it was looked at. Start it, and ask again."
    return Examination(not_checked=(NotChecked(check=SERVER, pitfall=0, why=why),), whole=False)


def subject(fleet: str) -> str:
    """What rows about the examinations and waivers of a fleet are filed under."""
    return f"doctor/{fleet}"


def read_waivers(records: Records, fleet: str) -> tuple[Waiver, ...]:
    """What the log says of them, the newest first: of two for one thing, that one counts."""
    return tuple(read_waiver(row) for row in reversed(records.filed(subject(fleet), Kind.WAIVED)))


def write_waiver(waiver: Waiver) -> dict[str, Any]:
    """What the row keeps; who gave it stands in the row itself."""
    return {
        "finding": waiver.finding,
        "check": waiver.check,
        "where": waiver.where,
        "what": waiver.what,
        "master": waiver.master,
        "until": waiver.until.isoformat(),
        "reason": waiver.reason,
    }


def read_waiver(row: Entry) -> Waiver:
    """The other way round."""
    kept = {**row.detail, "until": date.fromisoformat(row.detail["until"])}
    return Waiver(**kept, fleet=row.fleet, by=row.person)
