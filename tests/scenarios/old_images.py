"""Clone images that are there for long."""

import time
from datetime import UTC, datetime, timedelta

from moto.ec2.models import ec2_backends

from tests.scenarios.visitor import Visitor


def made_long_ago(visitor: Visitor, name: str) -> str:
    """An image of the fleet, as if it were a month old."""
    site = visitor.lab.site
    tags = [{"Key": "clonebot:fleet", "Value": "web"}, {"Key": "clonebot:master", "Value": site.master}]
    image = visitor.lab.client("ec2").create_image(
        InstanceId=site.master,
        Name=f"{name} {time.time_ns()}",
        NoReboot=True,
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
    )["ImageId"]
    made = ec2_backends[site.account][site.region].amis[image]
    visitor.until(lambda: made.state == "available", "the image is not made")
    made.creation_date = datetime.now(UTC) - timedelta(days=30, hours=1)
    return str(image)
