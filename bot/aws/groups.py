"""Target groups that `adopt` makes: found again by name and tag, and remembered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from bot.aws.permissions import needs
from bot.aws.tags import FLEET, OPERATION, ROLE, read_tags, write_tags
from bot.aws.words import code_of
from bot.domain.adoption import MakeGroups, front_name
from bot.domain.errors import CloudError, NotThereYet
from bot.domain.fleet import FleetSpec
from bot.domain.front import Part

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

_REMEMBERED_SECONDS = 600.0
_NAMES: Mapping[Part, str] = {Part.SITE: "", Part.WRITES: Part.WRITES}


def group_name(spec: FleetSpec, part: Part) -> str:
    """What the target group for this part is called."""
    return front_name(spec.name, _NAMES[part])


class Groups:
    """Which target groups each fleet has. Those of the fleet file cost no call, others one when first met."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only grow."""
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Mapping[Part, str]]] = {}

    def fill(self, elb: ElasticLoadBalancingv2Client, spec: FleetSpec) -> FleetSpec:
        """The fleet with its target groups; where there is none yet, its ARN stays empty."""
        wanted = _wanted(spec)
        if not wanted:
            return spec
        _, found = self._known.get((spec.region, spec.name), (0.0, {}))
        if not found:
            found = {part: arn for part in wanted if (arn := find_group(elb, spec, part))}
            if len(found) == len(wanted):
                self._known[spec.region, spec.name] = (self._clock(), found)
        site = spec.target_group or found.get(Part.SITE, "")
        writes = spec.writes.target_group or found.get(Part.WRITES, "")
        return replace(spec, target_group=site, writes=replace(spec.writes, target_group=writes))

    def forget_old(self, spec: FleetSpec) -> None:
        """Let what has been remembered for long be looked for again: somebody may have made others."""
        since, _ = self._known.get((spec.region, spec.name), (0.0, {}))
        if self._clock() - since > _REMEMBERED_SECONDS:
            self.forget(spec)

    def forget(self, spec: FleetSpec) -> None:
        """They were made or removed."""
        self._known.pop((spec.region, spec.name), None)


def _wanted(spec: FleetSpec) -> tuple[Part, ...]:
    writes = (Part.WRITES,) if spec.writes.need_group and not spec.writes.target_group else ()
    return writes if spec.target_group else (Part.SITE, *writes)


def find_group(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, part: Part, *, only: str = "") -> str:
    """The ARN of the group that `adopt`, or `only` this operation of it, made for this part; else empty."""
    arn = find_named(elb, group_name(spec, part))
    tags = tags_of(elb, arn) if arn else {}
    return arn if tags.get(FLEET) == spec.name and is_of(tags, only) else ""


@needs("elasticloadbalancing:DescribeTargetGroups")
def find_named(elb: ElasticLoadBalancingv2Client, name: str) -> str:
    """The ARN of the group with this name, whoever made it."""
    try:
        groups = elb.describe_target_groups(Names=[name]).get("TargetGroups", [])
    except elb.exceptions.TargetGroupNotFoundException:
        return ""
    return groups[0].get("TargetGroupArn", "") if groups else ""


@needs("elasticloadbalancing:DescribeTags")
def tags_of(elb: ElasticLoadBalancingv2Client, arn: str) -> dict[str, str]:
    """The tags of one thing."""
    described = elb.describe_tags(ResourceArns=[arn]).get("TagDescriptions", [])
    return read_tags(described[0].get("Tags")) if described else {}  # type: ignore[arg-type]  # both services' tags look alike


def is_of(tags: Mapping[str, str], operation: str) -> bool:
    """Whether this operation made it; every one, where none is named."""
    return not operation or tags.get(OPERATION) == operation


def make(
    elb: ElasticLoadBalancingv2Client, spec: FleetSpec, order: MakeGroups, tags: Mapping[str, str]
) -> None:
    """Make those that the order names and that are not there yet."""
    for part, name in ((Part.SITE, order.site), (Part.WRITES, order.writes)):
        if name:
            arn = find_group(elb, spec, part) or _create(elb, spec, order, name, {**tags, ROLE: part})
            _let_drain(elb, arn, order.drain)


@needs("elasticloadbalancing:ModifyTargetGroupAttributes")
def _let_drain(elb: ElasticLoadBalancingv2Client, arn: str, seconds: int) -> None:
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[delay])  # type: ignore[list-item]  # a plain dict


@needs("elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:AddTags")
def _create(
    elb: ElasticLoadBalancingv2Client, spec: FleetSpec, order: MakeGroups, name: str, tags: Mapping[str, str]
) -> str:
    try:
        made = elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=order.port,
            VpcId=order.network,
            TargetType="instance",
            HealthCheckPath=order.path,
            Matcher={"HttpCode": "200-399"},
            Tags=write_tags(tags),  # type: ignore[arg-type]  # both services' tags look alike
        )
    except ClientError as error:
        if code_of(error) != "DuplicateTargetGroupName":
            raise
        arn = find_named(elb, name)
        if tags_of(elb, arn).get(FLEET) != spec.name:
            raise CloudError(taken(spec, f"target group {name}")) from error
        return arn
    return made["TargetGroups"][0].get("TargetGroupArn", "")


def taken(spec: FleetSpec, what: str) -> str:
    """That something has a name that we need."""
    return f"There is a {what} that adopt did not make for {spec.name}. Rename or remove it in AWS."


def gone(spec: FleetSpec, group: str) -> str:
    """That a target group is not there, and what to do."""
    return (
        f"AWS knows no target group {group}. Where [fleets.{spec.name}] names it, correct that in the fleet "
        "file; else try again, and I say what is there now."
    )


def remove(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, only: str) -> None:
    """Remove those that `adopt` made."""
    for part in _NAMES:
        if arn := find_group(elb, spec, part, only=only):
            _delete(elb, arn)


@needs("elasticloadbalancing:DeleteTargetGroup")
def _delete(elb: ElasticLoadBalancingv2Client, arn: str) -> None:
    try:
        elb.delete_target_group(TargetGroupArn=arn)
    except ClientError as error:
        if code_of(error) != "ResourceInUse":
            raise
        raise NotThereYet(
            f"The target group {arn} is still in use: by a listener that AWS is removing, which takes a "
            "moment, or by one that somebody made. In that case, remove that in AWS."
        ) from error
