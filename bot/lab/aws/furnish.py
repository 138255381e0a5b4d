"""Sets up the account as its owner would have it: one hand-built server behind a load balancer."""

import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import boto3

from bot.domain.errors import BotError
from bot.lab.aws.local import REGION, LocalAws

ZONES = ("a", "b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the load balancer must know of the site on the hand-built server."""

    port: int = 8080
    health_path: str = "/healthz"
    listener_port: int = 8000
    instance_type: str = "t3.small"
    ready_seconds: float = 30.0
    """From the master's launch until it serves, at most."""
    address: str = ""
    """The private address that the master is to have. Default: any."""
    balanced: bool = True
    """It is behind a load balancer already."""


LOOPBACK_SITE = Site()


@dataclass(frozen=True, slots=True, kw_only=True)
class Furnished:
    """What a fleet file needs to know."""

    region: str
    account: str
    vpc: str
    subnets: tuple[str, ...]
    security_group: str
    image: str
    """The image that the master was once built from."""
    master: str
    master_address: str
    site_url: str
    load_balancer: str = ""
    target_group: str = ""
    writes_target_group: str = ""
    listener: str = ""


class NotReadyError(BotError):
    """The account's own server does not come up."""


def furnish(aws: LocalAws, site: Site = LOOPBACK_SITE) -> Furnished:
    """Create it all through the API; return when the master serves.

    Unless the site is `balanced`, there is no load balancer, and what belongs to one is empty.
    """
    session = boto3.Session(aws_access_key_id="lab", aws_secret_access_key="lab", region_name=REGION)  # noqa: S106  # any credentials do
    ec2 = session.client("ec2", endpoint_url=aws.endpoint)
    vpc, subnets, group = _network(ec2, aws.prefix, site)
    image = ec2.register_image(Name="debian-12", Description="The image the site was built on")["ImageId"]
    master = _master(ec2, image, subnets[0], group, site)
    furnished = Furnished(
        region=REGION,
        account=aws.account,
        vpc=vpc,
        subnets=subnets,
        security_group=group,
        image=image,
        master=master,
        master_address="",
        site_url="",
    )
    if not site.balanced:
        return _await_answer(replace(furnished, master_address=_await_running(ec2, master, site)), site)
    elb = session.client("elbv2", endpoint_url=aws.endpoint)
    balancer = elb.create_load_balancer(Name="site", Subnets=list(subnets), SecurityGroups=[group])[
        "LoadBalancers"
    ][0]
    web, writes = (_target_group(elb, name, vpc, site) for name in ("web", "web-writes"))
    listener = _listener(elb, balancer["LoadBalancerArn"], web, site.listener_port)
    address = _await_running(ec2, master, site)
    elb.register_targets(TargetGroupArn=web, Targets=[{"Id": master}])
    _await_healthy(elb, web, site)
    return replace(
        furnished,
        master_address=address,
        load_balancer=balancer["LoadBalancerArn"],
        target_group=web,
        writes_target_group=writes,
        listener=listener,
        site_url=f"http://{balancer['DNSName']}:{site.listener_port}",
    )


def _network(ec2: Any, prefix: str, site: Site) -> tuple[str, tuple[str, ...], str]:
    vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/16")["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"{prefix}.{position * 16}.0/20", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for position, zone in enumerate(ZONES)
    )
    group = ec2.create_security_group(GroupName="site", Description="The site", VpcId=vpc)["GroupId"]
    allowed = [
        {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": f"{prefix}.0.0/16"}],
        }
        for port in (22, site.port)
    ]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=allowed)
    return vpc, subnets, group


def _master(ec2: Any, image: str, subnet: str, group: str, site: Site) -> str:
    address = {"PrivateIpAddress": site.address} if site.address else {}
    launched = ec2.run_instances(
        ImageId=image,
        InstanceType=site.instance_type,
        SubnetId=subnet,
        SecurityGroupIds=[group],
        MinCount=1,
        MaxCount=1,
        MetadataOptions={"HttpTokens": "required"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "site"}]}],
        **address,
    )
    return str(launched["Instances"][0]["InstanceId"])


def _target_group(elb: Any, name: str, vpc: str, site: Site) -> str:
    group = elb.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=site.port,
        VpcId=vpc,
        HealthCheckPath=site.health_path,
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
    elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])
    return str(group)


def _listener(elb: Any, balancer: str, group: str, port: int) -> str:
    created = elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return str(created["Listeners"][0]["ListenerArn"])


def _await_running(ec2: Any, master: str, site: Site) -> str:
    due = time.monotonic() + site.ready_seconds
    while time.monotonic() < due:
        instance = ec2.describe_instances(InstanceIds=[master])["Reservations"][0]["Instances"][0]
        if instance["State"]["Name"] == "running":
            return str(instance["PrivateIpAddress"])
        if instance["State"]["Name"] == "terminated":
            break
        time.sleep(0.05)
    raise NotReadyError(f"The master {master} is {instance['State']['Name']} and does not come up.")


def _await_answer(furnished: Furnished, site: Site) -> Furnished:
    """With the site's address, once the master answers there."""
    url = f"http://{furnished.master_address}:{site.port}"
    due = time.monotonic() + site.ready_seconds
    while time.monotonic() < due:
        with suppress(OSError), urllib.request.urlopen(url + site.health_path, timeout=3):  # noqa: S310 (always http)
            return replace(furnished, site_url=url)
        time.sleep(0.05)
    raise NotReadyError(f"The master does not answer {url}{site.health_path}.")


def _await_healthy(elb: Any, group: str, site: Site) -> None:
    due = time.monotonic() + site.ready_seconds
    while time.monotonic() < due:
        found = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        if [target["TargetHealth"]["State"] for target in found] == ["healthy"]:
            return
        time.sleep(0.05)
    raise NotReadyError(f"The master does not answer {site.health_path} on port {site.port}: {found}")
