"""Carry out the actions that keep and remove clone images. Each is safe to repeat."""

from collections.abc import Mapping
from functools import partial

from bot.domain.errors import BotError
from bot.domain.imaging import Discard, Pin, RemoveImages
from bot.domain.tally import Tally
from bot.workflow.job import Job


def pin(job: Job, action: Pin) -> Tally:
    """Pin one image, or unpin it."""

    def do() -> None:
        job.cloud.pin_image(job.spec, action.image, pinned=action.pinned, action=job.action)

    job.patiently(do)
    return job.tally


def remove_images(job: Job, action: RemoveImages) -> Tally:
    """Remove one after the other. One that cannot be removed does not stop the others."""
    tally = job.tally
    for image in action.images:
        try:
            staying = _remove(job, image)
        except BotError as error:
            tally = tally.with_failed({image.id: str(error)})
            continue
        for snapshot, why in staying.items():
            tally = tally.with_warning(f"{snapshot} of {image.id} stays, because {why}.")
    return tally


def _remove(job: Job, image: Discard) -> Mapping[str, str]:
    action = f"{job.action}/{image.id}"
    what = f"deregister {' and delete '.join((image.id, *image.snapshots))}"
    remove = partial(job.cloud.remove_image, job.spec, image.id, image.snapshots, action=action)
    return job.ledger.carry_out(action, what, lambda: job.patiently(remove))
