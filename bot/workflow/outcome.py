"""What an operation came to: look at the fleet as it is now, and let the domain judge."""

from collections.abc import Callable

from bot.domain import fronts
from bot.domain.cancellation import conclude_cancelled, too_late
from bot.domain.conclusion import conclude
from bot.domain.fleet import Fleet, FleetSpec
from bot.domain.image_conclusion import conclude_image
from bot.domain.operation import Operation, Stage
from bot.domain.plan import Bake, Lane, Plan
from bot.domain.tally import Tally
from bot.world import Cloud

Verdict = tuple[Stage, str]


def look_and_judge(cloud: Cloud, spec: FleetSpec, plan: Plan) -> Callable[[Operation, Tally], Verdict]:
    """Ask AWS what is; return what says what that means for the operation, as it is by then."""
    fleet = _seen(cloud, spec, plan)
    if plan.lane is Lane.FRONT:
        front = cloud.survey(spec)
        return lambda operation, tally: fronts.conclude(operation, tally, fleet, front)
    return lambda operation, tally: _conclude(operation, tally, fleet)


def _seen(cloud: Cloud, spec: FleetSpec, plan: Plan) -> Fleet:
    """What a conclusion needs to know: images only where the plan is about one."""
    about_images = plan.lane is Lane.IMAGE or any(isinstance(action, Bake) for action in plan.actions)
    return cloud.look(spec) if about_images else cloud.members(spec)


def _conclude(operation: Operation, tally: Tally, fleet: Fleet) -> Verdict:
    if tally.cancelled:
        return Stage.CANCELLED, conclude_cancelled(operation, tally, fleet)
    judge = conclude_image if operation.plan.lane is Lane.IMAGE else conclude
    stage, text = judge(operation.plan, tally, fleet)
    return stage, f"{text} {too_late(operation)}" if operation.cancelled_by else text
