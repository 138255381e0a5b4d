"""The account that a lone Debian master is in: the lab's local AWS, which finds the server standing there."""

import base64
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends

from bot.aws.cloud import AwsCloud
from bot.domain.doctor.aws.facts import AwsFacts
from bot.domain.fleet import FleetSpec
from bot.lab.aws import NO_DELAYS, REGION, LocalAws, furnish
from bot.lab.aws.furnish import Site
from tests.adapters.cloud_worlds import eventually, using
from tests.e2e.debian import PREFIX, Master
from tests.e2e.stacks import Stack

_READY_SECONDS = 30


class Standing:
    """Hosts for the local AWS: the master stands already, and others are never looked into."""

    def __init__(self, master: Master) -> None:
        self._master = master

    def console_output(self, host: str) -> str:  # noqa: ARG002 (there is one console)
        return self._master.hosts.console_output(self._master.server.id)

    def create(self, host: str, address: str) -> None: ...

    def clone_disk(self, host: str, address: str, image: str, user_data: str) -> None: ...

    def boot(self, host: str) -> None: ...

    def shut_down(self, host: str) -> None: ...

    def destroy(self, host: str) -> None: ...

    def snapshot(self, host: str, image: str) -> None: ...

    def delete_image(self, image: str) -> None: ...


@dataclass(slots=True)
class Account:
    """The account, and ways past the bot to change it as its administrators do."""

    ec2: Any
    elb: Any
    kms: Any
    aws: LocalAws
    image: str
    spec: FleetSpec

    def inspect(self) -> AwsFacts:
        """Look as the doctor does."""
        return AwsCloud().inspect(self.spec)

    @property
    def backend(self) -> Any:
        """What AWS itself decides, and no administrator can set."""
        return ec2_backends[self.aws.account][REGION]

    @property
    def instance(self) -> Any:
        """The master, as AWS describes it."""
        return self.ec2.describe_instances(InstanceIds=[self.spec.master])["Reservations"][0]["Instances"][0]

    def set_user_data(self, data: bytes) -> None:
        """Give the master other user data."""
        value = {"Value": base64.b64encode(data)}
        self.ec2.modify_instance_attribute(InstanceId=self.spec.master, UserData=value)

    def give_role(self, name: str) -> str:
        """Give the master the powers of an instance profile; return its ARN."""
        iam_backends[self.aws.account]["aws"].create_instance_profile(name, "/", [], [])
        profile = {"Name": name}
        self.ec2.associate_iam_instance_profile(IamInstanceProfile=profile, InstanceId=self.spec.master)
        return str(self.instance["IamInstanceProfile"]["Arn"])

    def launch(self, image: str, **tags: str) -> str:
        """Start a server past the bot; return its id once it runs."""
        named = [{"Key": f"clonebot:{key}", "Value": value} for key, value in tags.items()]
        started = self.ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            SubnetId=self.spec.subnets[0],
            TagSpecifications=[{"ResourceType": "instance", "Tags": named}] if named else [],
        )
        server = str(started["Instances"][0]["InstanceId"])
        eventually(lambda: self.state(server) == "running")
        return server

    def state(self, server: str) -> str:
        """The state of a server."""
        found = self.ec2.describe_instances(InstanceIds=[server])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    def volume(self, **options: Any) -> str:
        """Make a volume; return its id."""
        zone = self.instance["Placement"]["AvailabilityZone"]
        return str(self.ec2.create_volume(AvailabilityZone=zone, **options)["VolumeId"])

    def open(self, group: str, port: int, **source: Any) -> None:
        """Let somebody in."""
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])


@contextmanager
def open_account(master: Master, stack: Stack) -> Iterator[Account]:
    """An account in which the master serves alone behind a load balancer."""
    with ExitStack() as opened:
        aws = LocalAws(Standing(master), prefix=PREFIX, delays=NO_DELAYS)
        opened.callback(aws.close)
        aws.start()
        opened.enter_context(using({"AWS_ENDPOINT_URL": aws.endpoint}))
        site = Site(
            port=80,
            health_path=stack.health_path,
            listener_port=80,
            ready_seconds=_READY_SECONDS,
            address=master.server.address,
        )
        found = furnish(aws, site)
        yield Account(
            ec2=boto3.client("ec2", region_name=REGION),
            elb=boto3.client("elbv2", region_name=REGION),
            kms=boto3.client("kms", region_name=REGION),
            aws=aws,
            image=found.image,
            spec=stack.spec(found, master.hosts.key_file),
        )
