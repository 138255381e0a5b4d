"""Clone images: look, bake."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from bot.aws.permissions import needs
from bot.aws.tags import (
    ACTION,
    CONTENT,
    DOCTOR,
    FLEET,
    MASTER,
    NAME,
    OPERATION,
    PINNED,
    STATE,
    read_tags,
    where,
    write_tags,
)
from bot.aws.words import code_of
from bot.domain.errors import CloudError, CloudUnreachable, NotThereYet
from bot.domain.fleet import FleetSpec, Image, ImageState

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import (
        CreateImageRequestTypeDef,
        EbsBlockDeviceTypeDef,
        FilterTypeDef,
        ImageTypeDef,
    )

_TRIES = 3
_LONGEST_NAME = 128
_NOT_PINNED = "no"
_GONE = frozenset({"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"})
_FAILED = frozenset({"failed", "error", "invalid", "deregistered", "disabled"})


@needs("ec2:DescribeImages")
def find_images(ec2: EC2Client, spec: FleetSpec) -> tuple[Image, ...]:
    """The fleet's own images, newest first; failed ones are left out."""
    found = _describe(ec2, where(tag_fleet=[spec.name]))
    images = (_read_image(image) for image in found if _is_usable(image, spec))
    return tuple(sorted(images, key=lambda image: (image.created, image.id), reverse=True))


@needs("ec2:CreateImage", "ec2:CreateTags", "ec2:DescribeImages")
def bake(ec2: EC2Client, spec: FleetSpec, master: str, tags: Mapping[str, str], *, reboot: bool) -> str:
    """Begin an image. With the same action among its tags: the same image."""
    name = _name(spec, tags[ACTION])
    for _ in range(_TRIES):
        if found := _baked_by(ec2, spec, tags[ACTION]):
            return found
        try:
            return ec2.create_image(**request(spec, master, name, tags, reboot=reboot))["ImageId"]
        except ResponseParserError:
            continue
        except ClientError as error:
            if code_of(error) != "InvalidAMIName.Duplicate":
                raise
            return _named(ec2, spec, name)
    raise CloudUnreachable(
        "AWS's answers to a bake arrived damaged, so it is not known whether the image is being made. "
        f"Look with `status {spec.name}`, then ask again."
    )


@needs("ec2:DescribeImages")
def find_ready(ec2: EC2Client, image_id: str) -> Image | None:
    """The image, if it is available. CloudError if it never will be."""
    for image in _describe(ec2, where(image_id=[image_id])):
        if image.get("State") in _FAILED:
            why = image.get("StateReason", {}).get("Message") or f"it is {image.get('State')}"
            raise CloudError(f"The image {image_id} cannot be used: {why}. Ask again to bake a new one.")
        return _read_image(image) if image.get("State") == "available" else None
    return None


@needs("ec2:DescribeInstances", "ec2:DescribeSnapshots")
def has_begun(ec2: EC2Client, spec: FleetSpec, master: str, action: str) -> bool:
    """Whether there are as many snapshots as the master has disks: each holds what was there as it began."""
    filters = where(tag_fleet=[spec.name], tag_action=[action])
    begun = ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]
    found = ec2.describe_instances(Filters=where(instance_id=[master]))["Reservations"]
    machines = (machine for group in found for machine in group["Instances"])
    disks = sum("Ebs" in disk for machine in machines for disk in machine["BlockDeviceMappings"])
    return 0 < disks <= len(begun)


@needs("ec2:DescribeImages", "ec2:CreateTags")
def tag(ec2: EC2Client, spec: FleetSpec, image_id: str, tags: Mapping[str, str]) -> None:
    """Tag an image of the fleet and its snapshots. CloudError if it is not there, or not the fleet's."""
    for image in _describe(ec2, where(image_id=[image_id])):
        if _is_usable(image, spec):
            resources = [image_id, *_read_image(image).snapshots]
            ec2.create_tags(Resources=resources, Tags=write_tags(tags))
            return
    raise CloudError(f"AWS has no clone image {image_id} of {spec.name} any more.")


def state_tag(state: ImageState) -> dict[str, str]:
    """What an image carries that is in this state."""
    return {STATE: state.value}


def pin_tag(*, pinned: bool) -> dict[str, str]:
    """What an image carries that is pinned, or is not any more."""
    return {PINNED: "yes" if pinned else _NOT_PINNED}


@needs("ec2:DescribeImages", "ec2:DeregisterImage")
def deregister(ec2: EC2Client, spec: FleetSpec, image_id: str) -> None:
    """Deregister an image of the fleet, unless it is gone already. CloudError if it must stay."""
    for image in _describe(ec2, where(image_id=[image_id])):
        tags = read_tags(image.get("Tags"))
        if tags.get(FLEET) != spec.name:
            raise CloudError(f"Clonebot does not remove {image_id}: not tagged as an image of {spec.name}.")
        if _is_pinned(tags):
            raise CloudError(f"{image_id} was pinned meanwhile, so it stays.")
        try:
            ec2.deregister_image(ImageId=image_id)
        except ClientError as error:
            if code_of(error) not in _GONE:  # which AWS says, too, where a lost request had worked
                raise


@needs("ec2:DescribeSnapshots", "ec2:DeleteSnapshot")
def delete_snapshots(ec2: EC2Client, spec: FleetSpec, ids: Sequence[str], *, of: str) -> Mapping[str, str]:
    """Delete those of these snapshots of an image that are the fleet's; which stay, and why.

    NotThereYet if AWS still thinks that the image, which is gone, uses one.
    """
    if not ids:
        return {}
    ours = where(tag_fleet=[spec.name], snapshot_id=ids)
    pages = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=ours)
    found = [snapshot["SnapshotId"] for page in pages for snapshot in page.get("Snapshots", [])]
    users = {snapshot: _delete_snapshot(ec2, snapshot) for snapshot in found}
    if of in users.values():
        raise NotThereYet(f"AWS does not know yet that the image {of} is gone. Try again in a minute.")
    return {snapshot: f"{user} uses it" for snapshot, user in users.items() if user}


def _delete_snapshot(ec2: EC2Client, snapshot: str) -> str:
    """Which image still uses it; empty if it is gone."""
    try:
        ec2.delete_snapshot(SnapshotId=snapshot)
    except ClientError as error:
        if code_of(error) == "InvalidSnapshot.InUse":
            user = re.search(r"\bami-\w+", str(error))
            return user[0] if user else "another image"
        if code_of(error) != "InvalidSnapshot.NotFound":
            raise
    return ""


def request(
    spec: FleetSpec, master: str, name: str, tags: Mapping[str, str], *, reboot: bool = False
) -> CreateImageRequestTypeDef:
    """What a bake asks of AWS."""
    tags = {
        NAME: f"{spec.name} clone image",
        FLEET: spec.name,
        MASTER: master,
        STATE: ImageState.BUILDING.value,
        **tags,
    }
    return {
        "InstanceId": master,
        "Name": name,
        "Description": f"Clone image of {spec.name}, baked from {master}",
        "NoReboot": not reboot,
        "TagSpecifications": [
            {"ResourceType": "image", "Tags": write_tags(tags)},
            {"ResourceType": "snapshot", "Tags": write_tags(tags)},
        ],
    }


def _name(spec: FleetSpec, action: str) -> str:
    """A name that no other action's image has: names are unique in an account and region."""
    name = re.sub(r"[^\w()\[\] ./'@-]", "-", f"clonebot-{spec.name}-{action}", flags=re.ASCII)
    if len(name) <= _LONGEST_NAME:
        return name
    return f"clonebot-{hashlib.sha256(name.encode()).hexdigest()}"


def _baked_by(ec2: EC2Client, spec: FleetSpec, action: str) -> str:
    found = _describe(ec2, where(tag_fleet=[spec.name], tag_action=[action]))
    return next((image["ImageId"] for image in found), "")


def _named(ec2: EC2Client, spec: FleetSpec, name: str) -> str:
    for image in _describe(ec2, where(name=[name])):
        if read_tags(image.get("Tags")).get(FLEET) == spec.name:
            return image["ImageId"]
        raise CloudError(f"An image named {name} exists that is not one of {spec.name}. Rename or remove it.")
    raise NotThereYet(f"AWS is making the image {name} and does not show it yet. Try again in a minute.")


def _describe(ec2: EC2Client, filters: list[FilterTypeDef]) -> Iterable[ImageTypeDef]:
    pages = ec2.get_paginator("describe_images").paginate(Owners=["self"], Filters=filters)
    for page in pages:
        yield from page.get("Images", [])


def _is_usable(image: ImageTypeDef, spec: FleetSpec) -> bool:
    # Filters read * and ? in a name as wildcards, so the tag is looked at once more.
    return image.get("State") not in _FAILED and read_tags(image.get("Tags")).get(FLEET) == spec.name


def _read_image(image: ImageTypeDef) -> Image:
    tags = read_tags(image.get("Tags"))
    return Image(
        id=image["ImageId"],
        created=datetime.fromisoformat(image["CreationDate"]),
        available=image.get("State") == "available",
        state=_read_state(tags.get(STATE, "")),
        pinned=_is_pinned(tags),
        size=sum(disk.get("VolumeSize", 0) for disk in _disks(image)),
        snapshots=tuple(disk["SnapshotId"] for disk in _disks(image) if "SnapshotId" in disk),
        operation=tags.get(OPERATION, ""),
        action=tags.get(ACTION, ""),
        master=tags.get(MASTER, ""),
        version=tags.get(CONTENT, ""),
        doctor=tags.get(DOCTOR, ""),
        encrypted=bool(_disks(image)) and all(disk.get("Encrypted") for disk in _disks(image)),
    )


def _is_pinned(tags: Mapping[str, str]) -> bool:
    return tags.get(PINNED, _NOT_PINNED) != _NOT_PINNED


def _read_state(tag: str) -> ImageState:
    """What says nothing that we know was never tried."""
    return ImageState(tag) if tag in set(ImageState) else ImageState.BUILDING


def _disks(image: ImageTypeDef) -> Sequence[EbsBlockDeviceTypeDef]:
    return [mapping["Ebs"] for mapping in image.get("BlockDeviceMappings", []) if "Ebs" in mapping]
