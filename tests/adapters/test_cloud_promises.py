"""What the Cloud promises, kept alike by the fake, by AWS as moto plays it, and by the lab's local AWS."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.domain.doctor.aws.examine import examine_aws
from bot.domain.doctor.aws.facts import Area
from bot.domain.doctor.finding import Severity
from bot.domain.errors import BotError, CloudError
from bot.domain.fleet import ImageState, Role, Service, Ssh, State
from tests.adapters.cloud_worlds import OPENERS, World, eventually

_NUMBERS = itertools.count(1)
UNTIL = datetime(2026, 11, 22, 13, tzinfo=UTC)


@pytest.fixture(params=OPENERS, scope="module")
def account(request: pytest.FixtureRequest) -> Iterator[World]:
    with OPENERS[request.param]() as opened:
        yield opened


@pytest.fixture
def world(account: World) -> Iterator[World]:
    opened = account.for_one_test(next(_NUMBERS))
    yield opened
    opened.clean()


# Plain moto cannot tag the snapshot of a new image.
can_bake = pytest.mark.parametrize("account", ["memory", "lab"], indirect=True, scope="module")


def test_a_fleet_begins_with_its_master_in_service_and_no_clones(world: World) -> None:
    fleet = world.cloud.look(world.spec)
    assert fleet.master.id == world.spec.master
    assert fleet.master.role is Role.MASTER
    assert fleet.master.state is State.RUNNING
    assert fleet.master.service is Service.HEALTHY
    assert fleet.master.address
    assert (fleet.clones, fleet.quarantined, fleet.images) == ((), (), ())
    assert not fleet.writes_routed


def test_a_master_that_does_not_exist_is_named(world: World) -> None:
    lost = replace(world.spec, master="i-0000000000000dead")
    with pytest.raises(BotError, match="i-0000000000000dead"):
        world.cloud.look(lost)


def test_a_launched_server_is_a_clone_that_does_not_serve(world: World) -> None:
    (clone,) = world.launch()
    (seen,) = world.cloud.look(world.spec).clones
    assert (seen.id, seen.role, seen.service) == (clone, Role.CLONE, Service.OUT)
    assert (seen.operation, seen.action) == (world.operation, world.act("launch"))
    assert (seen.type, seen.subnet) == ("t3.small", world.spec.subnets[0])
    assert seen.security_groups == (world.group,)
    assert seen.address


def test_a_census_shows_whatever_is_tagged_or_registered_and_not_the_master(world: World) -> None:
    assert world.spec.master not in {each.id for each in world.cloud.census(world.spec)}
    (one,), (two,) = world.launch(), world.launch(action="another")
    world.cloud.put_in_service(world.spec, [one], action=world.act("put"))
    world.cloud.terminate(world.spec, [two], action=world.act("end"))
    eventually(lambda: world.cloud.service(world.spec, [one])[one] is Service.HEALTHY)
    seen = {each.id: each for each in world.cloud.census(world.spec) if each.tagged}
    assert (seen[one].role, seen[one].state, seen[one].service) == ("clone", State.RUNNING, Service.HEALTHY)
    assert (seen[one].operation, seen[one].action) == (world.operation, world.act("launch"))
    assert seen[two].state in {State.SHUTTING_DOWN, State.TERMINATED}
    others = world.cloud.census(replace(world.spec, name="another"))
    assert [(each.tagged, each.service) for each in others if each.id == one] == [(False, Service.HEALTHY)]


def test_a_repeated_launch_starts_nothing_twice(world: World) -> None:
    first = world.launch(action="launch")
    assert world.launch(action="launch", again=True) == first
    assert len(world.cloud.look(world.spec).clones) == 1


def test_launches_of_two_actions_are_two_launches(world: World) -> None:
    first, second = world.launch(action="1"), world.launch(action="2")
    assert {s.id for s in world.cloud.look(world.spec).clones} == {*first, *second}


def test_servers_that_aws_does_not_know_are_left_out(world: World) -> None:
    ids = (*world.launch(), "i-0000000000000dead")
    assert list(world.cloud.servers(world.spec, ids)) == list(ids[:1])


def test_an_ended_server_is_still_described_and_no_longer_in_the_fleet(world: World) -> None:
    ids = world.launch()
    world.cloud.terminate(world.spec, ids, action=world.act("end"))
    eventually(lambda: world.cloud.servers(world.spec, ids)[ids[0]].state is State.TERMINATED)
    assert world.cloud.look(world.spec).clones == ()


def test_a_clone_is_registered_becomes_healthy_and_drains(world: World) -> None:
    ids = world.launch()
    world.cloud.put_in_service(world.spec, ids, action=world.act("in"))
    world.cloud.put_in_service(world.spec, ids, action=world.act("in"))
    eventually(lambda: world.cloud.service(world.spec, ids) == {ids[0]: Service.HEALTHY})
    assert [s.id for s in world.cloud.look(world.spec).in_service] == [world.spec.master, *ids]
    world.cloud.take_out(world.spec, ids, action=world.act("out"))
    world.cloud.take_out(world.spec, ids, action=world.act("out"))
    eventually(lambda: world.cloud.service(world.spec, ids) == {ids[0]: Service.OUT})
    assert [s.id for s in world.cloud.look(world.spec).in_service] == [world.spec.master]


def test_a_server_that_was_never_registered_is_out_of_service(world: World) -> None:
    assert world.cloud.service(world.spec, ["i-nobody"]) == {"i-nobody": Service.OUT}


def test_a_quarantined_server_is_no_clone_and_can_be_ended(world: World) -> None:
    ids = world.launch()
    world.cloud.quarantine(world.spec, ids, until=UNTIL, action=world.act("q"))
    fleet = world.cloud.look(world.spec)
    assert fleet.clones == ()
    assert [(s.id, s.expires) for s in fleet.quarantined] == [(ids[0], UNTIL)]
    assert [s.expires for s in world.cloud.census(world.spec) if s.id in ids] == [UNTIL]
    with pytest.raises(CloudError, match=ids[0]):
        world.cloud.terminate(world.spec, ids, action=world.act("end"))
    world.cloud.terminate(world.spec, ids, role=Role.QUARANTINED, action=world.act("end"))
    assert world.cloud.look(world.spec).quarantined == ()


def test_a_released_server_is_a_clone_again_and_not_ended_as_quarantined(world: World) -> None:
    ids = world.launch()
    world.cloud.quarantine(world.spec, ids, until=UNTIL, action=world.act("q"))
    for _ in range(2):
        world.cloud.release(world.spec, ids, action=world.act("r"))
    fleet = world.cloud.look(world.spec)
    assert [(s.id, s.expires) for s in fleet.clones] == [(ids[0], None)]
    assert fleet.quarantined == ()
    with pytest.raises(CloudError, match=ids[0]):
        world.cloud.terminate(world.spec, ids, role=Role.QUARANTINED, action=world.act("end"))


@pytest.mark.parametrize("verb", ["terminate", "quarantine", "release"])
def test_the_master_is_never_ended_nor_anything_named_beside_it(world: World, verb: str) -> None:
    ids = world.launch()
    more = {"until": UNTIL} if verb == "quarantine" else {}
    with pytest.raises(CloudError, match=world.spec.master):
        getattr(world.cloud, verb)(world.spec, [*ids, world.spec.master], **more, action=world.act("end"))
    assert [s.id for s in world.cloud.look(world.spec).clones] == list(ids)


def test_a_clone_of_another_fleet_is_not_ours(world: World) -> None:
    (clone,) = world.launch()
    other = replace(world.spec, name="shop")
    with pytest.raises(CloudError, match=clone):
        world.cloud.terminate(other, [clone], action=world.act("end"))
    assert world.cloud.look(other).clones == ()
    assert world.cloud.servers(other, [clone]) == {}


def test_ending_what_has_ended_does_nothing(world: World) -> None:
    ids = world.launch()
    for _ in range(2):
        world.cloud.terminate(world.spec, ids, action=world.act("end"))
    world.cloud.terminate(world.spec, ["i-0000000000000dead"], action=world.act("end"))
    assert world.cloud.look(world.spec).clones == ()


@can_bake
def test_an_image_is_baked_once_and_becomes_available(world: World) -> None:
    first, again = world.bake(), world.bake()
    assert again == first
    eventually(lambda: world.cloud.image_ready(world.spec, first))
    (image,) = world.cloud.look(world.spec).images
    assert (image.id, image.available, image.master) == (first, True, world.spec.master)
    assert (image.operation, image.action) == (world.operation, world.act("bake"))
    assert image == world.cloud.image_ready(world.spec, first)
    assert (image.version, image.doctor) == ("v1", "0 blocking 2 warnings")


@can_bake
def test_an_image_is_begun_once_its_disks_are_copied_and_not_before_it_was_asked_for(world: World) -> None:
    def has_begun() -> bool:
        return world.cloud.image_begun(world.spec, world.spec.master, action=world.act("begun"))

    assert not has_begun()
    world.bake("begun")
    eventually(has_begun)


@can_bake
@pytest.mark.parametrize("state", [ImageState.GOOD, ImageState.BAD])
def test_an_image_is_called_good_or_bad_once_it_was_tried(world: World, state: ImageState) -> None:
    image = world.bake()
    eventually(lambda: world.cloud.image_ready(world.spec, image))
    (before,) = world.cloud.look(world.spec).images
    assert (before.state, before.pinned) == (ImageState.BUILDING, False)
    assert before.size > 0
    assert before.snapshots
    for _ in range(2):
        world.cloud.mark_image(world.spec, image, state, action=world.act("judge"))
    (after,) = world.cloud.look(world.spec).images
    assert after == replace(before, state=state)


@can_bake
def test_an_image_of_another_fleet_and_one_that_is_gone_are_not_called_anything(world: World) -> None:
    image = world.bake()
    eventually(lambda: world.cloud.image_ready(world.spec, image))
    for spec, name in ((replace(world.spec, name="shop"), image), (world.spec, "ami-0000000000000dead")):
        with pytest.raises(CloudError, match=name):
            world.cloud.mark_image(spec, name, ImageState.GOOD, action=world.act("judge"))
    assert world.cloud.look(world.spec).images[0].state is ImageState.BUILDING


@can_bake
def test_an_image_is_pinned_and_unpinned(world: World) -> None:
    image = world.bake()
    eventually(lambda: world.cloud.image_ready(world.spec, image))
    for pinned in (True, True, False):
        world.cloud.pin_image(world.spec, image, pinned=pinned, action=world.act("pin"))
        assert world.cloud.look(world.spec).images[0].pinned is pinned
    with pytest.raises(CloudError, match=image):
        world.cloud.pin_image(replace(world.spec, name="shop"), image, pinned=True, action=world.act("pin"))


@can_bake
def test_servers_that_were_started_from_an_image_use_it_while_they_live(world: World) -> None:
    image, other = world.bake("1"), world.bake("2")
    eventually(lambda: all(world.cloud.image_ready(world.spec, each) for each in (image, other)))
    started = replace(world, image=image).launch(2)
    uses = world.cloud.image_uses(world.spec, [image, other])
    assert uses.servers == {image: tuple(sorted(started))}
    assert (dict(uses.templates), uses.unclear) == ({}, ())
    world.cloud.terminate(world.spec, started, action=world.act("end"))
    eventually(lambda: not world.cloud.image_uses(world.spec, [image]).servers)


@can_bake
def test_an_image_is_removed_with_its_snapshots_once(world: World) -> None:
    image, other = world.bake("1"), world.bake("2")
    eventually(lambda: all(world.cloud.image_ready(world.spec, each) for each in (image, other)))
    going, staying = (
        each for _, each in sorted((i.id != image, i) for i in world.cloud.look(world.spec).images)
    )
    for _ in range(2):
        assert not world.cloud.remove_image(world.spec, image, going.snapshots, action=world.act("remove"))
    assert world.cloud.look(world.spec).images == (staying,)
    assert not world.cloud.inspect(world.spec).forgotten_snapshots


@can_bake
def test_neither_a_pinned_image_nor_one_of_another_fleet_is_removed(world: World) -> None:
    image = world.bake()
    eventually(lambda: world.cloud.image_ready(world.spec, image))
    world.cloud.pin_image(world.spec, image, pinned=True, action=world.act("pin"))
    (before,) = world.cloud.look(world.spec).images
    for spec in (world.spec, replace(world.spec, name="shop")):
        with pytest.raises(CloudError, match=image):
            world.cloud.remove_image(spec, image, before.snapshots, action=world.act("remove"))
    assert world.cloud.look(world.spec).images == (before,)


@can_bake
def test_a_snapshot_that_an_image_needs_still_stays_and_is_named(world: World) -> None:
    image = world.bake()
    eventually(lambda: world.cloud.image_ready(world.spec, image))
    (kept,) = world.cloud.look(world.spec).images
    left = world.cloud.remove_image(
        world.spec, "ami-0000000000000dead", kept.snapshots, action=world.act("remove")
    )
    assert dict(left) == dict.fromkeys(kept.snapshots, f"{image} uses it")


def test_an_image_that_aws_does_not_know_is_not_ready(world: World) -> None:
    assert not world.cloud.image_ready(world.spec, "ami-0000000000000dead")


@can_bake
def test_the_newest_image_comes_first(world: World) -> None:
    made = [world.bake("1"), world.bake("2")]
    eventually(lambda: all(world.cloud.image_ready(world.spec, image) for image in made))
    images = world.cloud.look(world.spec).images
    assert {image.id for image in images} == set(made)
    assert [i.created for i in images] == sorted((i.created for i in images), reverse=True)


def test_an_inspection_shows_the_master_and_what_clones_would_be_made_with(world: World) -> None:
    (clone,) = world.launch()
    facts = world.cloud.inspect(replace(world.spec, security_groups=(world.group,)))
    assert (facts.master, facts.state) == (world.spec.master, State.RUNNING)
    assert facts.serving == {world.spec.master}
    assert set(facts.free_addresses) == set(world.spec.subnets)
    assert min(facts.free_addresses.values()) > 1000
    assert facts.groups == (world.group,)
    assert (facts.clones, dict(facts.imageless)) == (1, {})
    assert set(facts.unread) <= {Area.QUOTAS}  # plain moto has none
    world.cloud.terminate(world.spec, [clone], action=world.act("end"))
    eventually(lambda: world.cloud.inspect(world.spec).clones == 0)


def test_an_inspection_finds_nothing_that_blocks_on_an_ordinary_account(world: World) -> None:
    seen = examine_aws(world.cloud.inspect(world.spec), world.spec)
    assert seen.of(Severity.BLOCKS) == ()


def test_an_inspection_leaves_out_a_subnet_and_a_group_that_do_not_exist(world: World) -> None:
    lost = replace(world.spec, subnets=("subnet-0dead",), security_groups=("sg-0dead",))
    facts = world.cloud.inspect(lost)
    assert (dict(facts.free_addresses), facts.groups) == ({}, ())


def test_an_inspection_of_a_master_that_is_gone_names_it(world: World) -> None:
    with pytest.raises(BotError, match="i-0000000000000dead"):
        world.cloud.inspect(replace(world.spec, master="i-0000000000000dead"))


def test_writes_are_routed_once(world: World) -> None:
    for _ in range(2):
        world.cloud.route_writes(world.spec, world.routes(), action=world.act("route"))
        assert world.cloud.look(world.spec).writes_routed


def test_host_keys_that_the_fleet_file_names_are_the_masters(world: World) -> None:
    ssh = Ssh(user="admin", key_file="/key", master_host_keys=("ssh-ed25519 AAAA",))
    named = replace(world.spec, ssh=ssh)
    assert world.cloud.host_keys(named, world.spec.master) == ("ssh-ed25519 AAAA",)
    (clone,) = world.launch()
    assert "ssh-ed25519 AAAA" not in world.cloud.host_keys(named, clone)
