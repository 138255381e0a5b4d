"""`bake`: a new clone image."""

from dataclasses import dataclass

from bot.command import Look, Scope, always, command, flag, option
from bot.domain.capacity import counted, usable_image
from bot.domain.doctor.diagnosis import notes, require_harmless
from bot.domain.errors import BotError, UsageError
from bot.domain.fleet import Fleet, State
from bot.domain.growth import launches, preparations
from bot.domain.images import none_good
from bot.domain.imaging import EndCanary, Judge
from bot.domain.moment import span
from bot.domain.people import Power
from bot.domain.plan import Bake, Lane, Plan
from bot.domain.quiesce import Way

_SECONDS_TO_BAKE = 300
_SECONDS_TO_TRY = 120


@dataclass(frozen=True, slots=True)
class Args:
    """How, and why."""

    reason: str = option("why; kept in the audit log")
    reboot: bool = flag("let AWS reboot the master for it, so that its disks are consistent")
    quiesce: bool = flag("run the fleet's `quiesce` commands on the master before and after")
    outage: bool = flag("with --reboot: even if no other server serves the site meanwhile")


@command(
    "bake",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example="bake web",
    examines=always,
)
def bake(args: Args, look: Look) -> Plan:
    """Make a new clone image of the running master, and try it with one server.

    That server, the canary, is proved as every clone is, never serves, and is ended. If it was proved, the
    image is good, and clones that start later start from it; else the one before stays. Those that serve
    already go on as they are. While the doctor finds something that blocks, no image is made.

    Without a flag the master goes on as if nothing happened; the image holds what a power cut would leave.
    """
    fleet = look.fleet
    _require_running(fleet)
    way = _way(args, fleet)
    diagnosis = require_harmless(look.diagnosis, fleet.name)
    count = len(counted(fleet))
    return Plan(
        fleet=fleet.name,
        lane=Lane.IMAGE,
        command=f"bake {fleet.name}{_flags(args)}",
        summary=f"{fleet.name}: a new clone image of {fleet.master.id}{_outage(way, fleet)}",
        actions=(
            _bake(fleet, way),
            *launches(fleet, 1, ""),
            *preparations(fleet, None, serve=False),
            Judge(),
            EndCanary(),
        ),
        before=count,
        after=count,
        seconds=_SECONDS_TO_BAKE + _SECONDS_TO_TRY,
        notes=(way.meaning, _about_image(fleet, look), *notes(diagnosis)),
        reason=args.reason,
    )


def _way(args: Args, fleet: Fleet) -> Way:
    if args.reboot and args.quiesce:
        raise UsageError(
            "`--reboot` and `--quiesce` exclude each other: a reboot makes the disks consistent."
        )
    if args.outage and not args.reboot:
        raise UsageError("`--outage` is of use only with `--reboot`; without it nothing goes down.")
    if args.quiesce and not fleet.spec.quiesce.before:
        raise BotError(
            f"Nobody wrote yet how the master of *{fleet.name}* is quiesced. Name the commands in "
            f'`[fleets.{fleet.name}.quiesce]` of the fleet file, for instance `before = ["sync"]`.'
        )
    way = Way.REBOOTED if args.reboot else Way.QUIESCED if args.quiesce else Way.RUNNING
    if _is_outage(way, fleet) and not args.outage:
        raise BotError(
            f"No other server of *{fleet.name}* serves now, so the site would be down while its master "
            f"`{fleet.master.id}` reboots. Type `/clone scale {fleet.name} 1` first, "
            f"or `/clone bake {fleet.name} --reboot --outage` if that may be."
        )
    return way


def _is_outage(way: Way, fleet: Fleet) -> bool:
    return way is Way.REBOOTED and not any(server.id != fleet.master.id for server in fleet.in_service)


def _outage(way: Way, fleet: Fleet) -> str:
    return "; no server serves the site while it reboots" if _is_outage(way, fleet) else ""


def _flags(args: Args) -> str:
    return "".join(f" --{name}" for name in ("reboot", "quiesce", "outage") if getattr(args, name))


def _bake(fleet: Fleet, way: Way) -> Bake:
    quiesce = fleet.spec.quiesce if way is Way.QUIESCED else None
    return Bake(master=fleet.master.id, way=way, quiesce=quiesce)


def _require_running(fleet: Fleet) -> None:
    if fleet.master.state is not State.RUNNING:
        raise BotError(
            f"The master `{fleet.master.id}` of *{fleet.name}* is {fleet.master.state}, and an image is made "
            f"of a running master. Start it, then type `/clone bake {fleet.name}` again."
        )


def _about_image(fleet: Fleet, look: Look) -> str:
    image = usable_image(fleet)
    if image is None:
        return f"{none_good(fleet) or 'There is no usable image yet'}."
    return f"The image `{image.id}` is {span(look.now - image.created)} old; it is kept."
