"""Carry out the actions of `disown`, and undo what an `adopt` began. Each step is safe to repeat."""

from collections.abc import Callable
from dataclasses import replace

from bot.domain.adoption import Disclaim, ReleaseMaster, RemoveFront, ServeMaster
from bot.domain.errors import BotError, CloudError
from bot.domain.front import Front, Standing
from bot.domain.moment import lasting
from bot.domain.operation import Operation, Progress
from bot.domain.tally import Tally
from bot.workflow.adopt import serve_master
from bot.workflow.job import PASSING, Job


def release_master(job: Job, action: ReleaseMaster) -> Tally:
    """Let nobody send anything new to it, and wait until its requests have ended."""
    job.patiently(lambda: job.cloud.release_master(job.spec, action, action=job.action))
    for _ in job.waits(job.spec.patience.drain):
        try:
            if job.cloud.is_released(job.spec, action):
                return job.tally
        except PASSING:
            continue
    raise CloudError(f"Requests to {action.master} had not ended after {lasting(job.spec.patience.drain)}.")


def remove_front(job: Job, _action: RemoveFront) -> Tally:
    """Remove what `adopt` made; AWS frees some of it only after minutes."""
    patience = job.spec.patience.balancer
    job.patiently(lambda: job.cloud.remove_front(job.spec, action=job.action), seconds=patience)
    return job.tally


def disclaim(job: Job, _action: Disclaim) -> Tally:
    """Last of all: the tags say how it was before."""
    job.patiently(lambda: job.cloud.disclaim(job.spec, action=job.action))
    return job.tally


def undo(job: Job, operation: Operation) -> Tally:
    """Undo what this operation did to the master and what it made, in the reverse order."""
    try:
        front = job.patiently(lambda: job.cloud.survey(job.spec))
        if operation.plan.inverse.startswith("adopt "):
            return _serve_again(job, operation)
        return _undo_adopt(job, front)
    except BotError as error:
        return job.tally.with_warning(f"What it began could not be undone: {error}")


def _serve_again(job: Job, operation: Operation) -> Tally:
    """As long as the load balancer stands, the master can go on serving behind it."""
    marks = dict(zip((each.kind for each in operation.plan.actions), operation.progress, strict=True))
    kept = marks.get("remove_front", Progress.TO_DO) is Progress.TO_DO
    if marks.get("release_master") in {None, Progress.TO_DO} or not kept:
        return job.tally
    back = ServeMaster(master=job.spec.master, target_group=job.spec.target_group)
    _do(job, "put-back", str(back), lambda: serve_master(_own(job, "put-back"), back))
    return replace(job.tally, restored=(job.spec.master,))


def _undo_adopt(job: Job, front: Front) -> Tally:
    mine = front.operation == job.operation and front.adopted(job.spec.name)
    before = front.before or Standing()
    if mine and front.now.site and not before.site:
        out = ReleaseMaster(master=job.spec.master, site=True, writes=False)
        _do(job, "take-out", str(out), lambda: release_master(_own(job, "take-out"), out))
    if front.made:
        _remove(job, RemoveFront(made=front.made))
    if mine:
        what = f"let {job.spec.master} be as it was before, and remove its tags"
        _do(job, "disclaim", what, lambda: _let_go(_own(job, "disclaim"), before))
    return job.tally


def _remove(job: Job, order: RemoveFront) -> None:
    mine, what = _own(job, "remove"), f"remove what this operation made of: {', '.join(order.made)}"

    def remove() -> None:
        mine.cloud.remove_front(mine.spec, only=mine.operation, action=mine.action)

    _do(job, "remove", what, lambda: mine.patiently(remove, seconds=mine.spec.patience.balancer))


def _let_go(job: Job, before: Standing) -> None:
    def restore() -> None:
        job.cloud.protect(job.spec, terminate=before.terminate, stop=before.stop, action=job.action)
        job.cloud.disclaim(job.spec, action=job.action)

    job.patiently(restore)


def _own(job: Job, part: str) -> Job:
    return replace(job, action=f"{job.action}/{part}")


def _do(job: Job, part: str, what: str, do: Callable[[], object]) -> None:
    job.ledger.carry_out(f"{job.action}/{part}", what, do)
