"""Carry out the actions that make servers ready to be clones. Each is safe to repeat."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from bot.domain.audit import Kind
from bot.domain.errors import CloudError, HostKeyMismatch, ServerError
from bot.domain.fleet import Server, Service, State
from bot.domain.moment import lasting
from bot.domain.plan import Bake, Boot, Prepare, RouteWrites
from bot.domain.quiesce import Way
from bot.domain.recipe import filled
from bot.domain.relay import relay_to
from bot.domain.tally import Tally
from bot.workflow.condition import explained, gone, master_and_able
from bot.workflow.content import version_now
from bot.workflow.examination import read_verdict, subject
from bot.workflow.job import PASSING, Job
from bot.workflow.quiesce import held_still

_COMING = frozenset({State.PENDING, State.RUNNING})


def route_writes(job: Job, action: RouteWrites) -> Tally:
    """No clone may serve before writes go to the master alone."""

    def route() -> None:
        job.cloud.route_writes(job.spec, action, action=job.action)

    job.patiently(route)
    job.seen.routed = True
    return job.tally


def bake(job: Job, action: Bake) -> Tally:
    """Bake, and wait until the image can be launched."""
    version = version_now(job)
    doctor = read_verdict(job.ledger.newest(Kind.EXAMINED, subject(job.spec.name)))

    def begin() -> str:
        return job.cloud.bake(
            job.spec,
            action.master,
            version=version,
            doctor=doctor,
            reboot=action.way is Way.REBOOTED,
            operation=job.operation,
            action=job.action,
        )

    def insist() -> str:
        return job.patiently(begin, seconds=job.spec.patience.launch)

    image = held_still(job, action, action.quiesce, begin) if action.quiesce else insist()
    for _ in job.waits(job.spec.patience.bake):
        try:
            # Begun before a crash, it holds what was there then: only its tag tells.
            if ready := job.cloud.image_ready(job.spec, image):
                tally = replace(job.tally, image=image, version=ready.version)
                return _up_again(job, tally) if action.way is Way.REBOOTED else tally
        except PASSING:
            continue
    raise CloudError(f"The image {image} was not ready after {lasting(job.spec.patience.bake)}.")


def _up_again(job: Job, tally: Tally) -> Tally:
    """Wait for a master that was rebooted, until it serves as it did."""
    job.patiently(lambda: job.servers.reach(job.spec, job.master()), seconds=job.spec.patience.boot)
    service = Service.OUT
    for _ in job.waits(job.spec.patience.healthy):
        with suppress(*PASSING):
            service = job.cloud.members(job.spec).master.service
            if service in {Service.HEALTHY, Service.OUT}:
                return tally
    return tally.with_warning(f"The master {job.spec.master} was rebooted for the image and is {service}.")


def boot(job: Job, _action: Boot) -> Tally:
    """Wait for each new server, until it answers as itself."""
    waiting = set(job.tally.sound)
    failed: dict[str, str] = {}
    why = dict.fromkeys(waiting, "it did not start")
    for _ in job.waits(job.spec.patience.boot):
        # While some answer, others may by now.
        while (silent := _silent(job, waiting, failed, why)) < waiting:
            waiting = silent
        if not waiting:
            return job.tally.with_failed(failed)
    waited = lasting(job.spec.patience.boot)
    too_late = {server: f"{why[server]} (waited {waited})" for server in sorted(waiting)}
    return job.tally.with_failed({**failed, **too_late})


def _silent(job: Job, waiting: set[str], failed: dict[str, str], why: dict[str, str]) -> set[str]:
    """Which of these still do not answer, and why; note who never will."""
    seen = _described(job, waiting)
    failed.update({s.id: gone(s) for s in seen if s.state not in _COMING})
    late, strangers = _reach(job, [server for server in seen if server.state is State.RUNNING])
    why.update(late)
    failed.update(strangers)
    return {server for server in waiting if why[server] and server not in failed}


def _described(job: Job, servers: set[str]) -> tuple[Server, ...]:
    try:
        return job.members(sorted(servers))
    except PASSING:
        return ()


def _reach(job: Job, servers: list[Server]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Why each does not answer yet ("" if it does); and which of them are not who they should be."""
    strangers: dict[str, str] = {}

    def reach(server: Server) -> str:
        try:
            job.servers.reach(job.spec, server)
        except HostKeyMismatch as error:
            strangers[server.id] = str(error)
        except (ServerError, *PASSING) as error:
            return str(error)
        return ""

    late = dict(zip((server.id for server in servers), job.at_once(servers, reach), strict=True))
    return late, strangers


def prepare(job: Job, action: Prepare) -> Tally:
    """Apply the recipe to each."""
    master, clones, wrong = master_and_able(job, job.tally.sound)

    def apply(server: Server) -> None:
        recipe = filled(action.recipe, job.spec, master, server)
        relay = relay_to(master.address, action.relay, job.spec.health)
        job.servers.prepare(job.spec, server, recipe, relay=relay)

    return job.tally.with_failed({**wrong, **explained(job, job.each(clones, "prepare", apply))})
