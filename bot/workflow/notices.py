"""Notices of waivers and freezes: a fleet's channel is told that one was given and that it is over, once."""

import threading
from collections.abc import Iterator

import structlog

from bot.domain.audit import Entry, Kind
from bot.domain.doctor.waiver import Waiver, ended, given
from bot.domain.errors import ChatError, RecordsError
from bot.domain.fleet import FleetSpec
from bot.domain.freeze import Freeze, lifted
from bot.domain.freeze import ended as ended_freeze
from bot.domain.freeze import given as given_freeze
from bot.domain.notice import Notice
from bot.workflow.examination import read_waiver, subject
from bot.workflow.freezes import read_order, read_orders
from bot.workflow.look import World

_log = structlog.get_logger()


class Notices:
    """What chat does not take is told in a later round. Threads may share it; all of it is safe to repeat."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()

    def look_around(self) -> None:
        """One round through all fleets."""
        for spec in self._world.specs:
            self.tell(spec)

    def tell(self, spec: FleetSpec) -> None:
        """Tell the fleet's channel what it was not told yet."""
        try:
            with self._lock:
                for notice in self._untold(spec):
                    message = self._world.chat.post_notice(spec.channel, notice)
                    self._write_posted(spec, notice, message)
        except ChatError as error:
            _log.warning("notices not posted", fleet=spec.name, why=str(error))
        except RecordsError as error:
            _log.error("notices not read", fleet=spec.name, why=str(error))

    def _untold(self, spec: FleetSpec) -> list[Notice]:
        told = {row.key for row in self._world.records.filed(subject(spec.name), Kind.POSTED)}
        return [notice for notice in self._due(spec) if _posted(notice) not in told]

    def _due(self, spec: FleetSpec) -> Iterator[Notice]:
        yield from self._of_waivers(spec)
        yield from self._of_freezes(spec)

    def _of_freezes(self, spec: FleetSpec) -> Iterator[Notice]:
        last = None
        for row in read_orders(self._world.records, spec.name):
            order = read_order(row)
            last = order
            title, lines = given_freeze(order) if isinstance(order, Freeze) else lifted(order, row.person)
            yield Notice(id=row.key, at=row.at, title=title, lines=lines)
        if isinstance(last, Freeze) and not last.holds(self._world.clock.now()):
            title, lines = ended_freeze(last)
            yield Notice(id=f"{row.key}:over", at=last.until, title=title, lines=lines)

    def _of_waivers(self, spec: FleetSpec) -> Iterator[Notice]:
        rows = self._world.records.filed(subject(spec.name), Kind.WAIVED)
        waivers = {row.key: read_waiver(row) for row in rows}
        last = {waiver.thing: key for key, waiver in waivers.items()}
        for row in rows:
            waiver = waivers[row.key]
            title, lines = given(waiver)
            yield Notice(id=row.key, at=row.at, title=title, lines=lines)
            if last[waiver.thing] == row.key and self._is_over(waiver, spec):
                title, lines = ended(waiver)
                yield Notice(id=f"{row.key}:over", at=waiver.end, title=title, lines=lines)

    def _is_over(self, waiver: Waiver, spec: FleetSpec) -> bool:
        """Of a former master, nobody needs to know."""
        return waiver.master == spec.master and not waiver.holds(self._world.clock.now())

    def _write_posted(self, spec: FleetSpec, notice: Notice, message: str) -> None:
        entry = Entry(
            kind=Kind.POSTED,
            at=self._world.clock.now(),
            key=_posted(notice),
            operation=subject(spec.name),
            fleet=spec.name,
            text="notice posted",
            detail={"message": message},
        )
        self._world.records.append(entry)


def _posted(notice: Notice) -> str:
    return f"{notice.id}:posted"
