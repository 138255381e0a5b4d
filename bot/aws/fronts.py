"""What stands in front of a master, put together from load balancers, target groups and firewalls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.aws import balancers, firewalls, groups, masters, targets
from bot.aws.permissions import needs
from bot.aws.tags import ACTION, FLEET, OPERATION
from bot.domain.adoption import MakeBalancer, ReleaseMaster, front_name
from bot.domain.errors import CloudError
from bot.domain.fleet import FleetSpec, Service
from bot.domain.front import Front, Part, Standing

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client


def tags_for(spec: FleetSpec, operation: str, action: str) -> dict[str, str]:
    """The tags of what one action makes."""
    return {FLEET: spec.name, OPERATION: operation, ACTION: action}


def survey(ec2: EC2Client, elb: ElasticLoadBalancingv2Client, named: FleetSpec, spec: FleetSpec) -> Front:
    """All of it. `named` is what the fleet file says, `spec` has the target groups that were made, too."""
    front = masters.survey(ec2, spec)
    made, in_the_way = list(_made(elb, spec)), list(_in_the_way(elb, named))
    firewall = firewalls.find(ec2, spec, front.network)
    if firewall and firewalls.is_ours(firewall, spec):
        made.append(f"security group {front_name(spec.name)}")
    elif firewall and not named.target_group:
        in_the_way.append(groups.taken(spec, f"security group {front_name(spec.name)}"))
    return replace(
        front,
        now=find_standing(ec2, elb, spec),
        address=balancers.address_before(elb, spec.target_group),
        made=tuple(made),
        in_the_way=tuple(in_the_way),
    )


def find_standing(ec2: EC2Client, elb: ElasticLoadBalancingv2Client, spec: FleetSpec) -> Standing:
    """How the master stands now."""
    return replace(
        masters.find_protection(ec2, spec),
        site=spec.master in targets.find_registered(elb, spec.target_group),
        writes=spec.master in targets.find_registered(elb, spec.writes.target_group),
    )


def _made(elb: ElasticLoadBalancingv2Client, spec: FleetSpec) -> Iterator[str]:
    balancer = balancers.find(elb, spec)
    if balancer and balancer.is_ours(spec):
        yield f"load balancer {front_name(spec.name)}"
    for part in (Part.SITE, Part.WRITES):
        if groups.find_group(elb, spec, part):
            yield f"target group {groups.group_name(spec, part)}"


def _in_the_way(elb: ElasticLoadBalancingv2Client, named: FleetSpec) -> Iterator[str]:
    balancer = None if named.target_group else balancers.find(elb, named)
    if balancer and not balancer.is_ours(named):
        yield groups.taken(named, f"load balancer {front_name(named.name)}")
    elif balancer and balancers.is_port_taken(elb, named, balancer):
        yield balancers.port_taken(named)
    for part, arn in ((Part.SITE, named.target_group), (Part.WRITES, named.writes.target_group)):
        name = groups.group_name(named, part)
        if not arn and groups.find_named(elb, name) and not groups.find_group(elb, named, part):
            yield groups.taken(named, f"target group {name}")


def make_balancer(
    ec2: EC2Client,
    elb: ElasticLoadBalancingv2Client,
    spec: FleetSpec,
    order: MakeBalancer,
    tags: Mapping[str, str],
) -> None:
    """Make the balancer's security group, then the balancer."""
    if not spec.target_group:
        raise CloudError(f"{spec.name} has no target group that a load balancer could forward to.")
    balancers.make(elb, spec, order, firewalls.make(ec2, spec, order, tags), tags)


def is_ready(elb: ElasticLoadBalancingv2Client, spec: FleetSpec) -> bool:
    """Whether the balancer that `adopt` made is active."""
    found = balancers.find(elb, spec)
    if found and found.state == "failed":
        raise CloudError(f"AWS could not set up the load balancer {front_name(spec.name)}.")
    return found is not None and found.state.startswith("active")


def release(
    elb: ElasticLoadBalancingv2Client, spec: FleetSpec, order: ReleaseMaster, listeners: Sequence[str]
) -> None:
    """Let nobody send anything to the master any more, unless it was so before."""
    _remove_rules(elb, spec, listeners)
    for group in _left(spec, order):
        with suppress(elb.exceptions.TargetGroupNotFoundException):
            targets.deregister(elb, group, [spec.master])


def is_released(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, order: ReleaseMaster) -> bool:
    """Whether it is out of service in each group that it leaves."""
    return all(_service(elb, group, spec.master) is Service.OUT for group in _left(spec, order))


def _service(elb: ElasticLoadBalancingv2Client, group: str, server: str) -> Service:
    with suppress(elb.exceptions.TargetGroupNotFoundException):
        return targets.find_services(elb, group).get(server, Service.OUT)
    return Service.OUT


def _left(spec: FleetSpec, order: ReleaseMaster) -> list[str]:
    leaves = ((spec.target_group, order.site), (spec.writes.target_group, order.writes))
    return [group for group, wanted in leaves if wanted and group]


@needs("elasticloadbalancing:DescribeRules", "elasticloadbalancing:DeleteRule")
def _remove_rules(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, listeners: Sequence[str]) -> None:
    """Remove the rules that carry the fleet's tag, whatever they say by now."""
    for listener in listeners:
        pages = elb.get_paginator("describe_rules").paginate(ListenerArn=listener)
        rules = [rule for page in pages for rule in page.get("Rules", []) if not rule.get("IsDefault")]
        for arn in (rule.get("RuleArn", "") for rule in rules):
            if groups.tags_of(elb, arn).get(FLEET) == spec.name:
                elb.delete_rule(RuleArn=arn)


def remove(ec2: EC2Client, elb: ElasticLoadBalancingv2Client, spec: FleetSpec, only: str) -> None:
    """Remove what `adopt`, or `only` this operation of it, made: what uses something goes before that."""
    balancers.remove(elb, spec, only)
    groups.remove(elb, spec, only)
    firewalls.remove(ec2, spec, masters.survey(ec2, spec).network, only)
