"""`whoami`: what I may do."""

from dataclasses import dataclass

from bot.command import Answer, Look, command
from bot.domain.people import Power
from bot.domain.policy import who_may
from bot.domain.words import plural


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing to say."""


@command("whoami", power=Power.VIEWER, args=Args, example="whoami")
def whoami(_args: Args, look: Look) -> Answer:
    """Show who I take you for, your roles, what you may run, and what would need somebody else."""
    person = look.person
    groups = ", ".join(f"@{group}" for group in sorted(person.groups))
    lines = [
        f"Your id is `{person.id}` in the workspace `{person.team}`.",
        *([f"Of the groups that the fleet file names, you are in {groups}."] if groups else []),
        "You may run: " + ", ".join(f"`{each.name}`" for each in look.commands) + ".",
        *([_approval(look)] if Power.OPERATOR in look.powers else []),
    ]
    return Answer(title=f"You are @{person.id}: {_roles(look.powers)}", lines=tuple(lines))


def _roles(powers: frozenset[Power]) -> str:
    return ", ".join(f"*{power}*" for power in Power if power in powers)


def _approval(look: Look) -> str:
    above = look.policy.approval.scale_out_above
    more = plural(above, "clone")
    return (
        f"Scaling out to more than {more} needs an *approver* other than you, and so does whatever `adopt`, "
        f"`disown` and `clean-up` plan. {who_may(Power.APPROVER, look.policy)}"
    )
