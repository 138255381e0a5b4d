"""Begin an image while the master is quiesced. Whatever happens, it is undone, and never for too long."""

from collections.abc import Callable
from contextlib import suppress

from bot.domain.errors import BotError, RemoteFailed, ServerError
from bot.domain.plan import Bake
from bot.domain.quiesce import Quiesce
from bot.workflow.job import PASSING, Job

_RESULT = "result"


def held_still(job: Job, action: Bake, quiesce: Quiesce, begin: Callable[[], str]) -> str:
    """Quiesce, begin, wait until its snapshots have begun, undo; return the image.

    RemoteFailed, and the image is not to be used, unless the master was held all the time. What a crash cut
    off is undone and not tried again: nobody knows what that image holds.
    """
    key = f"{job.action}.quiesce"
    if before := job.ledger.recall(key, ()):
        return str(before.detail[_RESULT])
    cut_off = job.ledger.was_begun(key)

    def hold() -> str:
        return _doubt(job, quiesce, key) if cut_off else _hold(job, action, quiesce, begin, key)

    return job.ledger.carry_out(key, f"quiesce {action.master} ({quiesce.shown})", hold)


def _doubt(job: Job, quiesce: Quiesce, key: str) -> str:
    _let_go(job, quiesce, key)
    raise RemoteFailed(
        "the bot was ended while the master was quiesced, so nobody knows what the image holds; "
        "it is not used"
    )


def _hold(job: Job, action: Bake, quiesce: Quiesce, begin: Callable[[], str], key: str) -> str:
    master = job.master()
    job.servers.hold_still(job.spec, master, quiesce, key=key)
    try:
        image = begin()
        _wait_until_begun(job, action, quiesce.seconds)
    except BotError as error:
        _let_go_after(error, job, quiesce, key)
        raise
    if not _let_go(job, quiesce, key):
        raise RemoteFailed(
            f"{master.id} was let go after {quiesce.seconds} s, before the image {image} was begun; "
            "it is not used. Raise `quiesce.seconds`, or see what its commands wait for"
        )
    return image


def _let_go_after(error: BotError, job: Job, quiesce: Quiesce, key: str) -> None:
    try:
        _let_go(job, quiesce, key)
    except ServerError as trouble:
        raise RemoteFailed(f"{error} And the master could not be let go of: {trouble}") from error


def _wait_until_begun(job: Job, action: Bake, seconds: int) -> None:
    for _ in job.pauses(seconds):
        with suppress(*PASSING):
            if job.cloud.image_begun(job.spec, action.master, action=job.action):
                return
    raise RemoteFailed(f"AWS did not begin the image's snapshots within {seconds} s; it is not used")


def _let_go(job: Job, quiesce: Quiesce, key: str) -> bool:
    master = job.master()
    return job.patiently(lambda: job.servers.let_go(job.spec, master, quiesce, key=key))
