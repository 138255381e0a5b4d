"""Notices of waivers: a fleet's channel is told that one was given and that it is over, each once."""

import threading
from collections.abc import Iterator

import structlog

from bot.domain.audit import Entry, Kind
from bot.domain.doctor.waiver import Waiver, ended, given
from bot.domain.errors import ChatError, RecordsError
from bot.domain.fleet import FleetSpec
from bot.domain.notice import Notice
from bot.workflow.examination import read_waiver, subject
from bot.workflow.look import World

_log = structlog.get_logger()


class WaiverNotices:
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
            _log.warning("waivers not posted", fleet=spec.name, why=str(error))
        except RecordsError as error:
            _log.error("waivers not read", fleet=spec.name, why=str(error))

    def _untold(self, spec: FleetSpec) -> list[Notice]:
        told = {row.key for row in self._world.records.filed(subject(spec.name), Kind.POSTED)}
        return [notice for notice in self._due(spec) if _posted(notice) not in told]

    def _due(self, spec: FleetSpec) -> Iterator[Notice]:
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
            text="waiver posted",
            detail={"message": message},
        )
        self._world.records.append(entry)


def _posted(notice: Notice) -> str:
    return f"{notice.id}:posted"
