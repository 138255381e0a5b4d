"""Clone images: look, bake."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from bot.aws.permissions import needs
from bot.aws.tags import ACTION, FLEET, MASTER, NAME, OPERATION, STATE, read_tags, where, write_tags
from bot.aws.words import code_of
from bot.domain.errors import CloudError, CloudUnreachable, NotThereYet
from bot.domain.fleet import FleetSpec, Image

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, ImageTypeDef

_TRIES = 3
_LONGEST_NAME = 128
_FAILED = frozenset({"failed", "error", "invalid", "deregistered", "disabled"})


@needs("ec2:DescribeImages")
def find_images(ec2: EC2Client, spec: FleetSpec) -> tuple[Image, ...]:
    """The fleet's own images, newest first; failed ones are left out."""
    found = _describe(ec2, where(tag_fleet=[spec.name]))
    images = (_read_image(image) for image in found if _is_usable(image, spec))
    return tuple(sorted(images, key=lambda image: (image.created, image.id), reverse=True))


@needs("ec2:CreateImage", "ec2:CreateTags", "ec2:DescribeImages")
def bake(ec2: EC2Client, spec: FleetSpec, master: str, *, operation: str, action: str) -> str:
    """Begin an image without a reboot. With the same action: the same image."""
    name = _name(spec, action)
    for _ in range(_TRIES):
        if found := _baked_by(ec2, spec, action):
            return found
        try:
            return _create(ec2, spec, master, name, {OPERATION: operation, ACTION: action})
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
def is_ready(ec2: EC2Client, image_id: str) -> bool:
    """Whether the image is available. CloudError if it never will be."""
    for image in _describe(ec2, where(image_id=[image_id])):
        if image.get("State") in _FAILED:
            why = image.get("StateReason", {}).get("Message") or f"it is {image.get('State')}"
            raise CloudError(f"The image {image_id} cannot be used: {why}. Ask again to bake a new one.")
        return image.get("State") == "available"
    return False


def _create(ec2: EC2Client, spec: FleetSpec, master: str, name: str, tags: dict[str, str]) -> str:
    tags = {NAME: f"{spec.name} clone image", FLEET: spec.name, MASTER: master, STATE: "building", **tags}
    answer = ec2.create_image(
        InstanceId=master,
        Name=name,
        Description=f"Clone image of {spec.name}, baked from {master}",
        NoReboot=True,
        TagSpecifications=[
            {"ResourceType": "image", "Tags": write_tags(tags)},
            {"ResourceType": "snapshot", "Tags": write_tags(tags)},
        ],
    )
    return answer["ImageId"]


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
        operation=tags.get(OPERATION, ""),
        action=tags.get(ACTION, ""),
        master=tags.get(MASTER, ""),
    )
