"""Service Quotas, as far as moto lacks it: how many vCPUs the account may run."""

import json
from collections.abc import Iterable
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance
from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from bot.lab.aws.faults import Faults

VCPUS = "L-1216C47A"
"""AWS's name of the quota of On-Demand servers of the usual families."""


class LabQuotas(ServiceQuotasBackend):
    """One region's."""

    faults: Faults

    def get_service_quota(self, service_code: str, quota_code: str) -> dict[str, Any]:
        """The quota of vCPUs, and what moto knows."""
        if (service_code, quota_code) != ("ec2", VCPUS):
            return super().get_service_quota(service_code, quota_code)
        return {
            "ServiceCode": service_code,
            "QuotaCode": quota_code,
            "QuotaName": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
            "Value": float(self.faults.vcpus),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


class LabQuotaAnswers(ServiceQuotasResponse):
    """Service Quotas' answers in the protocol that it speaks."""

    def get_service_quota(self) -> str:
        """One quota."""
        asked = json.loads(self.body)
        return json.dumps({"Quota": self.backend.get_service_quota(asked["ServiceCode"], asked["QuotaCode"])})


def vcpus_of(instances: Iterable[Instance]) -> int:
    """What these servers count for."""
    return sum(size_of(instance.instance_type) for instance in instances)


def size_of(kind: str) -> int:
    """The vCPUs of a type, as it comes; none of one that there is not."""
    return int(INSTANCE_TYPES[kind]["VCpuInfo"]["DefaultVCpus"]) if kind in INSTANCE_TYPES else 0
