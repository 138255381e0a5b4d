"""The load balancer and its listener that `adopt` makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bot.aws.groups import is_of, tags_of, taken
from bot.aws.permissions import needs
from bot.aws.tags import FLEET, ROLE, write_tags
from bot.aws.words import code_of
from bot.domain.adoption import MakeBalancer, front_name
from bot.domain.errors import CloudError
from bot.domain.fleet import FleetSpec
from bot.domain.front import Part

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_elbv2.type_defs import ListenerTypeDef, LoadBalancerTypeDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A load balancer that has the name which `adopt` gives."""

    arn: str
    address: str
    state: str
    tags: Mapping[str, str]

    def is_ours(self, spec: FleetSpec) -> bool:
        """Whether `adopt` made it for this fleet."""
        return self.tags.get(FLEET) == spec.name


@needs("elasticloadbalancing:DescribeLoadBalancers")
def find(elb: ElasticLoadBalancingv2Client, spec: FleetSpec) -> Found | None:
    """The load balancer with the name that `adopt` gives, whoever made it."""
    try:
        found = elb.describe_load_balancers(Names=[front_name(spec.name)]).get("LoadBalancers", [])
    except elb.exceptions.LoadBalancerNotFoundException:
        return None
    return _read(elb, found[0]) if found else None


def _read(elb: ElasticLoadBalancingv2Client, balancer: LoadBalancerTypeDef) -> Found:
    arn = balancer.get("LoadBalancerArn", "")
    return Found(
        arn=arn,
        address=balancer.get("DNSName", ""),
        state=balancer.get("State", {}).get("Code", ""),
        tags=tags_of(elb, arn),
    )


@needs("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeLoadBalancers")
def address_before(elb: ElasticLoadBalancingv2Client, group: str) -> str:
    """The DNS name of a load balancer that forwards to this group; empty if none does."""
    if not group:
        return ""
    groups = elb.describe_target_groups(TargetGroupArns=[group]).get("TargetGroups", [])
    for arn in (arn for each in groups for arn in each.get("LoadBalancerArns", [])):
        # A group may remember for a moment a load balancer that was removed.
        with suppress(elb.exceptions.LoadBalancerNotFoundException):
            (found,) = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"]
            return found.get("DNSName", "")
    return ""


def make(
    elb: ElasticLoadBalancingv2Client,
    spec: FleetSpec,
    order: MakeBalancer,
    firewall: str,
    tags: Mapping[str, str],
) -> None:
    """Make it with its listener, as far as they are not there yet. `spec` has its target group."""
    found = find(elb, spec)
    if found and not found.is_ours(spec):
        raise CloudError(taken(spec, f"load balancer {order.name}"))
    arn = found.arn if found else _create(elb, order, firewall, {**tags, ROLE: Part.BALANCER})
    if not _own_listener(elb, spec, arn, order.port):
        _listen(elb, spec, order, arn, {**tags, ROLE: Part.LISTENER})


@needs("elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:AddTags")
def _create(
    elb: ElasticLoadBalancingv2Client, order: MakeBalancer, firewall: str, tags: Mapping[str, str]
) -> str:
    made = elb.create_load_balancer(
        Name=order.name,
        Subnets=list(order.subnets),
        SecurityGroups=[firewall],
        Scheme=order.scheme,  # type: ignore[arg-type]  # checked by the settings
        Type="application",
        Tags=write_tags(tags),  # type: ignore[arg-type]  # both services' tags look alike
    )
    return made["LoadBalancers"][0].get("LoadBalancerArn", "")


@needs("elasticloadbalancing:CreateListener", "elasticloadbalancing:AddTags")
def _listen(
    elb: ElasticLoadBalancingv2Client, spec: FleetSpec, order: MakeBalancer, arn: str, tags: Mapping[str, str]
) -> None:
    secure: dict[str, Any] = (
        {"Certificates": [{"CertificateArn": order.certificate}]} if order.certificate else {}
    )
    try:
        elb.create_listener(
            LoadBalancerArn=arn,
            Protocol=order.protocol,  # type: ignore[arg-type]  # checked by the settings
            Port=order.port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": spec.target_group}],
            Tags=write_tags(tags),  # type: ignore[arg-type]  # both services' tags look alike
            **secure,
        )
    except ClientError as error:
        if code_of(error) == "CertificateNotFound":
            raise CloudError(
                f"AWS knows no certificate {order.certificate} in {spec.region}. "
                f"Correct `certificate` of [fleets.{spec.name}.balancer]."
            ) from error
        if code_of(error) != "DuplicateListener":
            raise
        if not _own_listener(elb, spec, arn, order.port):
            raise CloudError(port_taken(spec)) from error


@needs("elasticloadbalancing:DescribeListeners")
def listeners_at(
    elb: ElasticLoadBalancingv2Client, balancer: str, port: int = 0
) -> Sequence[ListenerTypeDef]:
    """The listeners of a load balancer, or those at one port."""
    pages = elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer)
    every = [listener for page in pages for listener in page.get("Listeners", [])]
    return [each for each in every if not port or each.get("Port") == port]


def _own_listener(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, balancer: str, port: int) -> bool:
    arns = (each.get("ListenerArn", "") for each in listeners_at(elb, balancer, port))
    return any(tags_of(elb, arn).get(FLEET) == spec.name for arn in arns)


def is_port_taken(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, balancer: Found) -> bool:
    """Whether somebody else's listener has the port that we need."""
    port = spec.balancer.port
    there = bool(listeners_at(elb, balancer.arn, port))
    return there and not _own_listener(elb, spec, balancer.arn, port)


def port_taken(spec: FleetSpec) -> str:
    """That the port cannot be had, and what to do."""
    return (
        f"Port {spec.balancer.port} of the load balancer {front_name(spec.name)} is in use by a listener "
        "that adopt did not make. Remove that in AWS, or choose another `port` in "
        f"[fleets.{spec.name}.balancer]."
    )


@needs("elasticloadbalancing:DeleteLoadBalancer")
def remove(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, only: str) -> None:
    """Remove it with its listeners, if `adopt` made it."""
    found = find(elb, spec)
    if found and found.is_ours(spec) and is_of(found.tags, only):
        elb.delete_load_balancer(LoadBalancerArn=found.arn)
