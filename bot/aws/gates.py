"""What the doctor wants to know of security groups."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bot.aws.permissions import needs
from bot.domain.doctor.aws.facts import Opening
from bot.domain.fleet import FleetSpec

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef, IpPermissionOutputTypeDef, SecurityGroupTypeDef

_WITH_PORTS = frozenset({"tcp", "udp", "6", "17"})
_ALL = "-1"


@needs("ec2:DescribeSecurityGroups")
def read_groups(ec2: EC2Client, spec: FleetSpec, instance: InstanceTypeDef) -> Mapping[str, Any]:
    """What the groups of clones let in, and what others let in from the master alone."""
    masters = {group["GroupId"] for group in instance.get("SecurityGroups", [])}
    wanted = set(spec.security_groups) or masters
    carried = _describe(ec2, "group-id", wanted)
    address = instance.get("PrivateIpAddress", "")
    named = _describe(ec2, "ip-permission.cidr", {f"{address}/32"} if address else ())
    named += _describe(ec2, "ip-permission.group-id", masters - wanted)
    others = {group["GroupId"]: group for group in named if group["GroupId"] not in masters | wanted}
    only = {f"{address}/32", *(masters - wanted)}
    return {
        "groups": tuple(sorted(group["GroupId"] for group in carried)),
        "openings": tuple(opening for group in carried for opening in _openings(group)),
        "masters_ways": tuple(
            way for group in others.values() for way in _ways(group, only, wanted, address)
        ),
    }


def _describe(ec2: EC2Client, name: str, values: Collection[str]) -> list[SecurityGroupTypeDef]:
    if not values:
        return []
    pages = ec2.get_paginator("describe_security_groups").paginate(
        Filters=[{"Name": name, "Values": sorted(values)}]
    )
    return [group for page in pages for group in page.get("SecurityGroups", [])]


def _openings(group: SecurityGroupTypeDef) -> Iterator[Opening]:
    for rule in _rules(group):
        for source in _sources(rule):
            yield _opening(group, rule, source)


def _ways(
    group: SecurityGroupTypeDef, only: Collection[str], wanted: Collection[str], address: str
) -> Iterator[Opening]:
    """What lets in the master by its address or its group, where the same rule lets in no clone."""
    for rule in _rules(group):
        sources = set(_sources(rule))
        wider = any(_holds(source, address) for source in sources - set(only))
        if not wider and not sources & set(wanted):
            for source in sorted(sources & set(only)):
                yield _opening(group, rule, source)


def _rules(group: SecurityGroupTypeDef) -> Iterator[IpPermissionOutputTypeDef]:
    for rule in group.get("IpPermissions", []):
        if rule.get("IpProtocol") in {_ALL, *_WITH_PORTS}:
            yield rule


def _sources(rule: IpPermissionOutputTypeDef) -> Iterator[str]:
    yield from (each["CidrIp"] for each in rule.get("IpRanges", []) if "CidrIp" in each)
    yield from (each["CidrIpv6"] for each in rule.get("Ipv6Ranges", []) if "CidrIpv6" in each)
    yield from (each["GroupId"] for each in rule.get("UserIdGroupPairs", []) if "GroupId" in each)


def _holds(source: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(source, strict=False)
    except ValueError:  # a group, or a master without address
        return False


def _opening(group: SecurityGroupTypeDef, rule: IpPermissionOutputTypeDef, source: str) -> Opening:
    whole = rule.get("IpProtocol") == _ALL
    return Opening(
        group=group["GroupId"],
        first=0 if whole else rule.get("FromPort", 0),
        last=65535 if whole else rule.get("ToPort", 65535),
        source=source,
    )
