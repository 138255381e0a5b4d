"""`pin`: a clone image that is to stay."""

from dataclasses import dataclass

from bot.command import Answer, Look, Scope, argument, command, option
from bot.domain.people import Power
from bot.domain.pinning import plan_pin, require_image
from bot.domain.plan import Plan


@dataclass(frozen=True, slots=True)
class Args:
    """Which image, and why."""

    image: str = argument("the id of a clone image", shown="ami-…")
    reason: str = option("why; kept in the audit log")


@command(
    "pin",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example="pin web ami-0123456789abcdef0",
)
def pin(args: Args, look: Look) -> Plan | Answer:
    """Keep a clone image: `clean-up` leaves it whatever its age, until `unpin`."""
    image = require_image(look.fleet, args.image)
    if image.pinned:
        return Answer(title=f"`{image.id}` is pinned already; nothing to do.")
    return plan_pin(look.fleet, image.id, args.reason, pinned=True)
