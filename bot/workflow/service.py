"""Put clones in service and take out again what serves badly. Each is safe to repeat."""

from collections.abc import Sequence
from datetime import timedelta

from bot.domain.book import RESTING
from bot.domain.errors import BotError, CloudError
from bot.domain.fleet import Service
from bot.domain.moment import lasting
from bot.domain.plan import PutInService
from bot.domain.tally import Tally
from bot.workflow.condition import wrong_with
from bot.workflow.job import PASSING, Job

TAKE_OUT = "take-out"
"""What deregistering is called among the actions of a step."""


def put_in_service(job: Job, _action: PutInService) -> Tally:
    """Register all proved clones in one call; take out again whatever does not become healthy."""
    tally, patience = job.tally, job.spec.patience.healthy
    trouble: BotError | None = None
    for _ in job.pauses(patience):
        if not tally.sound:
            return tally
        try:
            job.cloud.put_in_service(job.spec, tally.sound, action=job.action)
            break
        except PASSING as error:  # AWS says this of servers that are gone, too
            trouble = error
            tally = tally.with_failed(wrong_with(job, tally.sound))
        except CloudError as error:
            return take_out_again(job, tally, tally.sound, f"it could not be put in service: {error}")
    else:
        return take_out_again(job, tally, tally.sound, f"it could not be put in service: {trouble}")
    late = not_healthy(job, tally.sound)
    why = f"the load balancer did not find it healthy within {lasting(patience)}"
    return take_out_again(job, tally, late, why) if late else tally


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


def take_out_again(job: Job, tally: Tally, servers: Sequence[str], why: str) -> Tally:
    """Whatever is not sure to serve well is not to serve; if even that fails, the others still do."""
    tally = tally.with_failed(dict.fromkeys(servers, why))
    trouble = take_out(job, servers)
    return tally.with_warning(trouble) if trouble else tally


def take_out(job: Job, servers: Sequence[str]) -> str:
    """Deregister these at once; requests in flight go on. Returns why that failed; empty if it worked."""
    action, names = f"{job.action}/{TAKE_OUT}", ", ".join(servers)

    def deregister() -> None:
        job.patiently(lambda: job.cloud.take_out(job.spec, servers, action=action))

    try:
        what = f"take {names} out of service"
        job.ledger.carry_out(action, what, deregister, about={RESTING: servers})
    except CloudError as error:
        return f"{names} could not be taken out of service: {error}"
    return ""


def quarantine(job: Job, servers: tuple[str, ...]) -> str:
    """Tag failed servers, so that nobody takes them for clones. Returns why it failed; empty if it worked."""
    action = f"{job.action}/quarantine"

    def tag() -> None:
        until = job.clock.now() + timedelta(seconds=job.spec.patience.quarantine)
        job.patiently(lambda: job.cloud.quarantine(job.spec, servers, until=until, action=action))

    try:
        what = f"quarantine {', '.join(servers)}"
        job.ledger.carry_out(action, what, tag, about={RESTING: servers})
    except BotError as error:
        return f"{', '.join(servers)} could not be tagged as quarantined: {error}"
    return ""
