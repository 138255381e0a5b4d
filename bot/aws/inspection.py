"""What the doctor wants to know of AWS: reads only; each part may be denied by itself."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bot.aws import disks, gates, instances, quotas, targets
from bot.aws.permissions import needs
from bot.aws.words import in_our_words
from bot.domain.doctor.aws.facts import Area, AwsFacts
from bot.domain.doctor.aws.secrets import kinds_of_secrets
from bot.domain.errors import CloudDenied, CloudError
from bot.domain.fleet import FleetSpec, Service, State

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

    from bot.aws.session import KeyService, QuotaService

_MOST_BYTES = 1_000_000
"""Of user data, which has 16 KiB, and more only where it is packed."""


_EVEN = frozenset({"round_robin", "weighted_random"})
"""Algorithms of target groups that do not look how busy a server is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """One look at one master."""

    ec2: EC2Client
    elb: ElasticLoadBalancingv2Client
    kms: Callable[[], KeyService]
    quotas: Callable[[], QuotaService]
    spec: FleetSpec

    def read(self) -> AwsFacts:
        """All that the checks need."""
        instance = instances.find_instance(self.ec2, self.spec)
        values, unread = dict(_read_instance(instance)), {}
        for area, part in self._parts(instance).items():
            try:
                values |= part()
            except ClientError as error:
                denied = in_our_words(error)
                if not isinstance(denied, CloudDenied):
                    raise
                unread[area] = str(denied)
            except CloudError as error:
                unread[area] = str(error)
        return AwsFacts(**values, unread=unread)

    def _parts(self, instance: InstanceTypeDef) -> Mapping[Area, Callable[[], Mapping[str, Any]]]:
        ec2, spec = self.ec2, self.spec
        return {
            Area.USER_DATA: lambda: _read_user_data(ec2, spec),
            Area.ORIGIN: lambda: disks.read_origin(ec2, instance),
            Area.TYPE: lambda: _read_type(ec2, instance["InstanceType"]),
            Area.VOLUMES: lambda: disks.read_volumes(ec2, spec, instance),
            Area.KEYS: lambda: disks.read_keys(ec2, self.kms, spec),
            Area.GROUPS: lambda: gates.read_groups(ec2, spec, instance),
            Area.SUBNETS: lambda: _read_subnets(ec2, spec),
            Area.QUOTAS: lambda: quotas.read_quota(ec2, self.quotas, spec, instance),
            Area.TARGETS: lambda: _read_targets(self.elb, spec),
            Area.IMAGES: lambda: disks.read_clones(ec2, spec),
            Area.SNAPSHOTS: lambda: disks.read_snapshots(ec2, spec),
        }


def _read_instance(instance: InstanceTypeDef) -> Mapping[str, Any]:
    options = instance.get("MetadataOptions", {})
    offers = options.get("HttpEndpoint", "enabled") == "enabled"
    return {
        "master": instance["InstanceId"],
        "type": instance["InstanceType"],
        "state": State(instance["State"]["Name"]),
        "address": instance.get("PrivateIpAddress", ""),
        "product_codes": tuple(code["ProductCodeId"] for code in instance.get("ProductCodes", [])),
        "platform": instance.get("PlatformDetails", ""),
        "profile": instance.get("IamInstanceProfile", {}).get("Arn", ""),
        "asks_without_token": offers and options.get("HttpTokens") == "optional",
        "hops": options.get("HttpPutResponseHopLimit", 1) if offers else 1,
        "root_on_disk": instance.get("RootDeviceType", "ebs") == "ebs",
    }


@needs("ec2:DescribeInstanceAttribute")
def _read_user_data(ec2: EC2Client, spec: FleetSpec) -> Mapping[str, Any]:
    """Whether there is some, and what it seems to hold; the text itself goes no further."""
    answer = ec2.describe_instance_attribute(InstanceId=spec.master, Attribute="userData")
    text = _unpacked(base64.b64decode(answer.get("UserData", {}).get("Value", "")))
    return {"user_data": bool(text.strip()), "secrets": kinds_of_secrets(text)}


def _unpacked(data: bytes) -> str:
    if data.startswith(b"\x1f\x8b"):
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        try:
            data = unpacking.decompress(data, _MOST_BYTES)
        except zlib.error:
            data = b"packed, and damaged"
    return data.decode(errors="replace")


@needs("ec2:DescribeInstanceTypes")
def _read_type(ec2: EC2Client, kind: str) -> Mapping[str, Any]:
    answer = ec2.describe_instance_types(Filters=[{"Name": "instance-type", "Values": [kind]}])
    described = answer.get("InstanceTypes", [])
    return {"instance_store": any(each.get("InstanceStorageSupported", False) for each in described)}


@needs("ec2:DescribeSubnets")
def _read_subnets(ec2: EC2Client, spec: FleetSpec) -> Mapping[str, Any]:
    answer = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": list(spec.subnets)}])
    found = answer.get("Subnets", [])
    return {"free_addresses": {each["SubnetId"]: each["AvailableIpAddressCount"] for each in found}}


@needs("elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:DescribeTargetHealth")
def _read_targets(elb: ElasticLoadBalancingv2Client, spec: FleetSpec) -> Mapping[str, Any]:
    if not spec.target_group:
        return {}
    services = targets.find_services(elb, spec.target_group)
    answer = elb.describe_target_group_attributes(TargetGroupArn=spec.target_group)
    attributes = {each.get("Key"): each.get("Value") for each in answer.get("Attributes", [])}
    return {
        "serving": frozenset(each for each, service in services.items() if service is Service.HEALTHY),
        "evenly": attributes.get("load_balancing.algorithm.type") in _EVEN,
        "slow_start": int(attributes.get("slow_start.duration_seconds") or 0),
    }
