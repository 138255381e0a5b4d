"""Security groups, subnets, quotas: who reaches clones, whom clones reach, and is there room for them."""

from collections.abc import Iterator

from bot.domain.doctor.aws.facts import ANYBODY, AwsFacts, Opening
from bot.domain.doctor.finding import Finding, Severity
from bot.domain.fleet import FleetSpec


def security_groups(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """Security groups that the fleet file names: they must exist."""
    for group in spec.security_groups:
        if group not in facts.groups:
            yield Finding(
                check="security-group",
                pitfall=21,
                severity=Severity.BLOCKS,
                what="The fleet file names a security group that AWS does not know, so that no clone can "
                "start.",
                where=group,
                remedy=f"Correct `security_groups` of [fleets.{spec.name}] in the fleet file.",
            )


def openings(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """Openings of security groups: what clones let in because the master does."""
    for opening in facts.openings:
        if opening.source == opening.group:
            yield _to_each_other(opening)
        elif opening.source in ANYBODY and not opening.first == opening.last == spec.health.port:
            yield _to_anybody(opening)


def _to_each_other(opening: Opening) -> Finding:
    return Finding(
        check="self-reference",
        pitfall=21,
        severity=Severity.WARNS,
        what=f"Clones carry a security group that lets its own members in at {opening.ports}: each clone "
        "reaches the master and the other clones there, and they it.",
        where=_place(opening),
        remedy="Make a security group for clones, and name it in `security_groups` of the fleet file.",
    )


def _to_anybody(opening: Opening) -> Finding:
    return Finding(
        check="open-port",
        pitfall=21,
        severity=Severity.WARNS,
        what=f"Clones carry a security group that lets anybody in at {opening.ports}, past the load "
        "balancer.",
        where=_place(opening),
        remedy="Make a security group for clones that lets in only the load balancer and the bot, and name "
        "it in `security_groups` of the fleet file.",
    )


def masters_ways(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """Rules of other security groups that let the master in, and no clone."""
    for opening in facts.masters_ways:
        yield Finding(
            check="master-only-access",
            pitfall=21,
            severity=Severity.WARNS,
            what=f"A security group lets the master in at {opening.ports}, and does not let clones in: what "
            "the site reaches there, clones do not.",
            where=_place(opening),
            remedy="Let the clones' security group in as well, or see that clones need it not.",
        )


def room(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """Subnets that do not exist, and too few addresses in those that do."""
    for subnet in spec.subnets:
        if subnet not in facts.free_addresses:
            yield _no_subnet(subnet, spec)
    free = sum(facts.free_addresses.values())
    if facts.free_addresses and free < spec.max_clones - facts.clones:
        yield Finding(
            check="free-addresses",
            pitfall=37,
            severity=Severity.WARNS if free or facts.clones else Severity.BLOCKS,
            what=f"The fleet's subnets have {free} addresses left, and {spec.max_clones - facts.clones} more "
            "clones may be asked for.",
            where=", ".join(spec.subnets),
            remedy="Name more or larger `subnets` in the fleet file, or lower `max_clones`.",
        )


def quota(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """The account's quota of vCPUs, which other servers use as well."""
    wanted = spec.max_clones - facts.clones
    if facts.quota and facts.quota.clones < wanted:
        quota = facts.quota
        yield Finding(
            check="vcpu-quota",
            pitfall=37,
            severity=Severity.WARNS if quota.clones or facts.clones else Severity.BLOCKS,
            what=f"AWS lets the account run {quota.most} vCPUs of this kind, {quota.used} are in use, and a "
            f"clone takes {quota.each}: {quota.clones} more can start, and {wanted} more may be asked for.",
            where=quota.id,
            remedy=f"Ask AWS for a larger quota (Service Quotas, Amazon EC2, {quota.id}), end servers that "
            "nobody needs, or lower `max_clones`.",
        )


def _no_subnet(subnet: str, spec: FleetSpec) -> Finding:
    return Finding(
        check="subnet",
        pitfall=37,
        severity=Severity.BLOCKS,
        what="The fleet file names a subnet that AWS does not know, so that no clone can start there.",
        where=subnet,
        remedy=f"Correct `subnets` of [fleets.{spec.name}] in the fleet file.",
    )


def _place(opening: Opening) -> str:
    return f"{opening.group}: {opening.ports} from {opening.source}"
