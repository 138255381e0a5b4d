"""Carry out what is done about quarantined servers. Each is safe to repeat, and returns the new tally."""

from collections.abc import Sequence
from dataclasses import replace

from bot.domain.capacity import GOING
from bot.domain.errors import Cancelled, CloudError
from bot.domain.fleet import Fleet, Role, Server, Service
from bot.domain.moment import lasting
from bot.domain.quarantine import ProveAgain, Readmit, Remove, SetAside
from bot.domain.tally import Tally
from bot.workflow import service
from bot.workflow.content import judge_each
from bot.workflow.job import Job
from bot.workflow.scale_in import holding


def prove_again(job: Job, action: ProveAgain) -> Tally:
    """Judge servers that were there already."""
    judged = judge_each(job, action.servers)
    tally = replace(job.tally, proved=judged.left(action.servers), unknown=judged.unknown)
    return tally.with_failed(judged.failed)


def set_aside(job: Job, action: SetAside) -> Tally:
    """Whatever failed is not to serve; but a bad server is better than none."""
    fleet = job.patiently(lambda: job.cloud.members(job.spec))
    # A crash may have cut this off when some of it was done: that is done, and told, once more.
    known = (*fleet.clones, *fleet.quarantined)
    failed = [each for each in known if each.id in action.servers and each.id in job.tally.failed]
    stays = _needed(fleet, failed)
    tally = job.tally.with_kept(dict.fromkeys(stays, "no other server of the fleet is healthy"))
    going = tuple(each for each in failed if each.id not in stays)
    begun = job.ledger.was_begun(f"{job.action}/{service.TAKE_OUT}")
    registered = tuple(each.id for each in going if begun or each.service is not Service.OUT)
    troubles = (
        service.take_out(job, registered) if registered else "",
        service.quarantine(job, tuple(each.id for each in going)) if going else "",
    )
    for trouble in filter(None, troubles):
        tally = tally.with_warning(trouble)
    return tally


def _needed(fleet: Fleet, failed: Sequence[Server]) -> tuple[str, ...]:
    """The one of these that has to go on, where otherwise nobody would."""
    serving = [each.id for each in fleet.in_service]
    bad = [each.id for each in failed if each.id in serving]
    return tuple(bad[:1]) if len(bad) == len(serving) else ()


def readmit(job: Job, action: Readmit) -> Tally:
    """Make it a clone again, and wait until it is healthy; else it is set aside as before."""
    servers, patience = action.servers, job.spec.patience.healthy
    try:
        job.patiently(lambda: job.cloud.release(job.spec, servers, action=job.action))
        job.patiently(lambda: job.cloud.put_in_service(job.spec, servers, action=job.action))
        late = service.not_healthy(job, servers)
    except Cancelled:
        _put_back(job, servers, "it was cancelled")
        raise
    except CloudError as error:
        return _put_back(job, servers, f"it could not be put in service: {error}")
    why = f"the load balancer did not find it healthy within {lasting(patience)}"
    return _put_back(job, servers, why) if late else job.tally


def _put_back(job: Job, servers: tuple[str, ...], why: str) -> Tally:
    tally = service.take_out_again(job, job.tally, servers, why)
    trouble = service.quarantine(job, servers)
    return tally.with_warning(trouble) if trouble else tally


def remove(job: Job, action: Remove) -> Tally:
    """End what is quarantined still, serves nobody, and holds nothing that exists nowhere else."""
    fleet = job.patiently(lambda: job.cloud.members(job.spec))
    there = tuple(each for each in _there(fleet) if each.id in action.servers)
    kept = {each.id: _why_kept(each) for each in there if not _may_go(each)}
    if not action.discard:
        kept |= holding(job, [each for each in there if each.id not in kept])
    going = tuple(each.id for each in there if each.id not in kept)
    if going:
        job.patiently(lambda: job.cloud.terminate(job.spec, going, role=Role.QUARANTINED, action=job.action))
    return job.tally.with_kept(kept)


def _there(fleet: Fleet) -> tuple[Server, ...]:
    return tuple(each for each in (*fleet.clones, *fleet.quarantined) if each.state not in GOING)


def _may_go(server: Server) -> bool:
    return server.role is Role.QUARANTINED and server.service is Service.OUT


def _why_kept(server: Server) -> str:
    if server.role is Role.CLONE:
        return "it is a clone again"
    return f"the load balancer knows it ({server.service})"
