"""`digest`: what the scheduled digest would say now."""

from dataclasses import dataclass

from bot.command import Answer, Look, Scope, command
from bot.domain.digest import Digest, headline, lines, unread
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing but the fleet."""


@command("digest", power=Power.VIEWER, args=Args, scope=Scope.ANY, example="digest web", partial=True)
def digest(_args: Args, look: Look) -> Answer:
    """Show now, to you alone, what the scheduled digest would say of a fleet, or of every fleet."""
    names = {fleet.name for fleet in look.fleets} | look.unread.keys()
    now = Digest(
        at=look.now,
        past=look.past,
        fleets=look.fleets,
        unread=tuple(unread(name, why, look.past, look.now) for name, why in look.unread.items()),
        operations=tuple(each for each in look.operations if each.plan.fleet in names),
    )
    return Answer(title=headline(now), lines=lines(now))
