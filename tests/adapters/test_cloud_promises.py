"""What the Cloud promises, kept alike by the fake, by AWS as moto plays it, and by the lab's local AWS."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.errors import BotError, CloudError
from bot.domain.fleet import Role, Service, Ssh, State
from tests.adapters.cloud_worlds import OPENERS, World, eventually

_NUMBERS = itertools.count(1)


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


def test_a_repeated_launch_starts_nothing_twice(world: World) -> None:
    first = world.launch(action="launch")
    again = world.launch(action="launch")
    assert again == first
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
    world.cloud.quarantine(world.spec, ids, action=world.act("q"))
    fleet = world.cloud.look(world.spec)
    assert fleet.clones == ()
    assert [s.id for s in fleet.quarantined] == list(ids)
    world.cloud.terminate(world.spec, ids, action=world.act("end"))
    assert world.cloud.look(world.spec).quarantined == ()


@pytest.mark.parametrize("verb", ["terminate", "quarantine"])
def test_the_master_is_never_ended_nor_anything_named_beside_it(world: World, verb: str) -> None:
    ids = world.launch()
    with pytest.raises(CloudError, match=world.spec.master):
        getattr(world.cloud, verb)(world.spec, [*ids, world.spec.master], action=world.act("end"))
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


def test_an_image_that_aws_does_not_know_is_not_ready(world: World) -> None:
    assert not world.cloud.image_ready(world.spec, "ami-0000000000000dead")


@can_bake
def test_the_newest_image_comes_first(world: World) -> None:
    made = [world.bake("1"), world.bake("2")]
    eventually(lambda: all(world.cloud.image_ready(world.spec, image) for image in made))
    images = world.cloud.look(world.spec).images
    assert {image.id for image in images} == set(made)
    assert [i.created for i in images] == sorted((i.created for i in images), reverse=True)


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
