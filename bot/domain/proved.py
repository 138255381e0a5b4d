"""What came of proving, releasing and ending servers, judged by what is true now."""

from collections.abc import Iterator

from bot.domain.capacity import GOING, counted
from bot.domain.fleet import Fleet, Server, Service
from bot.domain.operation import Stage
from bot.domain.plan import Plan
from bot.domain.quarantine import ProveAgain, Readmit, Remove
from bot.domain.tally import Tally
from bot.domain.words import plural

Verdict = tuple[Stage, list[str]]


def judge(plan: Plan, tally: Tally, fleet: Fleet) -> Verdict | None:
    """The stage and the sentences; None for a plan of another kind."""
    found = {action.kind: action for action in plan.actions}
    match [found.get(kind) for kind in ("remove", "readmit", "prove_again")]:
        case [Remove() as action, _, _]:
            return _removed(plan, action, tally, fleet)
        case [_, Readmit() as action, _]:
            return _released(plan, action, tally, fleet)
        case [_, _, ProveAgain() as action]:
            return _proved(plan, action, tally, fleet)
    return None


def _proved(plan: Plan, action: ProveAgain, tally: Tally, fleet: Fleet) -> Verdict:
    aside = {server.id: server for server in fleet.quarantined}
    if all(action.kind != "set_aside" for action in plan.actions):
        return _looked_at(plan, action.servers[0], tally)
    good, count = len(tally.proved), len(action.servers)
    says = f"{plan.fleet}: {good} of {plural(count, 'clone')} {'is' if count == 1 else 'are'} proved"
    if good == count:
        return Stage.DONE, [f"{says}.", *tally.warnings]
    failed = [aside[server] for server in tally.failed if server in aside]
    sentences = [f"{says}, because {_reasons(tally)}.", *_set_aside(failed, plan.fleet, fleet)]
    sentences += _staying(tally)
    sentences += [*tally.warnings, *_judge_again(plan, tally)]
    return Stage.PARTLY_DONE if good else Stage.FAILED, sentences


def _looked_at(plan: Plan, server: str, tally: Tally) -> Verdict:
    """What is said of one that is quarantined, and stays so."""
    if server in tally.proved:
        says = f"{plan.fleet}: {server} is proved; it is still quarantined."
        return Stage.DONE, [says, f"Type `/clone release {plan.fleet} {server}` to let it serve."]
    says = f"{plan.fleet}: {server} stays quarantined, because {_reasons(tally)}."
    return Stage.FAILED, [says, _mend(plan.fleet, [server])]


def _set_aside(failed: list[Server], name: str, fleet: Fleet) -> Iterator[str]:
    if not failed:
        return
    until = max((server.expires for server in failed if server.expires), default=None)
    kept = f", until {until:%Y-%m-%d %H:%M} UTC" if until else ""
    names = [server.id for server in failed]
    yield f"Out of service and quarantined for a look{kept}: {', '.join(names)}. {_mend(name, names)}"
    more = len(counted(fleet)) + len(failed)
    others = "another" if len(failed) == 1 else "others"
    yield f"`/clone scale {name} {more}` starts {others} in the meantime."


def _staying(tally: Tally) -> Iterator[str]:
    for server, why in tally.kept.items():
        yield f"{server} goes on serving although it failed, since {why}."


def _judge_again(plan: Plan, tally: Tally) -> Iterator[str]:
    if tally.unknown or tally.kept or tally.stopped:
        yield f"What was not judged or stays is as it was. Type `/clone {plan.command}` to judge again."


def _mend(name: str, servers: list[str]) -> str:
    if len(servers) > 1:
        return f"Mend one and type `/clone release {name} i-…`, or end it with `/clone remove {name} i-…`."
    return (
        f"Mend it and type `/clone release {name} {servers[0]}`, "
        f"or end it with `/clone remove {name} {servers[0]}`."
    )


def _reasons(tally: Tally) -> str:
    unknown = {server: f"it could not be judged: {why}" for server, why in tally.unknown.items()}
    why = "; ".join(f"{server}: {why.rstrip('.')}" for server, why in {**tally.failed, **unknown}.items())
    return why or tally.stopped.rstrip(".") or "the fleet changed meanwhile"


def _released(plan: Plan, action: Readmit, tally: Tally, fleet: Fleet) -> Verdict:
    (server,) = action.servers
    serving = [clone.id for clone in counted(fleet) if clone.service is Service.HEALTHY]
    if server in serving:
        says = f"{plan.fleet}: {server} serves again, as one of {plural(len(serving), 'clone')}."
        return Stage.DONE, [says, *tally.warnings]
    state = "stays quarantined" if server in {each.id for each in fleet.quarantined} else "does not serve"
    says = f"{plan.fleet}: {server} {state}, because {_reasons(tally)}."
    return Stage.FAILED, [says, *tally.warnings, _mend(plan.fleet, [server])]


def _removed(plan: Plan, action: Remove, tally: Tally, fleet: Fleet) -> Verdict:
    there = {each.id for each in (*fleet.clones, *fleet.quarantined) if each.state not in GOING}
    left = [server for server in action.servers if server in there]
    ended = [server for server in action.servers if server not in there]
    says = f"{plan.fleet}: {', '.join(ended) or 'nothing'} ended"
    if not left:
        return Stage.DONE, [f"{says}.", *tally.warnings]
    reasons = [f"{server}: {tally.kept[server]}" for server in left if server in tally.kept]
    why = "; ".join(reasons) or tally.stopped.rstrip(".") or "AWS did not end the others"
    stage = Stage.PARTLY_DONE if ended else Stage.FAILED
    return stage, [f"{says}, because {why}.", *tally.warnings, *_after_removal(plan, action, tally)]


def _after_removal(plan: Plan, action: Remove, tally: Tally) -> Iterator[str]:
    if any("the master lacks" in why for why in tally.kept.values()) and not action.discard:
        yield f"Rescue the files, or type `/clone {plan.command} --discard` to lose them."
    else:
        yield f"Type `/clone {plan.command}` to try again."
