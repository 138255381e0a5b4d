"""What the log tells a digest: the one before it, what came of operations since, what could not be posted."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain import proof_log
from bot.domain.audit import Entry, Kind
from bot.domain.capacity import counted
from bot.domain.digest import DEEDS, NO_DIGEST, Past
from bot.domain.fleet import Fleet, FleetSpec
from bot.domain.proof_log import LastProof, read_proofs
from bot.domain.schedule import Schedule
from bot.world import Records


def channel_of(spec: FleetSpec, schedule: Schedule | None) -> str:
    """Where the digest of this fleet is posted."""
    return (schedule and schedule.channel) or spec.channel


def subject(channel: str) -> str:
    """What rows about the digests of a channel are filed under."""
    return f"digest/{channel}"


def read_past(records: Records, channel: str, now: datetime, until: Entry | None = None) -> Past:
    """What to tell in this channel; with `until`, a digest's own row, only what came before it."""
    before = last_told(records, channel)
    seq = int(before.detail.get("told_until", before.seq)) if before else 0
    since = datetime.fromisoformat(before.detail.get("since", before.at.isoformat())) if before else None
    oldest = now - NO_DIGEST if since is None else None
    gone = before.detail.get("unread", {}) if before else {}
    return Past(
        since=since,
        rows=tuple(
            row
            for row in records.after(seq, DEEDS)
            if (until is None or row.seq < until.seq) and (oldest is None or row.at > oldest)
        ),
        unread={fleet: datetime.fromisoformat(at) for fleet, at in gone.items()},
        troubles=read_troubles(records, channel, until),
    )


def read_troubles(records: Records, channel: str, own: Entry | None = None) -> tuple[str, ...]:
    """Why the newest digest of this channel, other than `own`, could not be posted."""
    failed = records.newest(subject(channel), Kind.UNPOSTED)
    posted = records.newest(subject(channel), Kind.POSTED)
    if failed is None or (posted and posted.seq > failed.seq):
        return ()
    if own and failed.detail["digest"] == own.key:
        return ()
    return (f"The digest due at {failed.detail['due']} could not be posted in #{channel}: {failed.text}",)


def read_synced(records: Records, fleets: Sequence[Fleet]) -> dict[str, datetime]:
    """When each clone's content was last copied to it; those of which the log tells nothing are left out."""
    clones = [clone.id for fleet in fleets for clone in counted(fleet)]
    found = {clone: _last_sync(records, clone) for clone in clones}
    return {clone: at for clone, at in found.items() if at}


def read_proved(records: Records, fleets: Sequence[str]) -> dict[str, LastProof]:
    """When the servers of these fleets were judged last, and what came of it."""
    rows = (records.newest(proof_log.subject(fleet), Kind.PROVED) for fleet in fleets)
    return {server: last for row in rows if row for server, last in read_proofs(row.detail).items()}


def _last_sync(records: Records, clone: str) -> datetime | None:
    done = f"done: sync {clone}"
    rows = records.search(done)
    return next((row.at for row in rows if row.kind is Kind.OUTCOME and row.text == done), None)


def last_told(records: Records, channel: str) -> Entry | None:
    """The row of the last digest that was posted there, or of the moment when digests began."""
    return records.newest(subject(channel), Kind.POSTED) or records.find(f"{subject(channel)}/begin")


def read_all(records: Records, channels: Sequence[str], now: datetime, *, rows: bool) -> Past:
    """The same of several channels, back to the earliest; without `rows`, only what could not be posted."""
    if not rows:
        return Past(troubles=tuple(_troubles(records, channels)))
    parts = [read_past(records, channel, now) for channel in channels]
    if not parts:
        return Past()
    earliest = max(parts, key=lambda part: len(part.rows))
    since = [part.since for part in parts if part.since]
    gone = {fleet: at for part in parts for fleet, at in part.unread.items()}
    return replace(
        earliest,
        since=min(since) if len(since) == len(parts) else None,
        unread=gone,
        troubles=tuple(_troubles(records, channels)),
    )


def _troubles(records: Records, channels: Sequence[str]) -> Iterator[str]:
    for channel in channels:
        yield from read_troubles(records, channel)
