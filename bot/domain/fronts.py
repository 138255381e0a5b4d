"""What `adopt` or `disown` came to, judged by what is true now: what stands, and what to type or do next."""

from collections.abc import Iterator

from bot.domain.fleet import Fleet, Service
from bot.domain.front import Front, missing
from bot.domain.operation import Operation, Stage
from bot.domain.tally import Tally


def conclude(operation: Operation, tally: Tally, fleet: Fleet, front: Front) -> tuple[Stage, str]:
    """The stage that it ends in, and the sentences that say so."""
    adopting = operation.plan.command.startswith("adopt ")
    done = (
        (_is_adopted if adopting else _is_alone)(fleet, front) and not tally.stopped and not tally.cancelled
    )
    if done:
        sentences = _adopted(fleet, front) if adopting else _alone(operation, fleet)
        late = [f"@{_who(operation)} cancelled it when nothing was left to stop."] if _who(operation) else []
        return Stage.DONE, " ".join((*sentences, *tally.warnings, *late))
    stage = Stage.CANCELLED if tally.cancelled else Stage.FAILED
    return stage, " ".join(_left(operation, tally, fleet, front, adopting=adopting))


def _is_adopted(fleet: Fleet, front: Front) -> bool:
    served = fleet.behind_balancer and fleet.master.service is Service.HEALTHY
    return served and front.adopted(fleet.name) and front.now.terminate and front.now.stop


def _is_alone(fleet: Fleet, front: Front) -> bool:
    return not front.made and not front.adopted(fleet.name)


def _adopted(fleet: Fleet, front: Front) -> Iterator[str]:
    master, balancer = fleet.master, fleet.spec.balancer
    made = any(each.startswith("load balancer") for each in front.made)
    port = f", port {balancer.port}" if made else ""
    yield f"{fleet.name}: {master.id} serves behind the load balancer {front.address}{port}."
    yield (
        "Point the site's DNS name there (a CNAME, or an alias in Route 53). Until then, and for who has the "
        f"old answer, {master.id} keeps answering directly at its own addresses."
    )
    yield "It is protected from being terminated and stopped."


def _alone(operation: Operation, fleet: Fleet) -> Iterator[str]:
    yield f"{fleet.name}: {fleet.master.id} stands alone again, as before it was adopted."
    removed = [each for action in operation.plan.actions for each in getattr(action, "made", ())]
    if gone := missing(fleet.spec, removed):
        yield gone


def _left(operation: Operation, tally: Tally, fleet: Fleet, front: Front, *, adopting: bool) -> Iterator[str]:
    why = tally.stopped.rstrip(".") or "AWS shows something else than what was done"
    if tally.cancelled:
        yield f"{fleet.name}: cancelled by @{_who(operation)}."
    else:
        yield f"{fleet.name}: {'not adopted' if adopting else 'not disowned'}, because {why}."
    yield f"{fleet.master.id} is {fleet.master.state} and {_behind(fleet)}."
    stays = [*front.made, *([f"the tags of {fleet.master.id}"] if front.adopted(fleet.name) else [])]
    yield f"Still there: {', '.join(stays)}." if stays else "Nothing that adopt made is left."
    yield from tally.warnings
    yield f"Type `/clone {operation.plan.command}` to {'begin again' if _is_alone(fleet, front) else 'go on'}"
    yield f"or `/clone {operation.plan.inverse}` to lead back." if stays and adopting else "at any time."


def _behind(fleet: Fleet) -> str:
    if fleet.master.service is Service.OUT:
        return "behind no load balancer; it answers directly, as ever"
    return f"{fleet.master.service} behind its load balancer"


def _who(operation: Operation) -> str:
    return operation.cancelled_by.partition("/")[2]
