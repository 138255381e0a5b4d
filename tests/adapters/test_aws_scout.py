"""What AWS says of a server that belongs to no fleet, on plain moto; and when there is nothing to suggest."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from bot.aws.scout import AwsScout
from bot.domain.errors import BotError, ServerUnreachable, UsageError
from bot.domain.fleet import Ssh
from bot.domain.suggestion.draft import Wish
from bot.domain.suggestion.surroundings import Surroundings
from bot.suggest import read_wish, suggest_file
from tests.adapters.cloud_worlds import World, open_moto

REGION = "eu-central-1"


@dataclass(frozen=True)
class Account:
    """Somebody's account."""

    world: World
    scout: AwsScout

    def look(self) -> Surroundings:
        """At the master."""
        return self.scout.look(REGION, self.world.spec.master)

    def suggest(self, output: Path, server: str = "") -> None:
        """Ask for a fleet file."""
        ssh = Ssh(user="admin", key_file="key")
        suggest_file(server or self.world.spec.master, Wish(fleet="", region=REGION, ssh=ssh), output)


@pytest.fixture
def account() -> Iterator[Account]:
    with open_moto() as world:
        yield Account(world, AwsScout())


def test_it_tells_what_a_fleet_file_needs(account: Account) -> None:
    spec = account.world.spec
    seen = account.look()

    assert (seen.server.id, seen.server.state) == (spec.master, "running")
    assert seen.server.subnet in {subnet.id for subnet in seen.subnets}
    group = next(group for group in seen.target_groups if group.arn == spec.target_group)
    assert group.members == (spec.master,)
    assert group.zones, "a load balancer forwards to it"
    assert not next(g for g in seen.target_groups if g.arn == spec.writes.target_group).members


def test_subnets_are_told_apart_by_their_way_out(account: Account) -> None:
    ec2: Any = account.world.ec2
    network = ec2.describe_subnets(SubnetIds=[account.look().server.subnet])["Subnets"][0]["VpcId"]
    own = account.look().server.subnet
    other = next(s.id for s in account.look().subnets if s.id != own)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network)
    table = ec2.create_route_table(VpcId=network)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    ec2.associate_route_table(RouteTableId=table, SubnetId=own)

    ways = {subnet.id: subnet.way_out for subnet in account.look().subnets}

    assert (ways[own], ways[other]) == ("igw", "")


def test_a_server_of_an_auto_scaling_group_is_known_as_such(account: Account) -> None:
    image, subnet = account.world.image, account.look().server.subnet
    scaling = boto3.client("autoscaling", region_name=REGION)
    scaling.create_launch_configuration(
        LaunchConfigurationName="site", ImageId=image, InstanceType="t3.small"
    )
    scaling.create_auto_scaling_group(
        AutoScalingGroupName="site-asg",
        LaunchConfigurationName="site",
        MinSize=1,
        MaxSize=1,
        VPCZoneIdentifier=subnet,
    )
    groups = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    (member,) = groups[0]["Instances"]

    seen = account.scout.look(REGION, member["InstanceId"])

    scaling.delete_auto_scaling_group(AutoScalingGroupName="site-asg", ForceDelete=True)
    assert seen.scaling_group == "site-asg"


def test_nothing_is_written_for_a_server_that_is_not_there(account: Account, tmp_path: Path) -> None:
    with pytest.raises(BotError, match=r"AWS knows no living server i-0123456789abcdef0 in eu-central-1\."):
        account.suggest(tmp_path / "new.toml", "i-0123456789abcdef0")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_for_a_server_that_is_stopped(account: Account, tmp_path: Path) -> None:
    account.world.ec2.stop_instances(InstanceIds=[account.world.spec.master])
    with pytest.raises(BotError, match=r"is stopped\. Start it, then try again"):
        account.suggest(tmp_path / "new.toml")
    assert list(tmp_path.iterdir()) == []


def test_a_server_whose_host_keys_nobody_knows_is_not_connected_to(account: Account, tmp_path: Path) -> None:
    with pytest.raises(ServerUnreachable, match=r"does not show its SSH host keys.*--host-key"):
        account.suggest(tmp_path / "new.toml")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("server", "web-1"),
        ("region", "Frankfurt"),
        ("fleet", "4"),
        ("channel", "#web"),
        ("ssh_user", "a b"),
        ("host_key", ("AAAA",)),
    ],
)
def test_an_option_that_cannot_be_is_named(option: str, value: Any) -> None:
    options: dict[str, Any] = {
        "server": "i-0123456789abcdef0",
        "fleet": "web",
        "region": REGION,
        "channel": "C0WEB",
        "ssh_user": "admin",
        "ssh_key": "key",
        "port": 22,
        "root": "/",
        "no_sudo": False,
        "host_key": (),
    }
    assert read_wish(**options).ssh
    shown = "I-…" if option == "server" else f"--{option.replace('_', '-')}"
    with pytest.raises(UsageError, match=f"^{shown}: expected "):
        read_wish(**{**options, option: value})
