"""Digests: which are due, and each posted once, whatever happens. Every method is safe to repeat."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.domain.audit import Entry, Kind
from bot.domain.digest import Digest, Unread, unread
from bot.domain.errors import BotError, ChatError, RecordsError
from bot.domain.fleet import Fleet, FleetSpec
from bot.domain.images import set_canaries_apart
from bot.domain.moment import stamp
from bot.domain.schedule import Schedule
from bot.workflow.differences import read_lines
from bot.workflow.examination import read_examined
from bot.workflow.freezes import read_freezes
from bot.workflow.look import MANY, World
from bot.workflow.past import channel_of, read_past, read_synced, subject

_log = structlog.get_logger()
_PATIENCE = timedelta(hours=1)
"""How long a digest that chat does not take is tried again."""


class Digests:
    """The scheduled digests of all fleets; without a schedule there are none."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._schedule = world.digest

    def begin(self) -> None:
        """Let nothing be due that was so before there were digests."""
        for channel in self._audience():
            if self._last_tick(channel) is None:
                now = self._world.clock.now().isoformat()
                self._write(channel, Kind.DIGEST, "begin", "digests begin", {"tick": now})

    def due(self) -> tuple[tuple[str, str], ...]:
        """Channel and tick of each digest that is due. Of several that were missed, only the last is."""
        if self._schedule is None:
            return ()
        tick = self._schedule.latest(self._world.clock.now())
        return tuple(
            (channel, tick.isoformat())
            for channel in self._audience()
            if (last := self._last_tick(channel)) is not None and last < tick
        )

    def seconds_to_next(self) -> float | None:
        """How long until something is due; None if nothing ever is."""
        if self._schedule is None:
            return None
        now = self._world.clock.now()
        return (self._schedule.following(now) - now).total_seconds()

    def post(self, channel: str, tick: str) -> bool:
        """Post the digest of this tick, unless that was done. Returns whether it is over with."""
        specs, schedule = self._audience().get(channel, ()), self._schedule
        if not specs or schedule is None:
            return True
        due = self._announce(channel, tick, schedule)
        if self._world.records.find(f"{due.key}:posted"):
            return True
        digest = self._compose(channel, due, specs)
        try:
            message = self._world.chat.post_digest(channel, digest)
        except ChatError as error:
            self._write_unposted(channel, due, str(error))
            return self._too_late(due, schedule)
        self._write_posted(channel, due, digest, message)
        return True

    def give_up(self, channel: str, tick: str, why: str) -> None:
        """Note that a digest met something unexpected."""
        due = self._world.records.find(f"{subject(channel)}/{tick}")
        if due is not None:
            self._write_unposted(channel, due, why)

    def _audience(self) -> Mapping[str, tuple[FleetSpec, ...]]:
        """Which channel is told of which fleets."""
        told: dict[str, tuple[FleetSpec, ...]] = {}
        for spec in self._world.specs if self._schedule else ():
            channel = channel_of(spec, self._schedule)
            told[channel] = (*told.get(channel, ()), spec)
        return told

    def _last_tick(self, channel: str) -> datetime | None:
        row = self._world.records.newest(subject(channel), Kind.DIGEST)
        return datetime.fromisoformat(row.detail["tick"]) if row else None

    def _announce(self, channel: str, tick: str, schedule: Schedule) -> Entry:
        """The row that says a digest is due: what came before it belongs to it, what comes later does not."""
        known = self._world.records.find(f"{subject(channel)}/{tick}")
        if known:
            return known
        moment, last = datetime.fromisoformat(tick), self._last_tick(channel)
        missed = last is not None and schedule.before(moment) > last
        text = f"the digest of {stamp(moment)} is due"
        return self._write(channel, Kind.DIGEST, tick, text, {"tick": tick, "missed": missed})

    def _compose(self, channel: str, due: Entry, specs: tuple[FleetSpec, ...]) -> Digest:
        now = self._world.clock.now()
        past = read_past(self._world.records, channel, now, until=due)
        names = {spec.name for spec in specs}
        known = self._world.records.operations(limit=MANY)
        seen: list[Fleet] = []
        lost: list[Unread] = []
        for spec in specs:
            try:
                seen.append(set_canaries_apart(self._world.cloud.look(spec), known))
            except RecordsError:
                raise
            except BotError as error:
                lost.append(unread(spec.name, str(error), past, now))
        return Digest(
            id=due.key,
            at=self._world.clock.now(),
            past=replace(
                past,
                synced=read_synced(self._world.records, seen),
                differences=read_lines(self._world.records, sorted(names)),
                examined=read_examined(self._world.records, sorted(names)),
                frozen=read_freezes(self._world.records, specs, now),
            ),
            due=datetime.fromisoformat(due.detail["tick"]),
            missed=bool(due.detail["missed"]),
            fleets=tuple(seen),
            unread=tuple(lost),
            operations=tuple(each for each in known if each.plan.fleet in names),
        )

    def _too_late(self, due: Entry, schedule: Schedule) -> bool:
        now = self._world.clock.now()
        return now - due.at > _PATIENCE or schedule.latest(now).isoformat() != due.detail["tick"]

    def _write_posted(self, channel: str, due: Entry, digest: Digest, message: str) -> None:
        detail = {
            "message": message,
            "since": due.at.isoformat(),
            "told_until": due.seq,
            "unread": {each.fleet: each.since.isoformat() for each in digest.unread},
        }
        tick = str(due.detail["tick"])
        self._write(channel, Kind.POSTED, f"{tick}:posted", "digest posted", detail)

    def _write_unposted(self, channel: str, due: Entry, why: str) -> None:
        tick = str(due.detail["tick"])
        when = stamp(datetime.fromisoformat(tick))
        _log.error("digest not posted", channel=channel, due=when, why=why)
        detail = {"digest": due.key, "due": when}
        self._write(channel, Kind.UNPOSTED, f"{tick}:unposted", why, detail)

    def _write(self, channel: str, kind: Kind, name: str, text: str, detail: Mapping[str, Any]) -> Entry:
        about = subject(channel)
        entry = Entry(
            kind=kind,
            at=self._world.clock.now(),
            key=f"{about}/{name}",
            operation=about,
            text=text,
            detail=detail,
        )
        return self._world.records.append(entry)
