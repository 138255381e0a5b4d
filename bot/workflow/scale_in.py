"""Carry out the actions that remove clones. Each is safe to repeat, and returns the new tally."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from bot.domain.capacity import GOING
from bot.domain.errors import BotError, CloudError
from bot.domain.fleet import Server, Service, State
from bot.domain.moment import lasting
from bot.domain.plan import CheckStrays, TakeOut, Terminate
from bot.domain.tally import Tally
from bot.workflow.job import PASSING, Job

_SHOWN = 3


def check_strays(job: Job, action: CheckStrays) -> Tally:
    """Keep whatever holds files that exist nowhere else."""
    if action.discard:
        return job.tally
    return job.tally.with_kept(holding(job, job.members(action.servers)))


def take_out(job: Job, action: TakeOut) -> Tally:
    """Deregister in one call, and wait until their requests have ended; never the last healthy server."""
    leaving = job.tally.leaving(action.servers)
    if not leaving:
        return job.tally
    serving = {server.id for server in job.cloud.members(job.spec).in_service}
    if not serving.difference(leaving):
        return replace(job.tally, stopped="without these clones no healthy server would be left")
    served = tuple(server for server in leaving if server in serving)
    job.ledger.carry_out(served_before(job.action), "note which of them serve now", lambda: served)
    job.patiently(lambda: job.cloud.take_out(job.spec, leaving, action=job.action))
    drain(job, leaving)
    return job.tally


def served_before(action: str) -> str:
    """The action under whose rows it is noted which servers served before this one took them out."""
    return f"{action}/served"


def drain(job: Job, servers: Sequence[str]) -> None:
    """Wait until their requests have ended."""
    for _ in job.waits(job.spec.patience.drain):
        try:
            service = job.cloud.service(job.spec, servers)
        except PASSING:
            continue
        if all(state is Service.OUT for state in service.values()):
            return
    raise CloudError(
        f"Requests to {', '.join(servers)} had not ended after {lasting(job.spec.patience.drain)}."
    )


def terminate(job: Job, action: Terminate) -> Tally:
    """Look for stray files once more, now that nothing can arrive any more; then end the servers."""
    leaving = job.tally.leaving(action.servers)
    kept = {} if action.discard else holding(job, job.members(leaving))
    tally = job.tally.with_kept(kept)
    going = tally.leaving(leaving)
    if going:
        job.patiently(lambda: job.cloud.terminate(job.spec, going, action=job.action))
    return tally


def holding(job: Job, clones: Iterable[Server]) -> Mapping[str, str]:
    """Those of these clones that may hold files that exist nowhere else, and why."""
    master, clones = job.master(), tuple(clone for clone in clones if clone.state not in GOING)

    def look(clone: Server) -> str:
        if clone.state is not State.RUNNING:
            return f"it is {clone.state}, so it could not be searched for files that the master lacks"
        try:
            strays = job.servers.strays(job.spec, master, clone, job.spec.content)
        except BotError as error:
            return f"it could not be searched for files that the master lacks ({error})"
        return _held(strays) if strays else ""

    found = zip(clones, job.at_once(clones, look), strict=True)
    return {clone.id: why for clone, why in found if why}


def _held(strays: tuple[str, ...]) -> str:
    shown = ", ".join(strays[:_SHOWN])
    more = f" and {len(strays) - _SHOWN} more" if len(strays) > _SHOWN else ""
    noun = "a file" if len(strays) == 1 else f"{len(strays)} files"
    return f"it holds {noun} that the master lacks: {shown}{more}"
