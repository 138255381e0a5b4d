"""What an operation came to, judged by what is true now; not by what was tried."""

from bot.domain.fleet import Fleet, Service
from bot.domain.operation import Stage
from bot.domain.plan import Plan
from bot.domain.tally import Tally


def conclude(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, str]:
    """The stage an operation ends in, and the sentences that say so."""
    if plan.after > plan.before:
        return _grown(plan, tally, fleet)
    return _shrunk(plan, tally, fleet)


def _grown(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, str]:
    serving = sum(clone.service is Service.HEALTHY for clone in fleet.clones)
    says = f"{plan.fleet}: {serving} of {plan.after} clones serve"
    if serving >= plan.after and not tally.stopped:
        return Stage.DONE, " ".join((f"{says}.", *tally.warnings))
    stage = Stage.PARTLY_DONE if serving > plan.before else Stage.FAILED
    return stage, f"{says}, because {_why(tally)}.{_aftermath(tally)} {_again(plan)}"


def _shrunk(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, str]:
    count = len(fleet.clones)
    noun = "clone" if count == 1 else "clones"
    if count <= plan.after and not tally.kept and not tally.stopped:
        return Stage.DONE, " ".join((f"{plan.fleet}: {count} {noun} left.", *tally.warnings))
    stage = Stage.PARTLY_DONE if count < plan.before else Stage.FAILED
    says = f"{plan.fleet}: {count} {noun} left instead of {plan.after}, because {_why(tally)}."
    if tally.kept and not tally.stopped:
        return stage, f"{says} Rescue them, or type `/clone {plan.command} --discard` to lose them."
    return stage, f"{says} {_again(plan)}"


def _why(tally: Tally) -> str:
    reasons = {**tally.failed, **tally.kept}
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason.rstrip("."), []).append(name)
    listed = [f"{', '.join(who)}: {reason}" for reason, who in names.items()]
    return "; ".join(listed) or tally.stopped.rstrip(".") or "the fleet changed meanwhile"


def _aftermath(tally: Tally) -> str:
    servers = [name for name in tally.failed if name in tally.launched]
    if not servers:
        return ""
    return f" Out of service and quarantined for a look: {', '.join(servers)}."


def _again(plan: Plan) -> str:
    return f"Type `/clone {plan.command}` to try again."
