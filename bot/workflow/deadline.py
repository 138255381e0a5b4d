"""How long an operation may await approval: half-way approvers are reminded, at the end it ends."""

import math
from collections.abc import Callable

import structlog

from bot.domain.audit import Entry, Kind
from bot.domain.errors import Conflict
from bot.domain.moment import lasting
from bot.domain.operation import Operation, Stage, has_expired
from bot.domain.policy import who_else_may_approve
from bot.workflow import replies
from bot.workflow.look import World
from bot.workflow.rows import write_end

_log = structlog.get_logger()
_GLANCE_SECONDS = 600


def seconds_left(world: World, operation: Operation, note: Callable[[str, str], None]) -> int:
    """For how many seconds it may await approval until the next look; 0 once it does not.

    Ends it where nobody approved it in time, and reminds half-way. Safe to repeat.
    """
    if operation.stage is not Stage.AWAITING_APPROVAL:
        return 0
    if operation.expires is None:
        return _GLANCE_SECONDS
    now = world.clock.now()
    if has_expired(operation, now):
        _end(world, operation)
        return 0
    left = (operation.expires - now).total_seconds()
    until_half = left - world.policy.approval.expires_after / 2
    if until_half <= 0:
        _remind(world, operation, note)
    return math.ceil(min(_GLANCE_SECONDS, until_half if until_half > 0 else left))


def _end(world: World, operation: Operation) -> None:
    text = replies.expired(operation, lasting(world.policy.approval.expires_after))
    try:
        write_end(world, operation, Stage.EXPIRED, text)
    except Conflict:
        _log.info("decided just in time", operation=operation.id)


def _remind(world: World, operation: Operation, note: Callable[[str, str], None]) -> None:
    """Once for each plan; a crash in between loses the reminder and nothing else."""
    key = f"{operation.id}:{Kind.REMINDED}:{operation.plan.hash}"
    if world.records.find(key):
        return
    text = replies.reminder(operation, who_else_may_approve(operation.requester, world.policy))
    world.records.append(
        Entry(
            kind=Kind.REMINDED,
            at=world.clock.now(),
            key=key,
            operation=operation.id,
            fleet=operation.plan.fleet,
            text=text,
        )
    )
    note(operation.id, text)
