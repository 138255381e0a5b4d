"""Carry out an operation in its lane: look again, then action by action, then say what really is."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog

from bot.command import Answer
from bot.domain import step as steps
from bot.domain import tally as tallies
from bot.domain.audit import Entry, Kind
from bot.domain.cancellation import conclude_cancelled, too_late
from bot.domain.conclusion import conclude
from bot.domain.errors import BotError, Cancelled, Conflict, NotAllowed, RecordsError
from bot.domain.fleet import Fleet, Service
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.plan import Action, Plan
from bot.domain.policy import approvals_needed
from bot.domain.tally import Tally
from bot.workflow import scale_in, scale_out, undo
from bot.workflow.desk import Desk, Origin, write_plan
from bot.workflow.job import PASSING, Job
from bot.workflow.ledger import Ledger
from bot.workflow.look import World, identify, look, understand
from bot.world import Servers

_log = structlog.get_logger()
_SECONDS_TO_CONCLUDE = 120

_HOW: Mapping[str, Callable[[Job, Any], Tally]] = {
    "route_writes": scale_out.route_writes,
    "bake": scale_out.bake,
    "launch": scale_out.launch,
    "boot": scale_out.boot,
    "prepare": scale_out.prepare,
    "sync": scale_out.sync,
    "prove": scale_out.prove_each,
    "put_in_service": scale_out.put_in_service,
    "check_strays": scale_in.check_strays,
    "take_out": scale_in.take_out,
    "terminate": scale_in.terminate,
}


class Carrier:
    """Carries out operations. Every method is one durable step, safe to repeat."""

    def __init__(self, world: World, servers: Servers, desk: Desk) -> None:
        self._world = world
        self._servers = servers
        self._desk = desk

    def look_again(self, operation_id: str, number: int) -> bool:
        """Decide anew at the last moment. Returns whether the operation's plan is to be carried out now."""
        operation = self._desk.operation(operation_id)
        if operation.stage is Stage.RUNNING:
            return True
        if operation.stage is not Stage.WAITING:
            return False
        try:
            decision = self._decide_again(operation)
        except RecordsError:
            raise
        except BotError as error:
            self.finish(operation, Stage.FAILED, _refused(operation, error))
            return False
        if isinstance(decision, Plan):
            return self._start_unless_cancelled(operation, decision, number)
        title = decision.title if isinstance(decision, Answer) else "Nothing to do"
        self.finish(operation, Stage.DONE, title)
        return False

    def _decide_again(self, operation: Operation) -> object:
        team, _, user = operation.requester.partition("/")
        person = identify(self._world, team, user)
        parsed = understand(self._world, person, operation.plan.command, operation.channel)
        return parsed.command.decide(parsed.args, look(self._world, person, parsed))

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
            self._desk.note(operation.id, _changed(operation.plan, plan, needed))
            if needed:
                return False
        self._append(operation.id, Kind.STARTED, f"{operation.id}:started:{number}", "started", plan)
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
            what = f"{why} Type `/clone status {operation.plan.fleet}` to see what is."
            self.finish(operation, Stage.FAILED, what)

    def _set_aside_unfinished(self, operation: Operation) -> None:
        """Whatever this operation launched and did not put in service must not count as a clone."""
        job = self._job(operation, len(operation.plan.actions), Tally())
        try:
            clones = self._world.cloud.look(job.spec).clones
        except BotError as error:
            _log.warning("nothing set aside", operation=operation.id, why=str(error))
            return
        mine = [c.id for c in clones if c.operation == operation.id and c.service is not Service.HEALTHY]
        if mine:
            scale_out.quarantine(job, tuple(mine))

    def perform(self, operation_id: str, index: int, so_far: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one action of the plan; return what has come of the operation."""
        operation = self._desk.operation(operation_id)
        tally = tallies.from_json(so_far)
        action = operation.plan.actions[index]
        if tally.stopped or (action.kind in steps.NEW_CLONES_ONLY and not tally.sound):
            return tallies.to_json(tally)
        if tally.cancelled or _is_to_be_left(operation, index):
            return tallies.to_json(replace(tally, cancelled=True))
        job = self._job(operation, index, tally)
        began = self._world.clock.now()
        try:
            after = job.ledger.carry_out(job.action, str(action), lambda: self._act(job, action), index=index)
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
        """Show that the action began, which may take long; that this fails is no reason not to act."""
        with suppress(RecordsError):
            self._desk.show(job.operation)
        return _HOW[action.kind](job, action)

    def _stopped(self, tally: Tally, action: Action, error: BotError) -> Tally:
        why = f"could not {action}: {error}"
        failed = dict.fromkeys(tally.sound, str(error))
        return replace(tally.with_failed(failed), stopped=why)

    def _set_aside(self, job: Job, tally: Tally, servers: tuple[str, ...]) -> Tally:
        for server in servers:
            self._desk.note(job.operation, f"{server} stays out of service: {tally.failed[server]}")
        trouble = scale_out.quarantine(job, servers)
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
            servers=self._servers,
            clock=world.clock,
            ledger=ledger,
            operation=operation.id,
            action=f"{operation.id}.{index + 1}",
            tally=tally,
            cancelled=lambda: self._is_cancelled(operation.id),
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
            tally = undo.find(job, operation, self._world.records)
        except RecordsError:
            raise
        except BotError as error:
            tally = job.tally.with_warning(f"What is left of it could not be found: {error}")
        return tallies.to_json(tally)

    def undo(self, operation_id: str, so_far: Mapping[str, Any]) -> dict[str, Any]:
        """Remove what a cancelled operation launched, and put back what it took out."""
        job = self._undoing(self._desk.operation(operation_id), tallies.from_json(so_far))
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
                fleet = self._world.cloud.look(job.spec)
            except PASSING:
                continue
            except BotError as error:
                _log.warning("not concluded", operation=operation_id, why=str(error))
                break
            self.finish(operation, *_conclude(self._desk.operation(operation_id), tally, fleet))
            return
        text = f"AWS could not be asked what came of it. Type `/clone status {operation.plan.fleet}`."
        self.finish(operation, Stage.FAILED, text)

    def finish(self, operation: Operation, stage: Stage, text: str) -> None:
        """Record the end, and show it; tell who asked, since nobody is told of an edited message."""
        key = f"{operation.id}:finished"
        try:
            self._append(operation.id, Kind.FINISHED, key, text, operation.plan, {"stage": str(stage)})
        except Conflict:
            if self.ended(operation.id):  # it was cancelled just before it would have begun
                return
            raise
        self._desk.show(operation.id)
        self._desk.note(operation.id, f"@{operation.requester.partition('/')[2]} {text}")

    def _append(  # noqa: PLR0913, PLR0917 (one row, all its parts)
        self,
        operation_id: str,
        kind: Kind,
        key: str,
        text: str,
        plan: Plan,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        self._world.records.append(
            Entry(
                kind=kind,
                at=self._world.clock.now(),
                key=key,
                operation=operation_id,
                fleet=plan.fleet,
                text=text,
                detail={"plan": plan.hash, **(detail or {})},
            )
        )


def _is_to_be_left(operation: Operation, index: int) -> bool:
    """Whether not to begin this action any more; one that a crash cut off is carried through."""
    return bool(operation.cancelled_by) and operation.progress[index] is Progress.TO_DO


def _conclude(operation: Operation, tally: Tally, fleet: Fleet) -> tuple[Stage, str]:
    if tally.cancelled:
        return Stage.CANCELLED, conclude_cancelled(operation, tally, fleet)
    stage, text = conclude(operation.plan, tally, fleet)
    return stage, f"{text} {too_late(operation)}" if operation.cancelled_by else text


def _refused(operation: Operation, error: BotError) -> str:
    if isinstance(error, NotAllowed):
        who = operation.requester.partition("/")[2]
        return f"Nothing was changed: @{who}, who asked for it, may not do so any more ({error})"
    return f"Nothing was changed: {error}"


def _changed(before: Plan, after: Plan, needed: int) -> str:
    what = f"The fleet changed meanwhile. Plan {before.short_hash} was: {before.summary}; "
    what += f"plan {after.short_hash} is: {after.summary}."
    return f"{what} Nothing was done; please look at it and decide again." if needed else what
