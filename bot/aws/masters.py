"""The master itself: whose it is, how it is protected, how it was before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.aws.instances import find_instance
from bot.aws.permissions import needs
from bot.aws.tags import ACTION, BEFORE, FLEET, OPERATION, ROLE, read_tags, write_tags
from bot.domain.errors import CloudError
from bot.domain.fleet import FleetSpec, Role
from bot.domain.front import Front, Standing, read_standing

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client

_SCALING_GROUP = "aws:autoscaling:groupName"
_OURS = (FLEET, ROLE, OPERATION, ACTION, BEFORE)


def survey(ec2: EC2Client, spec: FleetSpec) -> Front:
    """What its own description tells."""
    instance = find_instance(ec2, spec)
    tags = read_tags(instance.get("Tags"))
    return Front(
        network=instance.get("VpcId", ""),
        fleet=tags.get(FLEET, ""),
        role=tags.get(ROLE, ""),
        operation=tags.get(OPERATION, ""),
        before=read_standing(tags[BEFORE]) if BEFORE in tags else None,
        scaling_group=tags.get(_SCALING_GROUP, ""),
        windows=instance.get("Platform", "").lower() == "windows",
    )


@needs("ec2:DescribeInstanceAttribute")
def find_protection(ec2: EC2Client, spec: FleetSpec) -> Standing:
    """From what it is protected."""
    terminate = ec2.describe_instance_attribute(InstanceId=spec.master, Attribute="disableApiTermination")
    stop = ec2.describe_instance_attribute(InstanceId=spec.master, Attribute="disableApiStop")
    return Standing(
        terminate=bool(terminate.get("DisableApiTermination", {}).get("Value")),
        stop=bool(stop.get("DisableApiStop", {}).get("Value")),
    )


@needs("ec2:CreateTags")
def claim(ec2: EC2Client, spec: FleetSpec, front: Front, *, operation: str, action: str) -> None:
    """Tag it, in one call. CloudError if it is another fleet's; one that is ours keeps its tags."""
    if front.fleet not in {"", spec.name}:
        raise CloudError(f"{spec.master} belongs to the fleet {front.fleet} by now. Nothing was tagged.")
    if front.adopted(spec.name):
        return
    tags = {
        FLEET: spec.name,
        ROLE: Role.MASTER.value,
        OPERATION: operation,
        ACTION: action,
        BEFORE: str(front.now),
    }
    ec2.create_tags(Resources=[spec.master], Tags=write_tags(tags))


@needs("ec2:DeleteTags")
def disclaim(ec2: EC2Client, spec: FleetSpec) -> None:
    """Remove our tags, if they are this fleet's."""
    if survey(ec2, spec).fleet == spec.name:
        ec2.delete_tags(Resources=[spec.master], Tags=[{"Key": key} for key in _OURS])


@needs("ec2:ModifyInstanceAttribute")
def protect(ec2: EC2Client, spec: FleetSpec, *, terminate: bool, stop: bool) -> None:
    """Protect it or not; AWS takes one attribute at a time."""
    ec2.modify_instance_attribute(InstanceId=spec.master, DisableApiTermination={"Value": terminate})
    ec2.modify_instance_attribute(InstanceId=spec.master, DisableApiStop={"Value": stop})
