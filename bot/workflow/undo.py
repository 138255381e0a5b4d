"""Undo what a cancelled operation began. Each step is safe to repeat, and returns the new tally."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, takewhile

from bot.domain.audit import Kind
from bot.domain.book import RESTING, SERVING
from bot.domain.errors import BotError
from bot.domain.fleet import Role, Server, Service, State
from bot.domain.operation import Operation, Progress
from bot.domain.plan import TakeOut
from bot.domain.tally import Tally
from bot.workflow.job import Job
from bot.workflow.scale_in import drain, holding, served_before
from bot.workflow.service import not_healthy
from bot.world import Records

_SECONDS = 120
"""How long AWS is asked again where it gave no clear answer."""


def find(job: Job, operation: Operation, records: Records) -> Tally:
    """Decide what is to be undone. A step of its own, so that a repeated undoing knows it still."""
    launched = _launched(job)
    service = (
        job.patiently(lambda: job.cloud.service(job.spec, launched), seconds=_SECONDS) if launched else {}
    )
    going = [server for server in launched if service.get(server) is not Service.HEALTHY]
    return replace(
        job.tally,
        to_remove=tuple(going),
        to_drain=tuple(server for server in going if service.get(server, Service.OUT) is not Service.OUT),
        to_restore=tuple(_taken_out(job, operation, records)),
    )


def _launched(job: Job) -> tuple[str, ...]:
    """Whatever this operation launched, but for what was set aside for a look."""
    fleet = job.patiently(lambda: job.cloud.members(job.spec), seconds=_SECONDS)
    apart = {server.id for server in fleet.quarantined}
    tagged = [clone.id for clone in fleet.clones if clone.operation == job.operation]
    return tuple(server for server in dict.fromkeys((*job.tally.launched, *tagged)) if server not in apart)


def _taken_out(job: Job, operation: Operation, records: Records) -> Iterable[str]:
    """Whatever served until this operation took it out; never what had not been proved before."""
    for number, action in enumerate(operation.plan.actions, 1):
        begun = operation.progress[number - 1] is not Progress.TO_DO
        if isinstance(action, TakeOut) and begun:
            yield from job.tally.leaving(_noted(records, served_before(f"{operation.id}.{number}")))


def _noted(records: Records, action: str) -> tuple[str, ...]:
    """What the first attempt that had an outcome noted; later ones came after the first effect."""
    rows = (records.find(f"{action}#{attempt}:{Kind.OUTCOME}") for attempt in count(1))
    for row in takewhile(lambda row: row is not None, rows):
        if row is not None and "result" in row.detail:
            return tuple(row.detail["result"])
    return ()


def remove(job: Job) -> Tally:
    """Terminate what does not serve; keep what may hold the only copy of a file."""
    tally = job.tally
    try:
        tally = _drain(job)
        going = _out_of_service(job, tally.leaving(tally.to_remove))
        if going:
            action, what = f"{job.action}/terminate", f"terminate {', '.join(going)}"
            end = partial(job.cloud.terminate, job.spec, going, action=action)
            _insist(job, action, what, end, RESTING, going)
    except BotError as error:
        return tally.with_warning(f"What it launched could not be removed: {error}")
    return replace(tally, removed=going)


def _drain(job: Job) -> Tally:
    """Take out what the load balancer knows already; visitors may have written to it."""
    servers = job.tally.to_drain
    if not servers:
        return job.tally
    action, what = f"{job.action}/take-out", f"take {', '.join(servers)} out of service"
    take = partial(job.cloud.take_out, job.spec, servers, action=action)
    _insist(job, action, what, take, RESTING, servers)
    drain(job, servers)
    return job.tally.with_kept(holding(job, _alive(job, servers)))


def _out_of_service(job: Job, servers: tuple[str, ...]) -> tuple[str, ...]:
    """Those that the load balancer sends nothing to: nothing else is ever terminated."""
    service = job.patiently(lambda: job.cloud.service(job.spec, servers), seconds=_SECONDS) if servers else {}
    return tuple(server for server in servers if service.get(server, Service.OUT) is Service.OUT)


def restore(job: Job) -> Tally:
    """Put back in service what served until this operation took it out."""
    tally = job.tally
    if not tally.to_restore:
        return tally
    action = f"{job.action}/put-back"
    try:
        servers = [clone.id for clone in _alive(job, tally.to_restore)]
        if not servers:
            return tally
        what = f"put {', '.join(servers)} back in service"
        put = partial(job.cloud.put_in_service, job.spec, servers, action=action)
        _insist(job, action, what, put, SERVING, servers)
        late = not_healthy(job, servers)
    except BotError as error:
        return tally.with_warning(f"What it took out could not be put back in service: {error}")
    return replace(tally, restored=tuple(server for server in servers if server not in late))


def _alive(job: Job, servers: Sequence[str]) -> tuple[Server, ...]:
    found = job.patiently(lambda: job.members(servers), seconds=_SECONDS)
    return tuple(each for each in found if each.state is State.RUNNING and each.role is Role.CLONE)


def _insist(  # noqa: PLR0913, PLR0917 (one action, all its parts)
    job: Job, action: str, what: str, do: Callable[[], None], become: str, servers: Sequence[str]
) -> None:
    """Do it; the log remembers what these servers are to be from now on."""
    job.ledger.carry_out(
        action, what, lambda: job.patiently(do, seconds=_SECONDS), about={become: list(servers)}
    )
