"""A digest: how the fleets are, what waits for somebody, and what was done since the one before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.domain.audit import Entry, Kind
from bot.domain.capacity import counted, idle, launchable, usable_image
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.reminder import blocked, is_unexamined
from bot.domain.fleet import Fleet, Service
from bot.domain.freeze import Freeze, told
from bot.domain.front import not_behind
from bot.domain.moment import span
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.plan import Lane
from bot.domain.proof_log import LastProof
from bot.domain.quarantine import kept
from bot.domain.words import plural

DEEDS = frozenset({Kind.FINISHED, Kind.DENIED})
"""Rows of the log that tell what came of an operation."""
LATE = timedelta(minutes=2)
"""A digest says so if it comes later than this."""
NO_DIGEST = timedelta(days=1)
"""How far back one looks where there was no digest before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A fleet that could not be looked at."""

    fleet: str
    since: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What the log tells a digest."""

    since: datetime | None = None
    """When the digest before was due, or digests began; None if there was none."""
    rows: tuple[Entry, ...] = ()
    """What came of operations since then, oldest first."""
    unread: Mapping[str, datetime] = field(default_factory=dict)
    """Fleets that the digest before could not read, and since when."""
    synced: Mapping[str, datetime] = field(default_factory=dict)
    """When each clone was last given the master's content, as far as the log knows."""
    troubles: tuple[str, ...] = ()
    """Digests that could not be posted, one sentence each."""
    differences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What is known to differ between AWS and the records, by fleet, one sentence each."""
    examined: Mapping[str, Diagnosis] = field(default_factory=dict)
    """What the doctor last found that blocks, by fleet."""
    proved: Mapping[str, LastProof] = field(default_factory=dict)
    """When each server was judged last, and what came of it."""
    frozen: tuple[Freeze, ...] = ()
    """What holds changes back now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One digest. `id` tells it from every other; it is empty for one that somebody asked for."""

    at: datetime
    past: Past
    id: str = ""
    due: datetime | None = None
    missed: bool = False
    """Digests before it were missed, too; this one stands for them."""
    fleets: tuple[Fleet, ...] = ()
    unread: tuple[Unread, ...] = ()
    operations: tuple[Operation, ...] = ()
    """Those of these fleets, the newest first."""


def unread(fleet: str, why: str, past: Past, at: datetime) -> Unread:
    """Say that a fleet cannot be read, and since when that is known."""
    return Unread(fleet=fleet, since=past.unread.get(fleet, at), why=why)


def headline(digest: Digest) -> str:
    """What one reads first: how many fleets are as they should be, never better than is known."""
    names = [fleet.name for fleet in digest.fleets if _healthy(fleet, digest)]
    every = len(digest.fleets) + len(digest.unread)
    if digest.unread:
        lost = ", ".join(each.fleet for each in digest.unread)
        return f"Digest: could not read {lost}; {len(names)} of {plural(every, 'fleet')} as wanted"
    if len(names) == every:
        return f"Digest: {', '.join(names)} as wanted"
    return f"Digest: {len(names)} of {plural(every, 'fleet')} as wanted"


def lines(digest: Digest) -> tuple[str, ...]:
    """The digest, line by line; one line when there is nothing to tell."""
    told = (*_news(digest), *_lateness(digest))
    fleets = [_line(fleet, digest) for fleet in digest.fleets]
    if not told and all(_healthy(fleet, digest) for fleet in digest.fleets):
        return (f"{'; '.join(fleets)}. Nothing else to tell{_since(digest)}.",)
    return (*fleets, *told)


def _news(digest: Digest) -> Iterator[str]:
    for each in digest.unread:
        known = span(digest.at - each.since)
        yield f"Could not read {each.fleet} since {each.since:%Y-%m-%d %H:%M} UTC ({known}): {each.why}"
    for fleet in digest.fleets:
        yield from _ailing(fleet, digest.at)
        yield from filter(None, [blocked(fleet, digest.past.examined.get(fleet.name), digest.at)])
    yield from map(told, digest.past.frozen)
    for found in digest.past.differences.values():
        yield from found
    yield from _open(digest)
    yield from _done(digest)
    yield from digest.past.troubles


def _line(fleet: Fleet, digest: Digest) -> str:
    parts = (_against_wanted(fleet, digest), _image_age(fleet, digest), *_content_age(fleet, digest))
    return f"*{fleet.name}*: {', '.join(parts)}"


def _image_age(fleet: Fleet, digest: Digest) -> str:
    if image := usable_image(fleet):
        return f"image {span(digest.at - image.created)} old"
    if is_unexamined(fleet, digest.past.examined.get(fleet.name)):
        return f"no image yet, and its master not examined (`/clone doctor {fleet.name}`)"
    return "no good image" if launchable(fleet) else "no image yet"


def _content_age(fleet: Fleet, digest: Digest) -> Iterator[str]:
    """Of the clone whose content is the oldest."""
    clones, synced = counted(fleet), digest.past.synced
    unknown = sum(clone.id not in synced for clone in clones)
    if unknown:
        yield f"content of {plural(unknown, 'clone')} of unknown age"
    elif clones:
        yield f"content {span(digest.at - min(synced[clone.id] for clone in clones))} old"


def _against_wanted(fleet: Fleet, digest: Digest) -> str:
    serving, wanted = len(_serving(fleet)), wanted_clones(fleet.name, digest.operations)
    if wanted is None:
        wanted = len(counted(fleet))
    if serving > wanted:
        return f"{plural(serving, 'clone')} serving, {wanted} wanted"
    return f"{serving} of {plural(wanted, 'clone')} serving" if wanted else "no clones"


def _ailing(fleet: Fleet, at: datetime) -> Iterator[str]:
    if not fleet.behind_balancer:
        yield not_behind(fleet)
    elif fleet.master.service is not Service.HEALTHY:
        yield f"The master of {fleet.name} does not serve: `{fleet.master.id}` is {fleet.master.service}"
    for clone in idle(fleet):
        yield f"Clone `{clone.id}` of {fleet.name} is {clone.service} ({clone.state})"
    for server in fleet.quarantined:
        how = f"{server.service} ({server.state}); {kept(server, fleet.name, at)}"
        yield f"Quarantined in {fleet.name}: `{server.id}`, {how}"


def _open(digest: Digest) -> Iterator[str]:
    for each in digest.operations:
        if each.stage.ended:
            continue
        what = f"`{each.id}` {each.plan.summary}, asked by {_mention(each.requester)}"
        age = span(digest.at - each.created)
        if each.stage is Stage.AWAITING_APPROVAL:
            yield f"Awaits approval for {age}: {what}. Type `/clone approve {each.id}`"
        else:
            yield f"{str(each.stage).capitalize()} ({age} since it was asked): {what}"


def _done(digest: Digest) -> Iterator[str]:
    known = {each.id: each for each in digest.operations}
    told = [row for row in digest.past.rows if row.operation in known]
    if told:
        yield f"Done{_since(digest)}:"
    for row in told:
        operation = known[row.operation]
        how = f" by {_mention(row.person)}" if row.kind is Kind.DENIED else f". {row.text}"
        yield f"• `{row.operation}` {operation.plan.summary}, {operation.stage}{how}"


def _lateness(digest: Digest) -> Iterator[str]:
    if digest.due is None or digest.at - digest.due < LATE:
        return
    others = " It stands for those missed before it, too." if digest.missed else ""
    yield f"This digest is {span(digest.at - digest.due)} late: I was not running, or could not post.{others}"


def _since(digest: Digest) -> str:
    if digest.past.since is None:
        return f" in the last {plural(NO_DIGEST // timedelta(hours=1), 'hour')}"
    return f" since {digest.past.since:%Y-%m-%d %H:%M} UTC"


def _healthy(fleet: Fleet, digest: Digest) -> bool:
    wanted = wanted_clones(fleet.name, digest.operations)
    enough = wanted in {None, len(_serving(fleet))}
    return enough and not any(_ailing(fleet, digest.at)) and not digest.past.differences.get(fleet.name)


def _serving(fleet: Fleet) -> Sequence[object]:
    return [clone for clone in counted(fleet) if clone.service is Service.HEALTHY]


def wanted_clones(fleet: str, operations: Sequence[Operation]) -> int | None:
    """How many clones the last scaling that ended, and was not merely refused, was to reach."""
    for each in operations:
        plan = each.plan
        scaled = plan.lane is Lane.CAPACITY and plan.before != plan.after
        if plan.fleet == fleet and scaled and _was_tried(each):
            return plan.after
    return None


def _was_tried(operation: Operation) -> bool:
    if operation.stage in {Stage.PARTLY_DONE, Stage.FAILED}:
        return any(mark is not Progress.TO_DO for mark in operation.progress)
    return operation.stage is Stage.DONE


def _mention(person: str) -> str:
    return "@" + person.rpartition("/")[2]
