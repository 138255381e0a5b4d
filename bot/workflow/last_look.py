"""The last look before an operation begins: decide its command anew."""

from collections.abc import Sequence

from bot.command import Decision
from bot.domain.errors import BotError, NotAllowed
from bot.domain.fleet import Fleet
from bot.domain.freeze import require_thawed
from bot.domain.operation import Operation
from bot.domain.plan import Plan
from bot.workflow.job import Seen
from bot.workflow.look import World, identify, look, understand


def decide_again(world: World, operation: Operation) -> tuple[Decision, Seen]:
    """Decide its command anew, as for the person who asked; and what was seen of the servers. BotError."""
    team, _, user = operation.requester.partition("/")
    person = identify(world, team, user, operation.via)
    parsed = understand(world, person, operation.plan.command, operation.channel)
    found = look(world, person, parsed)
    decision = parsed.command.decide(parsed.args, found)
    if isinstance(decision, Plan):
        require_thawed(decision, found.past.frozen)
    return decision, _remembered(found.fleets)


def _remembered(fleets: Sequence[Fleet]) -> Seen:
    seen = Seen(whole=True)
    for fleet in fleets:
        seen.remember((fleet.master, *fleet.clones))
        seen.routed = fleet.writes_routed
    return seen


def refused(operation: Operation, error: BotError) -> str:
    """Why it does not begin."""
    if isinstance(error, NotAllowed):
        who = operation.requester.partition("/")[2]
        return f"Nothing was changed: @{who}, who asked for it, may not do so any more ({error})"
    return f"Nothing was changed: {error}"


def changed(before: Plan, after: Plan, needed: int) -> str:
    """That another plan takes the first one's place, and whether somebody must agree to it."""
    what = f"The fleet changed meanwhile. Plan {before.short_hash} was: {before.summary}; "
    what += f"plan {after.short_hash} is: {after.summary}."
    return f"{what} Nothing was done; please look at it and decide again." if needed else what
