"""Looks at a server that belongs to no fleet yet, and at what is around it. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from bot.aws.instances import read_console
from bot.aws.permissions import needs
from bot.aws.session import Clients, asking
from bot.aws.tags import FLEET, NAME, ROLE, read_tags, where
from bot.aws.targets import find_registered
from bot.domain.errors import BotError, UsageError
from bot.domain.fleet import Role, Server, State
from bot.domain.suggestion.surroundings import Subnet, Surroundings, TargetGroup

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef, RouteTableTypeDef
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_elbv2.type_defs import TargetGroupTypeDef

_SCALING_GROUP = "aws:autoscaling:groupName"
_EVERYWHERE = "0.0.0.0/0"
_WAYS = ("NatGatewayId", "GatewayId", "TransitGatewayId", "InstanceId", "NetworkInterfaceId")


class AwsScout:
    """AWS as the environment says where and who."""

    def __init__(self) -> None:
        self._clients = Clients()

    def region(self, named: str) -> str:
        """The region that was named, or else the environment's. UsageError if there is none."""
        region = named or self._clients.region
        if not region:
            raise UsageError("Say in which AWS region the server is: --region eu-central-1.")
        return region

    def look(self, region: str, server: str) -> Surroundings:
        """Describe a server and its network. BotError if AWS knows no such server there."""
        with asking():
            ec2, elb = self._clients.ec2(region), self._clients.elb(region)
            return _surroundings(_find(ec2, region, server), ec2, elb)

    def host_keys(self, region: str, server: str) -> tuple[str, ...]:
        """The SSH host keys that its console shows."""
        with asking():
            return read_console(self._clients.ec2(region), server)


@needs("ec2:DescribeInstances")
def _find(ec2: EC2Client, region: str, server: str) -> InstanceTypeDef:
    # A filter, since AWS calls an unknown id an error of its own.
    answer = ec2.describe_instances(Filters=where(instance_id=[server]))
    for reservation in answer.get("Reservations", []):
        for instance in reservation.get("Instances", []):
            if State(instance["State"]["Name"]) not in {State.TERMINATED, State.SHUTTING_DOWN}:
                return instance
    raise BotError(
        f"AWS knows no living server {server} in {region}. "
        "Check its id, --region, and the account that AWS_… names."
    )


def _surroundings(
    instance: InstanceTypeDef, ec2: EC2Client, elb: ElasticLoadBalancingv2Client
) -> Surroundings:
    tags, network = read_tags(instance.get("Tags")), instance.get("VpcId", "")
    return Surroundings(
        server=_server(instance),
        name=tags.get(NAME, ""),
        fleet=tags.get(FLEET, ""),
        role=tags.get(ROLE, ""),
        windows=instance.get("Platform", "").lower() == "windows",
        scaling_group=tags.get(_SCALING_GROUP, ""),
        profile=instance.get("IamInstanceProfile", {}).get("Arn", ""),
        tokens_required=instance.get("MetadataOptions", {}).get("HttpTokens") == "required",
        firewalls=tuple((g["GroupId"], g.get("GroupName", "")) for g in instance.get("SecurityGroups", [])),
        subnets=tuple(_subnets(ec2, network)) if network else (),
        target_groups=tuple(_target_groups(elb, network)) if network else (),
    )


def _server(instance: InstanceTypeDef) -> Server:
    return Server(
        id=instance["InstanceId"],
        role=Role.MASTER,
        state=State(instance["State"]["Name"]),
        address=instance.get("PrivateIpAddress", ""),
        type=instance["InstanceType"],
        subnet=instance.get("SubnetId", ""),
        image=instance.get("ImageId", ""),
        launched=instance["LaunchTime"],
    )


@needs("ec2:DescribeSubnets", "ec2:DescribeRouteTables")
def _subnets(ec2: EC2Client, network: str) -> Iterator[Subnet]:
    tables = list(_pages(ec2, "describe_route_tables", "RouteTables", Filters=where(vpc_id=[network])))
    ways = dict(_ways_out(tables))
    for subnet in _pages(ec2, "describe_subnets", "Subnets", Filters=where(vpc_id=[network])):
        yield Subnet(
            id=subnet["SubnetId"],
            zone=subnet.get("AvailabilityZone", ""),
            way_out=ways.get(subnet["SubnetId"], ways.get("", "")),
            public=bool(subnet.get("MapPublicIpOnLaunch")),
            free=int(subnet.get("AvailableIpAddressCount", 0)),
        )


def _ways_out(tables: Iterable[RouteTableTypeDef]) -> Iterator[tuple[str, str]]:
    """By subnet; the empty one stands for those without a table of their own."""
    for table in tables:
        routes = [r for r in table.get("Routes", []) if r.get("DestinationCidrBlock") == _EVERYWHERE]
        targets = (str(route.get(way, "")) for route in routes for way in _WAYS)
        way = next((target.partition("-")[0] for target in targets if target), "")
        for association in table.get("Associations", []):
            yield association.get("SubnetId", ""), way


@needs("elasticloadbalancing:DescribeTargetGroups")
def _target_groups(elb: ElasticLoadBalancingv2Client, network: str) -> Iterator[TargetGroup]:
    found: list[TargetGroupTypeDef] = [
        group
        for group in _pages(elb, "describe_target_groups", "TargetGroups")
        if group.get("VpcId") == network
    ]
    zones = _zones(elb, {arn for group in found for arn in group.get("LoadBalancerArns", [])})
    for group in found:
        arn = group["TargetGroupArn"]
        yield TargetGroup(
            arn=arn,
            name=group.get("TargetGroupName", ""),
            port=int(group.get("Port", 0)),
            health_port=str(group.get("HealthCheckPort", "")),
            health_path=str(group.get("HealthCheckPath", "")),
            kind=str(group.get("TargetType", "")),
            members=tuple(sorted(find_registered(elb, arn))),
            zones=tuple(sorted({z for b in group.get("LoadBalancerArns", []) for z in zones.get(b, ())})),
        )


@needs("elasticloadbalancing:DescribeLoadBalancers")
def _zones(elb: ElasticLoadBalancingv2Client, balancers: set[str]) -> Mapping[str, tuple[str, ...]]:
    """In which zones each load balancer sends requests to servers."""
    if not balancers:
        return {}
    found = _pages(elb, "describe_load_balancers", "LoadBalancers")
    return {
        each["LoadBalancerArn"]: tuple(zone.get("ZoneName", "") for zone in each.get("AvailabilityZones", []))
        for each in found
        if each["LoadBalancerArn"] in balancers
    }


def _pages(client: Any, call: str, key: str, **request: Any) -> Iterator[Any]:
    for page in client.get_paginator(call).paginate(**request):
        yield from page.get(key, [])
