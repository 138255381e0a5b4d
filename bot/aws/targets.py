"""Target groups: who serves, who may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bot.aws.permissions import needs
from bot.aws.tags import batches
from bot.domain.fleet import Service

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_elbv2.type_defs import TargetDescriptionTypeDef, TargetHealthDescriptionTypeDef

_SERVICES: Mapping[str, Service] = {
    "initial": Service.STARTING,
    "healthy": Service.HEALTHY,
    "unhealthy": Service.UNHEALTHY,
    "unhealthy.draining": Service.DRAINING,
    "draining": Service.DRAINING,
    "unused": Service.OUT,
    "unavailable": Service.UNHEALTHY,
}
# A server may be registered on several ports: it counts as what it does most for the people outside.
_STRONGEST = (Service.HEALTHY, Service.STARTING, Service.DRAINING, Service.UNHEALTHY, Service.OUT)


@needs("elasticloadbalancing:DescribeTargetHealth")
def find_services(elb: ElasticLoadBalancingv2Client, group: str) -> dict[str, Service]:
    """Every server that is or was just registered, and whether it gets requests; none without a group."""
    services: dict[str, Service] = {}
    for target in _describe(elb, group):
        server, service = target["Target"]["Id"], _read_service(target)
        services[server] = min(service, services.get(server, service), key=_STRONGEST.index)
    return services


@needs("elasticloadbalancing:DescribeTargetHealth")
def find_registered(elb: ElasticLoadBalancingv2Client, group: str) -> set[str]:
    """The servers that are registered and not on their way out."""
    return {target["Target"]["Id"] for target in _describe(elb, group) if _stays(target)}


@needs("elasticloadbalancing:RegisterTargets")
def register(elb: ElasticLoadBalancingv2Client, group: str, servers: Sequence[str]) -> None:
    """Add servers to the group. Those that are in it stay as they are."""
    for batch in batches(servers):
        elb.register_targets(TargetGroupArn=group, Targets=[{"Id": server} for server in batch])


@needs("elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:DescribeTargetHealth")
def deregister(elb: ElasticLoadBalancingv2Client, group: str, servers: Sequence[str]) -> None:
    """Take servers out of the group, on whatever ports they are in it. Draining ones stay as they are."""
    going = [_port(t) for t in _describe(elb, group) if t["Target"]["Id"] in set(servers) and _stays(t)]
    for batch in batches(going):
        elb.deregister_targets(TargetGroupArn=group, Targets=list(batch))


def _describe(elb: ElasticLoadBalancingv2Client, group: str) -> list[TargetHealthDescriptionTypeDef]:
    if not group:
        return []
    return elb.describe_target_health(TargetGroupArn=group).get("TargetHealthDescriptions", [])


def _read_service(target: TargetHealthDescriptionTypeDef) -> Service:
    return _SERVICES.get(target["TargetHealth"].get("State", ""), Service.UNHEALTHY)


def _stays(target: TargetHealthDescriptionTypeDef) -> bool:
    gone = target["TargetHealth"].get("Reason") == "Target.NotRegistered"
    return not gone and _read_service(target) is not Service.DRAINING


def _port(target: TargetHealthDescriptionTypeDef) -> TargetDescriptionTypeDef:
    server, port = target["Target"]["Id"], target["Target"].get("Port")
    return {"Id": server, "Port": port} if port else {"Id": server}
