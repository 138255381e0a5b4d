"""Answers of AWS that no local AWS gives."""

import base64
from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber
from mypy_boto3_ec2 import EC2Client

from bot.aws import images, instances, targets
from bot.domain.errors import CloudError
from bot.domain.fleet import Service
from bot.lab.aws import REGION
from tests.adapters.cloud_fake import make_host_key
from tests.adapters.cloud_worlds import console_with, using

KEY = make_host_key("clone")
LATEST = {"InstanceId": "i-1", "Latest": True}


@pytest.fixture
def ec2() -> Iterator[EC2Client]:
    with using({}):
        yield boto3.client("ec2", region_name=REGION)


@pytest.fixture
def stub(ec2: EC2Client) -> Iterator[Stubber]:
    with Stubber(ec2) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def console(stub: Stubber, output: str, asked: dict[str, object]) -> None:
    encoded = base64.b64encode(output.encode()).decode()
    stub.add_response("get_console_output", {"InstanceId": "i-1", "Output": encoded}, asked)


def test_a_type_without_latest_output_shows_its_older_one(ec2: EC2Client, stub: Stubber) -> None:
    stub.add_client_error("get_console_output", "UnsupportedOperation", expected_params=LATEST)
    console(stub, console_with(KEY), {"InstanceId": "i-1"})
    assert instances.read_console(ec2, "i-1") == (KEY,)


def test_output_whose_beginning_has_scrolled_away_is_looked_for_in_the_older_one(
    ec2: EC2Client, stub: Stubber
) -> None:
    console(stub, "only noise", LATEST)
    console(stub, console_with(KEY), {"InstanceId": "i-1"})
    assert instances.read_console(ec2, "i-1") == (KEY,)


def test_an_empty_console_is_not_asked_twice(ec2: EC2Client, stub: Stubber) -> None:
    console(stub, "", LATEST)
    assert instances.read_console(ec2, "i-1") == ()


@pytest.mark.parametrize("state", ["failed", "error", "invalid", "deregistered", "disabled"])
def test_an_image_that_failed_says_why(ec2: EC2Client, stub: Stubber, state: str) -> None:
    image = {"ImageId": "ami-1", "State": state, "StateReason": {"Message": "the snapshot was lost"}}
    stub.add_response("describe_images", {"Images": [image]})
    with pytest.raises(CloudError, match="the snapshot was lost"):
        images.find_ready(ec2, "ami-1")


@pytest.mark.parametrize(
    ("states", "service"),
    [
        (["initial"], Service.STARTING),
        (["unhealthy"], Service.UNHEALTHY),
        (["unhealthy.draining"], Service.DRAINING),
        (["unavailable"], Service.UNHEALTHY),
        (["unused"], Service.OUT),
        (["a new word"], Service.UNHEALTHY),
        (["draining", "healthy"], Service.HEALTHY),
        (["unhealthy", "draining"], Service.DRAINING),
    ],
)
def test_a_server_counts_as_what_it_does_most(states: list[str], service: Service) -> None:
    described = [
        {"Target": {"Id": "i-1", "Port": 80 + n}, "TargetHealth": {"State": state}}
        for n, state in enumerate(states)
    ]
    with using({}):
        elb = boto3.client("elbv2", region_name=REGION)
    with Stubber(elb) as stub:
        stub.add_response("describe_target_health", {"TargetHealthDescriptions": described})
        assert targets.find_services(elb, "arn:web") == {"i-1": service}
