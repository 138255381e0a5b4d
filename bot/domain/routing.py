"""Whether the load balancer sends every write to the master alone, and what is to be done if it does not."""

from bot.domain.fleet import Fleet
from bot.domain.plan import RouteWrites


def missing_rules(fleet: Fleet) -> tuple[RouteWrites, ...]:
    """What makes the rules that are missing; nothing where the clones themselves pass writes on."""
    writes = fleet.spec.writes
    if not writes.need_group or fleet.writes_routed:
        return ()
    rules = RouteWrites(
        target_group=fleet.spec.target_group,
        writes_group=writes.target_group,
        master=fleet.master.id,
        methods=writes.methods,
        prefixes=writes.prefixes,
    )
    return (rules,)
