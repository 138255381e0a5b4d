"""`adopt`: put the one live server behind a load balancer."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.command import Answer, Look, Scope, argument, command, option
from bot.domain.adoption import Claim, MakeBalancer, MakeGroups, Protect, ServeMaster, front_name
from bot.domain.capacity import counted
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, FleetSpec, Role, Service, State
from bot.domain.front import Front, Part
from bot.domain.naming import parse_server
from bot.domain.people import Power
from bot.domain.plan import Action, Lane, Plan
from bot.domain.policy import require_approvers

_SECONDS_TO_MAKE = 300
_SECONDS_TO_SERVE = 60
_ZONES = 2


@dataclass(frozen=True, slots=True)
class Args:
    """Which server, and why."""

    server: str = argument("the instance id of the fleet's master", shown="i-…", parse=parse_server)
    reason: str = option("why; shown to the approver and kept in the audit log")


@command(
    "adopt",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    surveys=True,
    fleet_last=True,
    args=Args,
    example="adopt i-0123456789abcdef0 as web",
)
def adopt(args: Args, look: Look) -> Plan | Answer:
    """Put a live server behind a load balancer, without an outage.

    The load balancer is the one that the fleet file's `target_group` belongs to, or a new one. DNS stays as
    it is: the result says where to point it, and the server keeps answering directly. `disown` leads back.
    """
    fleet, front = look.fleet, look.front or Front(network="")
    spec = next(spec for spec in look.specs if spec.name == fleet.name)
    _require_master(args.server, spec, look)
    _require_free(fleet, front)
    _require_alive(fleet, front)
    actions = tuple(_actions(spec, fleet, front))
    if _is_whole(fleet, front) and not front.in_the_way:
        return Answer(title=f"*{fleet.name}*: `{spec.master}` is adopted already; nothing to do.")
    _require_possible(spec, fleet, front)
    require_approvers(look.policy, "adopt")
    count = len(counted(fleet))
    return Plan(
        fleet=fleet.name,
        lane=Lane.FRONT,
        command=f"adopt {spec.master} as {fleet.name}",
        summary=f"{fleet.name}: put {spec.master} behind a load balancer",
        actions=actions,
        before=count,
        after=count,
        inverse=f"disown {fleet.name}",
        seconds=_SECONDS_TO_SERVE if spec.target_group else _SECONDS_TO_MAKE,
        notes=(_NO_OUTAGE, *_about_price(spec)),
        reason=args.reason,
    )


_NO_OUTAGE = (
    "DNS is not changed: the server keeps answering as it does, and the result says where to point it."
)


def _about_price(spec: FleetSpec) -> tuple[str, ...]:
    return () if spec.target_group else ("A new load balancer costs money for as long as it stands.",)


def _require_master(server: str, spec: FleetSpec, look: Look) -> None:
    if server == spec.master:
        return
    other = next((each.name for each in look.specs if each.master == server), "")
    hint = f"`{server}` is that of *{other}*: type `/clone adopt {server} as {other}`." if other else ""
    raise BotError(
        f"The fleet file says that `{spec.master}` is the master of *{spec.name}*, not `{server}`. "
        + (hint or f"Type its id, or correct `master` of [fleets.{spec.name}].")
    )


def _require_free(fleet: Fleet, front: Front) -> None:
    master = fleet.spec.master
    if front.scaling_group:
        raise BotError(
            f"`{master}` is in the Auto Scaling group `{front.scaling_group}`, which may end it at any time; "
            "a master may not be. Detach it from the group in AWS first."
        )
    if front.fleet and front.fleet != fleet.name:
        raise BotError(
            f"`{master}` belongs to the fleet *{front.fleet}*, as its tag `clonebot:fleet` says. "
            f"Disown it there first, or remove the tag in AWS if it is a leftover."
        )
    if front.role not in {"", Role.MASTER}:
        raise BotError(
            f"`{master}` is tagged as a {front.role} of *{fleet.name}*, and a master is none. "
            f"Correct `master` of [fleets.{fleet.name}] in the fleet file, or its tags in AWS."
        )


def _require_alive(fleet: Fleet, front: Front) -> None:
    master = fleet.master
    if front.windows:
        raise BotError(f"`{master.id}` runs Windows, and Clonebot clones only Linux servers.")
    if master.state is not State.RUNNING:
        raise BotError(
            f"`{master.id}` is {master.state}, and a load balancer sends requests to running servers only. "
            f"Start it, then type `/clone adopt {master.id} as {fleet.name}` again."
        )


def _require_possible(spec: FleetSpec, fleet: Fleet, front: Front) -> None:
    if front.in_the_way:
        raise BotError(" ".join(front.in_the_way))
    if spec.target_group:
        if not front.address:
            raise BotError(
                f"No listener of a load balancer forwards to `{spec.target_group}`. Make one that does, or "
                f"remove `target_group` from [fleets.{spec.name}] to have a load balancer made."
            )
        return
    if len(_subnets(spec)) < _ZONES:
        raise BotError(
            "A load balancer needs subnets in two zones at least. "
            f"Name them in [fleets.{spec.name}.balancer], as `subnets`."
        )
    if not fleet.master.security_groups:
        raise BotError(f"`{spec.master}` has no security group that could let a load balancer in.")


def _is_whole(fleet: Fleet, front: Front) -> bool:
    served = fleet.behind_balancer and fleet.master.service is Service.HEALTHY and bool(front.address)
    return served and front.adopted(fleet.name) and front.now.terminate and front.now.stop


def _actions(spec: FleetSpec, fleet: Fleet, front: Front) -> Iterator[Action]:
    yield Claim(master=spec.master)
    site = "" if spec.target_group else front_name(spec.name)
    lacks_writes = spec.writes.need_group and not spec.writes.target_group
    writes = front_name(spec.name, Part.WRITES) if lacks_writes else ""
    if site or writes:
        yield MakeGroups(
            site=site,
            writes=writes,
            network=front.network,
            port=spec.health.port,
            path=spec.health.path,
            drain=spec.balancer.drain,
        )
    if site:
        yield _balancer(spec, fleet, front)
    yield ServeMaster(master=spec.master, target_group=spec.target_group)
    yield Protect(master=spec.master, terminate=True, stop=True)


def _balancer(spec: FleetSpec, fleet: Fleet, front: Front) -> MakeBalancer:
    wanted = spec.balancer
    admitted = (*fleet.master.security_groups[:1], *spec.security_groups[:1])
    return MakeBalancer(
        name=front_name(spec.name),
        network=front.network,
        subnets=_subnets(spec),
        scheme=wanted.scheme,
        protocol=wanted.protocol,
        port=wanted.port,
        certificate=wanted.certificate,
        clients=wanted.clients,
        admitted=tuple(dict.fromkeys(admitted)),
        site_port=spec.health.port,
    )


def _subnets(spec: FleetSpec) -> tuple[str, ...]:
    return spec.balancer.subnets or spec.subnets
