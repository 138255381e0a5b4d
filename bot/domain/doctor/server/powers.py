"""What uses the powers that AWS gives the master: clones have none of them."""

import re
from collections.abc import Iterator

from bot.domain.doctor.facts import ServerFacts
from bot.domain.doctor.server.check import WARNS, Check, Sign
from bot.domain.doctor.server.recipe import handles_job, handles_unit, may_differ, rewrites
from bot.domain.fleet import FleetSpec

_BY_ROLE = re.compile(
    r"(?i)credential_source\s*=\s*Ec2InstanceMetadata|\biam_role\b|use_instance_profile\b['\"]?\s*[:=]\s*(true|1|yes)"
    r"|169\.254\.169\.254/latest/meta-data/iam|/iam/security-credentials"
)
"""How programs say that they take the role's keys from the metadata service."""


def uses_of_the_role(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Settings, mounts, jobs and services that need the master's IAM role."""
    for place in dict.fromkeys(_places(facts, spec)):
        what = f"{place} takes the powers of the master's IAM role; clones have none, so it fails on them."
        remedy = "Let only the master do it, or name it in recipe.everywhere if clones need it not."
        yield Sign(WARNS, place, what, remedy)


def _places(facts: ServerFacts, spec: FleetSpec) -> Iterator[str]:
    for line in facts.settings:
        settled = may_differ(spec.recipe, line.file) or rewrites(spec, line.file, line.text)
        if _BY_ROLE.search(line.text) and line.file != "/etc/fstab" and not settled:
            yield line.file
    for mount in facts.fstab:
        if _BY_ROLE.search(mount.options) and not may_differ(spec.recipe, mount.where):
            yield mount.where
    for job in facts.jobs:
        if _BY_ROLE.search(f"{job.command} {job.script}") and not handles_job(spec.recipe, job):
            yield job.source
    for unit in facts.units:
        asks = _BY_ROLE.search(f"{unit.command} {unit.script}")
        if asks and not unit.sleeps and not handles_unit(spec.recipe, unit.name):
            yield unit.name


POWERS = (Check("role-in-use", 18, uses_of_the_role, ("settings", "fstab", "jobs", "units")),)
