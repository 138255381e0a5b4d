"""How AwsCloud asks, tried on the lab's local AWS: how often, for whom, and when something goes wrong."""

import gzip
import itertools
import socket
import time
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from bot.aws import session
from bot.aws.cloud import PERMISSIONS, AwsCloud
from bot.domain.errors import (
    CloudDenied,
    CloudError,
    CloudUnreachable,
    NoCapacity,
    NotThereYet,
    Throttled,
)
from bot.domain.first_boot import LIMIT, user_data
from bot.domain.fleet import ImageState, Recipe, Service
from bot.lab.aws import CallLog, Faults
from bot.lab.aws.faults import Fault
from bot.lab.aws.faults import Kind as FaultKind
from tests.adapters.cloud_fake import make_host_key
from tests.adapters.cloud_worlds import World, eventually, make_spec, open_lab, using

_NUMBERS = itertools.count(1)
UNTIL = datetime(2026, 11, 22, 13, tzinfo=UTC)


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    with open_lab() as opened:
        yield opened


@pytest.fixture
def world(account: World, calls: CallLog, faults: Faults) -> Iterator[World]:
    opened = account.for_one_test(next(_NUMBERS))
    calls.clear()
    yield opened
    faults.clear()
    opened.clean()


@pytest.fixture
def calls(account: World) -> CallLog:
    assert account.lab
    return account.lab.calls


@pytest.fixture
def faults(account: World) -> Faults:
    assert account.lab
    return account.lab.faults


def test_a_look_takes_as_many_calls_for_many_clones_as_for_none(world: World, calls: CallLog) -> None:
    world.cloud.look(world.spec)  # finds the listeners, which it remembers
    calls.clear()
    world.cloud.look(world.spec)
    few = len(calls.all())
    world.launch(5)
    calls.clear()
    assert len(world.cloud.look(world.spec).clones) == 5
    assert len(calls.all()) == few


def test_an_order_of_many_is_one_request_and_its_tags_are_in_it(world: World, calls: CallLog) -> None:
    assert len(world.launch(5)) == 5
    (call,) = calls.mutating()
    sent = set(call.parameters.values())
    assert {"MinCount": "1", "MaxCount": "5"}.items() <= call.parameters.items()
    assert {world.spec.name, "clone", world.operation, world.act("launch"), "required"} <= sent
    assert call.parameters["ClientToken"] == world.act("launch")


def test_a_clone_is_told_before_its_first_boot_what_it_must_not_do(world: World, calls: CallLog) -> None:
    spec = replace(world.spec, recipe=Recipe(services=("mariadb", "it's; odd")))

    replace(world, spec=spec).launch(1)

    (call,) = calls.mutating()
    assert b64decode(call.parameters["UserData"]).decode() == user_data(spec)


def test_what_would_be_too_long_is_sent_packed_and_the_same_each_time(world: World, calls: CallLog) -> None:
    spec = replace(world.spec, recipe=Recipe(remove=tuple(f"/srv/club/old/{n}.log" for n in range(1000))))

    for _ in range(2):
        replace(world, spec=spec).launch(1)

    one, two = (b64decode(call.parameters["UserData"]) for call in calls.mutating())
    assert len(one) < LIMIT < len(user_data(spec))
    assert gzip.decompress(one).decode() == user_data(spec)
    assert one == two


def test_how_the_metadata_service_of_a_server_is_guarded_is_shown(world: World) -> None:
    (clone,) = world.launch()
    ask = partial(world.cloud.servers, world.spec, [clone])
    assert ask()[clone].guarded is True
    world.ec2.modify_instance_metadata_options(InstanceId=clone, HttpTokens="optional")
    assert ask()[clone].guarded is False
    world.ec2.modify_instance_metadata_options(InstanceId=clone, HttpEndpoint="disabled")
    assert ask()[clone].guarded is True


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2026-11-22T13:00:00Z", UNTIL),
        ("2026-11-22T14:00:00+01:00", UNTIL),
        ("2026-11-22 13:00", UNTIL),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_until_when_a_server_is_kept_is_what_its_tag_says_however_it_is_written(
    world: World, value: str, read: datetime | None
) -> None:
    ids = world.launch()
    world.cloud.quarantine(world.spec, ids, until=UNTIL, action=world.act("q"))
    world.ec2.create_tags(Resources=list(ids), Tags=[{"Key": "clonebot:expires", "Value": value}])
    assert [server.expires for server in world.cloud.look(world.spec).quarantined] == [read]


def test_every_request_that_changes_something_names_its_action(world: World, calls: CallLog) -> None:
    _live(world)
    assert {call.action for call in calls.mutating()} == {
        "CreateImage",
        "CreateRule",
        "CreateTags",
        "DeleteSnapshot",
        "DeleteTags",
        "DeregisterImage",
        "DeregisterTargets",
        "RegisterTargets",
        "RunInstances",
        "TerminateInstances",
    }
    assert all(f" clonebot/{world.operation}." in call.user_agent for call in calls.mutating())


def test_actions_of_several_threads_are_kept_apart(world: World, calls: CallLog) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: world.launch(action=f"t{n}"), range(8)))
    assert len(calls.mutating()) == 8
    for call in calls.mutating():
        assert call.user_agent.endswith("clonebot/" + call.parameters["ClientToken"])


def test_what_asks_for_nobody_names_nobody(world: World, calls: CallLog) -> None:
    world.launch()
    calls.clear()
    world.cloud.look(world.spec)
    assert not any("clonebot" in call.user_agent for call in calls.all())


def test_every_permission_that_is_used_is_named(world: World, calls: CallLog) -> None:
    _live(world)
    services = {"ec2": "ec2", "elbv2": "elasticloadbalancing", "elasticloadbalancing": "elasticloadbalancing"}
    used = {f"{services[call.service]}:{call.action}" for call in calls.all()}
    ours = {name for name in used if not name.endswith(("DescribeLoadBalancers", "DeleteRule"))}
    assert ours <= set(PERMISSIONS)


def test_no_capacity_is_told_at_once(world: World, calls: CallLog, faults: Faults) -> None:
    faults.no_capacity()
    with pytest.raises(NoCapacity, match="instance_type"):
        world.launch()
    assert len(calls.of("RunInstances")) == 1


def test_some_capacity_gives_some_servers(world: World, faults: Faults) -> None:
    faults.no_capacity(free=2)
    ids = world.launch(4)
    assert len(ids) == 2
    assert world.launch(4) == ids


def test_being_told_to_slow_down_is_waited_out(world: World, calls: CallLog, faults: Faults) -> None:
    faults.error("RunInstances", "RequestLimitExceeded", times=2)
    assert len(world.launch()) == 1
    assert len(calls.of("RunInstances")) == 3


def test_patience_ends(world: World, calls: CallLog, faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.0)
    faults.error("DescribeImages", "RequestLimitExceeded")
    with pytest.raises(Throttled, match="slow down"):
        world.cloud.look(world.spec)
    assert len(calls.of("DescribeImages")) == 1


@pytest.mark.parametrize("fault", ["truncate", "lose_answer"])
def test_a_launch_whose_answer_is_broken_launches_once(
    world: World, calls: CallLog, faults: Faults, fault: str
) -> None:
    getattr(faults, fault)("RunInstances")
    ids = world.launch(2)
    assert sorted(s.id for s in world.cloud.look(world.spec).clones) == sorted(ids)
    assert len(ids) == 2
    assert len({call.parameters["ClientToken"] for call in calls.of("RunInstances")}) == 1


def test_a_launch_that_stays_unclear_says_so_and_can_be_repeated(
    world: World, calls: CallLog, faults: Faults
) -> None:
    faults.not_found_for(2)
    faults.truncate("RunInstances", times=3)
    order = world.order(2)
    with pytest.raises(CloudUnreachable, match="status"):
        world.cloud.launch(world.spec, order, operation=world.operation, action=world.act("launch"))
    assert len(calls.of("RunInstances")) == 3
    assert len(world.launch(2)) == 2
    assert len(world.cloud.look(world.spec).clones) == 2


def test_a_repeated_launch_that_aws_does_not_show_yet_returns_all(world: World, faults: Faults) -> None:
    faults.not_found_for(1.5)
    order = world.order(3)
    first, again = (
        world.cloud.launch(world.spec, order, operation=world.operation, action=world.act("launch"))
        for _ in range(2)
    )
    assert again == first
    assert world.cloud.servers(world.spec, first) == {}
    eventually(lambda: list(world.cloud.servers(world.spec, first)) == list(first))


def test_an_ended_launch_is_not_launched_again(world: World, calls: CallLog) -> None:
    ids = world.launch()
    world.cloud.terminate(world.spec, ids, action=world.act("end"))
    calls.clear()
    order = world.order()
    again = world.cloud.launch(world.spec, order, operation=world.operation, action=world.act("launch"))
    assert again == ids
    assert world.cloud.look(world.spec).clones == ()


@pytest.mark.parametrize("fault", ["truncate", "lose_answer"])
def test_a_bake_whose_answer_is_broken_bakes_once(world: World, faults: Faults, fault: str) -> None:
    getattr(faults, fault)("CreateImage")
    image = world.bake()
    assert [i.id for i in world.cloud.look(world.spec).images] == [image]


def test_a_bake_that_aws_does_not_show_yet_is_not_there_yet(world: World, faults: Faults) -> None:
    faults.not_found_for(2)
    faults.truncate("CreateImage")
    with pytest.raises(NotThereYet):
        world.bake()
    eventually(lambda: bool(world.cloud.look(world.spec).images))
    assert [i.id for i in world.cloud.look(world.spec).images] == [world.bake()]


def test_every_version_of_every_launch_template_counts(world: World) -> None:
    image, other = world.bake("1"), world.bake("2")
    names = [f"{world.spec.name}-{number:02}" for number in range(20)]
    for name in names:
        data = {"ImageId": image if name == names[-1] else "ami-0abcdef0"}
        world.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    for looked_up in (other, "resolve:ssm:/site/image"):
        data = {"ImageId": looked_up}
        world.ec2.create_launch_template_version(LaunchTemplateName=names[0], LaunchTemplateData=data)
    uses = world.cloud.image_uses(world.spec, [image, other])
    for name in names:
        world.ec2.delete_launch_template(LaunchTemplateName=name)
    assert (uses.servers, uses.unclear) == ({}, (names[0],))
    assert uses.templates == {image: (names[-1],), other: (names[0],)}


def test_a_removed_image_whose_answer_is_lost_is_removed_once(world: World, faults: Faults) -> None:
    image, snapshots = ready(world)
    faults.lose_answer("DeregisterImage")
    faults.lose_answer("DeleteSnapshot")
    for _ in range(3):
        with suppress(CloudUnreachable, NotThereYet):
            world.cloud.remove_image(world.spec, image, snapshots, action=world.act("remove"))
    assert world.cloud.look(world.spec).images == ()
    assert not world.cloud.inspect(world.spec).forgotten_snapshots


def test_a_snapshot_that_aws_thinks_the_removed_image_uses_is_tried_again(
    world: World, faults: Faults
) -> None:
    image, snapshots = ready(world)
    said = f"The snapshot is currently in use by {image}"
    faults.add(
        Fault(action="DeleteSnapshot", kind=FaultKind.ERROR, code="InvalidSnapshot.InUse", message=said)
    )
    with pytest.raises(NotThereYet, match=image):
        world.cloud.remove_image(world.spec, image, snapshots, action=world.act("remove"))
    assert not world.cloud.remove_image(world.spec, image, snapshots, action=world.act("remove"))
    assert not world.cloud.inspect(world.spec).forgotten_snapshots


def test_a_snapshot_that_is_not_tagged_as_the_fleets_is_left_alone(world: World) -> None:
    image, snapshots = ready(world)
    world.ec2.delete_tags(Resources=list(snapshots), Tags=[{"Key": "clonebot:fleet"}])
    world.cloud.remove_image(world.spec, image, snapshots, action=world.act("remove"))
    assert world.ec2.describe_snapshots(SnapshotIds=list(snapshots))["Snapshots"]


def ready(world: World) -> tuple[str, tuple[str, ...]]:
    """A new image, and its snapshots."""
    image = world.bake()
    eventually(lambda: world.cloud.image_ready(world.spec, image))
    (made,) = world.cloud.look(world.spec).images
    return image, made.snapshots


def test_what_we_may_not_do_is_named(world: World, faults: Faults) -> None:
    faults.error("TerminateInstances", "UnauthorizedOperation")
    ids = world.launch()
    with pytest.raises(CloudDenied, match="TerminateInstances"):
        world.cloud.terminate(world.spec, ids, action=world.act("end"))


def test_nobody_at_the_address_is_told_soon() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        started = time.monotonic()
        with using({"AWS_ENDPOINT_URL": endpoint}), pytest.raises(CloudUnreachable, match=endpoint[7:]):
            AwsCloud().look(make_spec())
    assert time.monotonic() - started < 15


def test_no_credentials_are_told() -> None:
    with using({}), pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ACCESS_KEY_ID")
        patch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(CloudUnreachable, match="credentials"):
            AwsCloud().look(make_spec())


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [("AWS_ENDPOINT_URL", "no address", "AWS_ENDPOINT_URL"), ("AWS_PROFILE", "nobody", "nobody")],
)
def test_a_wrong_environment_is_told(variable: str, value: str, words: str) -> None:
    with using({variable: value}), pytest.raises(CloudError, match=words):
        AwsCloud().look(make_spec())


def test_a_server_without_a_role_of_ours_is_not_ours(world: World) -> None:
    (clone,) = world.launch()
    for role in ("", "master", "database"):
        world.ec2.create_tags(Resources=[clone], Tags=[{"Key": "clonebot:role", "Value": role}])
        fleet = world.cloud.look(world.spec)
        assert (fleet.clones, fleet.quarantined) == ((), ())
        with pytest.raises(CloudError, match=clone):
            world.cloud.terminate(world.spec, [clone], action=world.act("end"))
    world.ec2.terminate_instances(InstanceIds=[clone])


def test_a_fleets_tag_on_the_master_makes_it_no_clone(world: World) -> None:
    tags = [
        {"Key": "clonebot:fleet", "Value": world.spec.name},
        {"Key": "clonebot:role", "Value": "clone"},
    ]
    world.ec2.create_tags(Resources=[world.spec.master], Tags=tags)
    assert world.cloud.look(world.spec).clones == ()
    with pytest.raises(CloudError, match=world.spec.master):
        world.cloud.terminate(world.spec, [world.spec.master], action=world.act("end"))
    world.ec2.delete_tags(Resources=[world.spec.master], Tags=tags)


def test_a_stopped_master_is_seen(world: World) -> None:
    gone = replace(world.spec, master=world.launch()[0])
    world.ec2.stop_instances(InstanceIds=[gone.master])
    eventually(lambda: world.cloud.look(gone).master.state == "stopped")
    assert world.cloud.look(gone).master.service is Service.OUT


def test_the_consoles_keys_are_read(world: World) -> None:
    (clone,) = world.launch()
    assert world.cloud.host_keys(world.spec, clone) == (make_host_key(clone),)


def test_writes_reach_the_master_alone(world: World) -> None:
    writes = world.spec.writes.target_group
    world.cloud.route_writes(world.spec, world.routes(), action=world.act("route"))
    rules = world.rules()
    assert [rule["Priority"] for rule in rules] == ["1", "2", "default"]
    assert world.elb.describe_tags(ResourceArns=[rules[0]["RuleArn"]])["TagDescriptions"][0]["Tags"] == [
        {"Key": "clonebot:fleet", "Value": world.spec.name}
    ]
    (target,) = world.elb.describe_target_health(TargetGroupArn=writes)["TargetHealthDescriptions"]
    assert target["Target"]["Id"] == world.spec.master


def test_a_missing_rule_and_a_missing_master_are_noticed(world: World) -> None:
    world.cloud.route_writes(world.spec, world.routes(), action=world.act("route"))
    world.elb.delete_rule(RuleArn=world.rules()[0]["RuleArn"])
    assert not world.cloud.look(world.spec).writes_routed
    world.cloud.route_writes(world.spec, world.routes(), action=world.act("again"))
    assert world.cloud.look(world.spec).writes_routed
    world.empty(world.spec.writes.target_group, [world.spec.master])
    assert not world.cloud.look(world.spec).writes_routed


def test_a_clone_in_the_writes_group_is_not_tolerated(world: World) -> None:
    ids = world.launch()
    world.elb.register_targets(TargetGroupArn=world.spec.writes.target_group, Targets=[{"Id": ids[0]}])
    assert not world.cloud.look(world.spec).writes_routed
    with pytest.raises(CloudError, match=ids[0]):
        world.cloud.route_writes(world.spec, world.routes(), action=world.act("route"))
    assert len(world.rules()) == 1


def test_rules_in_the_way_are_moved(world: World) -> None:
    host = [{"Field": "host-header", "HostHeaderConfig": {"Values": ["www.example.org"]}}]
    forward = [{"Type": "forward", "TargetGroupArn": world.spec.target_group}]
    world.elb.create_rule(
        ListenerArn=world.rules()[0]["RuleArn"].replace(":listener-rule/", ":listener/").rpartition("/")[0],
        Priority=1,
        Conditions=host,
        Actions=forward,
    )
    assert not world.cloud.look(world.spec).writes_routed
    world.cloud.route_writes(world.spec, world.routes(), action=world.act("route"))
    assert world.cloud.look(world.spec).writes_routed
    groups = [
        rule["Actions"][0]["TargetGroupArn"] == world.spec.target_group
        for rule in sorted(world.rules(), key=lambda r: int(r["Priority"].replace("default", "99999")))
    ]
    assert groups == [False, False, True, False, False, True]


def test_writes_into_the_clones_own_group_are_refused(world: World) -> None:
    routes = replace(world.routes(), writes_group=world.spec.target_group)
    with pytest.raises(CloudError, match=r"writes\.target_group"):
        world.cloud.route_writes(world.spec, routes, action=world.act("route"))


def test_a_server_on_another_port_is_taken_out_too(world: World) -> None:
    ids = world.launch()
    world.elb.register_targets(TargetGroupArn=world.spec.target_group, Targets=[{"Id": ids[0], "Port": 8081}])
    world.cloud.take_out(world.spec, ids, action=world.act("out"))
    eventually(lambda: world.cloud.service(world.spec, ids) == {ids[0]: Service.OUT})


def _live(world: World) -> None:
    """Do everything once."""
    ids = world.launch()
    world.cloud.host_keys(world.spec, ids[0])
    image = world.bake()
    eventually(lambda: world.cloud.image_ready(world.spec, image))
    world.cloud.mark_image(world.spec, image, ImageState.GOOD, action=world.act("judge"))
    world.cloud.pin_image(world.spec, image, pinned=False, action=world.act("pin"))
    (made,) = world.cloud.look(world.spec).images
    world.cloud.remove_image(world.spec, image, made.snapshots, action=world.act("remove"))
    world.cloud.route_writes(world.spec, world.routes(), action=world.act("route"))
    world.cloud.put_in_service(world.spec, ids, action=world.act("in"))
    world.cloud.look(world.spec)
    world.cloud.take_out(world.spec, ids, action=world.act("out"))
    world.cloud.quarantine(world.spec, ids, until=UNTIL, action=world.act("q"))
    world.cloud.release(world.spec, ids, action=world.act("r"))
    world.cloud.terminate(world.spec, ids, action=world.act("end"))
