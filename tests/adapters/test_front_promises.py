"""What the Cloud promises of the front of a fleet: by the fake, by moto, and by the lab's local AWS."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.adoption import front_name
from bot.domain.errors import BotError, CloudError
from bot.domain.fleet import Service
from tests.adapters.alone import Alone
from tests.adapters.cloud_worlds import OPENERS, World

_NUMBERS = itertools.count(1)


@pytest.fixture(params=OPENERS, scope="module")
def account(request: pytest.FixtureRequest) -> Iterator[World]:
    with OPENERS[request.param]() as opened:
        yield opened


@pytest.fixture
def alone(account: World) -> Iterator[Alone]:
    number = next(_NUMBERS)
    world = account.for_one_test(number)
    opened = Alone(world, number)
    yield opened
    opened.clean()


def test_a_fleet_without_target_groups_is_behind_no_balancer(alone: Alone) -> None:
    fleet = alone.cloud.look(alone.spec)
    assert (fleet.behind_balancer, fleet.master.service, fleet.writes_routed) == (False, Service.OUT, False)
    front = alone.cloud.survey(alone.spec)
    assert (front.fleet, front.before, front.address, front.made, front.in_the_way) == ("", None, "", (), ())
    assert front.network
    assert not front.windows
    assert str(front.now) == "terminate=off stop=off site=off writes=off"


def test_the_master_serves_behind_what_was_made_and_each_step_may_be_repeated(alone: Alone) -> None:
    for _ in range(2):
        alone.claim()
        alone.make()
        alone.serve()
        alone.protect()
    fleet, front = alone.cloud.look(alone.spec), alone.cloud.survey(alone.spec)
    assert (fleet.behind_balancer, fleet.master.service) == (True, Service.HEALTHY)
    assert front.adopted(alone.spec.name)
    assert (front.operation, str(front.before)) == ("op-1", "terminate=off stop=off site=off writes=off")
    assert str(front.now) == "terminate=on stop=on site=on writes=off"
    assert front.address
    name = front_name(alone.spec.name)
    kinds = (f"load balancer {name}", f"security group {name}", f"target group {name}")
    assert sorted(front.made) == sorted((*kinds, f"target group {name}-writes"))
    assert not front.in_the_way


def test_an_adopted_master_is_no_stranger(alone: Alone) -> None:
    alone.claim()
    alone.make()
    alone.serve()
    assert [each.id for each in alone.cloud.census(alone.spec)] == []


def test_what_was_made_goes_and_the_master_is_as_before(alone: Alone) -> None:
    before = alone.cloud.survey(alone.spec)
    alone.claim()
    alone.make()
    alone.serve()
    for _ in range(2):
        alone.clean()
    assert alone.cloud.survey(alone.spec) == before
    assert not alone.cloud.look(alone.spec).behind_balancer


def test_rules_for_writes_go_with_the_master(alone: Alone) -> None:
    alone.claim()
    alone.make()
    alone.serve()
    spec = alone.cloud.look(alone.spec).spec
    routes = replace(alone.world, spec=spec).routes()
    alone.cloud.route_writes(spec, routes, action="op-1.6")
    assert alone.cloud.look(alone.spec).writes_routed
    assert alone.cloud.survey(alone.spec).now.writes
    alone.release()
    assert not alone.cloud.look(alone.spec).writes_routed
    assert not alone.cloud.survey(alone.spec).now.writes


def test_only_what_one_operation_made_is_removed(alone: Alone) -> None:
    alone.make()
    made = alone.cloud.survey(alone.spec).made
    alone.remove(only="op-another")
    assert alone.cloud.survey(alone.spec).made == made
    alone.remove(only="op-1")
    assert alone.cloud.survey(alone.spec).made == ()


def test_a_master_that_another_fleet_claimed_is_neither_used_nor_claimed_again(alone: Alone) -> None:
    alone.claim()
    other = replace(alone.spec, name="shop")
    with pytest.raises(CloudError, match=f"belongs to the fleet {alone.spec.name}"):
        alone.cloud.claim(other, operation="op-3", action="op-3.1")
    for look in (alone.cloud.look, alone.cloud.members):
        with pytest.raises(BotError, match=rf"is of the fleet \*{alone.spec.name}\*"):
            look(other)
    alone.cloud.disclaim(other, action="op-3.2")
    assert alone.cloud.survey(alone.spec).adopted(alone.spec.name)
