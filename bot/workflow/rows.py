"""The rows of the audit log that tell an operation's life: planned, started, finished."""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain import plan as plans
from bot.domain.audit import Entry, Kind
from bot.domain.operation import Operation, Stage
from bot.domain.plan import Plan
from bot.workflow.look import World


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
    at = world.clock.now()
    expires = at + timedelta(seconds=world.policy.approval.expires_after)
    told = {"plan": plans.to_json(plan), "approvals": needed, "channel": by.channel}
    world.records.append(
        Entry(
            kind=Kind.PLANNED,
            at=at,
            key=key,
            operation=operation,
            fleet=plan.fleet,
            text=f"{plan.summary} ({plan.short_hash})",
            person=by.person,
            via=by.via,
            detail=told | ({"expires": expires.isoformat()} if needed else {}),
        )
    )


def write_start(world: World, operation: str, plan: Plan, number: int) -> None:
    """Record that this plan is carried out from here on."""
    world.records.append(
        Entry(
            kind=Kind.STARTED,
            at=world.clock.now(),
            key=f"{operation}:started:{number}",
            operation=operation,
            fleet=plan.fleet,
            text="started",
            detail={"plan": plan.hash},
        )
    )


def write_end(world: World, operation: Operation, stage: Stage, text: str) -> None:
    """Record how it ended. Conflict where it has ended otherwise."""
    world.records.append(
        Entry(
            kind=Kind.FINISHED,
            at=world.clock.now(),
            key=f"{operation.id}:finished",
            operation=operation.id,
            fleet=operation.plan.fleet,
            text=text,
            detail={"plan": operation.plan.hash, "stage": str(stage)},
        )
    )
