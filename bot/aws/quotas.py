"""What the account may still start: its quota of vCPUs, and what already runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bot.aws import instances
from bot.aws.permissions import needs
from bot.aws.session import asking
from bot.aws.tags import batches, where
from bot.aws.words import code_of
from bot.domain.doctor.aws.facts import Quota
from bot.domain.errors import CloudError
from bot.domain.fleet import FleetSpec

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

    from bot.aws.session import QuotaService

_SERVICE = "ec2"
_PATIENCE = 5.0
"""Seconds: without an answer all else that the doctor asks is still worth knowing."""
STANDARD = "L-1216C47A"
"""Service Quotas' name of the vCPUs of running On-Demand servers of families A, C, D, H, I, M, R, T and Z."""
_OF_OTHER_FAMILIES: Mapping[str, str] = {
    "dl": "L-6E869C2A",
    "f": "L-74FC7D96",
    "g": "L-DB2E81BA",
    "gr": "L-DB2E81BA",
    "hpc": "L-F7808C92",
    "inf": "L-1945791B",
    "p": "L-417A185B",
    "trn": "L-2C3B7624",
    "u": "L-43DA4232",
    "vt": "L-DB2E81BA",
    "x": "L-7295265B",
}
"""From the list of EC2's endpoints and quotas in AWS's General Reference."""


@needs("servicequotas:GetServiceQuota")
def find_quota(quotas: QuotaService, code: str) -> float:
    """How many vCPUs the account may run. CloudError if AWS names no such quota here."""
    try:
        answer = quotas.get_service_quota(ServiceCode=_SERVICE, QuotaCode=code)
    except ClientError as error:
        if code_of(error) != "NoSuchResourceException":
            raise
        raise CloudError(f"AWS names no quota {code} in this region.") from error
    return float(answer["Quota"]["Value"])


@needs("ec2:DescribeInstanceTypes")
def read_quota(
    ec2: EC2Client, quotas: Callable[[], QuotaService], spec: FleetSpec, master: InstanceTypeDef
) -> Mapping[str, Any]:
    """The quota that clones count for; Spot and Dedicated Hosts have others.

    Raises CloudError if it cannot be known: its service has an address of its own, which some cannot reach.
    """
    kind = spec.instance_type or master["InstanceType"]
    code = _quota_of(kind)
    counted = Counter(
        each["InstanceType"]
        for each in instances.find_running(ec2)
        if _on_demand(each) and _quota_of(each["InstanceType"]) == code
    )
    sizes = _sizes(ec2, {kind, *counted})
    if kind not in sizes:
        raise CloudError(f"AWS does not describe the instance type {kind} in this region.")
    service = quotas()  # making a client takes long where others are busy, and asks nobody
    with asking(patience=_PATIENCE):
        most = int(find_quota(service, code))
    used = sum(count * sizes.get(each, 0) for each, count in counted.items())
    return {"quota": Quota(id=code, most=most, used=used, each=sizes[kind])}


def _quota_of(kind: str) -> str:
    family = re.match("[a-z]*", kind)
    return _OF_OTHER_FAMILIES.get(family.group() if family else "", STANDARD)


def _on_demand(instance: InstanceTypeDef) -> bool:
    on_a_host = instance.get("Placement", {}).get("Tenancy") == "host"
    return not instance.get("InstanceLifecycle") and not on_a_host


def _sizes(ec2: EC2Client, kinds: Iterable[str]) -> Mapping[str, int]:
    """The vCPUs of each type: those that it has by default count, whatever a server was started with."""
    pages = (
        page
        for batch in batches(sorted(kinds))
        for page in ec2.get_paginator("describe_instance_types").paginate(Filters=where(instance_type=batch))
    )
    return {
        each["InstanceType"]: each["VCpuInfo"]["DefaultVCpus"]
        for page in pages
        for each in page["InstanceTypes"]
    }
