"""The desk: takes a request, decides what becomes of it, keeps people informed. Safe to repeat."""

from dataclasses import replace
from typing import Any

import structlog

from bot.command import Answer, Halt, Record, Verdict
from bot.domain.audit import Entry, Kind
from bot.domain.doctor.waiver import Waiver
from bot.domain.errors import BotError, ChatError, Conflict, RecordsError
from bot.domain.freeze import Freeze, Thaw, require_thawed
from bot.domain.operation import Operation, Stage
from bot.domain.people import Person
from bot.domain.plan import Plan
from bot.domain.policy import approvals_needed
from bot.domain.words import plural
from bot.workflow import freezes, replies
from bot.workflow.deadline import seconds_left
from bot.workflow.examination import subject, write_waiver
from bot.workflow.look import MANY, World, identify, look, understand
from bot.workflow.messages import Messages
from bot.workflow.notices import Notices
from bot.workflow.outbox import Outbox
from bot.workflow.rows import Origin, write_plan
from bot.world import Request

_log = structlog.get_logger()
_DECIDED = (
    Kind.PLANNED,
    Kind.APPROVED,
    Kind.DENIED,
    Kind.CANCELLED,
    Kind.WAIVED,
    Kind.FROZEN,
    Kind.THAWED,
    Kind.ANSWERED,
    Kind.REFUSED,
)
"""What may have come of a request already, the strongest first."""
_OF_NO_OPERATION = {Kind.WAIVED, Kind.FROZEN, Kind.THAWED, Kind.ANSWERED, Kind.REFUSED}
_KINDS = {Verdict.APPROVE: Kind.APPROVED, Verdict.DENY: Kind.DENIED, Verdict.CANCEL: Kind.CANCELLED}


class Desk:
    """Where requests come in and operations are shown."""

    def __init__(self, world: World, messages: Messages, outbox: Outbox, notices: Notices) -> None:
        self._world = world
        self._notices = notices
        self._messages = messages
        self._outbox = outbox

    def receive(self, request: Request) -> None:
        """Record the request. Raises RecordsError; then nothing was done."""
        kept = {
            "text": request.text,
            "team": request.team,
            "user": request.user,
            "channel": request.channel,
            "plan": request.plan,
            **({"account": request.account} if request.account else {}),
        }
        self._write(request, Kind.REQUESTED, request.text, kept)

    def decide(self, request: Request) -> str:
        """Decide and record. Returns the ids of the operations that this concerns, with spaces between."""
        try:
            return self._decide(request)
        except BotError as error:
            self.refuse(request, str(error))
            return ""

    def refuse(self, request: Request, why: str) -> None:
        """Tell the person that nothing was changed, and why; record it."""
        self._tell(request, replies.NOTHING_CHANGED, tuple(why.splitlines()))
        try:
            self._write(request, Kind.REFUSED, why)
        except RecordsError as error:
            _log.error("refusal not recorded", request=request.id, why=str(error))

    def _decide(self, request: Request) -> str:
        world = self._world
        decided = self._decided(request)
        if decided is not None:
            return decided
        person = identify(world, request.team, request.user, request.via)
        parsed = understand(world, person, request.text, request.channel)
        seen = look(world, person, parsed)
        decision = parsed.command.decide(parsed.args, seen)
        if not isinstance(decision, Plan | Answer):
            return self._change(request, decision)
        if isinstance(decision, Plan):
            require_thawed(decision, seen.past.frozen)
            if not parsed.dry_run:
                return self._open(request, person, decision)
        answer = decision if isinstance(decision, Answer) else replies.dry_run(decision)
        self._answer(request, answer)
        self._close(request, answer.title)
        return ""

    def _change(self, request: Request, decision: Record | Halt | Waiver | Freeze | Thaw) -> str:
        """A change of our own state."""
        match decision:
            case Record():
                return self._record(request, decision)
            case Halt():
                return self._halt(request, decision)
            case Waiver():
                return self._waive(request, decision)
            case _:
                return self._keep_still(request, decision)

    def _answer(self, request: Request, answer: Answer) -> None:
        if answer.diagnosis is None:
            self._tell(request, answer.title, answer.lines)
            return
        channel = self._world.spec(answer.diagnosis.fleet).channel
        try:
            self._world.door(request.via).report(request, channel, answer.diagnosis)
        except ChatError as error:
            _log.warning("not reported", request=request.id, why=str(error))
            self._tell(request, answer.title, (*answer.lines, *replies.unreported(channel, str(error))))

    def _decided(self, request: Request) -> str | None:
        """What was decided before a crash cut this off: the operation, or "", or None if nothing was."""
        for kind in _DECIDED:
            row = self._world.records.find(f"{request.id}:{kind}")
            if row is not None:
                return "" if kind in _OF_NO_OPERATION else row.operation
        return None

    def _open(self, request: Request, person: Person, plan: Plan) -> str:
        needed = approvals_needed(plan, self._world.policy)
        channel = request.channel or self._world.spec(plan.fleet).channel
        by = Origin(person=f"{person.team}/{person.id}", channel=channel, via=request.via)
        write_plan(self._world, f"{request.id}:planned", request.id, plan, by, needed)
        return request.id

    def _record(self, request: Request, decision: Record) -> str:
        cancels = decision.verdict is Verdict.CANCEL  # whatever the plan is by now
        if request.plan and request.plan != decision.plan and not cancels:
            raise Conflict(
                f"The plan of `{decision.operation}` has changed since that message; "
                "look at the new one and decide again."
            )
        self._write_decision(request, decision)
        self._close(request, f"{decision.verdict.value} {decision.operation}")
        self._show_decision(decision)
        self._tell(request, *replies.decided(self.operation(decision.operation), decision.verdict))
        return decision.operation

    def _halt(self, request: Request, halt: Halt) -> str:
        """Cancel one after the other; a crash in between cancels the others at the next start."""
        stopped: list[Record] = []
        trouble = ""
        for record in halt.records:
            try:
                self._write_decision(request, record, f":{record.operation}")
                stopped.append(record)
            except Conflict:
                _log.info("it ended, or was cancelled, meanwhile", operation=record.operation)
            except RecordsError as error:
                if not stopped:
                    raise
                trouble = str(error)
        self._close(request, f"{Verdict.CANCEL.value} {plural(len(stopped), 'operation')}")
        for record in stopped:
            self._show_decision(record)
        ended = [self.operation(each.operation) for each in stopped]
        self._tell(request, *replies.halted(ended, trouble))
        return " ".join(each.operation for each in stopped)

    def _write_decision(self, request: Request, decision: Record, part: str = "") -> None:
        """`part` tells several decisions of one request apart."""
        kind = _KINDS[decision.verdict]
        entry = self._entry(request, kind, decision.reason)
        about = {"plan": decision.plan, "request": request.id}
        self._world.records.append(
            replace(entry, key=f"{entry.key}{part}", operation=decision.operation, detail=about)
        )

    def _show_decision(self, decision: Record) -> None:
        self.show(decision.operation)
        if decision.verdict is Verdict.CANCEL:
            self.note(decision.operation, replies.cancelled(self.operation(decision.operation)))

    def _waive(self, request: Request, waiver: Waiver) -> str:
        """Record it; what it waives must not block from here on."""
        entry = self._entry(request, Kind.WAIVED, replies.waived_row(waiver), write_waiver(waiver))
        self._world.records.append(replace(entry, operation=subject(waiver.fleet), fleet=waiver.fleet))
        self._close(request, f"waived {waiver.finding}")
        self._tell(request, *replies.waived(waiver))
        self._notices.tell(self._world.spec(waiver.fleet))
        return ""

    def _keep_still(self, request: Request, order: Freeze | Thaw) -> str:
        """Record a freeze or its end; from here on it counts."""
        kind, text, detail = replies.kept_still_row(order)
        entry = self._entry(request, kind, text, detail)
        self._world.records.append(replace(entry, operation=freezes.subject(order.fleet), fleet=order.fleet))
        self._close(request, text)
        self._tell(request, *replies.kept_still(order))
        self._notices.tell(self._world.spec(order.fleet))
        return ""

    def _close(self, request: Request, text: str) -> None:
        """Note that the request was answered. It was decided already, so a failure here undoes nothing."""
        try:
            self._write(request, Kind.ANSWERED, text)
        except RecordsError as error:
            _log.error("answer not recorded", request=request.id, why=str(error))

    def unanswered(self) -> tuple[Request, ...]:
        """Requests that were recorded and then interrupted before anything was decided."""
        return tuple(
            Request(id=entry.operation, via=entry.via, **entry.detail)
            for entry in self._world.records.unanswered()
        )

    def present(self, request: Request) -> None:
        """Show a new operation; where that fails, tell who asked what to type instead."""
        try:
            self._messages.card(request.id)
        except ChatError as error:
            self._tell(request, *replies.unshown(self.operation(request.id), str(error)))
            self.show(request.id)

    def show(self, operation_id: str) -> None:
        """Bring the operation's live message up to date soon. Chat's failures change nothing else."""
        self._outbox.show(operation_id)

    def show_open(self) -> None:
        """Bring the cards of all that is open up to date: a crash loses what was still to be shown."""
        for operation in self._world.records.operations(limit=MANY):
            if operation.message and not operation.stage.ended:
                self.show(operation.id)

    def note(self, operation_id: str, text: str) -> None:
        """Add a line to the operation's thread soon. A failure changes nothing else."""
        self._outbox.note(operation_id, text)
        if self._world.terminals:
            self._world.terminals.step(operation_id, text)

    def conclude(self, operation_id: str) -> None:
        """Show how it ended; tell who asked, since nobody is told of an edited message."""
        row = self._world.records.newest(operation_id, Kind.FINISHED)
        if row is not None:
            asked = self.operation(operation_id).requester.partition("/")[2]
            self._outbox.note(operation_id, f"@{asked} {row.text}")
        self.show(operation_id)

    def operation(self, operation_id: str) -> Operation:
        """Look up an operation that exists."""
        operation = self._world.records.operation(operation_id)
        if operation is None:
            raise Conflict(f"There is no operation `{operation_id}`.")
        return operation

    def known(self, operation_id: str) -> bool:
        """Whether a request became an operation."""
        return self._world.records.operation(operation_id) is not None

    def undecided(self, operation_id: str) -> int:
        """As `deadline.seconds_left`, of this operation."""
        return seconds_left(self._world, self.operation(operation_id), self.note)

    def queue(self, operation_id: str) -> str:
        """Record behind whom the operation waits, if it does; return its lane, or "" if it ended."""
        operation = self.operation(operation_id)
        if operation.stage.ended:
            return ""
        for other in self._in_lane_of(operation):
            earlier = other.stage is Stage.WAITING and other.created < operation.created
            if earlier or other.stage is Stage.RUNNING:
                self._write_queued(operation, other)
                break
        return "/".join(_lane(operation))

    def is_held_up(self, operation: Operation) -> bool:
        """Whether another one in its lane has begun. After a crash the engine may take this one first."""
        return any(other.stage is Stage.RUNNING for other in self._in_lane_of(operation))

    def _in_lane_of(self, operation: Operation) -> list[Operation]:
        others = (each for each in self._world.records.operations() if each.id != operation.id)
        return [other for other in others if _lane(other) == _lane(operation)]

    def _write_queued(self, operation: Operation, other: Operation) -> None:
        who = other.requester.partition("/")[2]
        self._world.records.append(
            Entry(
                kind=Kind.QUEUED,
                at=self._world.clock.now(),
                key=f"{operation.id}:queued:{operation.plan.hash}",
                operation=operation.id,
                fleet=operation.plan.fleet,
                text=f"waits behind {other.id}",
                detail={"behind": f"`{other.id}` ({other.plan.command}, @{who})"},
            )
        )

    def _write(self, request: Request, kind: Kind, text: str, detail: dict[str, str] | None = None) -> None:
        self._world.records.append(self._entry(request, kind, text, detail))

    def _entry(self, request: Request, kind: Kind, text: str, detail: dict[str, Any] | None = None) -> Entry:
        return Entry(
            kind=kind,
            at=self._world.clock.now(),
            key=f"{request.id}:{kind}",
            operation=request.id,
            text=text,
            person=f"{request.team}/{request.user}",
            via=request.via,
            detail=detail or {},
        )

    def _tell(self, request: Request, title: str, lines: tuple[str, ...]) -> None:
        try:
            self._world.door(request.via).answer(request, title, lines)
        except ChatError as error:
            _log.warning("not answered", request=request.id, why=str(error))


def _lane(operation: Operation) -> tuple[str, str]:
    return operation.plan.fleet, operation.plan.lane.queue
