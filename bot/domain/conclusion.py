"""What an operation came to, judged by what is true now; not by what was tried."""

from collections.abc import Iterator, Mapping

from bot.domain import proved
from bot.domain.capacity import counted, idle
from bot.domain.fleet import Fleet, Server, Service
from bot.domain.images import unusable
from bot.domain.operation import Stage
from bot.domain.plan import Plan
from bot.domain.tally import Tally
from bot.domain.words import plural

_LEFT_ALONE = frozenset({Service.OUT, Service.DRAINING})
"""The load balancer sends nothing new there."""


def conclude(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, str]:
    """The stage an operation ends in, and the sentences that say so."""
    if special := proved.judge(plan, tally, fleet):
        stage, sentences = special
    else:
        stage, sentences = (_grown if plan.after > plan.before else _shrunk)(plan, tally, fleet)
    return stage, " ".join(sentences)


def _grown(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, list[str]]:
    serving = {clone.id for clone in counted(fleet) if clone.service is Service.HEALTHY}
    says = f"{plan.fleet}: {len(serving)} of {plan.after} clones serve"
    beside = [*_elsewhere(tally), *set_aside(tally, fleet), *unusable(fleet, tally.image), *tally.warnings]
    if len(serving) >= plan.after:
        return Stage.DONE, [f"{says}.", *beside]
    stage = Stage.PARTLY_DONE if serving.intersection(tally.launched) else Stage.FAILED
    idling = {clone.id: f"it is {clone.service}" for clone in idle(fleet)}
    lacking = tally.short if tally.missing else {}
    because = why({**idling, **lacking, **tally.failed}, tally.stopped)
    return stage, [f"{says}, because {because}.", *beside, again(plan)]


def _shrunk(plan: Plan, tally: Tally, fleet: Fleet) -> tuple[Stage, list[str]]:
    left = len(counted(fleet))
    says = f"{plan.fleet}: {plural(left, 'clone')} left"
    if left <= plan.after:
        return Stage.DONE, [f"{says}.", *tally.warnings]
    stage = Stage.PARTLY_DONE if left < plan.before else Stage.FAILED
    because = why({**tally.failed, **tally.kept}, tally.stopped)
    says = f"{says} instead of {plan.after}, because {because}."
    return stage, [says, *_taken_out(fleet), *tally.warnings, *_rescue(plan, tally)]


def why(reasons: Mapping[str, str], stopped: str) -> str:
    """What did not work, and why: each reason once, after all that it is true of."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        names.setdefault(reason.removeprefix(f"{name}: ").rstrip("."), []).append(name)
    listed = [f"{', '.join(who)}: {reason}" for reason, who in names.items()]
    if stopped and not any(stopped.rstrip(".").endswith(reason) for reason in names):
        listed.append(stopped.rstrip("."))
    return "; ".join(listed) or "the fleet changed meanwhile"


def _elsewhere(tally: Tally) -> Iterator[str]:
    if tally.elsewhere:
        places = ", ".join(tally.short)
        yield f"AWS had too few of {places}; started in their place: {', '.join(tally.elsewhere)}."


def set_aside(tally: Tally, fleet: Fleet) -> Iterator[str]:
    """Where the servers are now that did not make it: they cost money, and somebody should look."""
    apart = [server for server in fleet.quarantined if server.id in tally.failed]
    untagged = [clone for clone in counted(fleet) if clone.id in tally.failed]
    registered = [server for server in (*apart, *untagged) if server.service not in _LEFT_ALONE]
    resting = [server for server in apart if server not in registered]
    if resting:
        yield f"Out of service and quarantined for a look: {_names(resting)}."
    if untagged:
        yield f"Not tagged as quarantined, so still counted as clones: {_names(untagged)}."
    if registered:
        yield f"Still registered with the load balancer: {_names(registered)}."


def _taken_out(fleet: Fleet) -> Iterator[str]:
    resting = [clone for clone in idle(fleet) if clone.service in _LEFT_ALONE]
    if resting:
        yield f"Out of service, and still there: {_names(resting)}."


def _names(servers: list[Server]) -> str:
    return ", ".join(server.id for server in servers)


def _rescue(plan: Plan, tally: Tally) -> Iterator[str]:
    if tally.kept and not tally.stopped:
        yield f"Rescue the files, or type `/clone {plan.command} --discard` to lose them."
    else:
        yield again(plan)


def again(plan: Plan) -> str:
    """What to type to try again."""
    return f"Type `/clone {plan.command}` to try again."
