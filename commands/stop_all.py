"""`stop-all`: stop everything that is open."""

from dataclasses import dataclass

from bot.command import Answer, Halt, Look, Record, Verdict, command, rest
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Why."""

    reason: str = rest("why; shown on each card and kept in the audit log")


@command("stop-all", power=Power.APPROVER, args=Args, example="stop-all the site is down")
def stop_all(args: Args, look: Look) -> Halt | Answer:
    """Cancel every operation that waits or runs, in every fleet.

    What `cancel` does for one, it does for all: those that wait end at once, those that run stop at their
    next safe point and undo what does not serve yet. It asks neither AWS nor any server. New operations may
    be asked for at once.
    """
    going = [each for each in look.operations if not each.stage.ended and not each.cancelled_by]
    if not going:
        return Answer(title="Nothing is open, so there is nothing to stop.", lines=_stopping(look))
    return Halt(
        records=tuple(
            Record(operation=each.id, plan=each.plan.hash, verdict=Verdict.CANCEL, reason=args.reason)
            for each in going
        )
    )


def _stopping(look: Look) -> tuple[str, ...]:
    """Those that somebody stopped before."""
    still = [each for each in look.operations if not each.stage.ended]
    return tuple(f"`{each.id}` is being cancelled already; its card says how far it is." for each in still)
