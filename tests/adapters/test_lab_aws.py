"""The lab's AWS: what boto3 sees, compared with what AWS promises."""

import gzip
import http.client
import json
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from http.server import BaseHTTPRequestHandler
from multiprocessing import get_context
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004  # botocore's
from botocore.parsers import ResponseParserError
from moto.elbv2.models import elbv2_backends

from bot.lab.aws import (
    NO_DELAYS,
    Call,
    Fate,
    Fault,
    Furnished,
    Kind,
    LocalAws,
    Moment,
    Network,
    claim_network,
    furnish,
)
from bot.lab.listening import LoopbackServer

ONCE = Config(retries={"total_max_attempts": 1}, user_agent_extra="action/a-42", read_timeout=10)


class Page(BaseHTTPRequestHandler):
    """A host's only page."""

    protocol_version = "HTTP/1.1"
    hosts: "HttpHosts"
    host: str

    def do_GET(self) -> None:
        self.hosts.delay.wait(self.hosts.slow.get(self.host, 0))
        body = self.host.encode()
        self.send_response(self.hosts.status.get(self.host, 200))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  # http.server's name

    def log_message(self, *_: Any) -> None: ...


class HttpHosts:
    """Hosts that are one web server each, on their own address."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.user_data: dict[str, str] = {}
        self.servers: dict[str, LoopbackServer] = {}
        self.status: dict[str, int] = {}
        self.slow: dict[str, float] = {}
        self.delay = threading.Event()
        self.history: list[tuple[str, str]] = []
        self.may_boot = threading.Event()
        self.may_boot.set()
        self.broken: set[str] = set()

    def create(self, host: str, address: str) -> None:
        self.addresses[host] = address
        self.history.append(("create", host))

    def clone_disk(self, host: str, address: str, image: str, user_data: str) -> None:
        self.addresses[host] = address
        self.user_data[host] = user_data
        self.history.append((f"clone {image}", host))

    def boot(self, host: str) -> None:
        self.may_boot.wait(10)
        if "boot" in self.broken:
            raise OSError("no room on the disk")
        self.history.append(("boot", host))
        page = type("OwnPage", (Page,), {"hosts": self, "host": host})
        server = LoopbackServer(self.addresses[host], 8080, page)
        server.start()
        self.servers[host] = server

    def shut_down(self, host: str) -> None:
        self.history.append(("shut down", host))
        if server := self.servers.pop(host, None):
            server.close()

    def destroy(self, host: str) -> None:
        self.shut_down(host)
        self.history.append(("destroy", host))

    def console_output(self, host: str) -> str:
        return f"-----BEGIN SSH HOST KEY KEYS-----\n{host}\n-----END SSH HOST KEY KEYS-----"

    def snapshot(self, host: str, image: str) -> None:
        self.history.append((f"snapshot {image}", host))

    def delete_image(self, image: str) -> None:
        self.history.append(("delete", image))

    def close(self) -> None:
        self.delay.set()
        for host in list(self.servers):
            self.shut_down(host)

    def of(self, host: str) -> list[str]:
        return [what for what, whom in self.history if whom == host]


class Lab:
    """A furnished lab and its clients."""

    def __init__(self, network: Network) -> None:
        self.hosts = HttpHosts()
        self.aws = LocalAws(self.hosts, prefix=network.prefix, delays=NO_DELAYS)
        self.aws.start()
        self.site: Furnished = furnish(self.aws)
        session = boto3.Session(
            aws_access_key_id="x", aws_secret_access_key="y", region_name=self.site.region
        )
        self.ec2: Any = session.client("ec2", endpoint_url=self.aws.endpoint, config=ONCE)
        self.elb: Any = session.client("elbv2", endpoint_url=self.aws.endpoint, config=ONCE)
        self.sts: Any = session.client("sts", endpoint_url=self.aws.endpoint, config=ONCE)

    def close(self) -> None:
        self.aws.close()
        self.hosts.close()

    def launch(self, least: int = 1, most: int = 1, **more: Any) -> list[str]:
        wish = {"ImageId": self.site.image, "SubnetId": self.site.subnets[1], **more}
        launched = self.ec2.run_instances(MinCount=least, MaxCount=most, **wish)
        return [instance["InstanceId"] for instance in launched["Instances"]]

    def running(self, count: int = 1, **more: Any) -> list[str]:
        ids = self.launch(count, count, **more)
        eventually(lambda: self.states(ids) == {"running"})
        return ids

    def states(self, ids: list[str]) -> set[str]:
        found = self.ec2.describe_instances(InstanceIds=ids)["Reservations"]
        return {instance["State"]["Name"] for launch in found for instance in launch["Instances"]}

    def register(self, ids: list[str]) -> None:
        self.elb.register_targets(
            TargetGroupArn=self.site.target_group, Targets=[{"Id": instance} for instance in ids]
        )

    def health(self, target: str, group: str = "") -> tuple[str, str]:
        found = self.elb.describe_target_health(
            TargetGroupArn=group or self.site.target_group, Targets=[{"Id": target}]
        )["TargetHealthDescriptions"][0]["TargetHealth"]
        return found["State"], found.get("Reason", "")

    def is_healthy(self, target: str) -> bool:
        return self.health(target)[0] == "healthy"

    def serving(self, count: int = 1) -> list[str]:
        ids = self.running(count)
        self.register(ids)
        for target in ids:
            eventually(partial(self.is_healthy, target))
        return ids

    def deregister(self, ids: list[str]) -> None:
        self.elb.deregister_targets(
            TargetGroupArn=self.site.target_group, Targets=[{"Id": instance} for instance in ids]
        )

    def forgot(self, ids: list[str]) -> bool:
        found = self.elb.describe_target_health(TargetGroupArn=self.site.target_group)
        known = {target["Target"]["Id"] for target in found["TargetHealthDescriptions"]}
        return not known & set(ids)

    def nothing_boots(self) -> bool:
        pending = [{"Name": "instance-state-name", "Values": ["pending"]}]
        return not self.ec2.describe_instances(Filters=pending)["Reservations"]

    def serves(self) -> bool:
        """Whether the master is up again after whatever was done to it."""
        pending = [{"Name": "state", "Values": ["pending"]}]
        imaged = not self.ec2.describe_images(Owners=["self"], Filters=pending)["Images"]
        return imaged and self.site.master in self.hosts.servers and self.is_healthy(self.site.master)

    def remove(self, ids: list[str]) -> None:
        self.deregister(ids)
        self.ec2.terminate_instances(InstanceIds=ids)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    held = claim_network()
    yield held
    held.close()


@pytest.fixture(scope="module")
def furnished(network: Network) -> Iterator[Lab]:
    lab = Lab(network)
    yield lab
    lab.close()


@pytest.fixture
def lab(furnished: Lab) -> Iterator[Lab]:
    yield furnished
    furnished.aws.faults.clear()
    furnished.hosts.may_boot.set()
    furnished.hosts.broken.clear()
    furnished.hosts.slow.clear()
    furnished.hosts.status.clear()
    eventually(furnished.serves)


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> None:
    due = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < due, "it did not happen in time"
        time.sleep(0.02)


def refusal(call: Callable[[], Any]) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def ask(url: str, method: str = "GET") -> str:
    request = urllib.request.Request(url, method=method)  # loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # loopback
        return str(answer.read().decode())


def test_a_furnished_account_has_a_master_that_serves_behind_the_load_balancer(lab: Lab) -> None:
    assert lab.states([lab.site.master]) == {"running"}
    assert lab.health(lab.site.master) == ("healthy", "")
    assert lab.sts.get_caller_identity()["Account"] == lab.site.account
    [rule] = lab.elb.describe_rules(ListenerArn=lab.site.listener)["Rules"]
    assert rule["IsDefault"]
    assert ask(lab.site.site_url) in lab.hosts.addresses


def test_nothing_of_an_earlier_lab_is_left_in_its_account() -> None:
    network, hosts = claim_network(), HttpHosts()
    aws = LocalAws(hosts, prefix=network.prefix, delays=NO_DELAYS)
    left = elbv2_backends[aws.account]["eu-central-1"]
    aws.start()
    try:
        assert elbv2_backends[aws.account]["eu-central-1"] is not left
        assert furnish(aws).site_url == f"http://{network.prefix}.255.10:8000"
    finally:
        aws.close()
        hosts.close()
        network.close()


# Launching


def test_an_instance_is_pending_until_its_host_has_booted(lab: Lab) -> None:
    lab.hosts.may_boot.clear()
    ids = lab.launch()
    assert lab.states(ids) == {"pending"}
    lab.hosts.may_boot.set()
    eventually(lambda: lab.states(ids) == {"running"})
    assert lab.hosts.of(ids[0]) == ["create", "boot"]


def test_one_call_launches_as_many_as_its_maximum(lab: Lab) -> None:
    ids = lab.launch(1, 12)
    assert len(set(ids)) == 12
    eventually(lambda: lab.states(ids) == {"running"})


def test_an_instance_has_the_tags_of_its_launch_and_so_have_its_volumes(lab: Lab) -> None:
    tags = [{"Key": "clonebot:action", "Value": "tagged"}]
    [instance] = lab.running(
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
        MetadataOptions={"HttpTokens": "required"},
    )
    by_tag = [{"Name": "tag:clonebot:action", "Values": ["tagged"]}]
    [launch] = lab.ec2.describe_instances(Filters=by_tag)["Reservations"]
    assert launch["Instances"][0]["InstanceId"] == instance
    assert launch["Instances"][0]["MetadataOptions"]["HttpTokens"] == "required"
    assert len(lab.ec2.describe_volumes(Filters=by_tag)["Volumes"]) == 1


def test_a_repeated_client_token_returns_the_same_instances_and_boots_nothing_twice(lab: Lab) -> None:
    first = lab.launch(1, 2, ClientToken="again")
    with ThreadPoolExecutor(8) as pool:
        others = [pool.submit(lab.launch, 1, 2, ClientToken="again") for _ in range(8)]
    assert all(other.result() == first for other in others)
    eventually(lambda: lab.states(first) == {"running"})
    assert all(lab.hosts.of(instance) == ["create", "boot"] for instance in first)


def test_a_client_token_with_other_parameters_is_refused(lab: Lab) -> None:
    lab.launch(ClientToken="mine")
    again = refusal(lambda: lab.launch(1, 3, ClientToken="mine"))
    assert again == ("IdempotentParameterMismatch", 400)


def test_a_subnet_with_too_little_capacity_gives_what_it_has(lab: Lab) -> None:
    lab.aws.faults.no_capacity(lab.site.subnets[1], free=3)
    assert len(lab.launch(1, 5)) == 3
    assert refusal(lambda: lab.launch(1, 2)) == ("InsufficientInstanceCapacity", 500)
    assert len(lab.launch(1, 2, SubnetId=lab.site.subnets[0])) == 2


def test_a_launch_that_needs_more_than_there_is_gets_nothing(lab: Lab) -> None:
    lab.aws.faults.no_capacity(free=3)
    assert refusal(lambda: lab.launch(4, 5)) == ("InsufficientInstanceCapacity", 500)
    assert len(lab.launch(3, 3)) == 3


def test_a_type_may_lack_in_one_subnet_or_in_all(lab: Lab) -> None:
    one, two = lab.site.subnets[:2]
    lab.aws.faults.no_capacity(one, kind="t3.small")
    lab.aws.faults.no_capacity(kind="m5.large", free=1)
    assert refusal(lambda: lab.launch(SubnetId=one, InstanceType="t3.small"))[1] == 500
    assert len(lab.launch(SubnetId=two, InstanceType="t3.small")) == 1
    assert len(lab.launch(SubnetId=one, InstanceType="m5.large")) == 1
    assert refusal(lambda: lab.launch(SubnetId=two, InstanceType="m5.large"))[1] == 500


def test_a_quota_refuses_what_goes_beyond_it_in_any_subnet(lab: Lab) -> None:
    lab.aws.faults.quota(2)
    assert refusal(lambda: lab.launch(1, 3)) == ("VcpuLimitExceeded", 400)
    assert len(lab.launch(1, 2)) == 2
    assert refusal(lambda: lab.launch(SubnetId=lab.site.subnets[0])) == ("VcpuLimitExceeded", 400)


def test_servers_may_be_doomed(lab: Lab) -> None:
    for fate in Fate:
        lab.aws.faults.doom(fate)
    pending, silent, ended, sound = lab.launch(4, 4)
    eventually(lambda: lab.states([silent, sound]) == {"running"} and lab.states([ended]) == {"terminated"})
    (found,) = lab.ec2.describe_instances(InstanceIds=[ended])["Reservations"][0]["Instances"]
    assert found["StateReason"]["Code"] == "Client.VolumeLimitExceeded"
    assert lab.states([pending]) == {"pending"}
    assert [lab.hosts.of(server) for server in (pending, silent, ended)] == [[], [], []]
    lab.ec2.terminate_instances(InstanceIds=[pending, silent])
    eventually(lambda: lab.states([pending, silent]) == {"terminated"})


def test_more_at_least_than_at_most_is_refused(lab: Lab) -> None:
    assert refusal(lambda: lab.launch(2, 1)) == ("InvalidParameterValue", 400)


def test_an_unknown_image_is_refused(lab: Lab) -> None:
    assert refusal(lambda: lab.launch(ImageId="ami-00000000000000000"))[0] == "InvalidAMIID.NotFound"


def test_an_instance_whose_host_fails_to_boot_ends_terminated_with_a_reason(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    lab.hosts.broken.add("boot")
    [instance] = lab.launch()
    eventually(lambda: lab.states([instance]) == {"terminated"})
    [launch] = lab.ec2.describe_instances(InstanceIds=[instance])["Reservations"]
    assert launch["Instances"][0]["StateReason"]["Code"] == "Server.InternalError"
    assert "no room on the disk" in caplog.text


def test_an_instance_can_be_stopped_and_started_again(lab: Lab) -> None:
    ids = lab.running()
    lab.ec2.stop_instances(InstanceIds=ids)
    eventually(lambda: lab.states(ids) == {"stopped"})
    lab.ec2.start_instances(InstanceIds=ids)
    eventually(lambda: lab.states(ids) == {"running"})
    assert lab.hosts.of(ids[0]) == ["create", "boot", "shut down", "boot"]


def test_terminating_twice_destroys_the_host_once(lab: Lab) -> None:
    ids = lab.running()
    lab.ec2.terminate_instances(InstanceIds=ids)
    lab.ec2.terminate_instances(InstanceIds=ids)
    eventually(lambda: lab.states(ids) == {"terminated"})
    assert lab.hosts.of(ids[0]).count("destroy") == 1


def test_an_instance_terminated_while_it_boots_ends_terminated_without_a_host(lab: Lab) -> None:
    lab.hosts.may_boot.clear()
    ids = lab.launch()
    lab.ec2.terminate_instances(InstanceIds=ids)
    lab.hosts.may_boot.set()
    eventually(lambda: lab.states(ids) == {"terminated"})
    assert ids[0] not in lab.hosts.servers


def test_the_console_output_is_what_the_host_printed(lab: Lab) -> None:
    [instance] = lab.running()
    assert instance in lab.ec2.get_console_output(InstanceId=instance)["Output"]


def test_a_tag_for_an_instance_that_does_not_exist_is_refused(lab: Lab) -> None:
    tags = [{"Key": "a", "Value": "b"}]
    unknown = refusal(lambda: lab.ec2.create_tags(Resources=["i-00000000000000000"], Tags=tags))
    assert unknown[0] == "InvalidInstanceID.NotFound"


# Images


def bake(lab: Lab, name: str, *, reboot: bool = False) -> str:
    tags = [{"Key": "clonebot:fleet", "Value": name}]
    made = lab.ec2.create_image(
        InstanceId=lab.site.master,
        Name=name,
        NoReboot=not reboot,
        TagSpecifications=[{"ResourceType": kind, "Tags": tags} for kind in ("image", "snapshot")],
    )
    image = str(made["ImageId"])
    mine = [{"Name": "tag:clonebot:fleet", "Values": [name]}]

    def available() -> bool:
        [found] = lab.ec2.describe_images(Owners=["self"], Filters=mine)["Images"]
        return bool(found["State"] == "available")

    eventually(available)
    assert len(lab.ec2.describe_snapshots(OwnerIds=["self"], Filters=mine)["Snapshots"]) == 1
    return image


def test_an_image_is_a_copy_of_the_disk_and_a_clone_of_it_starts_from_that_copy(lab: Lab) -> None:
    before = lab.hosts.of(lab.site.master).count("boot")
    image = bake(lab, "copied")
    assert lab.hosts.of(lab.site.master)[-1] == f"snapshot {image}"
    assert lab.hosts.of(lab.site.master).count("boot") == before
    [clone] = lab.running(ImageId=image)
    assert lab.hosts.of(clone) == [f"clone {image}", "boot"]


def test_what_a_launch_says_for_the_first_boot_is_on_the_clones_disk(lab: Lab) -> None:
    [clone] = lab.running(ImageId=bake(lab, "told"), UserData="#cloud-config")
    assert lab.hosts.user_data[clone] == "#cloud-config"
    [clone] = lab.running(ImageId=bake(lab, "packed"), UserData=gzip.compress(b"#cloud-config"))
    assert lab.hosts.user_data[clone] == "#cloud-config"


def test_an_image_made_without_no_reboot_restarts_the_master(lab: Lab) -> None:
    image = bake(lab, "rebooted", reboot=True)
    assert lab.hosts.of(lab.site.master)[-3:] == ["shut down", f"snapshot {image}", "boot"]


def test_nothing_starts_from_an_image_that_is_still_pending(lab: Lab) -> None:
    lab.hosts.may_boot.clear()
    image = lab.ec2.create_image(InstanceId=lab.site.master, Name="pending-image")["ImageId"]
    assert lab.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "pending"
    assert refusal(lambda: lab.launch(ImageId=image))[0] == "InvalidAMIID.Unavailable"


def test_two_images_cannot_have_one_name(lab: Lab) -> None:
    bake(lab, "only-once")
    assert refusal(lambda: bake(lab, "only-once"))[0] == "InvalidAMIName.Duplicate"


def test_a_deregistered_image_is_deleted(lab: Lab) -> None:
    image = bake(lab, "deregistered")
    lab.ec2.deregister_image(ImageId=image)
    eventually(lambda: lab.hosts.of(image) == ["delete"])


# Targets


def test_a_target_is_initial_until_its_page_answers_and_then_gets_requests(lab: Lab) -> None:
    [clone] = lab.running()
    lab.hosts.slow[clone] = 0.3
    lab.register([clone])
    assert lab.health(clone) == ("initial", "Elb.RegistrationInProgress")
    eventually(lambda: lab.health(clone) == ("healthy", ""))
    lab.hosts.slow.clear()
    assert clone in {ask(lab.site.site_url) for _ in range(30)}
    lab.remove([clone])


def test_a_target_whose_page_fails_becomes_unhealthy_and_gets_no_requests(lab: Lab) -> None:
    [clone] = lab.serving()
    lab.hosts.status[clone] = 500
    eventually(lambda: lab.health(clone) == ("unhealthy", "Target.ResponseCodeMismatch"))
    lab.hosts.status.clear()
    lab.hosts.slow[clone] = 3
    eventually(lambda: lab.health(clone) == ("unhealthy", "Target.Timeout"))
    assert clone not in {ask(lab.site.site_url) for _ in range(30)}
    lab.hosts.slow.clear()
    eventually(lambda: lab.health(clone) == ("healthy", ""))
    lab.remove([clone])


def test_a_target_drains_before_it_is_unused(lab: Lab) -> None:
    [clone] = lab.serving()
    lab.deregister([clone])
    assert lab.health(clone) == ("draining", "Target.DeregistrationInProgress")
    assert clone not in {ask(lab.site.site_url) for _ in range(30)}
    eventually(lambda: lab.health(clone) == ("unused", "Target.NotRegistered"))


def test_a_target_deregistered_twice_is_no_error(lab: Lab) -> None:
    [clone] = lab.serving()
    lab.remove([clone])
    lab.deregister([clone])
    assert lab.health(clone)[0] in ("draining", "unused")


def test_a_draining_target_can_be_registered_again(lab: Lab) -> None:
    [clone] = lab.serving()
    lab.deregister([clone])
    lab.register([clone])
    eventually(lambda: lab.health(clone) == ("healthy", ""))
    time.sleep(0.3)
    assert lab.health(clone) == ("healthy", "")
    lab.remove([clone])


def test_a_terminated_target_stays_registered_until_its_health_check_fails(lab: Lab) -> None:
    [clone] = lab.serving()
    lab.ec2.terminate_instances(InstanceIds=[clone])
    seen: list[str] = []

    def unused() -> bool:
        seen.append(lab.health(clone)[0])
        assert ask(lab.site.site_url)
        return seen[-1] == "unused"

    eventually(unused)
    assert seen[0] in ("healthy", "unhealthy", "draining")


def test_a_target_of_a_group_that_no_listener_uses_is_unused_until_a_rule_uses_it(lab: Lab) -> None:
    writes = lab.site.writes_target_group
    [clone] = lab.serving()
    lab.elb.register_targets(TargetGroupArn=writes, Targets=[{"Id": lab.site.master}])
    assert lab.health(lab.site.master, writes) == ("unused", "Target.NotInUse")
    [rule] = lab.elb.create_rule(
        ListenerArn=lab.site.listener,
        Priority=10,
        Conditions=[
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST", "PUT"]}},
            {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/up*"]}},
        ],
        Actions=[{"Type": "forward", "TargetGroupArn": writes}],
    )["Rules"]
    eventually(lambda: lab.health(lab.site.master, writes) == ("healthy", ""))
    assert {ask(lab.site.site_url + "/upload?x=1", "POST") for _ in range(10)} == {lab.site.master}
    assert clone in {ask(lab.site.site_url + "/upload") for _ in range(30)}
    lab.elb.delete_rule(RuleArn=rule["RuleArn"])
    lab.elb.deregister_targets(TargetGroupArn=writes, Targets=[{"Id": lab.site.master}])
    lab.remove([clone])


def test_rules_are_shown_in_the_order_in_which_they_are_tried(lab: Lab) -> None:
    made = [
        lab.elb.create_rule(
            ListenerArn=lab.site.listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}"]}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "299"}}],
        )["Rules"][0]["RuleArn"]
        for priority in (30, 9, 20)
    ]
    shown = lab.elb.describe_rules(ListenerArn=lab.site.listener)["Rules"]
    assert [rule["Priority"] for rule in shown] == ["9", "20", "30", "default"]
    for rule in made:
        lab.elb.delete_rule(RuleArn=rule)


def test_a_listener_on_a_port_that_is_taken_is_refused_and_not_kept(lab: Lab) -> None:
    address, _, port = lab.site.site_url.removeprefix("http://").rpartition(":")

    def listen(port: int) -> Any:
        return lab.elb.create_listener(
            LoadBalancerArn=lab.site.load_balancer,
            Protocol="HTTP",
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": lab.site.target_group}],
        )

    assert refusal(lambda: listen(int(port))) == ("DuplicateListener", 400)
    with socket.create_server((address, 0)) as taken:
        number = taken.getsockname()[1]
        assert refusal(lambda: listen(number)) == ("PortNotFree", 400)
    kept = lab.elb.describe_listeners(LoadBalancerArn=lab.site.load_balancer)["Listeners"]
    assert [listener["ListenerArn"] for listener in kept] == [lab.site.listener]


def test_an_instance_that_does_not_run_cannot_be_registered(lab: Lab) -> None:
    lab.hosts.may_boot.clear()
    ids = lab.launch()
    assert refusal(lambda: lab.register(ids))[0] == "InvalidTarget"
    assert refusal(lambda: lab.register(["i-00000000000000000"]))[0] == "InvalidTarget"


def test_no_request_fails_while_targets_come_and_go_under_load(lab: Lab) -> None:
    done = threading.Event()

    def visit() -> int:
        answered = 0
        while not done.is_set():
            assert ask(lab.site.site_url)
            answered += 1
        return answered

    with ThreadPoolExecutor(4) as pool:
        visits = [pool.submit(visit) for _ in range(4)]
        for _ in range(5):
            clones = lab.serving(2)
            lab.deregister(clones)
            eventually(partial(lab.forgot, clones))
            lab.ec2.terminate_instances(InstanceIds=clones)
        done.set()
        answered = [visit.result() for visit in visits]
    assert sum(answered) > 50


# Faults


def test_an_error_befalls_as_many_calls_as_asked(lab: Lab) -> None:
    lab.aws.faults.error("RunInstances", "VcpuLimitExceeded", times=2)
    assert refusal(lab.launch) == ("VcpuLimitExceeded", 400)
    assert lab.states([lab.site.master]) == {"running"}
    assert refusal(lab.launch) == ("VcpuLimitExceeded", 400)
    assert lab.launch()


def test_a_share_of_calls_is_throttled(lab: Lab) -> None:
    lab.aws.faults.error("*", "RequestLimitExceeded", times=None, share=0.5)
    statuses = set()
    for _ in range(40):
        try:
            lab.states([lab.site.master])
            statuses.add(200)
        except ClientError as error:
            statuses.add(error.response["ResponseMetadata"]["HTTPStatusCode"])
    assert statuses == {200, 503}


def test_an_error_of_the_load_balancer_is_readable_too(lab: Lab) -> None:
    lab.aws.faults.error("DescribeTargetHealth", "Throttling")
    assert refusal(lambda: lab.health(lab.site.master)) == ("Throttling", 400)


def test_a_lost_answer_has_had_its_effect_and_the_token_finds_it(lab: Lab) -> None:
    lab.aws.faults.lose_answer("RunInstances")
    launches = len(lab.aws.calls.of("RunInstances"))
    with pytest.raises((ConnectionError, HTTPClientError)):
        lab.launch(ClientToken="lost")
    lost = lab.aws.calls.of("RunInstances")[launches]
    assert lost.effect_at is not None
    assert lost.answered_at is None
    [instance] = lab.launch(ClientToken="lost")
    eventually(lambda: lab.states([instance]) == {"running"})
    assert lab.hosts.of(instance) == ["create", "boot"]


def test_a_truncated_answer_has_had_its_effect_and_cannot_be_parsed(lab: Lab) -> None:
    known = len(lab.hosts.addresses)
    lab.aws.faults.truncate("RunInstances")
    with pytest.raises(ResponseParserError):
        lab.launch()
    eventually(lambda: len(lab.hosts.addresses) == known + 1)


def test_a_reset_connection_has_had_no_effect(lab: Lab) -> None:
    lab.aws.faults.reset("RunInstances")
    with pytest.raises((ConnectionError, HTTPClientError)):
        lab.launch(ClientToken="reset")
    assert lab.aws.calls.of("RunInstances")[-1].effect_at is None


def test_a_503_without_a_code_has_had_no_effect(lab: Lab) -> None:
    lab.aws.faults.unavailable("TerminateInstances")
    ids = lab.running()
    assert refusal(lambda: lab.ec2.terminate_instances(InstanceIds=ids))[1] == 503
    assert lab.states(ids) == {"running"}


def test_a_delayed_call_is_carried_out_late(lab: Lab) -> None:
    lab.aws.faults.delay("DescribeInstances", 0.3)
    begun = time.monotonic()
    assert lab.states([lab.site.master]) == {"running"}
    assert time.monotonic() - begun >= 0.3


def test_a_new_instance_is_unknown_for_a_while(lab: Lab) -> None:
    lab.aws.faults.not_found_for(1.5)
    tags = [{"Key": "clonebot:action", "Value": "late"}]
    [instance] = lab.launch(TagSpecifications=[{"ResourceType": "instance", "Tags": tags}])
    by_tag = [{"Name": "tag:clonebot:action", "Values": ["late"]}]
    assert refusal(lambda: lab.states([instance]))[0] == "InvalidInstanceID.NotFound"
    assert lab.ec2.describe_instances(Filters=by_tag)["Reservations"] == []
    unknown = refusal(lambda: lab.ec2.create_tags(Resources=[instance], Tags=tags))
    assert unknown[0] == "InvalidInstanceID.NotFound"
    time.sleep(1.5)
    assert len(lab.ec2.describe_instances(Filters=by_tag)["Reservations"]) == 1


# The call log


def test_a_call_is_logged_with_who_asked_and_what_became_of_it(lab: Lab) -> None:
    lab.launch(ClientToken="logged")
    call = lab.aws.calls.of("RunInstances")[-1]
    assert call.mutating
    assert call.service == "ec2"
    assert call.region == lab.site.region
    assert "action/a-42" in call.user_agent
    assert call.parameters["ClientToken"] == "logged"
    assert call.status == 200
    assert call.effect_at
    eventually(lambda: lab.aws.calls.of("RunInstances")[-1].answered_at is not None)


def test_a_read_is_not_mutating_and_neither_is_a_dry_run(lab: Lab) -> None:
    lab.states([lab.site.master])
    assert not lab.aws.calls.all()[-1].mutating
    assert refusal(lambda: lab.launch(DryRun=True))[0] == "DryRunOperation"
    assert not lab.aws.calls.of("RunInstances")[-1].mutating


def test_a_listener_is_told_before_the_effect_and_before_the_answer(lab: Lab) -> None:
    told: list[tuple[str, bool]] = []

    def listen(call: Call, moment: Moment) -> None:
        if call.action == "CreateTags":
            told.append((moment.name, call.effect_at is not None))

    forget = lab.aws.calls.on_call(listen)
    lab.ec2.create_tags(Resources=[lab.site.master], Tags=[{"Key": "a", "Value": "b"}])
    forget()
    lab.ec2.create_tags(Resources=[lab.site.master], Tags=[{"Key": "a", "Value": "c"}])
    assert told == [("BEFORE", False), ("AFTER", True)]


# The control URL


def control(lab: Lab, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", lab.aws.port, timeout=10)
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    shown = json.loads(answer.read())
    connection.close()
    return answer.status, shown


def test_faults_can_be_set_and_cleared_through_the_control_url(lab: Lab) -> None:
    wish = {"action": "DescribeInstances", "kind": "error", "code": "RequestLimitExceeded", "times": 5}
    status, shown = control(lab, "POST", "/_lab/faults", wish)
    assert (status, shown["faults"][0]["code"]) == (200, "RequestLimitExceeded")
    assert refusal(lambda: lab.states([lab.site.master])) == ("RequestLimitExceeded", 503)
    assert control(lab, "DELETE", "/_lab/faults")[1]["faults"] == []
    assert lab.states([lab.site.master]) == {"running"}


@pytest.mark.parametrize(
    ("wish", "shown"),
    [
        ({"capacity": 1, "type": "t3.small"}, {"capacity": {"t3.small in *": 1}}),
        ({"capacity": 0, "subnet": "subnet-a"}, {"capacity": {"* in subnet-a": 0}}),
        ({"quota": 3, "code": "InstanceLimitExceeded"}, {"quotas": {"InstanceLimitExceeded": 3}}),
        (
            {"fate": "stays pending", "reason": "why"},
            {"dooms": [{"fate": "stays pending", "reason": "why"}]},
        ),
    ],
)
def test_the_control_url_takes_each_kind_of_wish(
    lab: Lab, wish: dict[str, Any], shown: dict[str, Any]
) -> None:
    assert control(lab, "POST", "/_lab/faults", wish)[1].items() >= shown.items()
    cleared = control(lab, "DELETE", "/_lab/faults")[1]
    assert not any(cleared.values())


def test_the_control_url_shows_the_calls(lab: Lab) -> None:
    lab.states([lab.site.master])
    status, shown = control(lab, "GET", "/_lab/calls")
    assert (status, shown[-1]["action"]) == (200, "DescribeInstances")


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_a_page_in_a_browser_cannot_reach_the_control_url(lab: Lab, headers: dict[str, str]) -> None:
    assert control(lab, "GET", "/_lab/calls", **headers)[0] == 403


@pytest.mark.parametrize("wish", [{"kind": "miracle"}, {"kind": "error", "colour": 1}, {"capacity": "x"}])
def test_a_fault_that_makes_no_sense_is_refused(lab: Lab, wish: dict[str, Any]) -> None:
    assert control(lab, "POST", "/_lab/faults", wish)[0] == 400


def test_a_call_that_is_not_signed_is_refused(lab: Lab) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", lab.aws.port, timeout=10)
    connection.request("POST", "/", "Action=DescribeInstances&Version=2016-11-15")
    assert connection.getresponse().status == 403
    connection.close()


# Several at once


def test_twenty_clients_at_once_are_served(lab: Lab) -> None:
    with ThreadPoolExecutor(20) as pool:
        launched = [pool.submit(lab.launch, ClientToken=f"one of {number}") for number in range(20)]
        reads = [pool.submit(lab.states, [lab.site.master]) for _ in range(20)]
    ids = [instance for launch in launched for instance in launch.result()]
    assert len(set(ids)) == 20
    assert all(read.result() == {"running"} for read in reads)


def test_two_labs_do_not_see_each_other(lab: Lab) -> None:
    with_own = claim_network()
    try:
        other = Lab(with_own)
        try:
            assert other.site.account != lab.site.account
            assert refusal(lambda: other.states([lab.site.master]))[0] == "InvalidInstanceID.NotFound"
            assert ask(other.site.site_url) == other.site.master
        finally:
            other.close()
    finally:
        with_own.close()


def test_a_network_in_use_is_not_claimed_again() -> None:
    first, second = claim_network(), claim_network()
    assert first.number != second.number
    first.close()
    again = claim_network(first.number, first.number)
    assert again.number == first.number
    again.close()
    second.close()


def test_a_closed_lab_leaves_no_thread_and_no_open_port() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        threads, port = alone.submit(leave_a_lab).result()
    assert threads == []
    with pytest.raises(OSError, match="refused"):
        http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()


def leave_a_lab() -> tuple[list[str], int]:
    """Open and close one in a process that has no other; which threads are left soon after, and its port."""
    before = set(threading.enumerate())
    network = claim_network()
    lab = Lab(network)
    lab.close()
    network.close()
    due = time.monotonic() + 10
    while (left := set(threading.enumerate()) - before) and time.monotonic() < due:
        time.sleep(0.02)
    return [thread.name for thread in left], lab.aws.port


def test_a_fault_added_by_hand_is_used_up(lab: Lab) -> None:
    lab.aws.faults.add(Fault(action="DescribeInstances", kind=Kind.RESET))
    with pytest.raises((ConnectionError, HTTPClientError)):
        lab.states([lab.site.master])
    assert lab.aws.faults.describe()["faults"] == []
