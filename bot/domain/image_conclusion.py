"""What an operation about clone images came to, judged by what is true now."""

from bot.domain.conclusion import again, set_aside, why
from bot.domain.fleet import Fleet, Image, ImageState
from bot.domain.images import find_image, from_now_on
from bot.domain.imaging import Pin, RemoveImages
from bot.domain.operation import Stage
from bot.domain.plan import Plan
from bot.domain.tally import Tally
from bot.domain.words import plural


def conclude_image(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, str]:
    """The stage an operation ends in, and the sentences that say so."""
    match plan.actions:
        case (Pin() as action,):
            stage, sentences = _pinned(action, plan, tally, fleet)
        case (RemoveImages() as action,):
            stage, sentences = _removed(action, plan, tally, fleet)
        case _:
            stage, sentences = _baked(plan, tally, fleet)
    return stage, " ".join(sentences)


def _pinned(action: Pin, plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, list[str]]:
    image = find_image(fleet, action.image)
    if image and image.pinned is action.pinned:
        what = "pinned: `clean-up` leaves it" if image.pinned else "not pinned any more"
        return Stage.DONE, [f"{plan.fleet}: {image.id} is {what}.", *tally.warnings]
    because = tally.stopped.rstrip(".") or "it is gone"
    return Stage.FAILED, [f"{plan.fleet}: {action.image} is as it was, because {because}.", again(plan)]


def _removed(action: RemoveImages, plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, list[str]]:
    asked = [image.id for image in action.images]
    gone = [image for image in asked if not find_image(fleet, image)]
    says = f"{plan.fleet}: {len(gone)} of {plural(len(asked), 'image')} removed"
    if len(gone) == len(asked) and not tally.failed and not tally.stopped:
        return Stage.DONE, [f"{says}." if tally.warnings else f"{says}, snapshots included.", *tally.warnings]
    sentences = [f"{says}, because {why(tally.failed, tally.stopped)}."]
    if left := [image for image in gone if image in tally.failed]:
        where = f"`/clone doctor {plan.fleet}` names those that were left"
        sentences.append(f"Gone, but perhaps not with its snapshots: {', '.join(left)}; {where}.")
    stage = Stage.PARTLY_DONE if gone else Stage.FAILED
    return stage, [*sentences, *tally.warnings, again(plan)]


def _baked(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, list[str]]:
    image = find_image(fleet, tally.image)
    if image is None or not image.available:
        because = tally.stopped.rstrip(".") or f"{tally.image} is gone"
        return Stage.FAILED, [f"{plan.fleet}: no new image, because {because}.", again(plan)]
    beside = [*set_aside(tally, fleet), *tally.warnings]
    if image.state is ImageState.GOOD:
        stopped = [f"{tally.stopped.rstrip('.')}.".capitalize()] if tally.stopped else []
        stage = Stage.PARTLY_DONE if tally.failed else Stage.DONE
        return stage, [f"{plan.fleet}: image {image.id} is good; {_next(image, fleet)}.", *stopped, *beside]
    reasons = {**(tally.short if tally.missing else {}), **tally.failed}
    because = why(reasons, tally.stopped) if reasons or tally.stopped else "no server was tried"
    if image.state is ImageState.BAD:
        says = f"{plan.fleet}: image {image.id} is bad: {because}."
        kept = f"It is kept for a look, and not used; {from_now_on(fleet)}."
        todo = f"Put right on the master, or in its recipe, what failed; then type `/clone {plan.command}`."
        return Stage.FAILED, [says, kept, *beside, todo]
    says = f"{plan.fleet}: image {image.id} was made and not tried to the end, because {because}."
    return Stage.FAILED, [says, f"It is not used; {from_now_on(fleet)}.", *beside, again(plan)]


def _next(image: Image, fleet: Fleet) -> str:
    """Which image new clones start from, where this one is good."""
    return from_now_on(fleet).replace(image.id, "it")
