"""The desk: takes a request, decides what becomes of it, keeps people informed. Safe to repeat."""

from dataclasses import dataclass

import structlog

from bot.command import Answer, Record, Verdict
from bot.domain import plan as plans
from bot.domain.audit import Entry, Kind
from bot.domain.errors import BotError, ChatError, Conflict, RecordsError
from bot.domain.operation import Operation, Stage
from bot.domain.people import Person
from bot.domain.plan import Plan
from bot.domain.policy import approvals_needed
from bot.workflow import replies
from bot.workflow.look import World, identify, look, understand
from bot.world import Request

_log = structlog.get_logger()
_KINDS = {Verdict.APPROVE: Kind.APPROVED, Verdict.DENY: Kind.DENIED, Verdict.CANCEL: Kind.CANCELLED}


class Desk:
    """Where requests come in and operations are shown."""

    def __init__(self, world: World) -> None:
        self._world = world

    def receive(self, request: Request) -> None:
        """Record the request. Raises RecordsError; then nothing was done."""
        kept = {
            "text": request.text,
            "team": request.team,
            "user": request.user,
            "channel": request.channel,
            "plan": request.plan,
        }
        self._write(request, Kind.REQUESTED, request.text, kept)

    def decide(self, request: Request) -> str:
        """Decide and record. Returns the id of the operation that this concerns, or ""."""
        try:
            return self._decide(request)
        except BotError as error:
            self.refuse(request, str(error))
            return ""

    def refuse(self, request: Request, why: str) -> None:
        """Tell the person that nothing was changed, and why; record it."""
        self._tell(request, "Nothing was changed", tuple(why.splitlines()))
        try:
            self._write(request, Kind.REFUSED, why)
        except RecordsError as error:
            _log.error("refusal not recorded", request=request.id, why=str(error))

    def _decide(self, request: Request) -> str:
        world = self._world
        decided = self._decided(request)
        if decided is not None:
            return decided
        person = identify(world, request.team, request.user)
        parsed = understand(world, person, request.text, request.channel)
        decision = parsed.command.decide(parsed.args, look(world, person, parsed))
        if isinstance(decision, Record):
            return self._record(request, decision)
        if isinstance(decision, Plan) and not parsed.dry_run:
            return self._open(request, person, decision)
        answer = decision if isinstance(decision, Answer) else replies.dry_run(decision)
        self._tell(request, answer.title, answer.lines)
        self._close(request, answer.title)
        return ""

    def _decided(self, request: Request) -> str | None:
        """What was decided before a crash cut this off: the operation, or "", or None if nothing was."""
        for kind in (Kind.PLANNED, Kind.APPROVED, Kind.DENIED, Kind.CANCELLED, Kind.ANSWERED, Kind.REFUSED):
            row = self._world.records.find(f"{request.id}:{kind}")
            if row is not None:
                return "" if kind in {Kind.ANSWERED, Kind.REFUSED} else row.operation
        return None

    def _open(self, request: Request, person: Person, plan: Plan) -> str:
        needed = approvals_needed(plan, self._world.policy)
        by = Origin(person=f"{person.team}/{person.id}", channel=request.channel, via=request.via)
        write_plan(self._world, f"{request.id}:planned", request.id, plan, by, needed)
        return request.id

    def _record(self, request: Request, decision: Record) -> str:
        cancels = decision.verdict is Verdict.CANCEL  # whatever the plan is by now
        if request.plan and request.plan != decision.plan and not cancels:
            raise Conflict(
                f"The plan of `{decision.operation}` has changed since that message; "
                "look at the new one and decide again."
            )
        kind = _KINDS[decision.verdict]
        entry = self._entry(request, kind, decision.reason)
        written = self._world.records.append(
            Entry(
                kind=kind,
                at=entry.at,
                key=f"{request.id}:{kind}",
                operation=decision.operation,
                text=entry.text,
                person=entry.person,
                via=entry.via,
                detail={"plan": decision.plan, "request": request.id},
            )
        )
        self._close(request, f"{decision.verdict.value} {decision.operation}")
        self.show(decision.operation)
        if cancels:
            self.note(decision.operation, replies.cancelled(self.operation(decision.operation)))
        self._tell(request, *replies.decided(self.operation(decision.operation), decision.verdict))
        return written.operation

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
        trouble = self._show(request.id)
        if trouble:
            operation = self.operation(request.id)
            self._tell(request, *replies.unshown(operation, trouble))

    def show(self, operation_id: str) -> None:
        """Bring the operation's live message up to date. Chat's failures change nothing else."""
        trouble = self._show(operation_id)
        if trouble:
            _log.warning("not shown", operation=operation_id, why=trouble)

    def _show(self, operation_id: str) -> str:
        """Show it; return why that failed, or ""."""
        operation = self.operation(operation_id)
        try:
            message = self._world.chat.show(operation)
        except ChatError as error:
            return str(error)
        if message != operation.message:
            self._world.records.append(
                Entry(
                    kind=Kind.POSTED,
                    at=self._world.clock.now(),
                    key=f"{operation_id}:posted:{message}",
                    operation=operation_id,
                    text="shown in chat",
                    detail={"message": message},
                )
            )
        return ""

    def note(self, operation_id: str, text: str) -> None:
        """Add a line to the operation's thread. A failure changes nothing else."""
        try:
            self._world.chat.note(self.operation(operation_id), text)
        except (ChatError, RecordsError) as error:
            _log.warning("not noted", operation=operation_id, why=str(error))

    def operation(self, operation_id: str) -> Operation:
        """Look up an operation that exists."""
        operation = self._world.records.operation(operation_id)
        if operation is None:
            raise Conflict(f"There is no operation `{operation_id}`.")
        return operation

    def known(self, operation_id: str) -> bool:
        """Whether a request became an operation."""
        return self._world.records.operation(operation_id) is not None

    def undecided(self, operation_id: str) -> bool:
        """Whether the operation still awaits approval."""
        return self.operation(operation_id).stage is Stage.AWAITING_APPROVAL

    def queue(self, operation_id: str) -> str:
        """Record behind whom the operation waits, if it does; return its lane, or "" if it ended."""
        operation = self.operation(operation_id)
        if operation.stage.ended:
            return ""
        lane = (operation.plan.fleet, operation.plan.lane.queue)
        for other in self._world.records.operations():
            ahead = other.stage is Stage.RUNNING or (
                other.stage is Stage.WAITING and other.created < operation.created
            )
            if ahead and other.id != operation_id and (other.plan.fleet, other.plan.lane.queue) == lane:
                self._write_queued(operation, other)
                break
        return "/".join(lane)

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

    def _entry(self, request: Request, kind: Kind, text: str, detail: dict[str, str] | None = None) -> Entry:
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
            self._world.chat.answer(request, title, lines)
        except ChatError as error:
            _log.warning("not answered", request=request.id, why=str(error))


@dataclass(frozen=True, slots=True)
class Origin:
    """Who asked, and where."""

    person: str
    channel: str
    via: str


def write_plan(  # noqa: PLR0913, PLR0917 (one row, all its parts)
    world: World, key: str, operation: str, plan: Plan, by: Origin, needed: int
) -> None:
    """Record a plan: it begins an operation, or replaces the plan of one."""
    world.records.append(
        Entry(
            kind=Kind.PLANNED,
            at=world.clock.now(),
            key=key,
            operation=operation,
            fleet=plan.fleet,
            text=f"{plan.summary} ({plan.short_hash})",
            person=by.person,
            via=by.via,
            detail={"plan": plans.to_json(plan), "approvals": needed, "channel": by.channel},
        )
    )
