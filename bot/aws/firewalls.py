"""The security group of the load balancer that `adopt` makes, and the rule that lets it reach the site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bot.aws.groups import is_of, taken
from bot.aws.permissions import needs
from bot.aws.tags import FLEET, ROLE, read_tags, where, write_tags
from bot.aws.words import code_of
from bot.domain.adoption import MakeBalancer, front_name
from bot.domain.errors import CloudError, NotThereYet
from bot.domain.fleet import FleetSpec
from bot.domain.front import Part

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef, IpPermissionTypeDef, SecurityGroupTypeDef


@needs("ec2:DescribeSecurityGroups")
def find(ec2: EC2Client, spec: FleetSpec, network: str) -> SecurityGroupTypeDef | None:
    """The group with the name that `adopt` gives, whoever made it."""
    filters = where(group_name=[front_name(spec.name)], vpc_id=[network])
    found = ec2.describe_security_groups(Filters=filters).get("SecurityGroups", [])
    return found[0] if found else None


def is_ours(group: SecurityGroupTypeDef, spec: FleetSpec, only: str = "") -> bool:
    """Whether `adopt`, or `only` this operation of it, made it."""
    tags = read_tags(group.get("Tags"))
    return tags.get(FLEET) == spec.name and is_of(tags, only)


def make(ec2: EC2Client, spec: FleetSpec, order: MakeBalancer, tags: Mapping[str, str]) -> str:
    """Make it, let visitors reach it and let it reach the site; return its id."""
    found = find(ec2, spec, order.network)
    if found and not is_ours(found, spec):
        raise CloudError(taken(spec, f"security group {order.name}"))
    group = found["GroupId"] if found else _create(ec2, spec, order, {**tags, ROLE: Part.BALANCER})
    visitors = _tcp(order.port)
    visitors["IpRanges"] = [{"CidrIp": network, "Description": "visitors"} for network in order.clients]
    _allow(ec2, group, visitors)
    for admitted in order.admitted:
        balancer = _tcp(order.site_port)
        balancer["UserIdGroupPairs"] = [{"GroupId": group, "Description": f"load balancer of {spec.name}"}]
        _allow(ec2, admitted, balancer)
    return group


@needs("ec2:CreateSecurityGroup", "ec2:CreateTags")
def _create(ec2: EC2Client, spec: FleetSpec, order: MakeBalancer, tags: Mapping[str, str]) -> str:
    return ec2.create_security_group(
        GroupName=order.name,
        Description=f"Load balancer of {spec.name}",
        VpcId=order.network,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": write_tags(tags)}],
    )["GroupId"]


def _tcp(port: int) -> IpPermissionTypeDef:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}


@needs("ec2:AuthorizeSecurityGroupIngress")
def _allow(ec2: EC2Client, group: str, rule: IpPermissionTypeDef) -> None:
    try:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    except ClientError as error:
        if code_of(error) != "InvalidPermission.Duplicate":
            raise


@needs("ec2:DeleteSecurityGroup")
def remove(ec2: EC2Client, spec: FleetSpec, network: str, only: str) -> None:
    """Remove it, and the rules that let it in. NotThereYet while the load balancer still holds it."""
    group = find(ec2, spec, network)
    if group is None or not is_ours(group, spec, only):
        return
    _shut_out(ec2, group["GroupId"])
    try:
        ec2.delete_security_group(GroupId=group["GroupId"])
    except ClientError as error:
        if code_of(error) != "DependencyViolation":
            raise
        raise NotThereYet(
            f"AWS still holds the security group {front_name(spec.name)} for the load balancer that is gone, "
            "as it does for some minutes, or somebody uses it elsewhere."
        ) from error


@needs("ec2:DescribeSecurityGroups", "ec2:RevokeSecurityGroupIngress")
def _shut_out(ec2: EC2Client, balancer: str) -> None:
    filters = [{"Name": "ip-permission.group-id", "Values": [balancer]}]
    for group in ec2.describe_security_groups(Filters=filters).get("SecurityGroups", []):  # type: ignore[arg-type]  # a plain filter
        for rule in group.get("IpPermissions", []):
            if any(pair.get("GroupId") == balancer for pair in rule.get("UserIdGroupPairs", [])):
                ec2.revoke_security_group_ingress(
                    GroupId=group["GroupId"], IpPermissions=[_only_for(rule, balancer)]
                )


def _only_for(rule: IpPermissionOutputTypeDef, balancer: str) -> IpPermissionTypeDef:
    """Also one that somebody changed: AWS takes only what is exactly there."""
    only: dict[str, Any] = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule}
    only["UserIdGroupPairs"] = [p for p in rule.get("UserIdGroupPairs", []) if p.get("GroupId") == balancer]
    return only  # type: ignore[return-value]  # a rule, made of plain values
