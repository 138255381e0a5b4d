"""What the check is promised of AWS, kept alike in memory and by the lab's AWS."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from bot.aws.cloud import PERMISSIONS, AwsCloud
from bot.aws.probe import AwsInspection
from bot.check.probes import CloudProbe
from bot.domain.check.cloud import Came
from bot.domain.errors import BotError
from bot.domain.fleet import FleetSpec, Service, State
from tests.adapters.cloud_worlds import make_spec, open_lab
from tests.check.fakes import FakeCloud


@dataclass(frozen=True)
class Place:
    """A probe, and a fleet with a master that serves."""

    probe: CloudProbe
    spec: FleetSpec


@pytest.fixture(scope="module", params=["memory", "lab"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "memory":
        spec = make_spec()
        groups = frozenset({spec.target_group, spec.writes.target_group})
        yield Place(FakeCloud(masters=frozenset({spec.master}), groups=groups, permissions=PERMISSIONS), spec)
        return
    with open_lab() as world:
        yield Place(AwsInspection(AwsCloud()), world.spec)


def test_aws_says_who_we_are_and_what_time_it_is(place: Place) -> None:
    identity = place.probe.identity(place.spec.region)
    assert identity.account in identity.arn
    assert identity.clock is not None
    assert abs(identity.clock) < 5


def test_the_master_is_seen_with_and_without_all_else(place: Place) -> None:
    for fleet in (place.probe.look(place.spec), place.probe.members(place.spec)):
        assert fleet.master.id == place.spec.master
        assert (fleet.master.state, fleet.master.service) == (State.RUNNING, Service.HEALTHY)


def test_a_master_that_does_not_exist_is_named(place: Place) -> None:
    lost = replace(place.spec, master="i-0000000000000dead")
    for read in (place.probe.look, place.probe.members):
        with pytest.raises(BotError, match="i-0000000000000dead"):
            read(lost)


def test_the_masters_host_keys_are_known(place: Place) -> None:
    assert place.probe.host_keys(place.spec)


def test_a_target_group_is_described_or_said_not_to_exist(place: Place) -> None:
    found = place.probe.group(place.spec.region, place.spec.target_group)
    assert (found.exists, found.balanced, found.health_path.startswith("/")) == (True, True, True)
    gone = place.spec.target_group[:-1] + "x"
    assert not place.probe.group(place.spec.region, gone).exists


def test_every_permission_is_tried_once_and_without_a_fleet_no_launch_is(place: Place) -> None:
    group = place.spec.target_group
    fleet = place.probe.look(place.spec)
    tried = {each.permission: each.came for each in place.probe.try_permissions(place.spec, fleet, group)}
    assert tuple(tried) == PERMISSIONS
    assert tried["ec2:RunInstances"] is Came.ALLOWED
    blind = {each.permission: each.came for each in place.probe.try_permissions(place.spec, None, group)}
    assert blind["ec2:RunInstances"] is Came.NOTHING_TO_TRY_ON
    lost = replace(place.spec, master="i-0000000000000dead")
    assert tuple(each.permission for each in place.probe.try_permissions(lost, None, group)) == PERMISSIONS
