"""Who uses an image: living servers, and launch templates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bot.aws import instances
from bot.aws.permissions import needs
from bot.domain.keeping import Uses

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import PaginatorConfigTypeDef

_PAGE: PaginatorConfigTypeDef = {"PageSize": 200}
_LOOKED_UP = "resolve:"
"""How the name of an image begins that is kept in the Parameter Store."""


def find_uses(ec2: EC2Client, images: Sequence[str]) -> Uses:
    """Everybody in the account who uses one of these, whosever they are."""
    servers, templates = defaultdict(list), defaultdict(list)
    for image, server in instances.find_started_from(ec2, images):
        servers[image].append(server)
    for image, template in find_named(ec2):
        templates[image].append(template)
    return Uses(
        servers={image: tuple(sorted(servers[image])) for image in images if image in servers},
        templates={image: tuple(sorted(set(templates[image]))) for image in images if image in templates},
        unclear=tuple(
            sorted({each for image in templates if image.startswith(_LOOKED_UP) for each in templates[image]})
        ),
    )


@needs("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions")
def find_named(ec2: EC2Client) -> Iterator[tuple[str, str]]:
    """Every image that any version of a launch template names, and the template's own name.

    AWS tells all versions of one template only.
    """
    versions = ec2.get_paginator("describe_launch_template_versions")
    for page in ec2.get_paginator("describe_launch_templates").paginate(PaginationConfig=_PAGE):
        for template in page.get("LaunchTemplates", []):
            asked = versions.paginate(LaunchTemplateId=template["LaunchTemplateId"], PaginationConfig=_PAGE)
            for answer in asked:
                for version in answer.get("LaunchTemplateVersions", []):
                    if image := version.get("LaunchTemplateData", {}).get("ImageId"):
                        yield image, template["LaunchTemplateName"]
