"""`prove`: judge clones that serve already."""

from dataclasses import dataclass

from bot.command import Answer, Look, Scope, argument, command, option
from bot.domain.capacity import counted
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, Role, Server, State
from bot.domain.front import not_behind
from bot.domain.naming import parse_server
from bot.domain.people import Power
from bot.domain.plan import Action, Lane, Plan
from bot.domain.quarantine import ProveAgain, SetAside, apart, require_master
from bot.domain.routing import missing_rules
from bot.domain.words import plural

_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Args:
    """Which, and why."""

    server: str = argument("the instance id of a clone", shown="i-…", parse=parse_server, default="")
    reason: str = option("why; kept in the audit log")


@command(
    "prove",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example="prove web",
)
def prove_clones(args: Args, look: Look) -> Plan | Answer:
    """Judge every clone that runs, or the one that is named, as new clones are before they serve.

    Content that is older than the master's is copied first. A clone that fails is taken out of service and
    quarantined, unless nobody else serves. Of a quarantined server it only says what it finds.
    """
    fleet = look.fleet
    require_master(fleet, f"prove {fleet.name}")
    servers = (_named(fleet, args.server),) if args.server else _running(fleet)
    if not servers:
        return Answer(title=f"*{fleet.name}* has no clone that runs; nothing to prove.")
    count, ids = len(counted(fleet)), tuple(sorted(server.id for server in servers))
    return Plan(
        fleet=fleet.name,
        lane=Lane.CAPACITY,
        command=f"prove {fleet.name} {args.server}".strip(),
        summary=f"{fleet.name}: prove {args.server or plural(len(ids), 'clone')}",
        actions=_actions(fleet, servers[0].role, ids),
        before=count,
        after=count,
        seconds=_SECONDS,
        reason=args.reason,
    )


def _actions(fleet: Fleet, role: Role, ids: tuple[str, ...]) -> tuple[Action, ...]:
    judging = ProveAgain(servers=ids)
    if role is Role.QUARANTINED:
        return (judging,)
    if not fleet.behind_balancer:
        raise BotError(not_behind(fleet))
    return (*missing_rules(fleet), judging, SetAside(servers=ids, target_group=fleet.spec.target_group))


def _running(fleet: Fleet) -> tuple[Server, ...]:
    return tuple(clone for clone in fleet.clones if clone.state is State.RUNNING)


def _named(fleet: Fleet, server_id: str) -> Server:
    if server_id == fleet.master.id:
        raise BotError(f"`{server_id}` is the master of *{fleet.name}*: clones are compared with it.")
    server = next((each for each in (*counted(fleet), *apart(fleet)) if each.id == server_id), None)
    if server is None:
        raise BotError(f"`{server_id}` is no clone of *{fleet.name}*. Type `/clone status {fleet.name}`.")
    if server.state is not State.RUNNING:
        raise BotError(f"`{server_id}` is {server.state}, so it cannot be looked at.")
    return server
