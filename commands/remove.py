"""`remove`: end quarantined servers."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.command import Answer, Look, Scope, argument, command, flag, option
from bot.domain.capacity import counted
from bot.domain.fleet import Fleet, Service
from bot.domain.naming import parse_server
from bot.domain.people import Power
from bot.domain.plan import Lane, Plan
from bot.domain.quarantine import Remove, apart, free_to_go, kept, require_apart
from bot.domain.words import plural

_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Args:
    """Which, and what may be lost."""

    server: str = argument(
        "the instance id of a quarantined server", shown="i-…", parse=parse_server, default=""
    )
    reason: str = option("why; shown to the approver and kept in the audit log")
    discard: bool = flag("end it even if it holds files that the master lacks")


@command(
    "remove",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example="remove web i-0123456789abcdef0",
)
def remove(args: Args, look: Look) -> Plan | Answer:
    """End the quarantined server that is named, or all whose time is over.

    What failed is kept for a look, for as long as `patience.quarantine` says, and then until somebody types
    this. One that is still kept is ended only if it is named. Clones are removed by `scale`.
    """
    fleet = look.fleet
    named = (require_apart(fleet, args.server),) if args.server else ()
    going = tuple(server for server in named or free_to_go(fleet, look.now) if server.service is Service.OUT)
    if not going:
        return _nothing(fleet, look)
    ids, count = tuple(server.id for server in going), len(counted(fleet))
    price = fleet.spec.price_per_hour
    words = [
        "remove",
        fleet.name,
        *([args.server] if args.server else []),
        *(["--discard"] if args.discard else []),
    ]
    return Plan(
        fleet=fleet.name,
        lane=Lane.CAPACITY,
        command=" ".join(words),
        summary=f"{fleet.name}: end {plural(len(ids), 'quarantined server')}",
        actions=(Remove(servers=ids, discard=args.discard),),
        before=count,
        after=count,
        cost_per_hour=None if price is None else -len(ids) * price,
        currency=fleet.spec.currency,
        seconds=_SECONDS,
        notes=tuple(_others(fleet, look, ids)),
        reason=args.reason,
    )


def _nothing(fleet: Fleet, look: Look) -> Answer:
    if not apart(fleet):
        return Answer(title=f"*{fleet.name}* has no quarantined servers; nothing to do.")
    return Answer(
        title=f"Nothing of *{fleet.name}* is to be ended now.", lines=tuple(_others(fleet, look, ()))
    )


def _others(fleet: Fleet, look: Look, going: tuple[str, ...]) -> Iterator[str]:
    """Those that stay, and why."""
    for server in apart(fleet):
        if server.id in going:
            continue
        if server.service is Service.OUT:
            yield f"`{server.id}` stays: {kept(server, fleet.name, look.now)}."
        else:
            why = f"the load balancer knows it ({server.service}); {_wait(server.service)}"
            yield f"`{server.id}` stays: {why}."


def _wait(service: Service) -> str:
    if service is Service.DRAINING:
        return "its last requests end within minutes"
    return "deregister it in AWS first"
