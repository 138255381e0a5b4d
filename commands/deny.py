"""`deny`: say no to somebody else's plan."""

from dataclasses import dataclass

from bot.command import Look, Record, Verdict, argument, command, rest
from bot.domain.decision import parse_id, undecided
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Which operation, and why."""

    id: str = argument("the operation's id, as on its card", shown="ID", parse=parse_id)
    reason: str = rest("why; the requester reads it")


@command("deny", power=Power.APPROVER, args=Args, example="deny op-k3m9ta not during the release")
def deny(args: Args, look: Look) -> Record:
    """Deny an operation that awaits approval; it ends, and nothing of it is done."""
    operation = undecided(look.operations, args.id, look.person, look.policy)
    return Record(operation=operation.id, plan=operation.plan.hash, verdict=Verdict.DENY, reason=args.reason)
