"""`disown`: the inverse of `adopt`."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.command import Answer, Look, Scope, command, option
from bot.domain.adoption import Disclaim, Protect, ReleaseMaster, RemoveFront
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, FleetSpec
from bot.domain.front import Front, missing
from bot.domain.people import Power
from bot.domain.plan import Action, Lane, Plan
from bot.domain.policy import require_approvers

_SECONDS_TO_DISOWN = 420
"""AWS lets requests end for 300 s unless the target group says otherwise."""


@dataclass(frozen=True, slots=True)
class Args:
    """Why."""

    reason: str = option("why; shown to the approver and kept in the audit log")


@command(
    "disown",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    surveys=True,
    args=Args,
    example="disown web",
)
def disown(args: Args, look: Look) -> Plan | Answer:
    """Take the master from behind the load balancer; everything is as it was before `adopt`.

    What `adopt` made is removed, what people made stays, and what is gone already is named. Point DNS to the
    server itself first, and wait until no visitor uses the load balancer any more.
    """
    fleet, front = look.fleet, look.front or Front(network="")
    spec = next(spec for spec in look.specs if spec.name == fleet.name)
    _refuse_clones(fleet)
    actions = tuple(_actions(fleet, front))
    if not actions:
        return Answer(title=f"*{fleet.name}* was not adopted; nothing to undo.")
    require_approvers(look.policy, "disown")
    return Plan(
        fleet=fleet.name,
        lane=Lane.FRONT,
        command=f"disown {fleet.name}",
        summary=f"{fleet.name}: take {fleet.master.id} from behind its load balancer",
        actions=actions,
        before=0,
        after=0,
        inverse=f"adopt {fleet.master.id} as {fleet.name}",
        seconds=_SECONDS_TO_DISOWN,
        notes=(*_notes(fleet, front), *_gone(spec, fleet, front)),
        reason=args.reason,
    )


def _refuse_clones(fleet: Fleet) -> None:
    if fleet.clones:
        raise BotError(
            f"*{fleet.name}* still has clones, which nobody could reach without the load balancer. "
            f"Type `/clone scale {fleet.name} 0` first."
        )
    if fleet.quarantined:
        names = ", ".join(f"`{server.id}`" for server in fleet.quarantined)
        raise BotError(
            f"Quarantined servers are left: {names}. Look at them, then type "
            f"`/clone remove {fleet.name} {fleet.quarantined[0].id}`."
        )


def _actions(fleet: Fleet, front: Front) -> Iterator[Action]:
    ours, master = front.adopted(fleet.name), fleet.spec.master
    before = front.before or front.now
    if ours and (fleet.spec.target_group or fleet.spec.writes.target_group):
        yield ReleaseMaster(master=master, site=not before.site, writes=not before.writes)
    if front.made:
        yield RemoveFront(made=front.made)
    if ours:
        yield Protect(master=master, terminate=before.terminate, stop=before.stop)
        yield Disclaim(master=master)


def _notes(fleet: Fleet, front: Front) -> Iterator[str]:
    before = front.before or front.now
    if front.address and not before.site:
        yield (
            "Approve only once your DNS name points to the server itself again and old answers have expired: "
            f"who still comes through {front.address} finds nobody there any more."
        )
    if front.adopted(fleet.name) and front.before is None:
        yield "How the master was before is not known any more, so its protections stay as they are."


def _gone(spec: FleetSpec, fleet: Fleet, front: Front) -> Iterator[str]:
    """What of `adopt` somebody undid by hand."""
    if parts := missing(spec, front.made):
        yield parts
    if not front.adopted(fleet.name):
        return
    now = front.now
    if fleet.spec.target_group and not now.site:
        yield f"`{spec.master}` is out of its target group already."
    protections = {"termination protection": now.terminate, "stop protection": now.stop}
    if off := [name for name, is_on in protections.items() if not is_on]:
        yield f"Switched off already: {' and '.join(off)}."
