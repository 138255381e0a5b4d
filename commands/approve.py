"""`approve`: say yes to somebody else's plan."""

from dataclasses import dataclass

from bot.command import Look, Record, Verdict, argument, command
from bot.domain.decision import parse_id, undecided
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Which operation."""

    id: str = argument("the operation's id, as on its card", shown="ID", parse=parse_id)


@command("approve", power=Power.APPROVER, args=Args, example="approve op-k3m9ta")
def approve(args: Args, look: Look) -> Record:
    """Approve an operation that awaits it; the last approval that it needs starts it.

    It is the plan on the card that you approve. Nobody approves their own request.
    """
    operation = undecided(look.operations, args.id, look.person, look.policy)
    return Record(operation=operation.id, plan=operation.plan.hash, verdict=Verdict.APPROVE)
