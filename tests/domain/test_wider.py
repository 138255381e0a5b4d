"""What else must be true of a clone: of the machine, and of all of them together."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.habits import Habits
from bot.domain.identity import identity
from bot.domain.machine import Machine
from bot.domain.proof import Facts, Proof
from bot.domain.wider import Beside, widen

GB, MB = 1024**3, 1024**2
MASTER = Facts(
    host_keys=frozenset({"M"}),
    machine_id="m",
    hostname="master",
    running=frozenset(),
    masked=frozenset(),
    settings=frozenset(),
    content="same",
    health=200,
    machine=Machine(ahead=100.0, zone="Europe/Berlin", free=GB, size=10 * GB),
)
CLONE = replace(MASTER, host_keys=frozenset({"C"}), machine_id="c", hostname="clone")
AGENT = Habits(agents={"wazuh": "key"})
OTHER = replace(MASTER, host_keys=frozenset({"O"}), machine_id="o", hostname="other", habits=AGENT)


def failures(clone: Facts, master: Facts = MASTER, **beside: Any) -> str:
    others = {"i-1": identity(clone), "i-2": identity(OTHER)}
    known = {"others": others, "guarded": True, "routed": True}
    return widen(Proof(server="i-1", checks=()), clone, master, Beside(**{**known, **beside})).failures


def a_machine(**changes: Any) -> Facts:
    return replace(CLONE, machine=replace(CLONE.machine, **changes))


def test_a_clone_like_its_master_that_is_like_no_other_passes() -> None:
    assert failures(CLONE) == ""


@pytest.mark.parametrize("ahead", [96.0, 104.0])
def test_clocks_may_differ_by_what_a_look_itself_takes(ahead: float) -> None:
    assert failures(a_machine(ahead=ahead)) == ""


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ahead": 160.0}, "clock: it is 60 s ahead of the master's"),
        ({"ahead": 94.0}, "clock: it is 6 s behind the master's"),
        ({"ahead": None}, "clock: it could not be read"),
        ({"zone": "UTC"}, "time zone: it is UTC, and the master's Europe/Berlin"),
        ({"zone": ""}, "time zone: it is unknown, and the master's Europe/Berlin"),
        ({"free": 99 * MB}, "disk space: 99 MB of 10240 MB are left where its content is"),
        ({"free": 500 * MB}, "disk space: 500 MB of 10240 MB are left where its content is"),
        ({"free": None}, "disk space: it could not be read"),
    ],
)
def test_one_thing_wrong_with_the_machine_is_enough(changes: dict[str, Any], why: str) -> None:
    assert failures(a_machine(**changes)) == why


def test_a_large_disk_needs_no_twentieth_of_it() -> None:
    assert failures(a_machine(free=2 * GB, size=1000 * GB)) == ""
    assert failures(a_machine(free=120 * MB, size=GB)) == ""


@pytest.mark.parametrize(
    ("same", "what"),
    [
        ({"host_keys": frozenset({"C", "O"})}, "SSH host key"),
        ({"machine_id": "o"}, "machine-id"),
        ({"hostname": "other"}, "hostname"),
        ({"habits": AGENT}, "wazuh agent"),
    ],
)
def test_no_two_of_them_may_be_one(same: dict[str, Any], what: str) -> None:
    assert failures(replace(CLONE, **same)) == f"no other's identity: it has i-2's {what}"


def test_what_has_no_name_is_another_checks_to_say() -> None:
    nameless = replace(CLONE, hostname="")
    assert failures(nameless, others={"i-2": identity(replace(OTHER, hostname=""))}) == ""


def test_a_clone_that_does_not_reach_the_masters_database_fails() -> None:
    place = ("10.0.0.1", 3306)
    assert failures(CLONE, reach=(place,), reached=frozenset({place})) == ""
    assert failures(CLONE, reach=(place,)) == "10.0.0.1:3306: the master takes no connection from it there"


@pytest.mark.parametrize("known", [True, None])
def test_what_aws_does_not_show_is_not_checked(*, known: bool | None) -> None:
    assert failures(CLONE, guarded=known, routed=known) == ""


def test_credentials_and_writes_that_go_astray_are_found() -> None:
    assert failures(CLONE, guarded=False).startswith("metadata service: it answers without a token")
    assert failures(CLONE, routed=False) == (
        "writes: the load balancer's rules do not send every write to the master"
    )
