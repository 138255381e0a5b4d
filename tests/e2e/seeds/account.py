"""What administrators do to the account that a server is in; each says what the doctor must name."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.adapters.cloud_worlds import eventually
from tests.e2e.account import Account

_SOLD = [{"product_code_id": "8vtpfrwxr5k6hm0q2gj1", "product_code_type": "marketplace"}]


@dataclass(frozen=True, slots=True)
class AccountSeed:
    """A pitfall, as an administrator made it in AWS's console."""

    pitfall: int
    done: Callable[[Account], str]
    """Does it; returns the id that the doctor must name."""


def _start_script(account: Account) -> str:
    account.set_user_data(b"#!/bin/sh\n/opt/join-cluster --as master\n")
    return account.spec.master


def _packed_cloud_config(account: Account) -> str:
    account.set_user_data(gzip.compress(b"#cloud-config\npassword: geheim99\nruncmd: [/opt/join]\n"))
    return account.spec.master


def _from_the_marketplace(account: Account) -> str:
    """Launched from an image that is sold."""
    _ami(account).product_codes = _SOLD
    account.backend.get_instance(account.spec.master).product_codes = _SOLD
    return _SOLD[0]["product_code_id"]


def _sold_disk(account: Account) -> str:
    """A root volume of the Marketplace was attached to a server that came from a free image."""
    account.backend.get_instance(account.spec.master).product_codes = _SOLD
    return _SOLD[0]["product_code_id"]


def _upgraded_to_pro(account: Account) -> str:
    """License Manager changed what is billed, on the running server."""
    account.backend.get_instance(account.spec.master).platform_details = "Ubuntu Pro"
    return "Ubuntu Pro"


def _ami(account: Account) -> Any:
    return account.backend.amis[account.image]


def _role(account: Account) -> str:
    return account.give_role("site")


def _login_for_everybody(account: Account) -> str:
    group = _group(account)
    account.open(group, 2222, IpRanges=[{"CidrIp": "0.0.0.0/0"}])
    return f"{group}: port 2222 from 0.0.0.0/0"


def _members_let_each_other_in(account: Account) -> str:
    group = _group(account)
    account.open(group, 11211, UserIdGroupPairs=[{"GroupId": group}])
    return f"{group}: port 11211 from {group}"


def _known_by_its_address(account: Account) -> str:
    vpc, address = account.instance["VpcId"], account.instance["PrivateIpAddress"]
    made = account.ec2.create_security_group(GroupName="reports", Description="reports", VpcId=vpc)
    account.open(made["GroupId"], 5432, IpRanges=[{"CidrIp": f"{address}/32"}])
    return f"{made['GroupId']}: port 5432 from {address}/32"


def _group(account: Account) -> str:
    return str(account.instance["SecurityGroups"][0]["GroupId"])


def _second_disk(account: Account) -> str:
    volume = account.volume(Size=100)
    account.ec2.attach_volume(VolumeId=volume, InstanceId=account.spec.master, Device="/dev/sdf")
    return volume


def _type_with_disks_of_its_own(account: Account) -> str:
    kind = {"Value": "i3.large"}
    account.ec2.modify_instance_attribute(InstanceId=account.spec.master, InstanceType=kind)
    return account.spec.master


def _beside_one_that_is_ill(account: Account) -> str:
    targets = [{"Id": account.launch(account.image)}]
    account.elb.register_targets(TargetGroupArn=account.spec.target_group, Targets=targets)
    return account.spec.master


def _known_to_the_group_by_address(account: Account) -> str:
    """The balancer's group holds addresses, as for servers that it reaches through a tunnel."""
    vpc, address = account.instance["VpcId"], account.instance["PrivateIpAddress"]
    made = account.elb.create_target_group(
        Name="by-address",
        Protocol="HTTP",
        Port=80,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath=account.spec.health.path,
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
    )
    group = str(made["TargetGroups"][0]["TargetGroupArn"])
    (balancer,) = account.elb.describe_load_balancers()["LoadBalancers"]
    account.elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=8088,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    account.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    account.spec = replace(account.spec, target_group=group)
    eventually(lambda: account.inspect().serving == {address})
    return account.spec.master


def _image_deregistered(account: Account) -> str:
    image, clone = _clone(account)
    account.ec2.deregister_image(ImageId=image)
    return clone


def _image_disabled(account: Account) -> str:
    image, clone = _clone(account)
    account.ec2.disable_image(ImageId=image)
    return clone


def _clone(account: Account) -> tuple[str, str]:
    image = account.ec2.register_image(Name="clone-image")["ImageId"]
    return image, account.launch(image, fleet=account.spec.name, role="clone")


def _subnet_deleted(account: Account) -> str:
    gone = account.spec.subnets[1]
    account.ec2.delete_subnet(SubnetId=gone)
    return gone


def _subnet_too_small(account: Account) -> str:
    vpc = account.instance["VpcId"]
    tiny = account.ec2.create_subnet(VpcId=vpc, CidrBlock="10.64.240.0/28")["Subnet"]["SubnetId"]
    account.spec = replace(account.spec, subnets=(tiny,), max_clones=20)
    return str(tiny)


def _others_use_it_up(account: Account) -> str:
    """A new account's quota, and a server that somebody tries something on."""
    account.aws.faults.vcpus = 16
    account.ec2.run_instances(
        ImageId=account.image,
        MinCount=1,
        MaxCount=1,
        InstanceType="c5.2xlarge",
        SubnetId=account.spec.subnets[0],
    )
    return "L-1216C47A"


def _key_disabled(account: Account) -> str:
    key = _encrypted_disk(account)
    account.kms.disable_key(KeyId=key.rpartition("/")[2])
    return key


def _key_to_be_deleted(account: Account) -> str:
    key = _encrypted_disk(account)
    account.kms.schedule_key_deletion(KeyId=key.rpartition("/")[2], PendingWindowInDays=7)
    return key


def _key_of_its_own(account: Account) -> str:
    return _encrypted_disk(account)


def _encrypted_disk(account: Account) -> str:
    """Give the master a disk that is encrypted with a new key; return the key."""
    key = str(account.kms.create_key()["KeyMetadata"]["Arn"])
    volume = account.volume(Size=10, Encrypted=True, KmsKeyId=key)
    device = f"/dev/sd{'ghijk'[len(account.kms.list_keys()['Keys'])]}"
    account.ec2.attach_volume(VolumeId=volume, InstanceId=account.spec.master, Device=device)
    return key


def _metadata_without_a_token(account: Account) -> str:
    account.ec2.modify_instance_metadata_options(InstanceId=account.spec.master, HttpTokens="optional")
    return account.spec.master


def _metadata_for_containers(account: Account) -> str:
    account.ec2.modify_instance_metadata_options(InstanceId=account.spec.master, HttpPutResponseHopLimit=2)
    return account.spec.master


def _dealt_in_turn(account: Account) -> str:
    """As target groups are unless somebody says otherwise."""
    return account.spec.target_group


def _dealt_by_chance(account: Account) -> str:
    chosen = {"Key": "load_balancing.algorithm.type", "Value": "weighted_random"}
    group = account.spec.target_group
    account.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[chosen])
    return group


def _volume_left(account: Account) -> str:
    return account.volume(Size=8, TagSpecifications=_of(account, "volume"))


def _snapshot_left(account: Account) -> str:
    made = account.ec2.create_snapshot(
        VolumeId=account.volume(Size=8), TagSpecifications=_of(account, "snapshot")
    )
    return str(made["SnapshotId"])


def _of(account: Account, kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "clonebot:fleet", "Value": account.spec.name}]}]


ACCOUNTS = {
    "apache": (
        AccountSeed(3, _start_script),
        AccountSeed(15, _from_the_marketplace),
        AccountSeed(18, _role),
        AccountSeed(21, _login_for_everybody),
        AccountSeed(22, _second_disk),
        AccountSeed(24, _known_to_the_group_by_address),
        AccountSeed(25, _dealt_in_turn),
        AccountSeed(36, _image_deregistered),
        AccountSeed(37, _subnet_deleted),
        AccountSeed(37, _others_use_it_up),
        AccountSeed(38, _key_disabled),
        AccountSeed(38, _key_of_its_own),
        AccountSeed(39, _metadata_without_a_token),
        AccountSeed(44, _dealt_in_turn),
        AccountSeed(47, _volume_left),
    ),
    "nginx": (
        AccountSeed(3, _packed_cloud_config),
        AccountSeed(15, _sold_disk),
        AccountSeed(15, _upgraded_to_pro),
        AccountSeed(21, _members_let_each_other_in),
        AccountSeed(21, _known_by_its_address),
        AccountSeed(22, _type_with_disks_of_its_own),
        AccountSeed(24, _beside_one_that_is_ill),
        AccountSeed(36, _image_disabled),
        AccountSeed(37, _subnet_too_small),
        AccountSeed(38, _key_to_be_deleted),
        AccountSeed(39, _metadata_for_containers),
        AccountSeed(44, _dealt_by_chance),
        AccountSeed(25, _dealt_by_chance),
        AccountSeed(47, _snapshot_left),
    ),
}
"""What is done in the account of each stack's server, in this order."""
