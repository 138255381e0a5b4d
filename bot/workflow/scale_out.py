"""Carry out the actions that add clones. Each is safe to repeat, and returns the new tally."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.domain.errors import (
    BotError,
    CloudError,
    HostKeyMismatch,
    RemoteFailed,
    ServerError,
    UnsafeSource,
)
from bot.domain.fleet import Server, Service, State
from bot.domain.moment import lasting
from bot.domain.plan import Bake, Boot, Launch, Prepare, Prove, PutInService, RouteWrites, Sync
from bot.domain.proof import prove
from bot.domain.recipe import fill
from bot.domain.tally import Tally
from bot.workflow.job import PASSING, Job

_COMING = frozenset({State.PENDING, State.RUNNING})
_MASTER_SECONDS = 60
"""How long a master that does not answer holds up the proof of its clones before that fails."""
_MOMENT_SECONDS = 60
"""How long AWS is asked again to set aside what went wrong."""
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

    image = job.patiently(job.spec.patience.launch, begin)
    for _ in job.waits(job.spec.patience.bake):
        try:
            if job.cloud.image_ready(job.spec, image):
                return replace(job.tally, image=image)
        except PASSING:
            continue
    raise CloudError(f"The image {image} was not ready after {lasting(job.spec.patience.bake)}.")


def launch(job: Job, action: Launch) -> Tally:
    """Start the servers of one subnet. A shortfall there does not stop the others."""
    order = replace(action, image=action.image or job.tally.image)

    def start() -> tuple[str, ...]:
        return job.cloud.launch(job.spec, order, operation=job.operation, action=job.action)

    try:
        servers = job.patiently(job.spec.patience.launch, start)
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
    for _ in job.waits(job.spec.patience.boot):
        seen = _described(job, waiting)
        failed.update({s.id: f"it is {s.state}" for s in seen if s.state not in _COMING})
        late, strangers = _reach(job, [server for server in seen if server.state is State.RUNNING])
        why.update(late)
        failed.update(strangers)
        waiting = {server for server in waiting if why[server] and server not in failed}
        if not waiting:
            return job.tally.with_failed(failed)
    waited = lasting(job.spec.patience.boot)
    too_late = {server: f"{why[server]} (waited {waited})" for server in sorted(waiting)}
    return job.tally.with_failed({**failed, **too_late})


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


def _able(job: Job, servers: Sequence[str]) -> tuple[tuple[Server, ...], Mapping[str, str]]:
    """Those of these servers that run; and what is wrong with the others."""
    found = {server.id: server for server in job.members(servers)}
    wrong = {server: "AWS does not know it any more" for server in servers if server not in found}
    wrong |= {s.id: f"it is {s.state}" for s in found.values() if s.state is not State.RUNNING}
    return tuple(server for server in found.values() if server.id not in wrong), wrong


def prepare(job: Job, action: Prepare) -> Tally:
    """Apply the recipe to each."""
    master = job.master()

    def apply(server: Server) -> None:
        recipe = fill(action.recipe, master_address=master.address, clone_address=server.address)
        job.servers.prepare(job.spec, server, recipe)

    clones, wrong = _able(job, job.tally.sound)
    return job.tally.with_failed({**wrong, **job.each(clones, "prepare", apply)})


def sync(job: Job, action: Sync) -> Tally:
    """Copy the content to the new clones; or bring every clone up to date, where failing does no harm."""
    if action.everyone:
        return _catch_up(job)
    clones, wrong = _able(job, job.tally.sound)
    return job.tally.with_failed({**wrong, **copy_content(job, clones, job.action)})


def _catch_up(job: Job) -> Tally:
    """Bring every clone up to date. They serve already, and go on serving if this fails."""
    tally = job.tally
    try:
        clones = [clone for clone in job.cloud.look(job.spec).clones if clone.state is State.RUNNING]
        failed = copy_content(job, tuple(clones), job.action)
    except BotError as error:
        return tally.with_warning(f"The clones could not be brought up to date: {error}")
    for server, why in failed.items():
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
        began = job.patiently(_MASTER_SECONDS, lambda: job.servers.clock(job.spec, master))
        stale, failed = _judge(job, master, tally.sound, copied_since if number > 1 else 0)
        tally = tally.with_failed(failed)
        if not stale:
            return tally
        if number == _PROOF_ROUNDS - 1:
            break
        copied_since = began
        tally = tally.with_failed(copy_content(job, stale, f"{job.action}.again{number + 1}"))
    return tally.with_failed({clone.id: "its content differs from the master's" for clone in stale})


def _judge(
    job: Job, master: Server, servers: tuple[str, ...], as_of: int
) -> tuple[tuple[Server, ...], Mapping[str, str]]:
    """Which of these are only stale, and which failed, and why."""
    truth = job.patiently(
        _MASTER_SECONDS, lambda: job.servers.facts(job.spec, master, job.spec.recipe, as_of=as_of)
    )
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

    clones, wrong = _able(job, servers)
    failed = {**wrong, **job.each(clones, "prove", judge)}
    return tuple(stale), failed


def put_in_service(job: Job, _action: PutInService) -> Tally:
    """Register all proved clones in one call; take out again whatever does not become healthy."""
    _, wrong = _able(job, job.tally.sound)
    tally = job.tally.with_failed(wrong)
    servers, patience = tally.sound, job.spec.patience.healthy
    if not servers:
        return tally
    try:
        job.patiently(patience, lambda: job.cloud.put_in_service(job.spec, servers, action=job.action))
    except CloudError as error:
        return _take_out_again(job, tally, servers, f"it could not be put in service: {error}")
    late = not_healthy(job, servers)
    why = f"the load balancer did not find it healthy within {lasting(patience)}"
    return _take_out_again(job, tally, late, why) if late else tally


def not_healthy(job: Job, servers: Sequence[str]) -> tuple[str, ...]:
    """Wait until the load balancer finds these healthy; return those that it does not."""
    waiting = set(servers)
    for _ in job.waits(job.spec.patience.healthy):
        try:
            service = job.cloud.service(job.spec, sorted(waiting))
        except CloudError:
            continue
        waiting -= {server for server, state in service.items() if state is Service.HEALTHY}
        if not waiting:
            break
    return tuple(sorted(waiting))


def _take_out_again(job: Job, tally: Tally, servers: Sequence[str], why: str) -> Tally:
    """Whatever is not sure to serve well is not to serve; if even that fails, the others still do."""
    tally, action = tally.with_failed(dict.fromkeys(servers, why)), f"{job.action}/take-out"

    def take_out() -> None:
        job.patiently(_MOMENT_SECONDS, lambda: job.cloud.take_out(job.spec, servers, action=action))

    try:
        job.ledger.carry_out(action, f"take {', '.join(servers)} out of service", take_out)
    except CloudError as error:
        return tally.with_warning(f"{', '.join(servers)} could not be taken out of service: {error}")
    return tally


def quarantine(job: Job, servers: tuple[str, ...]) -> str:
    """Tag failed servers, so that nobody takes them for clones. Returns why it failed; empty if it worked."""
    action = f"{job.action}/quarantine"

    def tag() -> None:
        job.patiently(_MOMENT_SECONDS, lambda: job.cloud.quarantine(job.spec, servers, action=action))

    try:
        job.ledger.carry_out(action, f"quarantine {', '.join(servers)}", tag)
    except BotError as error:
        return f"{', '.join(servers)} could not be tagged as quarantined: {error}"
    return ""
