"""Carry out an operation in its lane: look again, then action by action, then say what really is."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog

from bot.command import Answer
from bot.domain import book
from bot.domain import step as steps
from bot.domain import tally as tallies
from bot.domain.errors import BotError, Cancelled, Conflict, RecordsError
from bot.domain.fleet import Service
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.plan import Action, Lane, Plan
from bot.domain.policy import approvals_needed
from bot.domain.quarantine import Readmit
from bot.domain.tally import Tally
from bot.workflow import (
    adopt,
    canary,
    content,
    disown,
    housekeeping,
    launch,
    quarantine,
    scale_in,
    scale_out,
    service,
    undo,
)
from bot.workflow.desk import Desk
from bot.workflow.job import PASSING, Job, Seen
from bot.workflow.last_look import changed, decide_again, refused
from bot.workflow.ledger import Ledger
from bot.workflow.look import World
from bot.workflow.outcome import look_and_judge
from bot.workflow.rows import Origin, write_end, write_plan, write_start

_log = structlog.get_logger()
_SECONDS_TO_CONCLUDE = 120

_HOW: Mapping[str, Callable[[Job, Any], Tally]] = {
    "route_writes": scale_out.route_writes,
    "bake": scale_out.bake,
    "launch": launch.launch,
    "launch_elsewhere": launch.launch_elsewhere,
    "boot": scale_out.boot,
    "prepare": scale_out.prepare,
    "sync": content.sync,
    "prove": content.prove_each,
    "judge": canary.judge,
    "end_canary": canary.end_canary,
    "pin": housekeeping.pin,
    "remove_images": housekeeping.remove_images,
    "put_in_service": service.put_in_service,
    "check_strays": scale_in.check_strays,
    "take_out": scale_in.take_out,
    "terminate": scale_in.terminate,
    "claim": adopt.claim,
    "make_groups": adopt.make_groups,
    "make_balancer": adopt.make_balancer,
    "serve_master": adopt.serve_master,
    "protect": adopt.protect,
    "release_master": disown.release_master,
    "remove_front": disown.remove_front,
    "disclaim": disown.disclaim,
    "remove": quarantine.remove,
    "prove_again": quarantine.prove_again,
    "set_aside": quarantine.set_aside,
    "readmit": quarantine.readmit,
}


class Carrier:
    """Carries out operations. Every method is one durable step, safe to repeat."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world = world
        self._desk = desk
        self._seen: dict[str, Seen] = {}

    def look_again(self, operation_id: str, number: int) -> bool:
        """Decide anew at the last moment. Returns whether the operation's plan is to be carried out now."""
        operation = self._desk.operation(operation_id)
        if operation.stage is Stage.RUNNING:
            return True
        if operation.stage is not Stage.WAITING or self._desk.is_held_up(operation):
            return False
        try:
            decision, self._seen[operation.id] = decide_again(self._world, operation)
        except RecordsError:
            raise
        except BotError as error:
            self.finish(operation, Stage.FAILED, refused(operation, error))
            return False
        if isinstance(decision, Plan):
            return self._start_unless_cancelled(operation, decision, number)
        title = decision.title if isinstance(decision, Answer) else "Nothing to do"
        self.finish(operation, Stage.DONE, title)
        return False

    def _start_unless_cancelled(self, operation: Operation, plan: Plan, number: int) -> bool:
        try:
            return self._start(operation, plan, number)
        except Conflict:
            if self.ended(operation.id):
                return False
            raise

    def _start(self, operation: Operation, plan: Plan, number: int) -> bool:
        if plan.hash != operation.plan.hash:
            plan = replace(plan, reason=operation.plan.reason)
            needed = max(approvals_needed(plan, self._world.policy), operation.needed)
            by = Origin(person=operation.requester, channel=operation.channel, via=operation.via)
            key = f"{operation.id}:planned:{number}:{plan.short_hash}"
            write_plan(self._world, key, operation.id, plan, by, needed)
            self._desk.note(operation.id, changed(operation.plan, plan, needed))
            if needed:
                return False
        write_start(self._world, operation.id, plan, number)
        return True

    def ended(self, operation_id: str) -> bool:
        """Whether the operation came to an end."""
        return self._desk.operation(operation_id).stage.ended

    def length(self, operation_id: str) -> int:
        """How many actions the plan has."""
        return len(self._desk.operation(operation_id).plan.actions)

    def give_up(self, operation_id: str, why: str) -> None:
        """End an operation that met something unexpected."""
        operation = self._desk.operation(operation_id)
        if not operation.stage.ended:
            self._set_aside_unfinished(operation)
            plan = operation.plan
            after = f"`/clone status {plan.fleet}` to see what is."
            if plan.lane is Lane.FRONT:
                after = f"`/clone {plan.command}` to go on, or `/clone {plan.inverse}` to lead back."
            what = f"{why} Type {after}"
            self.finish(operation, Stage.FAILED, what)

    def abandon(self, operation_id: str, why: str) -> None:
        """Give up an operation that nobody works on any more, and tell so."""
        self.give_up(operation_id, why)
        self._desk.conclude(operation_id)

    def _set_aside_unfinished(self, operation: Operation) -> None:
        """Whatever this operation launched and did not put in service must not count as a clone."""
        job = self._job(operation, len(operation.plan.actions), Tally())
        try:
            clones = self._world.cloud.members(job.spec).clones
        except BotError as error:
            _log.warning("nothing set aside", operation=operation.id, why=str(error))
            return
        again = {each for a in operation.plan.actions if isinstance(a, Readmit) for each in a.servers}
        idle = (clone for clone in clones if clone.service is not Service.HEALTHY)
        mine = [clone.id for clone in idle if clone.operation == operation.id or clone.id in again]
        if mine:
            service.quarantine(job, tuple(mine))

    def perform(self, operation_id: str, index: int, so_far: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one action of the plan; return what has come of the operation."""
        operation = self._desk.operation(operation_id)
        tally = tallies.from_json(so_far)
        action = operation.plan.actions[index]
        if tally.stopped or steps.is_needless(action, tally):
            return tallies.to_json(tally)
        if tally.cancelled or _is_to_be_left(operation, index):
            return tallies.to_json(replace(tally, cancelled=True))
        job = self._job(operation, index, tally)
        began = self._world.clock.now()
        try:
            after = job.ledger.carry_out(
                job.action,
                str(action),
                lambda: self._act(job, action),
                index=index,
                about=book.concerned(action, tally),
                effects=lambda after: book.effects(action, job.action, tally, after),
            )
        except Cancelled:
            after = replace(tally, cancelled=True)
        except BotError as error:
            after = self._stopped(tally, action, error)
        fresh = tuple(
            server for server in after.failed if server in after.launched and server not in tally.failed
        )
        if fresh:
            after = self._set_aside(job, after, fresh)
        took = self._world.clock.now() - began
        self._desk.note(operation_id, steps.ended(index + 1, operation.plan.actions, tally, after, took))
        return tallies.to_json(after)

    def _act(self, job: Job, action: Action) -> Tally:
        """Show that the action began, which may take long."""
        self._desk.show(job.operation)
        return _HOW[action.kind](job, action)

    def _stopped(self, tally: Tally, action: Action, error: BotError) -> Tally:
        why = f"could not {action}: {error}"
        failed = dict.fromkeys(tally.sound, str(error))
        return replace(tally.with_failed(failed), stopped=why, undo=action.kind in adopt.UNDONE_TOGETHER)

    def _set_aside(self, job: Job, tally: Tally, servers: tuple[str, ...]) -> Tally:
        for server in servers:
            self._desk.note(job.operation, f"{server} stays out of service: {tally.failed[server]}")
        trouble = service.quarantine(job, servers)
        return tally.with_warning(trouble) if trouble else tally

    def _job(self, operation: Operation, index: int, tally: Tally) -> Job:
        world = self._world
        ledger = Ledger(
            world.records,
            world.clock,
            operation.id,
            operation.plan.fleet,
            lambda text: self._desk.note(operation.id, text),
        )
        return Job(
            spec=world.spec(operation.plan.fleet),
            cloud=world.cloud,
            servers=world.servers,
            clock=world.clock,
            ledger=ledger,
            operation=operation.id,
            action=f"{operation.id}.{index + 1}",
            tally=tally,
            cancelled=lambda: self._is_cancelled(operation.id),
            seen=self._seen.setdefault(operation.id, Seen()),
            say=lambda text: self._desk.note(operation.id, text),
        )

    def _is_cancelled(self, operation_id: str) -> bool:
        """Asked again and again while something is waited for; that it fails once is no reason to stop."""
        try:
            return bool(self._desk.operation(operation_id).cancelled_by)
        except RecordsError:
            return False

    def find_undone(self, operation_id: str, so_far: Mapping[str, Any]) -> dict[str, Any]:
        """Decide what of a cancelled operation is to be undone."""
        operation = self._desk.operation(operation_id)
        job = self._undoing(operation, tallies.from_json(so_far))
        try:
            if operation.plan.lane is Lane.FRONT:
                tally = job.tally  # what is there says what is to be undone
            else:
                tally = undo.find(job, operation, self._world.records)
        except RecordsError:
            raise
        except BotError as error:
            tally = job.tally.with_warning(f"What is left of it could not be found: {error}")
        return tallies.to_json(tally)

    def undo(self, operation_id: str, so_far: Mapping[str, Any]) -> dict[str, Any]:
        """Remove what a cancelled operation launched, and put back what it took out."""
        operation = self._desk.operation(operation_id)
        job = self._undoing(operation, tallies.from_json(so_far))
        if operation.plan.lane is Lane.FRONT:
            return tallies.to_json(disown.undo(job, operation))
        return tallies.to_json(undo.restore(replace(job, tally=undo.remove(job))))

    def _undoing(self, operation: Operation, tally: Tally) -> Job:
        job = self._job(operation, len(operation.plan.actions), tally)
        return replace(job, action=f"{operation.id}.undo", cancelled=lambda: False)

    def conclude(self, operation_id: str, so_far: Mapping[str, Any]) -> None:
        """Look at the fleet, and say what the operation came to."""
        operation = self._desk.operation(operation_id)
        if operation.stage.ended:
            return
        tally = tallies.from_json(so_far)
        job = self._job(operation, len(operation.plan.actions), tally)
        for _ in job.pauses(_SECONDS_TO_CONCLUDE):
            try:
                judge = look_and_judge(self._world.cloud, job.spec, operation.plan)
            except PASSING:
                continue
            except BotError as error:
                _log.warning("not concluded", operation=operation_id, why=str(error))
                break
            self.finish(operation, *judge(self._desk.operation(operation_id), tally))
            return
        text = f"AWS could not be asked what came of it. Type `/clone status {operation.plan.fleet}`."
        self.finish(operation, Stage.FAILED, text)

    def finish(self, operation: Operation, stage: Stage, text: str) -> None:
        """Record the end."""
        self._seen.pop(operation.id, None)
        try:
            write_end(self._world, operation, stage, text)
        except Conflict:
            if self.ended(operation.id):  # it was cancelled just before it would have begun
                return
            raise


def _is_to_be_left(operation: Operation, index: int) -> bool:
    """Whether not to begin this action any more; one that a crash cut off is carried through."""
    return bool(operation.cancelled_by) and operation.progress[index] is Progress.TO_DO
