"""Carry out the actions that add clones. Each is safe to repeat, and returns the new tally."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.errors import BotError, CloudError, RemoteFailed, ServerError, ServerUnreachable, UnsafeSource
from bot.domain.fleet import Server, Service, State
from bot.domain.plan import Bake, Boot, Launch, Prepare, Prove, PutInService, RouteWrites, Sync
from bot.domain.proof import prove
from bot.domain.recipe import fill
from bot.domain.tally import Tally
from bot.workflow.job import PASSING, Job

BAKE_SECONDS = 3600
LAUNCH_SECONDS = 300
"""How long a launch is asked for again where AWS gave no clear answer: servers may have started."""
BOOT_SECONDS = 600
HEALTHY_SECONDS = 300
_PROOF_ROUNDS = 4
"""The first ones demand equality; later ones overlook what was written since the last copy."""


def route_writes(job: Job, action: RouteWrites) -> Tally:
    """No clone may serve before writes go to the master alone."""
    job.cloud.route_writes(job.spec, action, action=job.action)
    return job.tally


def bake(job: Job, action: Bake) -> Tally:
    """Bake, and wait until the image can be launched."""

    def begin() -> str:
        return job.cloud.bake(job.spec, action.master, operation=job.operation, action=job.action)

    image = job.patiently(LAUNCH_SECONDS, begin)
    for _ in job.pauses(BAKE_SECONDS):
        try:
            if job.cloud.image_ready(job.spec, image):
                return replace(job.tally, image=image)
        except PASSING:
            continue
    raise CloudError(f"The image {image} was not ready after {BAKE_SECONDS // 60} minutes.")


def launch(job: Job, action: Launch) -> Tally:
    """Start the servers of one subnet. A shortfall there does not stop the others."""
    order = replace(action, image=action.image or job.tally.image)

    def start() -> tuple[str, ...]:
        return job.cloud.launch(job.spec, order, operation=job.operation, action=job.action)

    try:
        servers = job.patiently(LAUNCH_SECONDS, start)
    except CloudError as error:
        return job.tally.with_failed({action.subnet: str(error)})
    tally = replace(job.tally, launched=(*job.tally.launched, *servers))
    if len(servers) < action.count:
        return tally.with_failed({action.subnet: f"AWS gave {len(servers)} of {action.count} servers"})
    return tally


def boot(job: Job, _action: Boot) -> Tally:
    """Wait for each new server, until it answers as itself."""
    waiting = set(job.tally.sound)
    failed: dict[str, str] = {}
    why = dict.fromkeys(waiting, "it did not start")
    for _ in job.pauses(BOOT_SECONDS):
        for server in _described(job, waiting):
            if server.state not in {State.PENDING, State.RUNNING}:
                failed[server.id] = f"it is {server.state}"
        waiting -= failed.keys()
        running = [server for server in _described(job, waiting) if server.state is State.RUNNING]
        why.update(_reached(job, running))
        waiting -= {server for server in waiting if not why[server]}
        if not waiting:
            return job.tally.with_failed(failed)
    minutes = BOOT_SECONDS // 60
    late = {server: f"{why[server]} (waited {minutes} minutes)" for server in sorted(waiting)}
    return job.tally.with_failed({**failed, **late})


def _described(job: Job, servers: set[str]) -> tuple[Server, ...]:
    try:
        return job.members(sorted(servers))
    except PASSING:
        return ()


def _reached(job: Job, servers: list[Server]) -> Mapping[str, str]:
    def reach(server: Server) -> str:
        try:
            job.servers.reach(job.spec, server)
        except (ServerUnreachable, *PASSING) as error:
            return str(error)
        return ""

    return {server.id: reason for server, reason in zip(servers, job.at_once(servers, reach), strict=True)}


def prepare(job: Job, action: Prepare) -> Tally:
    """Apply the recipe to each."""
    master = job.master()

    def apply(server: Server) -> None:
        recipe = fill(action.recipe, master_address=master.address, clone_address=server.address)
        job.servers.prepare(job.spec, server, recipe)

    return job.tally.with_failed(job.each(job.members(job.tally.sound), "prepare", apply))


def sync(job: Job, action: Sync) -> Tally:
    """Copy the content to the new clones; or bring every clone up to date, where failing does no harm."""
    if not action.everyone:
        return job.tally.with_failed(copy_content(job, job.members(job.tally.sound), job.action))
    clones = [clone for clone in job.cloud.look(job.spec).clones if clone.state is State.RUNNING]
    tally = job.tally
    for server, why in copy_content(job, tuple(clones), job.action).items():
        tally = tally.with_warning(f"{server} could not be brought up to date: {why}.")
    return tally


def copy_content(job: Job, clones: tuple[Server, ...], sync_id: str) -> Mapping[str, str]:
    """Let the clones pull the content with keys made for this one sync; return what failed, and why."""
    if not clones:
        return {}
    master, content = job.master(), job.spec.content
    ids = ", ".join(clone.id for clone in clones)
    failed: dict[str, str] = {}

    def offer() -> None:
        failed.update(job.servers.offer_content(job.spec, master, clones, content, sync=sync_id))

    def pull(clone: Server) -> None:
        job.servers.pull_content(job.spec, master, clone, content, sync=sync_id)

    def withdraw() -> None:
        job.servers.withdraw_content(job.spec, master, clones, sync=sync_id)

    try:
        job.ledger.carry_out(f"{sync_id}/offer", f"let {ids} read the master's content", offer)
        able = [clone for clone in clones if clone.id not in failed]
        failed.update(job.each(able, "sync", pull))
    except UnsafeSource:
        raise
    except ServerError as error:
        failed.update({clone.id: str(error) for clone in clones})
    finally:
        job.quietly(f"{sync_id}/withdraw", "remove the keys of this sync", withdraw)
    return failed


def prove_each(job: Job, _action: Prove) -> Tally:
    """Judge each clone. Content that changed on the master meanwhile is copied again, a few times.

    A master that is written to all the time never equals its copy; then what it held when the last copy
    began counts.
    """
    tally, master = job.tally, job.master()
    copied_since = 0
    for number in range(_PROOF_ROUNDS):
        began = job.servers.clock(job.spec, master)
        stale, failed = _judge(job, master, tally.sound, copied_since if number > 1 else 0)
        tally = tally.with_failed(failed)
        if not stale:
            return tally
        copied_since = began
        tally = tally.with_failed(copy_content(job, stale, f"{job.action}.again{number + 1}"))
    return tally.with_failed({clone.id: "its content differs from the master's" for clone in stale})


def _judge(
    job: Job, master: Server, servers: tuple[str, ...], as_of: int
) -> tuple[tuple[Server, ...], Mapping[str, str]]:
    """Which of these are only stale, and which failed, and why."""
    truth = job.servers.facts(job.spec, master, job.spec.recipe, as_of=as_of)
    stale: list[Server] = []

    def judge(clone: Server) -> str:
        recipe = job.recipe(master, clone)
        facts = job.servers.facts(job.spec, clone, recipe, as_of=as_of)
        proof = prove(clone.id, facts, truth, recipe)
        if proof.only_stale:
            stale.append(clone)
            return "its content is older than the master's; it is copied again"
        if not proof.ok:
            raise RemoteFailed(f"the proof failed: {proof.failures}")
        return "proved: " + ", ".join(check.name for check in proof.checks)

    failed = job.each(job.members(servers), "prove", judge)
    return tuple(stale), failed


def put_in_service(job: Job, _action: PutInService) -> Tally:
    """Register all proved clones in one call; take out again whatever does not become healthy."""
    servers = job.tally.sound
    if not servers:
        return job.tally
    job.cloud.put_in_service(job.spec, servers, action=job.action)
    waiting = set(servers)
    for _ in job.pauses(HEALTHY_SECONDS):
        try:
            service = job.cloud.service(job.spec, sorted(waiting))
        except PASSING:
            continue
        waiting -= {server for server, state in service.items() if state is Service.HEALTHY}
        if not waiting:
            return job.tally
    late = sorted(waiting)
    job.ledger.carry_out(
        f"{job.action}/take-out",
        f"take {', '.join(late)} out of service",
        lambda: job.cloud.take_out(job.spec, late, action=f"{job.action}/take-out"),
    )
    minutes = HEALTHY_SECONDS // 60
    why = f"the load balancer did not find it healthy within {minutes} minutes"
    return job.tally.with_failed(dict.fromkeys(late, why))


def quarantine(job: Job, servers: tuple[str, ...]) -> str:
    """Tag failed servers, so that nobody takes them for clones. Returns why it failed; empty if it worked."""
    action = f"{job.action}/quarantine"
    try:
        job.ledger.carry_out(
            action,
            f"quarantine {', '.join(servers)}",
            lambda: job.cloud.quarantine(job.spec, servers, action=action),
        )
    except BotError as error:
        return f"{', '.join(servers)} could not be tagged as quarantined: {error}"
    return ""
