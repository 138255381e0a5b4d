"""`bake`: a new clone image."""

from dataclasses import dataclass

from bot.command import Look, Scope, command, option
from bot.domain.capacity import counted, usable_image
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, State
from bot.domain.moment import span
from bot.domain.people import Power
from bot.domain.plan import Bake, Lane, Plan

_SECONDS_TO_BAKE = 300


@dataclass(frozen=True, slots=True)
class Args:
    """Why."""

    reason: str = option("why; kept in the audit log")


@command("bake", power=Power.OPERATOR, scope=Scope.ONE, plans=True, args=Args, example="bake web")
def bake(args: Args, look: Look) -> Plan:
    """Make a new clone image of the running master, without a reboot.

    Clones that start later start from it. Those that serve already go on as they are.
    """
    fleet = look.fleet
    _require_running(fleet)
    count = len(counted(fleet))
    return Plan(
        fleet=fleet.name,
        lane=Lane.IMAGE,
        command=f"bake {fleet.name}",
        summary=f"{fleet.name}: a new clone image of {fleet.master.id}",
        actions=(Bake(master=fleet.master.id),),
        before=count,
        after=count,
        seconds=_SECONDS_TO_BAKE,
        notes=(_about_image(fleet, look),),
        reason=args.reason,
    )


def _require_running(fleet: Fleet) -> None:
    if fleet.master.state is not State.RUNNING:
        raise BotError(
            f"The master `{fleet.master.id}` of *{fleet.name}* is {fleet.master.state}, and an image is made "
            f"of a running master. Start it, then type `/clone bake {fleet.name}` again."
        )


def _about_image(fleet: Fleet, look: Look) -> str:
    image = usable_image(fleet)
    if image is None:
        return "There is no usable image yet."
    return f"The image `{image.id}` is {span(look.now - image.created)} old; it is kept."
