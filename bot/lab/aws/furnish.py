"""Sets up the account as its owner would have it: one hand-built server behind a load balancer."""

import time
from dataclasses import dataclass
from typing import Any

import boto3

from bot.domain.errors import BotError
from bot.lab.aws.local import REGION, LocalAws

SITE_PORT = 8080
LISTENER_PORT = 8000
HEALTH_PATH = "/healthz"
READY_SECONDS = 30.0
ZONES = ("a", "b")
OPEN_PORTS = (22, SITE_PORT)


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
    load_balancer: str
    target_group: str
    writes_target_group: str
    listener: str
    site_url: str


class NotReadyError(BotError):
    """The account's own server does not come up."""


def furnish(
    aws: LocalAws, *, instance_type: str = "t3.small", listener_port: int = LISTENER_PORT
) -> Furnished:
    """Create it all through the API; return when the master serves behind the load balancer."""
    session = boto3.Session(aws_access_key_id="lab", aws_secret_access_key="lab", region_name=REGION)  # noqa: S106  # any credentials do
    ec2 = session.client("ec2", endpoint_url=aws.endpoint)
    vpc, subnets, group = _network(ec2, aws.network)
    image = ec2.register_image(Name="debian-12", Description="The image the site was built on")["ImageId"]
    master = _master(ec2, image, subnets[0], group, instance_type)
    elb = session.client("elbv2", endpoint_url=aws.endpoint)
    balancer = elb.create_load_balancer(Name="site", Subnets=list(subnets), SecurityGroups=[group])[
        "LoadBalancers"
    ][0]
    web, writes = (_target_group(elb, name, vpc) for name in ("web", "web-writes"))
    listener = _listener(elb, balancer["LoadBalancerArn"], web, listener_port)
    address = _await_running(ec2, master)
    elb.register_targets(TargetGroupArn=web, Targets=[{"Id": master}])
    _await_healthy(elb, web)
    return Furnished(
        region=REGION,
        account=aws.account,
        vpc=vpc,
        subnets=subnets,
        security_group=group,
        image=image,
        master=master,
        master_address=address,
        load_balancer=balancer["LoadBalancerArn"],
        target_group=web,
        writes_target_group=writes,
        listener=listener,
        site_url=f"http://{balancer['DNSName']}:{listener_port}",
    )


def _network(ec2: Any, number: int) -> tuple[str, tuple[str, ...], str]:
    vpc = ec2.create_vpc(CidrBlock=f"127.{number}.0.0/16")["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"127.{number}.{position * 16}.0/20", AvailabilityZone=f"{REGION}{zone}"
        )["Subnet"]["SubnetId"]
        for position, zone in enumerate(ZONES)
    )
    group = ec2.create_security_group(GroupName="site", Description="The site", VpcId=vpc)["GroupId"]
    allowed = [
        {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": f"127.{number}.0.0/16"}],
        }
        for port in OPEN_PORTS
    ]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=allowed)
    return vpc, subnets, group


def _master(ec2: Any, image: str, subnet: str, group: str, instance_type: str) -> str:
    launched = ec2.run_instances(
        ImageId=image,
        InstanceType=instance_type,
        SubnetId=subnet,
        SecurityGroupIds=[group],
        MinCount=1,
        MaxCount=1,
        MetadataOptions={"HttpTokens": "required"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "site"}]}],
    )
    return str(launched["Instances"][0]["InstanceId"])


def _target_group(elb: Any, name: str, vpc: str) -> str:
    group = elb.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=SITE_PORT,
        VpcId=vpc,
        HealthCheckPath=HEALTH_PATH,
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


def _await_running(ec2: Any, master: str) -> str:
    due = time.monotonic() + READY_SECONDS
    while time.monotonic() < due:
        instance = ec2.describe_instances(InstanceIds=[master])["Reservations"][0]["Instances"][0]
        if instance["State"]["Name"] == "running":
            return str(instance["PrivateIpAddress"])
        time.sleep(0.05)
    raise NotReadyError(f"The master {master} is {instance['State']['Name']} after {READY_SECONDS:.0f} s.")


def _await_healthy(elb: Any, group: str) -> None:
    due = time.monotonic() + READY_SECONDS
    while time.monotonic() < due:
        found = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        if [target["TargetHealth"]["State"] for target in found] == ["healthy"]:
            return
        time.sleep(0.05)
    raise NotReadyError(f"The master does not answer {HEALTH_PATH} on port {SITE_PORT}: {found}")
