"""`unpin`: the inverse of `pin`."""

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
    "unpin",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example="unpin web ami-0123456789abcdef0",
)
def unpin(args: Args, look: Look) -> Plan | Answer:
    """Let `clean-up` remove a clone image again once nothing else keeps it."""
    image = require_image(look.fleet, args.image)
    if not image.pinned:
        return Answer(title=f"`{image.id}` is not pinned; nothing to do.")
    return plan_pin(look.fleet, image.id, args.reason, pinned=False)
