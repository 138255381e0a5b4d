"""Copy the master's content to clones, and prove what they hold. Each is safe to repeat."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from bot.domain.audit import Kind
from bot.domain.errors import BotError, HostKeyMismatch, RemoteFailed, ServerError, UnsafeSource
from bot.domain.fleet import Role, Server, State
from bot.domain.identity import Identity, identity
from bot.domain.plan import Prove, Sync
from bot.domain.proof import Facts, Proof, prove
from bot.domain.proof_log import LastProof, read_proofs, subject, summed_up, ticks, write_proofs
from bot.domain.reach import Place, databases
from bot.domain.tally import Tally
from bot.domain.wider import Beside, widen
from bot.workflow import condition
from bot.workflow.job import Job

_PULLS_AT_ONCE = 8
"""A master's sshd turns some away as soon as ten have not logged in yet (MaxStartups), its admins too."""
_NOTHING_ARRIVES = "its content differs from the master's, and copying that changes nothing there"
_PROOF_ROUNDS = 4
"""The first ones demand equality; later ones overlook what was written since the last copy."""


def sync(job: Job, action: Sync) -> Tally:
    """Copy the content to the new clones; or bring every clone up to date, where failing does no harm."""
    if action.everyone:
        return _catch_up(job)
    clones, wrong = condition.able(job, job.tally.sound)
    held = job.tally.version or action.version
    if held and held == version_now(job):
        failed = _keep(job, clones)
        clones = tuple(clone for clone in clones if clone.id in failed)
    failed = copy_content(job, clones, job.action)
    return _with_unjudged(job.tally.with_failed(wrong), condition.explained(job, failed))


def _with_unjudged(tally: Tally, unknown: Mapping[str, str]) -> Tally:
    """New servers of which nobody knows whether they are sound may not serve, and condemn no image."""
    return replace(tally.with_failed(unknown), unknown={**tally.unknown, **unknown})


def version_now(job: Job) -> str:
    """Of the master's content; empty if nobody knows."""
    try:
        return job.servers.content_version(job.spec, job.master(), job.spec.content)
    except BotError:
        return ""


def _keep(job: Job, clones: tuple[Server, ...]) -> Mapping[str, str]:
    """Nothing changed on the master since their image was begun, so that nothing is to be copied."""

    def keep(clone: Server) -> str:
        job.servers.remember_content(job.spec, clone, job.spec.content)
        return "nothing was changed on the master since its image"

    return job.each(clones, "sync", keep)


def _catch_up(job: Job) -> Tally:
    """Bring every clone up to date. They serve already, and go on serving if this fails."""
    tally = job.tally
    try:
        equal = tally.sound if _is_as_proved(job) else ()
        clones = tuple(clone for clone in _clones(job) if clone.id not in {*tally.failed, *equal})
        failed = condition.explained(job, copy_content(job, clones, job.action))
    except BotError as error:
        return tally.with_warning(f"The clones could not be brought up to date: {error}")
    for server, why in failed.items():
        tally = tally.with_warning(f"{server} could not be brought up to date: {why}.")
    return tally


def _is_as_proved(job: Job) -> bool:
    """Whether the master still holds just what the new clones were proved to hold."""
    master, content = job.master(), job.tally.content
    return bool(content) and job.servers.facts(job.spec, master, job.spec.recipe).content == content


def _clones(job: Job) -> Sequence[Server]:
    """Every clone of the fleet that runs."""
    if not job.seen.whole:
        job.seen.remember(job.cloud.members(job.spec).clones)
        job.seen.whole = True
    seen = job.seen.servers.values()
    return [each for each in seen if each.role is Role.CLONE and each.state is State.RUNNING]


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
        failed.update(job.each(able, "sync", pull, most=_PULLS_AT_ONCE))
    except UnsafeSource:
        raise
    except ServerError as error:
        failed.update({clone.id: str(error) for clone in clones})
    finally:
        job.quietly(f"{sync_id}/withdraw", "remove the keys of this sync", withdraw)
    return failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of judging servers."""

    content: str = ""
    """Fingerprint of what all that passed hold; empty where what was written meanwhile was overlooked."""
    proofs: Mapping[str, Proof] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    """Those that failed, and why."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Those that could not be judged, and why."""
    identities: Mapping[str, Identity] = field(default_factory=dict)
    """Who those are that were looked at."""

    def left(self, servers: Iterable[str]) -> tuple[str, ...]:
        """Those of these with which nothing is wrong so far."""
        return tuple(each for each in servers if each not in self.failed and each not in self.unknown)

    def with_stale(self, servers: Iterable[str], why: str) -> "Judged":
        """These got stale and could not be helped: what was proved of them, or of who is unknown, is over."""
        failed = dict.fromkeys(servers, why)
        proofs = {each: proof for each, proof in self.proofs.items() if each not in {*failed, *self.unknown}}
        return replace(self, failed={**self.failed, **failed}, proofs=proofs)

    def __add__(self, more: "Judged") -> "Judged":
        """What is known after `more`, too."""
        return Judged(
            content=more.content,
            proofs={**self.proofs, **more.proofs},
            failed={**self.failed, **more.failed},
            unknown={**self.unknown, **more.unknown},
            identities={**self.identities, **more.identities},
        )


def prove_each(job: Job, action: Prove) -> Tally:
    """Judge each new clone."""
    judged = judge_each(job, job.tally.sound, serve=action.serve)
    tally = _with_unjudged(job.tally, judged.unknown).with_failed(judged.failed)
    return replace(tally, content=judged.content or tally.content)


def judge_each(job: Job, servers: Sequence[str], *, serve: bool = True) -> Judged:
    """Judge each of these, which are to serve or not.

    Content that changed on the master meanwhile is copied again, a few times.
    A master that is written to all the time never equals its copy; then what it held when the last copy
    began counts.
    """
    judged, master = Judged(), job.master()
    stale: Mapping[Server, str] = {}
    truth, copied_since = "", 0
    for number in range(_PROOF_ROUNDS):
        began = job.patiently(lambda: job.servers.clock(job.spec, master))
        as_of = copied_since if number > 1 else 0
        more, held = _judge(job, master, judged.left(servers), as_of, serve=serve)
        judged += more
        # Else a file that is new, and written again just now, would hide that nothing ever arrives.
        same = bool(truth) and more.content == truth
        deaf = [clone for clone, what in held.items() if same and stale.get(clone) == what]
        judged = judged.with_stale((clone.id for clone in deaf), _NOTHING_ARRIVES)
        truth, stale = more.content, {clone: what for clone, what in held.items() if clone not in deaf}
        if not stale or number == _PROOF_ROUNDS - 1:
            break
        copied_since = began
        judged += Judged(unknown=copy_content(job, tuple(stale), f"{job.action}.again{number + 1}"))
    judged = judged.with_stale((clone.id for clone in stale), "its content differs from the master's")
    tell(job, judged)
    return judged


def _judge(
    job: Job, master: Server, servers: tuple[str, ...], as_of: int, *, serve: bool
) -> tuple[Judged, Mapping[Server, str]]:
    """One round; and which of these are only stale, with the fingerprint of what they hold."""
    clones, wrong = condition.able(job, servers)
    with ThreadPoolExecutor(1) as pool:
        look = partial(job.servers.facts, job.spec, master, job.spec.recipe, as_of=as_of)
        asked = pool.submit(job.patiently, look)
        looks = _look(job, master, clones, as_of)
        truth = asked.result()
    routed, proofs = job.routed() if clones and serve else None, dict[str, Proof]()
    stale: dict[Server, str] = {}
    seen = {each: identity(look) for each, look in looks.items() if isinstance(look, Facts)}
    others = {**_proved_before(job), **seen} if seen else {}

    def judge(clone: Server) -> str:
        facts = looks[clone.id]
        if isinstance(facts, BotError):
            raise facts
        recipe = job.recipe(master, clone)
        proof = prove(clone.id, facts, truth, recipe, relay=job.relay(master))
        reach = databases(recipe, master.address)
        reached = _reached(job, clone, reach)
        closed = frozenset(reach) - _reached(job, master, [each for each in reach if each not in reached])
        beside = Beside(
            others=others, reach=reach, reached=reached, closed=closed, guarded=clone.guarded, routed=routed
        )
        proof = widen(proof, facts, truth, beside)
        if proof.only_common:
            raise RemoteFailed(f"the master fails as well: {proof.failures}")
        if proof.only_stale:
            stale[clone] = facts.content
            return "its content is older than the master's; it is copied again"
        proofs[clone.id] = proof
        if not proof.ok:
            raise RemoteFailed(f"the proof failed: {proof.failures}")
        return "proved: " + ", ".join(check.name for check in proof.checks)

    wrong = {**wrong, **condition.explained(job, job.each(clones, "prove", judge))}
    failed = {each: why for each, why in wrong.items() if each in proofs or _is_another(looks.get(each))}
    judged = Judged(
        content="" if as_of else truth.content,
        proofs=proofs,
        failed=failed,
        unknown={each: why for each, why in wrong.items() if each not in failed},
        identities=seen,
    )
    return judged, stale


def _reached(job: Job, server: Server, places: Sequence[Place]) -> frozenset[Place]:
    return job.servers.reaches(job.spec, server, places) if places else frozenset()


def _proved_before(job: Job) -> Mapping[str, Identity]:
    """Who those were that were proved last when they were judged last."""
    proofs = read_proofs(job.ledger.newest(Kind.PROVED, subject(job.spec.name)))
    return {each: last.identity for each, last in proofs.items() if not last.why}


def _is_another(look: Facts | BotError | None) -> bool:
    """It answers, and is not the server that it should be."""
    return isinstance(look, HostKeyMismatch)


def _look(job: Job, master: Server, clones: tuple[Server, ...], as_of: int) -> Mapping[str, Facts | BotError]:
    """What each says of itself, or why it says nothing."""
    relay = job.relay(master)

    def look(clone: Server) -> Facts | BotError:
        try:
            recipe = job.recipe(master, clone)
            return job.servers.facts(job.spec, clone, recipe, as_of=as_of, relay=relay)
        except BotError as error:
            return error

    found = zip(clones, job.at_once(clones, look), strict=True)
    return {clone.id: facts for clone, facts in found}


def tell(job: Job, judged: Judged) -> None:
    """Say in the thread what was checked, and let the log remember when each was judged last."""
    if not (judged.proofs or judged.failed or judged.unknown):
        return
    job.say(ticks(dict(sorted(judged.proofs.items())), judged.failed, judged.unknown))
    at = job.clock.now()
    last = {
        each: LastProof(
            at=at, why=judged.failed.get(each, ""), identity=judged.identities.get(each, frozenset())
        )
        for each in (*judged.proofs, *judged.failed)
    }
    if last:
        job.ledger.file(
            Kind.PROVED,
            subject(job.spec.name),
            key=f"{job.action}:{Kind.PROVED}:{at.isoformat()}",
            text=f"{job.spec.name}: {summed_up(last)}",
            change=lambda before: write_proofs({**read_proofs(before), **last}),
        )
