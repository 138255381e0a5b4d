"""Reconcile: compare AWS with the log, close what is open, tell what differs; it never removes anything."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.aftermath import is_bake, what_came_of
from bot.domain.audit import Entry, Kind
from bot.domain.book import KINDS, UNKNOWN, Book, read_on
from bot.domain.digest import wanted_clones
from bot.domain.errors import BotError, ChatError, RecordsError
from bot.domain.fleet import FleetSpec, Image, Sighting
from bot.domain.notice import Notice
from bot.domain.operation import Operation, Stage
from bot.domain.reconcile import (
    Around,
    Change,
    Facts,
    add_unread,
    cannot_read,
    compare,
    judge,
    serving_clones,
    title,
)
from bot.workflow.carry_out import Carrier
from bot.workflow.differences import newest_row, read_differences, subject, write_difference
from bot.workflow.look import MANY, World

_log = structlog.get_logger()
_AT_ONCE = 5000
"""Rows of the log that are read in one go: nothing else can be written meanwhile."""
_UNREAD_ROUNDS = 3
"""AWS that cannot be read is told after so many rounds."""
_LOST = (
    "I lost track of it: workflow.db does not know how far it was. Nothing more of it is done, and what it "
    "started and does not serve is set aside."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How the last comparisons of a fleet went."""

    differences: int = 0
    read: datetime | None = None
    """When AWS and the log were last compared."""


class Reconciler:
    """Compares all fleets, round by round. What it saw only once it forgets with a restart."""

    def __init__(self, world: World, carrier: Carrier) -> None:
        self._world = world
        self._carrier = carrier
        self._book = Book()
        self._doubts: dict[str, Mapping[str, str]] = {}
        self._unread: dict[str, datetime] = {}
        self._strays: frozenset[str] = frozenset()
        self._reports: dict[str, Report] = {spec.name: Report() for spec in world.specs}

    @property
    def seconds(self) -> float:
        """From one round to the next."""
        return min((spec.patience.reconcile for spec in self._world.specs), default=60)

    def reports(self) -> Mapping[str, Report]:
        """How the last comparisons went, by fleet."""
        return dict(self._reports)

    def look_around(self, alive: Callable[[str], bool]) -> None:
        """One round. `alive` says whether the engine still works on an operation. Safe to repeat."""
        try:
            self._read_on()
            self._close_intents()
            self._end_strays(alive)
            for spec in self._world.specs:
                self._reconcile(spec)
        except RecordsError as error:
            _log.error("not reconciled", why=str(error))

    def _read_on(self) -> None:
        while rows := self._world.records.after(self._book.seq, KINDS, limit=_AT_ONCE):
            self._book = read_on(self._book, rows)

    def _close_intents(self) -> None:
        """An operation that ended leaves nothing open; what came of it is found out later."""
        for key, intent in self._book.begun.items():
            operation = self._world.records.operation(intent.operation)
            if operation and operation.stage.ended:
                text = "unknown: its operation ended before anybody learned the outcome"
                closing = replace(intent, kind=Kind.OUTCOME, at=self._now(), key=key, text=text)
                self._world.records.append(replace(closing, detail={UNKNOWN: True}))
        self._read_on()

    def _end_strays(self, alive: Callable[[str], bool]) -> None:
        """Operations that the log knows as open and nobody works on, in two rounds."""
        fleets = {spec.name for spec in self._world.specs}
        ours = (each for each in self._open() if each.plan.fleet in fleets)
        lost = frozenset(each.id for each in ours if not alive(each.id))
        for operation in lost & self._strays:
            self._carrier.abandon(operation, _LOST)
        self._strays = lost

    def _reconcile(self, spec: FleetSpec) -> None:
        self._tell(spec)
        busy = self._busy(spec)
        touched = self._book.touched.get(spec.name)
        try:
            sightings = self._world.cloud.census(spec)
        except RecordsError:
            raise
        except BotError as error:
            self._cannot_read(spec, str(error))
            return
        self._unread.pop(spec.name, None)
        self._read_on()
        busy |= self._busy(spec)
        if self._book.touched.get(spec.name) != touched:  # the fleet moved while it was looked at
            return
        self._compare(spec, sightings, busy)

    def _compare(self, spec: FleetSpec, sightings: Sequence[Sighting], busy: frozenset[str]) -> None:
        known = read_differences(newest_row(self._world.records, spec.name))
        busy |= {each.id for each in sightings if each.operation in busy}
        begun = frozenset(each.action for each in sightings if self._has_begun(spec, each.action))
        facts = Facts(
            fleet=spec.name, sightings=sightings, book=self._book, begun=begun, busy=busy, at=self._now()
        )
        wanted = wanted_clones(spec.name, self._world.records.operations(limit=MANY))
        around = Around(
            at=self._now(),
            busy=busy,
            enough=wanted is not None and serving_clones(sightings, self._book) >= wanted,
        )
        change = compare(known, judge(facts), self._doubts.get(spec.name, {}), around)
        self._doubts[spec.name] = change.doubts
        self._write(spec, change, self._answers(spec, sightings))
        self._reports[spec.name] = Report(differences=len(change.known), read=around.at)

    def _cannot_read(self, spec: FleetSpec, why: str) -> None:
        since = self._unread.setdefault(spec.name, self._now())
        if self._now() - since < timedelta(seconds=_UNREAD_ROUNDS * self.seconds):
            return
        known = read_differences(newest_row(self._world.records, spec.name))
        change = add_unread(known, cannot_read(why, since))
        self._write(spec, change, {})
        self._reports[spec.name] = replace(self._reports[spec.name], differences=len(change.known))

    def _answers(self, spec: FleetSpec, sightings: Sequence[Sighting]) -> dict[str, str]:
        """What came of that which nobody knew, once its operation ended and AWS had time to show it."""
        due = self._now() - timedelta(seconds=self.seconds)
        told: dict[str, str] = {}
        for action, row in self._book.unknown.items():
            operation = self._world.records.operation(row.operation)
            if row.fleet != spec.name or row.at > due or operation is None or not operation.stage.ended:
                continue
            images = self._images(spec) if is_bake(row, operation) else ()
            if images is not None:
                told[action] = what_came_of(row, operation, sightings, images)
        return told

    def _images(self, spec: FleetSpec) -> tuple[Image, ...] | None:
        try:
            return self._world.cloud.look(spec).images
        except RecordsError:
            raise
        except BotError as error:
            _log.warning("images not looked for", fleet=spec.name, why=str(error))
            return None

    def _write(self, spec: FleetSpec, change: Change, answers: Mapping[str, str]) -> None:
        """Record what changed; what chat did not take before is told with it."""
        news = (*answers.values(), *change.news)
        if not (news or change.forgotten):
            return
        late = self._untold(spec)
        detail = {
            "news": [*(late.detail["news"] if late else ()), *news],
            "known": [write_difference(each) for each in change.known],
            "forgotten": list(change.forgotten),
            "answers": dict(answers),
            "title": title(spec.name, change.known, answers),
        }
        for action, text in answers.items():
            self._append_answer(self._book.unknown[action], text)
        self._append(spec, f"{subject(spec.name)}/{self._now().isoformat()}", " ".join(news), detail)
        self._read_on()
        self._tell(spec)

    def _append_answer(self, unknown: Entry, text: str) -> None:
        """The same among the rows of the operation itself."""
        key = f"{unknown.action}#{unknown.attempt}:{Kind.RECONCILED}"
        self._world.records.append(
            replace(unknown, kind=Kind.RECONCILED, at=self._now(), key=key, text=text, detail={})
        )

    def _untold(self, spec: FleetSpec) -> Entry | None:
        row = newest_row(self._world.records, spec.name)
        if row is None or not row.detail["news"] or self._world.records.find(f"{row.key}:posted"):
            return None
        return row

    def _tell(self, spec: FleetSpec) -> None:
        """Tell the channel what the newest row says, once."""
        row = self._untold(spec)
        if row is None:
            return
        notice = Notice(id=row.key, at=row.at, title=row.detail["title"], lines=tuple(row.detail["news"]))
        try:
            message = self._world.chat.post_notice(spec.channel, notice)
        except ChatError as error:
            _log.error("differences not posted", fleet=spec.name, why=str(error))
            return
        entry = Entry(
            kind=Kind.POSTED,
            at=self._now(),
            key=f"{row.key}:posted",
            operation=subject(spec.name),
            fleet=spec.name,
            text="differences posted",
            detail={"message": message},
        )
        self._world.records.append(entry)

    def _append(self, spec: FleetSpec, key: str, text: str, detail: dict[str, Any]) -> None:
        self._world.records.append(
            Entry(
                kind=Kind.RECONCILED,
                at=self._now(),
                key=key,
                operation=subject(spec.name),
                fleet=spec.name,
                text=text,
                detail=detail,
            )
        )

    def _has_begun(self, spec: FleetSpec, action: str) -> bool:
        row = self._world.records.find(f"{action}#1:{Kind.INTENT}") if action else None
        return row is not None and row.fleet == spec.name

    def _open(self) -> tuple[Operation, ...]:
        return tuple(each for each in self._world.records.operations(limit=MANY) if not each.stage.ended)

    def _busy(self, spec: FleetSpec) -> frozenset[str]:
        """What runs, and the servers that it is about."""
        running = [o for o in self._open() if o.plan.fleet == spec.name and o.stage is Stage.RUNNING]
        servers = [
            each for o in running for action in o.plan.actions for each in getattr(action, "servers", ())
        ]
        return frozenset((*servers, *(operation.id for operation in running)))

    def _now(self) -> datetime:
        return self._world.clock.now()
