"""`release`: let a quarantined server serve again."""

from dataclasses import dataclass

from bot.command import Look, Scope, argument, command, option
from bot.domain.capacity import counted
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, State
from bot.domain.front import not_behind
from bot.domain.naming import parse_server
from bot.domain.people import Power
from bot.domain.plan import Lane, Plan
from bot.domain.quarantine import ProveAgain, Readmit, require_apart, require_master
from bot.domain.routing import missing_rules
from bot.domain.words import plural

_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Args:
    """Which, and why."""

    server: str = argument("the instance id of a quarantined server", shown="i-…", parse=parse_server)
    reason: str = option("why; shown to the approver and kept in the audit log")


@command(
    "release",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example="release web i-0123456789abcdef0",
)
def release(args: Args, look: Look) -> Plan:
    """Prove a quarantined server afresh, and let it serve as a clone again if it is proved.

    Where it fails it stays quarantined, and the result says why.
    """
    fleet = look.fleet
    server = require_apart(fleet, args.server)
    require_master(fleet, f"release {fleet.name} {server.id}")
    _require_possible(fleet, server.state)
    count = len(counted(fleet))
    if count >= fleet.spec.max_clones:
        most = plural(fleet.spec.max_clones, "clone")
        raise BotError(
            f"*{fleet.name}* may have {most} at most, and has {count}. Type "
            f"`/clone scale {fleet.name} {count - 1}` first, or `/clone remove {fleet.name} {server.id}`."
        )
    servers, group = (server.id,), fleet.spec.target_group
    return Plan(
        fleet=fleet.name,
        lane=Lane.CAPACITY,
        command=f"release {fleet.name} {server.id}",
        summary=f"{fleet.name}: {count} → {plural(count + 1, 'clone')}, with {server.id} again",
        actions=(
            *missing_rules(fleet),
            ProveAgain(servers=servers),
            Readmit(servers=servers, target_group=group),
        ),
        before=count,
        after=count + 1,
        inverse=f"scale {fleet.name} {count}",
        seconds=_SECONDS,
        reason=args.reason,
    )


def _require_possible(fleet: Fleet, state: State) -> None:
    if not fleet.behind_balancer:
        raise BotError(not_behind(fleet))
    if state is not State.RUNNING:
        raise BotError(f"It is {state}, and only a server that runs can be proved. Start it in AWS first.")
