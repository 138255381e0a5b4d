"""What the doctor wants to know of disks: volumes and their keys, images, snapshots."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bot.aws import instances
from bot.aws.permissions import needs
from bot.aws.tags import batches, where
from bot.domain.doctor.aws.facts import Key, Volume
from bot.domain.fleet import FleetSpec, Role

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, VolumeTypeDef

    from bot.aws.session import KeyService

_GONE = frozenset({"disabled", "deregistered", "invalid", "failed", "error"})
"""States of images from which nothing starts; those that are being made are on their way."""


@needs("ec2:DescribeVolumes")
def read_volumes(ec2: EC2Client, spec: FleetSpec, instance: InstanceTypeDef) -> Mapping[str, Any]:
    """The master's, and those that clones left behind."""
    left = _describe(ec2, where(tag_fleet=[spec.name], status=["available"]))
    return {
        "volumes": tuple(_read_volume(each, instance) for each in _attached(ec2, spec)),
        "forgotten_volumes": tuple(sorted(each["VolumeId"] for each in left)),
    }


@needs("ec2:DescribeVolumes", "kms:DescribeKey")
def read_keys(ec2: EC2Client, kms: Callable[[], KeyService], spec: FleetSpec) -> Mapping[str, Any]:
    """The keys that the master's volumes are encrypted with; KMS is asked only where there are such."""
    ids = sorted({each.get("KmsKeyId", "") for each in _attached(ec2, spec)} - {""})
    return {"keys": tuple(_read_key(kms(), each) for each in ids)}


@needs("ec2:DescribeImages")
def read_origin(ec2: EC2Client, instance: InstanceTypeDef) -> Mapping[str, Any]:
    """What its image was sold with, where that image still is."""
    filters = where(image_id=[instance["ImageId"]])
    images = ec2.describe_images(Filters=filters).get("Images", [])
    return {"image_codes": tuple(c["ProductCodeId"] for i in images for c in i.get("ProductCodes", []))}


@needs("ec2:DescribeImages")
def read_clones(ec2: EC2Client, spec: FleetSpec) -> Mapping[str, Any]:
    """Clones, and those of them whose image is gone."""
    members = [each for each in instances.find_members(ec2, spec) if each.role is Role.CLONE]
    used = sorted({each.image for each in members})
    known: set[str] = set()
    for batch in batches(used):
        answer = ec2.describe_images(Filters=[{"Name": "image-id", "Values": list(batch)}])
        known |= {image["ImageId"] for image in answer.get("Images", []) if image.get("State") not in _GONE}
    return {
        "clones": len(members),
        "imageless": {each.id: each.image for each in members if each.image not in known},
    }


@needs("ec2:DescribeSnapshots", "ec2:DescribeImages")
def read_snapshots(ec2: EC2Client, spec: FleetSpec) -> Mapping[str, Any]:
    """The fleet's that are in no image any more; those of an image in the making are not complete yet."""
    pages = ec2.get_paginator("describe_snapshots").paginate(
        OwnerIds=["self"], Filters=where(tag_fleet=[spec.name], status=["completed"])
    )
    ours = {snapshot["SnapshotId"] for page in pages for snapshot in page.get("Snapshots", [])}
    return {"forgotten_snapshots": tuple(sorted(ours - _in_images(ec2)))} if ours else {}


def _in_images(ec2: EC2Client) -> set[str]:
    """The snapshots of every image of the account, whoever made it."""
    return {
        mapping.get("Ebs", {}).get("SnapshotId", "")
        for page in ec2.get_paginator("describe_images").paginate(Owners=["self"])
        for image in page.get("Images", [])
        for mapping in image.get("BlockDeviceMappings", [])
    }


def _attached(ec2: EC2Client, spec: FleetSpec) -> list[VolumeTypeDef]:
    return _describe(ec2, [{"Name": "attachment.instance-id", "Values": [spec.master]}])


def _describe(ec2: EC2Client, filters: list[FilterTypeDef]) -> list[VolumeTypeDef]:
    pages = ec2.get_paginator("describe_volumes").paginate(Filters=filters)
    return [volume for page in pages for volume in page.get("Volumes", [])]


def _read_volume(volume: VolumeTypeDef, instance: InstanceTypeDef) -> Volume:
    attachments = {each["InstanceId"]: each for each in volume.get("Attachments", [])}
    here = attachments.pop(instance["InstanceId"])
    device = here.get("Device", "")
    return Volume(
        id=volume["VolumeId"],
        device=device,
        gib=volume.get("Size", 0),
        root=device == instance.get("RootDeviceName"),
        kept=not here.get("DeleteOnTermination", False),
        key=volume.get("KmsKeyId", ""),
        others=tuple(sorted(attachments)),
    )


def _read_key(kms: KeyService, key: str) -> Key:
    described = kms.describe_key(KeyId=key)["KeyMetadata"]
    return Key(id=key, own=described.get("KeyManager") != "AWS", state=str(described.get("KeyState", "")))
