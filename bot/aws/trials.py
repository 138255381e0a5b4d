"""Tries each permission without changing anything: by a dry run, or by a read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from bot.aws import firewalls, images, instances, masters, quotas
from bot.aws.tags import FLEET, ROLE, where, write_tags
from bot.aws.words import code_of, in_our_words
from bot.domain.capacity import usable_image
from bot.domain.check.cloud import Came, Trial
from bot.domain.errors import BotError, CloudDenied
from bot.domain.fleet import Fleet, FleetSpec, Image, ImageState, Role
from bot.domain.plan import Launch

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

    from bot.aws.session import QuotaService

_MARK = "clonebot-check"
_WOULD_WORK = "DryRunOperation"


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to try it on."""

    ec2: EC2Client
    elb: ElasticLoadBalancingv2Client
    quotas: QuotaService
    spec: FleetSpec
    known: Fleet | None
    group: str

    @property
    def fleet(self) -> Fleet:
        """The fleet as it is now."""
        if self.known is None:
            raise _NothingToTryOn("the fleet cannot be read")
        return self.known


class _NothingToTryOn(Exception):
    """Its text says what there is not."""


class _NotDry(Exception):
    """What only should have been tried was answered as if it were done."""


def try_permission(permission: str, case: Case) -> Trial:
    """Try it on a fleet and its target group. BotoCoreError if AWS does not answer at all."""
    came, said = _try(WAYS[permission], case) if permission in WAYS else (Came.NO_DRY_RUN, "")
    return Trial(permission=permission, came=came, said=said)


def _try(way: Callable[[Case], object], case: Case) -> tuple[Came, str]:
    try:
        way(case)
    except _NothingToTryOn as nothing:
        return Came.NOTHING_TO_TRY_ON, str(nothing)
    except _NotDry:
        return Came.UNCLEAR, "a dry run was answered as if it were none"
    except ClientError as error:
        denied = isinstance(in_our_words(error), CloudDenied)
        return Came.DENIED if denied else Came.UNCLEAR, code_of(error)
    return Came.ALLOWED, ""


def _dry(call: Callable[..., object], **request: Any) -> None:
    """AWS answers a dry run that would work with an error of its own."""
    try:
        call(**request, DryRun=True)
    except ClientError as error:
        if code_of(error) != _WOULD_WORK:
            raise
    else:
        raise _NotDry


def _launch(case: Case) -> None:
    """In each subnet, from the master's own image where none is baked yet; tags are part of it."""
    fleet, spec = case.fleet, case.spec
    image = usable_image(fleet)
    for subnet in spec.subnets:
        order = Launch(
            image=image.id if image else fleet.master.image,
            type=spec.instance_type or fleet.master.type,
            subnet=subnet,
            security_groups=spec.security_groups or fleet.master.security_groups,
            count=1,
        )
        request = dict(instances.request(spec, order, operation=_MARK, action=_MARK))
        del request["ClientToken"]
        _dry(case.ec2.run_instances, **request)


def _bake(case: Case) -> None:
    _dry(case.ec2.create_image, **images.request(case.spec, case.spec.master, _MARK, {}))


def _tag(case: Case) -> None:
    """As `adopt` tags the master, and `bake` an image; tags of what is made are tried with its making."""
    tags = write_tags({FLEET: case.spec.name, ROLE: Role.MASTER.value})
    _dry(case.ec2.create_tags, Resources=[case.spec.master], Tags=tags)
    for image in case.known.images[:1] if case.known else ():
        good = write_tags(images.state_tag(ImageState.GOOD))
        _dry(case.ec2.create_tags, Resources=[image.id, *image.snapshots], Tags=good)


def _untag(case: Case) -> None:
    _dry(case.ec2.delete_tags, Resources=[_adopted(case)], Tags=[{"Key": ROLE}])


def _protect(case: Case) -> None:
    _dry(
        case.ec2.modify_instance_attribute,
        InstanceId=_adopted(case),
        DisableApiTermination={"Value": True},
    )


def _adopted(case: Case) -> str:
    with _first("the master"):
        front = masters.survey(case.ec2, case.spec)
    if not front.adopted(case.spec.name):
        raise _NothingToTryOn("the master is not adopted")
    return case.spec.master


def _make_firewall(case: Case) -> None:
    with _first("the master"):
        network = masters.survey(case.ec2, case.spec).network
    tags = [{"ResourceType": "security-group", "Tags": write_tags({FLEET: case.spec.name})}]
    _dry(
        case.ec2.create_security_group,
        GroupName=_MARK,
        Description=_MARK,
        VpcId=network,
        TagSpecifications=tags,
    )


def _open(case: Case) -> None:
    _dry(case.ec2.authorize_security_group_ingress, **_door(case))


def _shut(case: Case) -> None:
    _dry(case.ec2.revoke_security_group_ingress, **_door(case))


def _door(case: Case) -> dict[str, Any]:
    """A rule for the master's own security group that lets that group itself in."""
    for group in case.fleet.master.security_groups:
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group}]}
        return {"GroupId": group, "IpPermissions": [rule]}
    raise _NothingToTryOn("the master has no security group")


def _remove_firewall(case: Case) -> None:
    with _first("the balancer's security group"):
        network = masters.survey(case.ec2, case.spec).network
        group = firewalls.find(case.ec2, case.spec, network)
    if group is None or not firewalls.is_ours(group, case.spec):
        raise _NothingToTryOn("there is no security group that `adopt` made")
    _dry(case.ec2.delete_security_group, GroupId=group["GroupId"])


def _terminate(case: Case) -> None:
    _dry(case.ec2.terminate_instances, InstanceIds=[_clone(case)])


def _clone(case: Case) -> str:
    for clone in (*case.fleet.clones, *case.fleet.quarantined):
        return clone.id
    raise _NothingToTryOn("there is no clone yet")


def _deregister(case: Case) -> None:
    _dry(case.ec2.deregister_image, ImageId=_image(case).id)


def _delete_snapshot(case: Case) -> None:
    for snapshot in _image(case).snapshots:
        _dry(case.ec2.delete_snapshot, SnapshotId=snapshot)
        return
    raise _NothingToTryOn("the clone image has no snapshot")


def _image(case: Case) -> Image:
    for image in case.fleet.images:
        return image
    raise _NothingToTryOn("there is no clone image yet")


def _template_versions(case: Case) -> None:
    case.ec2.describe_launch_template_versions(Versions=["$Default"])


def _listeners(case: Case) -> list[str]:
    with _first("the target group"):
        groups = case.elb.describe_target_groups(TargetGroupArns=[_group(case)])["TargetGroups"]
    for balancer in (arn for group in groups for arn in group.get("LoadBalancerArns", [])):
        listeners = case.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        return [listener["ListenerArn"] for listener in listeners]
    raise _NothingToTryOn("no load balancer forwards to the target group")


def _rules(case: Case) -> None:
    with _first("the listeners"):
        listeners = _listeners(case)
    for listener in listeners:
        case.elb.describe_rules(ListenerArn=listener)
        return
    raise _NothingToTryOn("the load balancer has no listener")


@contextmanager
def _first(what: str) -> Iterator[None]:
    """Say of something else than what is tried that it cannot be read."""
    try:
        yield
    except (ClientError, BotError) as error:
        raise _NothingToTryOn(f"{what} cannot be read") from error


def _type(case: Case) -> None:
    kind = case.spec.instance_type or case.fleet.master.type
    case.ec2.describe_instance_types(Filters=where(instance_type=[kind]))


def _key(_case: Case) -> None:
    raise _NothingToTryOn("only the doctor asks for it, where volumes are encrypted with a key of your own")


def _group(case: Case) -> str:
    if not case.group:
        raise _NothingToTryOn("there is no target group yet")
    return case.group


WAYS: Mapping[str, Callable[[Case], object]] = {
    "ec2:AuthorizeSecurityGroupIngress": _open,
    "ec2:CreateImage": _bake,
    "ec2:CreateSecurityGroup": _make_firewall,
    "ec2:CreateTags": _tag,
    "ec2:DeleteSecurityGroup": _remove_firewall,
    "ec2:DeleteSnapshot": _delete_snapshot,
    "ec2:DeleteTags": _untag,
    "ec2:DeregisterImage": _deregister,
    "ec2:DescribeImages": lambda case: case.ec2.describe_images(
        Owners=["self"], Filters=where(tag_fleet=[case.spec.name])
    ),
    "ec2:DescribeInstanceAttribute": lambda case: masters.find_protection(case.ec2, case.spec),
    "ec2:DescribeInstanceTypes": _type,
    "ec2:DescribeInstances": lambda case: case.ec2.describe_instances(
        Filters=where(instance_id=[case.spec.master])
    ),
    "ec2:DescribeLaunchTemplateVersions": _template_versions,
    "ec2:DescribeLaunchTemplates": lambda case: case.ec2.describe_launch_templates(MaxResults=1),
    "ec2:DescribeSecurityGroups": lambda case: firewalls.find(case.ec2, case.spec, ""),
    "ec2:DescribeSnapshots": lambda case: case.ec2.describe_snapshots(
        OwnerIds=["self"], Filters=where(tag_fleet=[case.spec.name])
    ),
    "ec2:DescribeSubnets": lambda case: case.ec2.describe_subnets(Filters=where(subnet_id=case.spec.subnets)),
    "ec2:DescribeVolumes": lambda case: case.ec2.describe_volumes(Filters=where(tag_fleet=[case.spec.name])),
    "ec2:GetConsoleOutput": lambda case: case.ec2.get_console_output(InstanceId=case.spec.master),
    "ec2:ModifyInstanceAttribute": _protect,
    "ec2:RevokeSecurityGroupIngress": _shut,
    "ec2:RunInstances": _launch,
    "ec2:TerminateInstances": _terminate,
    "elasticloadbalancing:DescribeListeners": _listeners,
    "elasticloadbalancing:DescribeLoadBalancers": lambda case: case.elb.describe_load_balancers(PageSize=1),
    "elasticloadbalancing:DescribeRules": _rules,
    "elasticloadbalancing:DescribeTags": lambda case: case.elb.describe_tags(ResourceArns=[_group(case)]),
    "elasticloadbalancing:DescribeTargetGroupAttributes": lambda case: (
        case.elb.describe_target_group_attributes(TargetGroupArn=_group(case))
    ),
    "elasticloadbalancing:DescribeTargetGroups": lambda case: case.elb.describe_target_groups(
        TargetGroupArns=[_group(case)]
    ),
    "elasticloadbalancing:DescribeTargetHealth": lambda case: case.elb.describe_target_health(
        TargetGroupArn=_group(case)
    ),
    "kms:DescribeKey": _key,
    "servicequotas:GetServiceQuota": lambda case: quotas.find_quota(case.quotas, quotas.STANDARD),
}
"""How each is tried. What is not here has no dry run: elasticloadbalancing knows none."""
