"""`thaw`: end a freeze before its time."""

from dataclasses import dataclass

from bot.command import Look, Scope, command, option
from bot.domain.errors import BotError
from bot.domain.freeze import Thaw, told
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Why."""

    reason: str = option("why; kept in the audit log")


@command("thaw", power=Power.APPROVER, scope=Scope.ONE, partial=True, args=Args, example="thaw web")
def thaw(args: Args, look: Look) -> Thaw:
    """End a freeze of a fleet that somebody ordered.

    A window of the fleet file ends at its own time.
    """
    held = [freeze for freeze in look.past.frozen if freeze.fleet == look.about]
    if any(freeze.by for freeze in held):
        return Thaw(fleet=look.about, reason=args.reason)
    window = f" {told(held[0])} That is a window of the fleet file, which ends by itself." if held else ""
    raise BotError(f"Nobody froze *{look.about}*, so there is nothing to end.{window}")
