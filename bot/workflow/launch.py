"""Carry out the actions that start servers: where the plan spreads them, then wherever else it allows."""

from dataclasses import replace

from bot.domain.audit import Entry
from bot.domain.book import LAUNCHED
from bot.domain.errors import CloudDenied, CloudError, NoCapacity, QuotaReached
from bot.domain.plan import Launch, LaunchElsewhere
from bot.domain.tally import Tally
from bot.workflow.job import PASSING, Job

_PER_CALL = 100
"""Servers that one RunInstances starts without trouble."""
_CLEAR = {error.__name__: error for error in (NoCapacity, QuotaReached, CloudDenied, CloudError)}
"""What AWS said clearly: nothing was started."""


def launch(job: Job, action: Launch) -> Tally:
    """Start the servers of one subnet. A shortfall there does not stop the others."""
    order = replace(action, image=action.image or job.tally.image)
    try:
        servers = _ask(job, order, job.action)
    except NoCapacity as error:
        return job.tally.with_short(order.place, order.count, str(error))
    except QuotaReached as error:
        return replace(job.tally.with_failed({action.subnet: str(error)}), refused=str(error))
    except CloudError as error:
        tally = job.tally.with_failed({action.subnet: str(error)})
        lost = (job.action,) if isinstance(error, PASSING) else ()
        return replace(tally, unanswered=(*tally.unanswered, *lost))
    return _started(job.tally, order, servers)


def launch_elsewhere(job: Job, action: LaunchElsewhere) -> Tally:
    """Start what is missing in one place after the other, until AWS gave enough or every place was tried."""
    tally, attempts = job.tally, 0
    image = action.image or tally.image
    for order in action.orders:
        while tally.missing and order.place not in tally.short:
            attempts += 1
            action_id = f"{job.action}/{attempts}"
            before = job.ledger.recall(action_id, _CLEAR)
            if tally.refused or (job.cancelled() and not job.ledger.was_begun(action_id)):
                return tally
            wanted = replace(order, image=image, count=min(_PER_CALL, tally.missing))
            tally = _try(job, tally, wanted, action_id, before)
    return tally


def _try(job: Job, tally: Tally, order: Launch, action: str, before: Entry | None) -> Tally:
    """Ask in one more place. What the log tells of it from before a crash is not asked again."""
    try:
        if before is not None:
            servers = _recalled(before)
        else:
            servers = job.ledger.carry_out(
                action,
                str(order),
                lambda: _ask(job, order, action),
                effects=lambda started: {LAUNCHED: list(started)},
            )
    except NoCapacity as error:
        return tally.with_short(order.place, 0, str(error))
    except (QuotaReached, CloudDenied, *PASSING) as error:
        return replace(tally.with_failed({order.place: str(error)}), refused=str(error))
    except CloudError as error:  # this type may not suit the image, another may
        return tally.with_short(order.place, 0, str(error))
    done = _started(replace(tally, missing=tally.missing - order.count), order, servers)
    given = f"{len(servers)} × {order.place}"
    return replace(done, elsewhere=(*tally.elsewhere, given))


def _recalled(outcome: Entry) -> tuple[str, ...]:
    """What an earlier attempt started; raises what AWS refused it with."""
    if refusal := _CLEAR.get(outcome.detail.get("error", "")):
        raise refusal(outcome.text.removeprefix("failed: "))
    return tuple(outcome.detail["result"])


def _ask(job: Job, order: Launch, action: str) -> tuple[str, ...]:
    again = job.ledger.was_begun(action, attempt=2)

    def start() -> tuple[str, ...]:
        return job.cloud.launch(job.spec, order, operation=job.operation, action=action, again=again)

    return job.patiently(start, seconds=job.spec.patience.launch)


def _started(tally: Tally, order: Launch, servers: tuple[str, ...]) -> Tally:
    tally = replace(tally, launched=(*tally.launched, *servers))
    lacking = order.count - len(servers)
    if lacking <= 0:
        return tally
    return tally.with_short(order.place, lacking, f"AWS gave {len(servers)} of {order.count}")
