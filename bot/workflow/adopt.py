"""Carry out the actions of `adopt`. Each is safe to repeat, and returns the new tally."""

from bot.domain.adoption import Claim, MakeBalancer, MakeGroups, Protect, ServeMaster
from bot.domain.errors import CloudError
from bot.domain.moment import lasting
from bot.domain.tally import Tally
from bot.workflow.job import PASSING, Job
from bot.workflow.service import not_healthy

UNDONE_TOGETHER = frozenset({"claim", "make_groups", "make_balancer", "serve_master"})
"""If one of these fails, what the others made is of no use."""


def claim(job: Job, _action: Claim) -> Tally:
    """First of all, so that nobody else takes it, and what it was before is known at every moment."""
    job.patiently(lambda: job.cloud.claim(job.spec, operation=job.operation, action=job.action))
    return job.tally


def make_groups(job: Job, action: MakeGroups) -> Tally:
    """Make the target groups."""

    def make() -> None:
        job.cloud.make_groups(job.spec, action, operation=job.operation, action=job.action)

    job.patiently(make)
    return job.tally


def make_balancer(job: Job, action: MakeBalancer) -> Tally:
    """Make the load balancer, and wait until it takes requests."""

    def make() -> None:
        job.cloud.make_balancer(job.spec, action, operation=job.operation, action=job.action)

    job.patiently(make)
    for _ in job.waits(job.spec.patience.balancer):
        try:
            if job.cloud.balancer_ready(job.spec):
                return job.tally
        except PASSING:
            continue
    raise CloudError(
        f"The load balancer {action.name} was not ready after {lasting(job.spec.patience.balancer)}."
    )


def serve_master(job: Job, action: ServeMaster) -> Tally:
    """Register the master, and wait until the load balancer finds it healthy."""

    def register() -> None:
        job.cloud.put_in_service(job.spec, [action.master], action=job.action)

    job.patiently(register)
    if not_healthy(job, [action.master]):
        health = job.spec.health
        raise CloudError(
            f"The load balancer did not find {action.master} healthy within "
            f"{lasting(job.spec.patience.healthy)}. It asks {health.path} at port {health.port}; "
            "look whether the server answers there, also to the load balancer's addresses."
        )
    return job.tally


def protect(job: Job, action: Protect) -> Tally:
    """Turn its protections on or off."""

    def turn() -> None:
        job.cloud.protect(job.spec, terminate=action.terminate, stop=action.stop, action=job.action)

    job.patiently(turn)
    return job.tally
