"""A quiesced master over real SSH: it lets go by itself, and nothing of `before` outlives its time."""

import time
from collections.abc import Iterator

import pytest

from bot.domain.errors import RemoteFailed
from bot.domain.quiesce import Quiesce
from bot.lab.hosts import Hosts
from tests.adapters.conftest import NETWORK
from tests.adapters.servers_worlds import World, over_ssh

AFTER = ("echo thawed >>said", 'test -e "it\'s not there"', "echo and flushed >>said")


@pytest.fixture
def world(hosts: Hosts) -> Iterator[World]:
    with over_ssh(hosts, NETWORK) as opened:
        yield opened


def test_it_lets_go_by_itself_and_whoever_asks_then_is_told(world: World) -> None:
    short = Quiesce(before=("echo frozen >>said",), after=AFTER[:1], seconds=3)
    world.servers.hold_still(world.spec, world.master, short, key="op-1.1")
    deadline = time.monotonic() + 20
    while world.read(world.master, "/said") != "frozen\nthawed\n" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not world.servers.let_go(world.spec, world.master, short, key="op-1.1")
    assert world.read(world.master, "/said") == "frozen\nthawed\n"


def test_a_command_that_hangs_is_ended_and_undone_before_its_time_is_over(world: World) -> None:
    hanging = Quiesce(before=("sleep 600; echo never >>said",), after=AFTER[:1], seconds=3)
    with pytest.raises(RemoteFailed, match=r"it was not done in time: sleep 600; echo never"):
        world.servers.hold_still(world.spec, world.master, hanging, key="op-1.1")
    assert world.read(world.master, "/said") == "thawed\n"


def test_one_that_goes_on_behind_its_back_does_not_hold_it_up(world: World) -> None:
    held = Quiesce(before=("sleep 20 & echo $! >pid",), after=("kill $(cat pid)", *AFTER[:1]))
    began = time.monotonic()
    world.servers.hold_still(world.spec, world.master, held, key="op-1.1")
    assert world.servers.let_go(world.spec, world.master, held, key="op-1.1")
    assert time.monotonic() - began < 15
    assert world.read(world.master, "/said") == "thawed\n"


def test_undoing_goes_on_past_a_command_that_fails_and_says_so(world: World) -> None:
    held = Quiesce(before=("true",), after=AFTER)
    world.servers.hold_still(world.spec, world.master, held, key="op-1.1")
    with pytest.raises(RemoteFailed, match="letting go of it failed: failed: test -e"):
        world.servers.let_go(world.spec, world.master, held, key="op-1.1")
    assert world.read(world.master, "/said") == "thawed\nand flushed\n"
