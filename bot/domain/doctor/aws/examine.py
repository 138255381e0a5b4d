"""All checks of what AWS says, in the order of the pitfalls."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.domain.doctor.aws import machine, network, storage
from bot.domain.doctor.aws.facts import Area, AwsFacts
from bot.domain.doctor.finding import Examination, Finding, NotChecked
from bot.domain.fleet import FleetSpec


@dataclass(frozen=True, slots=True)
class Check:
    """One check, and which part of the look it needs; the instance itself is always there."""

    name: str
    pitfall: int
    judge: Callable[[AwsFacts, FleetSpec], Iterable[Finding]]
    area: Area | None = None
    also: tuple[str, ...] = ()
    """Names of its findings, where they have some of their own."""


CHECKS = (
    Check("user-data", 3, machine.user_data, Area.USER_DATA),
    Check("product-code", 15, machine.product_codes, Area.ORIGIN),
    Check("licence-included", 15, machine.licence),
    Check("iam-role", 18, machine.role),
    Check("security-group", 21, network.security_groups, Area.GROUPS),
    Check("open-port", 21, network.openings, Area.GROUPS, ("self-reference",)),
    Check("master-only-access", 21, network.masters_ways, Area.GROUPS),
    Check("root-device", 22, storage.root_device),
    Check("instance-store", 22, storage.instance_store, Area.TYPE),
    Check("data-volume", 22, storage.volumes, Area.VOLUMES, ("shared-volume",)),
    Check("lone-master", 24, machine.lone_master, Area.TARGETS),
    Check("cold-disk", 25, machine.cold_disks, Area.TARGETS),
    Check("deleted-image", 36, storage.images, Area.IMAGES),
    Check("free-addresses", 37, network.room, Area.SUBNETS, ("subnet",)),
    Check("vcpu-quota", 37, network.quota, Area.QUOTAS),
    Check("encryption-key", 38, storage.keys, Area.KEYS),
    Check("user-data-secrets", 39, machine.secrets_in_user_data, Area.USER_DATA),
    Check("metadata-service", 39, machine.metadata),
    Check("masters-share", 44, machine.share_of_requests, Area.TARGETS),
    Check("stopped-master", 47, machine.stopped),
    Check("forgotten-snapshot", 47, storage.forgotten_snapshots, Area.SNAPSHOTS),
    Check("forgotten-volume", 47, storage.forgotten_volumes, Area.VOLUMES),
)

_QUOTAS = NotChecked(
    check="other-quotas",
    pitfall=37,
    why="How many snapshots and targets the account may have, and how often AWS may be called, is not asked: "
    "a fleet comes near none of AWS's own figures. Where it does, AWS says so, and a plan then stops.",
)


def examine_aws(facts: AwsFacts, spec: FleetSpec) -> Examination:
    """Judge what AWS says; what it did not show is not checked."""
    looked = [check for check in CHECKS if check.area not in facts.unread]
    return Examination(
        findings=tuple(finding for check in looked for finding in check.judge(facts, spec)),
        not_checked=(*(_not(check, facts) for check in CHECKS if check not in looked), _QUOTAS),
    )


def _not(check: Check, facts: AwsFacts) -> NotChecked:
    why = facts.unread[check.area] if check.area else ""
    return NotChecked(check=check.name, pitfall=check.pitfall, why=why)
