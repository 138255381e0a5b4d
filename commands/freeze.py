"""`freeze`: let nothing of a fleet be changed for a time."""

from dataclasses import dataclass

from bot.command import Look, Scope, command, flag, needed, option
from bot.domain.freeze import Freeze, Until, parse_until, parse_zone, require_soon
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Until when, why, and what goes on."""

    until: Until = needed(  # noqa: RUF009 (it declares a field)
        'the last day, as 2026-12-31, or the moment, as "2026-12-31 18:00"', shown="DATE", parse=parse_until
    )
    reason: str = needed("why; shown to whoever asks for something meanwhile, and kept in the audit log")
    zone: str = option("the time zone of that moment, such as Europe/Berlin", parse=parse_zone, default="UTC")
    scale_out: bool = flag("let more clones be started all the same, from the image that there is")


@command(
    "freeze",
    power=Power.APPROVER,
    scope=Scope.ONE,
    partial=True,
    args=Args,
    example='freeze web --until "2026-12-27 08:00" --reason "Christmas sale" --zone Europe/Berlin',
)
def freeze(args: Args, look: Look) -> Freeze:
    """Let nothing of a fleet be changed by request until a moment.

    What was approved and has not begun does not begin; what runs goes on, and can be cancelled. `thaw` ends
    it before its time. A new freeze takes the last one's place; windows of the fleet file hold beside it.
    """
    until = args.until.within(args.zone)
    require_soon(until, look.now)
    return Freeze(fleet=look.about, until=until, reason=args.reason, scale_out=args.scale_out)
