"""What a cancelled operation came to: what is, what was undone, what stays, and what to type next."""

from collections.abc import Iterator

from bot.domain.capacity import counted
from bot.domain.fleet import Fleet, ImageState, Service
from bot.domain.images import condition
from bot.domain.operation import Operation, Progress
from bot.domain.plan import Lane
from bot.domain.tally import Tally
from bot.domain.words import plural


def conclude_cancelled(operation: Operation, tally: Tally, fleet: Fleet) -> str:
    """The sentences that say so, judged by what is true now."""
    return " ".join(_sentences(operation, tally, fleet))


def too_late(operation: Operation) -> str:
    """What is said of a cancellation that came when nothing was left to stop."""
    who = operation.cancelled_by.partition("/")[2]
    return f"@{who} cancelled it when nothing was left to stop."


def _sentences(operation: Operation, tally: Tally, fleet: Fleet) -> Iterator[str]:
    who = operation.cancelled_by.partition("/")[2]
    serving = [clone.id for clone in counted(fleet) if clone.service is Service.HEALTHY]
    yield f"{fleet.name}: cancelled by @{who}; {_serve(len(serving))}."
    yield from _undone(tally, serving)
    yield from _stays(operation, tally, fleet, serving)
    yield from tally.warnings
    yield from _next(operation, fleet, serving)


def _serve(number: int) -> str:
    return f"{plural(number, 'clone')} {'serves' if number == 1 else 'serve'} now"


def _undone(tally: Tally, serving: list[str]) -> Iterator[str]:
    if tally.removed:
        yield f"Undone: {', '.join(tally.removed)}, started for this and not serving yet, terminated."
    back = [server for server in tally.restored if server in serving]
    if back:
        yield f"Undone: {', '.join(back)} back in service."


def _stays(operation: Operation, tally: Tally, fleet: Fleet, serving: list[str]) -> Iterator[str]:
    if new := _new(operation, fleet, serving):
        yield f"Stays, because it serves: {', '.join(new)}."
    for server in serving:
        if server in tally.failed:
            yield f"Goes on serving, although {server} failed: {tally.failed[server].rstrip('.')}."
    idle = [clone.id for clone in counted(fleet) if clone.id not in serving and _touched(clone.id, tally)]
    for server in idle:
        why = tally.kept.get(server, "")
        yield f"Stays out of service: {server}{f', because {why}' if why else ''}."
    if apart := [server.id for server in fleet.quarantined if server.id in tally.failed]:
        yield f"Out of service and quarantined for a look: {', '.join(apart)}."
    for image in fleet.images:
        if operation.id == image.operation:
            unused = "" if image.state is ImageState.GOOD else ", so no clone starts from it"
            yield f"Stays: the image {image.id}, which {condition(image)}{unused}."
    if _begun(operation, "route_writes"):
        yield "Stays: writes go to the master only."


def _new(operation: Operation, fleet: Fleet, serving: list[str]) -> list[str]:
    mine = [clone.id for clone in fleet.clones if clone.operation == operation.id]
    return [server for server in mine if server in serving]


def _touched(server: str, tally: Tally) -> bool:
    return server in tally.to_remove or server in tally.to_restore


def _begun(operation: Operation, kind: str) -> bool:
    marks = zip(operation.plan.actions, operation.progress, strict=True)
    return any(action.kind == kind and mark is not Progress.TO_DO for action, mark in marks)


def _next(operation: Operation, fleet: Fleet, serving: list[str]) -> Iterator[str]:
    plan = operation.plan
    if plan.lane is Lane.CAPACITY and plan.inverse and _new(operation, fleet, serving):
        yield f"Type `/clone {plan.inverse}` to remove what stays, or `/clone {plan.command}` to go on."
    else:
        yield f"Type `/clone {plan.command}` to begin again."
