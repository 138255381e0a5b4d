"""Carry out the actions that try a clone image and say what came of it. Each is safe to repeat."""

from bot.domain.errors import BotError
from bot.domain.fleet import ImageState, State
from bot.domain.imaging import EndCanary, Judge
from bot.domain.tally import Tally
from bot.workflow.job import Job


def judge(job: Job, _action: Judge) -> Tally:
    """Call the image good or bad; one from which no server came up, or could be judged, stays as it is.

    What is proved may serve all the same where the image cannot be tagged.
    """
    image = job.tally.image
    try:
        state = _find_state(job)
        if state is not ImageState.BUILDING:
            _mark(job, image, state)
    except BotError as error:
        return job.tally.with_warning(f"The image {image} could not be called good or bad: {error}")
    return job.tally


def _find_state(job: Job) -> ImageState:
    if job.tally.sound:
        return ImageState.GOOD
    launched = job.patiently(lambda: job.members(job.tally.launched))
    came_up = [server.id for server in launched if server.state is State.RUNNING]
    return ImageState.BAD if {*came_up} - {*job.tally.unknown} else ImageState.BUILDING


def _mark(job: Job, image: str, state: ImageState) -> None:
    action = f"{job.action}/{image}"

    def mark() -> None:
        job.patiently(lambda: job.cloud.mark_image(job.spec, image, state, action=action))

    job.ledger.carry_out(action, f"call {image} {state}", mark)


def end_canary(job: Job, _action: EndCanary) -> Tally:
    """End what this operation launched and is sound. It never served, so that nobody wrote to it."""
    going = job.tally.sound
    if going:
        job.patiently(lambda: job.cloud.terminate(job.spec, going, action=job.action))
    return job.tally
