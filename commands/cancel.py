"""`cancel`: stop an operation."""

from dataclasses import dataclass

from bot.command import Look, Record, Verdict, argument, command, rest
from bot.domain.decision import parse_id, stoppable
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Which operation, and why."""

    id: str = argument("the operation's id, as on its card", shown="ID", parse=parse_id)
    reason: str = rest("why; shown on the card and kept in the audit log")


@command(
    "cancel",
    power=Power.OPERATOR,
    also=(Power.APPROVER,),
    args=Args,
    example="cancel op-k3m9ta the sale is over",
)
def cancel(args: Args, look: Look) -> Record:
    """Cancel an operation that waits or runs; what it started and does not serve yet is removed.

    One that waits ends at once. One that runs stops at the next safe point: between two steps, or while it
    waits for servers. Clones that serve already stay, clones that it took out of service are put back, and
    the result says so. Whoever asked for it may cancel it, and so may an approver.
    """
    operation = stoppable(look.operations, args.id, look.person, look.policy)
    return Record(
        operation=operation.id, plan=operation.plan.hash, verdict=Verdict.CANCEL, reason=args.reason
    )
