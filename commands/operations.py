"""`operations`: what runs, what waits, and what was."""

from dataclasses import dataclass

from bot.command import Answer, Look, command
from bot.domain.moment import span
from bot.domain.operation import Operation, Stage
from bot.domain.people import Power
from bot.domain.words import plural


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing to say."""


@command("operations", power=Power.VIEWER, args=Args, example="operations")
def operations(_args: Args, look: Look) -> Answer:
    """Show the operations that run or wait, and the newest that ended."""
    if not look.operations:
        return Answer(title="There has been no operation yet.", lines=("Type `/clone help scale`.",))
    running = sum(not each.stage.ended for each in look.operations)
    ordered = sorted(look.operations, key=lambda each: each.stage.ended)
    return Answer(
        title=_title(running, len(ordered) - running),
        lines=tuple(_line(each, look) for each in ordered),
    )


def _title(running: int, ended: int) -> str:
    begun = f"{plural(running, 'operation')} open" if running else "No operation is open"
    return f"{begun}; the newest that ended" if ended else begun


def _line(operation: Operation, look: Look) -> str:
    who = "@" + operation.requester.rpartition("/")[2]
    age = span(look.now - operation.created)
    text = f"`{operation.id}` *{operation.stage}*: {operation.plan.summary} ({who}, {age} ago)"
    if operation.result:
        return f"{text}. {operation.result}"
    return text + _next(operation, look)


def _next(operation: Operation, look: Look) -> str:
    if operation.behind:
        return f", behind `{operation.behind}`"
    mine = operation.requester == f"{look.person.team}/{look.person.id}"
    if operation.stage is not Stage.AWAITING_APPROVAL or mine or Power.APPROVER not in look.powers:
        return ""
    return f". Type `/clone approve {operation.id}` or `/clone deny {operation.id}`"
