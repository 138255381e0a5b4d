"""What the doctor reads of AWS, on an account where much is as it should not be."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from bot.aws.inspection import Inspection
from bot.domain.doctor.aws.facts import Area, AwsFacts, Opening
from bot.domain.errors import CloudError
from bot.domain.fleet import FleetSpec
from bot.lab.aws import REGION
from tests.adapters.cloud_worlds import World, eventually, open_lab, open_moto, using

Edit = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def opened() -> Iterator[World]:
    with open_moto() as world:
        yield world


@pytest.fixture
def moto(opened: World) -> Iterator[World]:
    """Plain moto, also while there is a lab, whose address clients would find."""
    with using({}):
        yield opened


@pytest.fixture(scope="module")
def lab() -> Iterator[World]:
    with open_lab() as opened:
        yield opened


def start(moto: World, **options: Any) -> FleetSpec:
    """Start another master by hand; return the spec of its fleet."""
    subnet = moto.spec.subnets[0]
    launched = moto.ec2.run_instances(
        ImageId=moto.image, MinCount=1, MaxCount=1, **{"SubnetId": subnet, **options}
    )
    master = launched["Instances"][0]["InstanceId"]
    return replace(moto.spec, master=master, name=f"fleet-{master}")


def group(moto: World, name: str, *rules: dict[str, Any]) -> str:
    """A security group that lets in what these rules say."""
    vpc = moto.ec2.describe_subnets(SubnetIds=[moto.spec.subnets[0]])["Subnets"][0]["VpcId"]
    made = str(moto.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])
    if rules:
        moto.ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=list(rules))
    return made


def rule(port: int, *, cidr: str = "", groups: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "IpRanges": [{"CidrIp": cidr}] if cidr else [],
        "UserIdGroupPairs": [{"GroupId": each} for each in groups],
    }


def inspected(moto: World, spec: FleetSpec) -> AwsFacts:
    return moto.cloud.inspect(spec)


def edited(moto: World, spec: FleetSpec, call: str, edit: Edit) -> AwsFacts:
    """What is read where AWS answers one call otherwise than moto can."""
    ec2 = boto3.client("ec2", region_name=REGION)
    ec2.meta.events.register(f"after-call.ec2.{call}", lambda parsed, **_: edit(parsed))
    return Inspection(
        ec2=ec2,
        elb=moto.elb,
        kms=lambda: boto3.client("kms", REGION),
        quotas=lambda: boto3.client("service-quotas", REGION),
        spec=spec,
    ).read()


@pytest.mark.parametrize(
    "pack", [str.encode, lambda text: gzip.compress(text.encode())], ids=["bare", "gzip"]
)
def test_user_data_is_told_by_what_it_seems_to_hold_and_never_itself(
    moto: World, pack: Callable[[str], bytes]
) -> None:
    facts = inspected(moto, start(moto, UserData=pack("#cloud-config\npassword: geheim99\n")))
    assert (facts.user_data, facts.secrets) == (True, ("a password or token",))
    assert "geheim99" not in repr(facts)
    assert not inspected(moto, start(moto)).user_data


def test_user_data_that_only_looks_packed_is_there_all_the_same(moto: World) -> None:
    facts = inspected(moto, start(moto, UserData=b"\x1f\x8bnothing of the kind"))
    assert (facts.user_data, facts.secrets) == (True, ())


def test_how_the_metadata_service_answers(moto: World) -> None:
    loose = start(moto, MetadataOptions={"HttpTokens": "optional", "HttpPutResponseHopLimit": 3})
    strict = start(moto, MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 1})
    off = start(moto, MetadataOptions={"HttpTokens": "optional", "HttpEndpoint": "disabled"})
    answers = [(f.asks_without_token, f.hops) for f in (inspected(moto, s) for s in (loose, strict, off))]
    assert answers == [(True, 3), (False, 1), (False, 1)]


def test_disks_of_the_type_and_volumes_of_the_master(moto: World) -> None:
    spec = start(moto, InstanceType="i3.large")
    zone = moto.ec2.describe_subnets(SubnetIds=[spec.subnets[0]])["Subnets"][0]["AvailabilityZone"]
    volume = moto.ec2.create_volume(AvailabilityZone=zone, Size=100)["VolumeId"]
    moto.ec2.attach_volume(VolumeId=volume, InstanceId=spec.master, Device="/dev/sdf")
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "clonebot:fleet", "Value": spec.name}]}]
    left = moto.ec2.create_volume(AvailabilityZone=zone, Size=8, TagSpecifications=tags)["VolumeId"]
    facts = inspected(moto, spec)
    assert facts.instance_store
    assert [(v.device, v.gib, v.root) for v in facts.volumes if v.id == volume] == [("/dev/sdf", 100, False)]
    assert [v.root for v in facts.volumes if v.id != volume] == [True]
    assert facts.forgotten_volumes == (left,)
    assert facts.keys == ()


def test_a_volume_shared_with_another_server_and_one_that_outlives_its_own(moto: World) -> None:
    spec = start(moto)

    def share(parsed: dict[str, Any]) -> None:
        for volume in parsed.get("Volumes", []):
            here = volume["Attachments"][0]
            here["DeleteOnTermination"] = False
            volume["Attachments"].append({**here, "InstanceId": "i-other"})

    (volume,) = edited(moto, spec, "DescribeVolumes", share).volumes
    assert (volume.others, volume.kept) == (("i-other",), True)


@pytest.mark.parametrize(("own", "manager"), [(True, "CUSTOMER"), (False, "AWS")])
def test_keys_of_encrypted_volumes_are_told_with_whose_they_are(
    moto: World, manager: str, *, own: bool
) -> None:
    kms = boto3.client("kms", region_name=REGION)
    key = kms.create_key()["KeyMetadata"]["Arn"]
    kms.meta.events.register(
        "after-call.kms.DescribeKey", lambda parsed, **_: parsed["KeyMetadata"].update(KeyManager=manager)
    )
    ec2 = boto3.client("ec2", region_name=REGION)

    def encrypt(parsed: dict[str, Any], **_: object) -> None:
        for volume in parsed.get("Volumes", []):
            volume["KmsKeyId"] = key

    ec2.meta.events.register("after-call.ec2.DescribeVolumes", encrypt)
    facts = Inspection(
        ec2=ec2,
        elb=moto.elb,
        kms=lambda: kms,
        quotas=lambda: boto3.client("service-quotas", REGION),
        spec=start(moto),
    ).read()
    assert [(each.id, each.own, each.state) for each in facts.keys] == [(key, own, "Enabled")]


def test_what_the_instance_itself_says_of_price_role_and_root(moto: World) -> None:
    def mark(parsed: dict[str, Any]) -> None:
        for reservation in parsed.get("Reservations", []):
            for each in reservation["Instances"]:
                each["ProductCodes"] = [{"ProductCodeId": "abc123", "ProductCodeType": "marketplace"}]
                each["IamInstanceProfile"] = {"Arn": "arn:aws:iam::1:instance-profile/site"}
                each["RootDeviceType"] = "instance-store"

    facts = edited(moto, start(moto), "DescribeInstances", mark)
    assert facts.product_codes == ("abc123",)
    assert facts.profile == "arn:aws:iam::1:instance-profile/site"
    assert not facts.root_on_disk


def test_what_its_image_was_sold_with_and_what_aws_bills_beside_the_hardware(moto: World) -> None:
    def bill(parsed: dict[str, Any]) -> None:
        for reservation in parsed.get("Reservations", []):
            for each in reservation["Instances"]:
                each["PlatformDetails"] = "Red Hat Enterprise Linux"

    def sell(parsed: dict[str, Any], **_: object) -> None:
        for image in parsed.get("Images", []):
            image["ProductCodes"] = [{"ProductCodeId": "abc123", "ProductCodeType": "marketplace"}]

    assert edited(moto, start(moto), "DescribeInstances", bill).platform == "Red Hat Enterprise Linux"
    assert edited(moto, start(moto), "DescribeImages", sell).image_codes == ("abc123",)
    assert inspected(moto, start(moto)).image_codes == ()


def test_a_clone_whose_image_was_disabled_has_none(moto: World) -> None:
    spec = start(moto)
    image = moto.ec2.register_image(Name=f"clones-of-{spec.master}")["ImageId"]
    tags = [{"Key": "clonebot:fleet", "Value": spec.name}, {"Key": "clonebot:role", "Value": "clone"}]
    launched = moto.ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=[{"ResourceType": "instance", "Tags": tags}]
    )
    clone = launched["Instances"][0]["InstanceId"]
    assert dict(inspected(moto, spec).imageless) == {}
    moto.ec2.disable_image(ImageId=image)
    assert dict(inspected(moto, spec).imageless) == {clone: image}


def test_what_the_groups_of_clones_let_in(moto: World) -> None:
    web = group(moto, "openings", rule(22, cidr="0.0.0.0/0"), rule(80, cidr="10.0.0.0/8"))
    moto.ec2.authorize_security_group_ingress(
        GroupId=web,
        IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": web}]}],
    )
    facts = inspected(moto, start(moto, SecurityGroupIds=[web]))
    assert facts.groups == (web,)
    assert set(facts.openings) == {
        Opening(group=web, first=22, last=22, source="0.0.0.0/0"),
        Opening(group=web, first=80, last=80, source="10.0.0.0/8"),
        Opening(group=web, first=0, last=65535, source=web),
    }


def test_what_other_groups_let_in_from_the_master_alone(moto: World) -> None:
    web, clones = group(moto, "masters"), group(moto, "clones")
    spec = start(moto, SecurityGroupIds=[web])
    address = moto.ec2.describe_instances(InstanceIds=[spec.master])["Reservations"][0]["Instances"][0][
        "PrivateIpAddress"
    ]
    by_address = group(moto, "by-address", rule(5432, cidr=f"{address}/32"))
    group(
        moto, "for-all", {**rule(6379), "IpRanges": [{"CidrIp": f"{address}/32"}, {"CidrIp": "10.0.0.0/16"}]}
    )
    by_group = group(moto, "by-group", rule(3306, groups=(web,)))
    group(moto, "by-both-groups", rule(11211, groups=(web, clones)))
    alike, apart = inspected(moto, spec), inspected(moto, replace(spec, security_groups=(clones,)))
    way = Opening(group=by_address, first=5432, last=5432, source=f"{address}/32")
    assert set(alike.masters_ways) == {way}
    assert set(apart.masters_ways) == {way, Opening(group=by_group, first=3306, last=3306, source=web)}


def test_a_clone_whose_image_was_deleted_and_a_snapshot_of_no_image(lab: World) -> None:
    image = lab.bake()
    eventually(lambda: lab.cloud.image_ready(lab.spec, image))
    order = replace(lab.order(), image=image)
    (clone,) = lab.cloud.launch(lab.spec, order, operation=lab.operation, action=lab.act("one"))
    before = lab.cloud.inspect(lab.spec)
    assert (dict(before.imageless), before.forgotten_snapshots) == ({}, ())
    lab.ec2.deregister_image(ImageId=image)
    after = lab.cloud.inspect(lab.spec)
    assert dict(after.imageless) == {clone: image}
    assert len(after.forgotten_snapshots) == 1


def test_what_the_account_may_run_and_what_others_use_of_it(lab: World) -> None:
    assert lab.lab
    before = lab.cloud.inspect(lab.spec).quota
    others = {"ImageId": lab.image, "MinCount": 1, "MaxCount": 1, "SubnetId": lab.spec.subnets[0]}
    running = lab.ec2.run_instances(**others, InstanceType="c5.xlarge")["Instances"][0]["InstanceId"]
    stopped = lab.ec2.run_instances(**others, InstanceType="m5.4xlarge")["Instances"][0]["InstanceId"]
    lab.ec2.run_instances(**others, InstanceType="g4dn.xlarge")
    eventually(lambda: states(lab, running, stopped) == ["running", "running"])
    lab.ec2.stop_instances(InstanceIds=[stopped])
    eventually(lambda: states(lab, running, stopped) == ["running", "stopped"])
    lab.lab.faults.vcpus = 32
    after = lab.cloud.inspect(lab.spec).quota
    lab.lab.faults.clear()
    assert before
    assert after
    assert (after.id, after.most, after.each) == ("L-1216C47A", 32, 2)
    assert after.used == before.used + 4
    assert after.clones == (32 - after.used) // 2


def states(lab: World, *servers: str) -> list[str]:
    found = lab.ec2.describe_instances(InstanceIds=list(servers))["Reservations"]
    known = {each["InstanceId"]: each["State"]["Name"] for one in found for each in one["Instances"]}
    return [known[each] for each in servers]


def test_a_quota_that_aws_does_not_name_is_not_checked(lab: World) -> None:
    facts = lab.cloud.inspect(replace(lab.spec, instance_type="g4dn.xlarge"))
    assert facts.quota is None
    assert dict(facts.unread) == {Area.QUOTAS: "AWS names no quota L-DB2E81BA in this region."}


def test_the_state_of_a_key_is_that_of_the_volumes_own(lab: World) -> None:
    kms = boto3.client("kms", region_name=REGION)
    key = kms.create_key()["KeyMetadata"]
    kms.disable_key(KeyId=key["KeyId"])
    zone = lab.ec2.describe_subnets(SubnetIds=[lab.spec.subnets[0]])["Subnets"][0]["AvailabilityZone"]
    volume = lab.ec2.create_volume(AvailabilityZone=zone, Size=1, Encrypted=True, KmsKeyId=key["Arn"])
    place = {"VolumeId": volume["VolumeId"], "InstanceId": lab.spec.master}
    lab.ec2.attach_volume(**place, Device="/dev/sdk")
    facts = lab.cloud.inspect(lab.spec)
    lab.ec2.detach_volume(**place)
    assert [(each.id, each.own, each.state) for each in facts.keys] == [(key["Arn"], True, "Disabled")]


def test_how_requests_are_dealt_out(lab: World) -> None:
    def evenly(algorithm: str) -> bool:
        chosen = {"Key": "load_balancing.algorithm.type", "Value": algorithm}
        lab.elb.modify_target_group_attributes(TargetGroupArn=lab.spec.target_group, Attributes=[chosen])
        return lab.cloud.inspect(lab.spec).evenly

    assert lab.cloud.inspect(lab.spec).evenly
    assert not lab.cloud.inspect(lab.spec).slow_start
    slowly = {"Key": "slow_start.duration_seconds", "Value": "60"}
    lab.elb.modify_target_group_attributes(TargetGroupArn=lab.spec.target_group, Attributes=[slowly])
    assert lab.cloud.inspect(lab.spec).slow_start == 60
    algorithms = ("round_robin", "weighted_random", "least_outstanding_requests")
    assert [evenly(each) for each in algorithms] == [True, True, False]


@pytest.mark.parametrize(
    ("call", "area"),
    [
        ("DescribeInstanceAttribute", Area.USER_DATA),
        ("DescribeInstanceTypes", Area.TYPE),
        ("DescribeSecurityGroups", Area.GROUPS),
        ("DescribeSubnets", Area.SUBNETS),
        ("DescribeTargetGroupAttributes", Area.TARGETS),
        ("DescribeSnapshots", Area.SNAPSHOTS),
        ("GetServiceQuota", Area.QUOTAS),
    ],
)
def test_a_part_that_is_denied_is_unread_with_what_to_allow(lab: World, call: str, area: Area) -> None:
    assert lab.lab
    lab.lab.faults.error(call, "UnauthorizedOperation")
    facts = lab.cloud.inspect(lab.spec)
    assert list(facts.unread) == [area]
    assert f"Our AWS credentials may not do this: {call}" in facts.unread[area]


def test_any_other_refusal_ends_the_inspection(lab: World) -> None:
    assert lab.lab
    lab.lab.faults.error("DescribeSubnets", "InvalidParameterValue")
    with pytest.raises(CloudError, match="DescribeSubnets"):
        lab.cloud.inspect(lab.spec)


def test_it_changes_nothing(lab: World) -> None:
    assert lab.lab
    lab.lab.calls.clear()
    lab.cloud.inspect(lab.spec)
    assert [call.action for call in lab.lab.calls.mutating()] == []
    assert len(lab.lab.calls.all()) <= 20


def test_where_nobody_knows_the_quota_all_else_is_looked_at(lab: World) -> None:
    assert lab.lab
    lab.lab.faults.error("GetServiceQuota", "InternalFailure", times=None, status=500)
    facts = lab.cloud.inspect(lab.spec)
    lab.lab.faults.clear()
    assert list(facts.unread) == [Area.QUOTAS]
    unknown = lab.cloud.inspect(replace(lab.spec, instance_type="t3.colossal"))
    assert dict(unknown.unread) == {
        Area.QUOTAS: "AWS does not describe the instance type t3.colossal in this region."
    }
