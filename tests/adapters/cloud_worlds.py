"""The worlds in which the Cloud is tried: in memory, on plain moto, and on the lab's local AWS."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.autoscaling.models import autoscaling_backends
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from bot.aws.cloud import AwsCloud
from bot.domain.fleet import Content, FleetSpec, Ssh, Writes
from bot.domain.plan import Launch, RouteWrites
from bot.lab.aws import NO_DELAYS, REGION, LocalAws, claim_network, furnish
from bot.world import Cloud
from tests.adapters.cloud_fake import FakeCloud, make_host_key


@dataclass(frozen=True)
class World:
    """A cloud with one fleet that has a master in service, and no clones, images or rules yet."""

    cloud: Cloud
    spec: FleetSpec
    image: str
    """Something to launch from."""
    group: str
    """A security group."""
    ec2: Any = None
    """A way past the bot, where there is one."""
    elb: Any = None
    lab: LocalAws | None = None
    operation: str = "op0"

    def order(self, count: int = 1) -> Launch:
        """Order clones."""
        return Launch(
            image=self.image,
            type="t3.small",
            subnet=self.spec.subnets[0],
            security_groups=(self.group,),
            count=count,
        )

    def act(self, name: str) -> str:
        """An action's id, which no other test has."""
        return f"{self.operation}.{name}"

    def bake(self, name: str = "bake", *, reboot: bool = False) -> str:
        """Begin an image."""
        return self.cloud.bake(
            self.spec,
            self.spec.master,
            version="v1",
            doctor="0 blocking 2 warnings",
            reboot=reboot,
            operation=self.operation,
            action=self.act(name),
        )

    def launch(self, count: int = 1, action: str = "launch", *, again: bool = False) -> tuple[str, ...]:
        """Launch clones and wait until they run."""
        ids = self.cloud.launch(
            self.spec, self.order(count), operation=self.operation, action=self.act(action), again=again
        )
        eventually(
            lambda: [s.state for s in self.cloud.servers(self.spec, ids).values()] == ["running"] * len(ids)
        )
        return ids

    def for_one_test(self, number: int) -> "World":
        """The same account with another fleet in it; memory costs nothing, so it gets a new one."""
        if self.ec2 is None:
            return replace(self, cloud=FakeCloud(), operation=f"op{number}")
        return replace(self, spec=replace(self.spec, name=f"web{number}"), operation=f"op{number}")

    def clean(self) -> None:
        """Remove what one test made, past the bot."""
        if self.ec2 is None:
            return
        fleet = self.cloud.look(self.spec)
        ids = [server.id for server in (*fleet.clones, *fleet.quarantined)]
        self.empty(self.spec.target_group, ids)
        self.empty(self.spec.writes.target_group, [self.spec.master, *ids])
        if ids:
            self.ec2.terminate_instances(InstanceIds=ids)
        for rule in self.rules():
            if rule["Priority"] != "default":
                self.elb.delete_rule(RuleArn=rule["RuleArn"])

    def empty(self, group: str, servers: Sequence[str]) -> None:
        """Deregister these and wait until it is so."""

        def left() -> list[dict[str, str]]:
            found = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            return [{"Id": t["Target"]["Id"]} for t in found if t["Target"]["Id"] in servers]

        if targets := left():
            self.elb.deregister_targets(TargetGroupArn=group, Targets=targets)
        eventually(lambda: not left())

    def rules(self) -> list[dict[str, Any]]:
        """The listener's rules as AWS describes them, in order."""
        (balancer,) = self.elb.describe_load_balancers()["LoadBalancers"]
        (listener,) = self.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        return list(self.elb.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"])

    def routes(self) -> RouteWrites:
        """Order what the fleet file says about writes."""
        return RouteWrites(
            target_group=self.spec.target_group,
            writes_group=self.spec.writes.target_group,
            master=self.spec.master,
            methods=self.spec.writes.methods,
            prefixes=self.spec.writes.prefixes,
        )


def eventually(happened: Callable[[], object], *, within: float = 20) -> None:
    """Wait for something that takes AWS its time."""
    due = time.monotonic() + within
    while not happened():
        assert time.monotonic() < due, "it did not happen in time"
        time.sleep(0.02)


def make_spec(**known: Any) -> FleetSpec:
    """One fleet, with what a world knows of it."""
    writes_group = known.pop("writes_group", "arn:writes")
    given: dict[str, Any] = {
        "name": "web",
        "region": REGION,
        "channel": "C0WEB",
        "master": "i-master",
        "target_group": "arn:web",
        "subnets": ("subnet-a",),
        "ssh": Ssh(user="admin", key_file="/key"),
        "content": Content(paths=("/var/www",)),
        "writes": Writes(target_group=writes_group, prefixes=("/upload",)),
    }
    return FleetSpec(**{**given, **known})


@contextmanager
def open_memory() -> Iterator[World]:
    """Everything in memory."""
    yield World(cloud=FakeCloud(), spec=make_spec(), image="ami-base", group="sg-web")


@contextmanager
def open_moto() -> Iterator[World]:
    """Plain moto: answers at once, knows no health, launches one where several are asked for."""
    moto = mock_aws()
    with using({}):
        moto.start(reset=False)  # a lab may live in the same process
        try:
            yield _furnish_moto()
        finally:
            moto.stop(remove_data=False)
            for backends in (autoscaling_backends, ec2_backends, elbv2_backends):
                backends.pop(DEFAULT_ACCOUNT_ID, None)


@contextmanager
def open_lab() -> Iterator[World]:
    """The lab's local AWS, with a small web server for every host."""
    with ExitStack() as stack:
        network = claim_network()
        stack.callback(network.close)
        hosts = Pages()
        stack.callback(hosts.close)
        aws = LocalAws(hosts, prefix=network.prefix, delays=NO_DELAYS)
        stack.callback(aws.close)
        aws.start()
        stack.enter_context(using({"AWS_ENDPOINT_URL": aws.endpoint}))
        found = furnish(aws)
        spec = make_spec(
            master=found.master,
            target_group=found.target_group,
            writes_group=found.writes_target_group,
            subnets=found.subnets,
        )
        session = boto3.Session()
        yield World(
            cloud=AwsCloud(),
            spec=spec,
            image=found.image,
            group=found.security_group,
            ec2=session.client("ec2", region_name=REGION),
            elb=session.client("elbv2", region_name=REGION),
            lab=aws,
        )


@contextmanager
def using(environment: dict[str, str]) -> Iterator[None]:
    """The environment of a bot, and nothing of whoever runs the tests."""
    theirs = [name for name in os.environ if name.startswith("AWS_")]
    ours = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in theirs:
            patch.delenv(name)
        for name, value in {**ours, **environment}.items():
            patch.setenv(name, value)
        yield


class Pages:
    """Hosts for the lab that only answer HTTP, and whose console shows one key."""

    def __init__(self) -> None:
        self._addresses: dict[str, str] = {}
        self._servers: dict[str, ThreadingHTTPServer] = {}

    def create(self, host: str, address: str) -> None:
        self._addresses[host] = address

    def clone_disk(self, host: str, address: str, image: str, user_data: str) -> None:  # noqa: ARG002  # it has no disk
        self.create(host, address)

    def boot(self, host: str) -> None:
        server = ThreadingHTTPServer((self._addresses[host], 8080), _Page)
        server.daemon_threads = True
        self._servers[host] = server
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()

    def shut_down(self, host: str) -> None:
        if server := self._servers.pop(host, None):
            server.shutdown()
            server.server_close()

    def destroy(self, host: str) -> None:
        self.shut_down(host)

    def console_output(self, host: str) -> str:
        return console_with(make_host_key(host))

    def snapshot(self, host: str, image: str) -> None:
        """Nothing is on its disk."""

    def delete_image(self, image: str) -> None:
        """Nothing was kept."""

    def close(self) -> None:
        for host in list(self._servers):
            self.shut_down(host)


def console_with(*lines: str) -> str:
    """A console as cloud-init leaves it."""
    begin, end = (f"-----{word} SSH HOST KEY KEYS-----" for word in ("BEGIN", "END"))
    return "\r\n".join(("[    0.0] Linux version 6.1", begin, *lines, end, "web login: "))


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _furnish_moto() -> World:
    ec2 = boto3.client("ec2", region_name=REGION)
    elb = boto3.client("elbv2", region_name=REGION)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = tuple(
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n * 16}.0/20", AvailabilityZone=f"{REGION}{zone}")[
            "Subnet"
        ]["SubnetId"]
        for n, zone in enumerate("ab")
    )
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=vpc)["GroupId"]
    image = ec2.register_image(Name=f"debian-{vpc}")["ImageId"]
    master = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[0])
    web, writes = (
        elb.create_target_group(Name=f"{name}-{vpc[-8:]}", Protocol="HTTP", Port=80, VpcId=vpc)[
            "TargetGroups"
        ][0]["TargetGroupArn"]
        for name in ("web", "writes")
    )
    balancer = elb.create_load_balancer(Name=f"web-{vpc[-8:]}", Subnets=list(subnets))["LoadBalancers"][0]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": web}],
    )
    master_id = master["Instances"][0]["InstanceId"]
    elb.register_targets(TargetGroupArn=web, Targets=[{"Id": master_id}])
    spec = make_spec(master=master_id, target_group=web, writes_group=writes, subnets=subnets)
    return World(cloud=AwsCloud(), spec=spec, image=image, group=group, ec2=ec2, elb=elb)


OPENERS: dict[str, Callable[[], Any]] = {"memory": open_memory, "moto": open_moto, "lab": open_lab}
