"""Who may do what, and what needs whose approval. Nothing said means no."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge, Le

from bot.domain.errors import NotAllowed
from bot.domain.imaging import RemoveImages
from bot.domain.operation import Operation
from bot.domain.people import Person, Power
from bot.domain.plan import Lane, Plan

_UNASKED = (
    " Slack cannot be asked just now who is in a group, so only people count whom the fleet file names "
    "one by one."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """When somebody else must agree."""

    scale_out_above: Annotated[int, Ge(0)] = 0
    """More clones than this need one approver who is not the requester."""
    expires_after: Annotated[int, Ge(1), Le(604800)] = 86400
    """Seconds until nobody can approve any more and the operation ends; approvers are reminded half-way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The `[policy]` table: who holds each role (Slack user ids U… or user group ids S…)."""

    roles: Mapping[Power, tuple[str, ...]] = field(default_factory=dict)
    """For each of `viewer`, `operator`, `approver`, `admin`: who holds it."""
    approval: Approval = Approval()

    @property
    def groups(self) -> frozenset[str]:
        """The user groups that it names."""
        return frozenset(name for names in self.roles.values() for name in names if name.startswith("S"))


def powers_of(person: Person, policy: Policy) -> frozenset[Power]:
    """What this person holds, directly or through a group."""
    names = person.groups | {person.id}
    held = {power for power, members in policy.roles.items() if names & set(members)}
    if Power.ADMIN in held:
        return frozenset(Power)
    return frozenset(held | {Power.VIEWER}) if held else frozenset()


def refuse_strangers(person: Person, home_team: str) -> None:
    """Raise NotAllowed unless this is an active member of the workspace."""
    if person.team != home_team:
        raise NotAllowed("I answer only people of this workspace.")
    if person.bot:
        raise NotAllowed("I take no commands from bots.")
    if not person.active:
        raise NotAllowed("Your Slack account is deactivated.")
    if person.guest:
        raise NotAllowed("I take no commands from guests.")


def require(person: Person, power: Power, policy: Policy, what: str) -> None:
    """Raise NotAllowed, with the rule and who may, unless the person holds this role."""
    if power in powers_of(person, policy):
        return
    raise NotAllowed(
        f"`{what}` needs the role *{power}*, which you do not have. {who_may(power, policy)}"
        + (_UNASKED if person.unasked else "")
    )


def who_may(power: Power, policy: Policy) -> str:
    """A sentence that names the people and groups who hold a role."""
    holders = [*policy.roles.get(power, ()), *policy.roles.get(Power.ADMIN, ())]
    if power is Power.VIEWER:
        holders = [name for names in policy.roles.values() for name in names]
    names = ", ".join(f"@{name}" for name in dict.fromkeys(holders))
    return f"Those who have it: {names}." if names else "Nobody has it; the fleet file can give it."


def approvals_needed(plan: Plan, policy: Policy) -> int:
    """How many approvals the plan needs.

    What changes the way of every visitor's request, as `adopt` and `disown` do, what reboots the master, and
    what destroys what cannot be made again, as `clean-up` does, always need one.
    """
    removes = any(isinstance(action, RemoveImages) for action in plan.actions)
    if plan.lane is Lane.FRONT or plan.reboots or removes:
        return 1
    grows = plan.after > plan.before
    return int(grows and plan.after > policy.approval.scale_out_above)


def require_approvers(policy: Policy, what: str) -> None:
    """Raise NotAllowed where nobody could ever approve."""
    if not any(policy.roles.get(power) for power in (Power.APPROVER, Power.ADMIN)):
        raise NotAllowed(f"`{what}` needs an approval. {who_may(Power.APPROVER, policy)}")


def who_else_may_approve(requester: str, policy: Policy) -> tuple[str, ...]:
    """The people and groups who may approve what this one ("TEAM/USER") asked for."""
    names = (*policy.roles.get(Power.APPROVER, ()), *policy.roles.get(Power.ADMIN, ()))
    return tuple(name for name in dict.fromkeys(names) if name != requester.partition("/")[2])


def require_may_decide(person: Person, operation: Operation, policy: Policy) -> None:
    """Raise NotAllowed unless this person may approve or deny this operation."""
    require(person, Power.APPROVER, policy, f"approve {operation.id}")
    if f"{person.team}/{person.id}" == operation.requester:
        raise NotAllowed(
            f"`{operation.id}` is your own request; somebody else must approve it. "
            f"{who_may(Power.APPROVER, policy)}"
        )


def require_may_cancel(person: Person, operation: Operation, policy: Policy) -> None:
    """Raise NotAllowed unless this person asked for the operation, or may approve."""
    if f"{person.team}/{person.id}" == operation.requester or Power.APPROVER in powers_of(person, policy):
        return
    asked = operation.requester.partition("/")[2]
    raise NotAllowed(
        f"Only @{asked}, who asked for it, and people with the role *{Power.APPROVER}* may cancel "
        f"`{operation.id}`. {who_may(Power.APPROVER, policy)}"
    )


def problems(policy: Policy, largest_fleet: int) -> Iterable[str]:
    """Why this policy could never be satisfied, one sentence each."""
    for power, members in policy.roles.items():
        if not members:
            yield f"policy.roles.{power} is an empty list; name somebody or remove the line"
        for member in members:
            if not member.startswith(("U", "W", "S")):
                yield (
                    f'policy.roles.{power}: "{member}" is not a Slack user id (U…, W…) '
                    "or user group id (S…); names can change, ids cannot"
                )
    if largest_fleet > policy.approval.scale_out_above:
        yield from _approval_problems(policy)


def _approval_problems(policy: Policy) -> Iterable[str]:
    approvers = {*policy.roles.get(Power.APPROVER, ()), *policy.roles.get(Power.ADMIN, ())}
    operators = {*policy.roles.get(Power.OPERATOR, ()), *policy.roles.get(Power.ADMIN, ())}
    above = policy.approval.scale_out_above
    if not approvers:
        yield f"more than {above} clones need an approver, and policy.roles names no approver or admin"
    one_person = len(approvers) == 1 and not any(name.startswith("S") for name in approvers)
    if one_person and operators <= approvers:
        (only,) = approvers
        yield (
            f"{only} is the only one who may ask and the only one who may approve, "
            "and nobody approves their own request; name a second approver"
        )
