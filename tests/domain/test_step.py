"""Steps in words: short enough for a phone, exact enough for whoever looks later."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.plan import Bake, Boot, CheckStrays, Launch, TakeOut, Terminate
from bot.domain.step import ended, in_words
from bot.domain.tally import Tally

LAUNCH = Launch(image="ami-1", type="t3.small", subnet="subnet-a", security_groups=(), count=2)
ACTIONS = (Bake(master="i-0"), LAUNCH, Boot())
THREE_SECONDS = timedelta(seconds=3.2)
LAUNCHED = Tally(image="ami-1", launched=("i-1", "i-2"))


def test_an_image_is_named_at_its_first_launch_only() -> None:
    assert list(in_words([LAUNCH, replace(LAUNCH, subnet="subnet-b")])) == [
        "launch 2 × t3.small in subnet-a from ami-1",
        "launch 2 × t3.small in subnet-b",
    ]


def test_a_second_image_is_named_as_well() -> None:
    assert list(in_words([LAUNCH, replace(LAUNCH, image="ami-2")]))[1].endswith("from ami-2")


def test_servers_that_go_are_listed_once() -> None:
    going = ("i-1", "i-2", "i-3")
    removal = (
        CheckStrays(servers=going, discard=False),
        TakeOut(target_group="arn", servers=going),
        Terminate(servers=going, discard=False),
    )
    assert list(in_words(removal)) == [
        "keep any of i-1, i-2, i-3 that holds files the master lacks",
        "take these 3 out of service and let requests end",
        "terminate these 3",
    ]


def test_a_single_server_is_named_once_too() -> None:
    removal = (TakeOut(target_group="arn", servers=("i-1",)), Terminate(servers=("i-1",), discard=False))
    assert list(in_words(removal))[1] == "terminate it"


def test_an_ended_bake_names_its_image() -> None:
    says = ended(1, ACTIONS, Tally(), Tally(image="ami-1"), THREE_SECONDS)
    assert says == "✅ 1 of 3, 3 s: bake a clone image from i-0 (no reboot) → `ami-1`"


def test_an_ended_launch_names_its_servers() -> None:
    says = ended(2, ACTIONS, Tally(image="ami-1"), LAUNCHED, THREE_SECONDS)
    assert says.endswith("launch 2 × t3.small in subnet-a from ami-1 → `i-1`, `i-2`")


def test_an_ended_step_names_again_no_server_that_an_earlier_one_named() -> None:
    going = ("i-1", "i-2")
    removal = (
        TakeOut(target_group="arn", servers=going),
        Terminate(servers=going, discard=False),
    )
    assert ended(2, removal, Tally(), Tally(), THREE_SECONDS) == "✅ 2 of 2, 3 s: terminate these 2"


def test_later_steps_count_the_clones_that_are_sound() -> None:
    assert ended(3, ACTIONS, LAUNCHED, LAUNCHED, THREE_SECONDS).endswith("→ 2 of 2 clones")
    fewer = ended(3, ACTIONS, LAUNCHED, LAUNCHED.with_failed({"i-1": "it did not start"}), THREE_SECONDS)
    assert fewer.startswith("⚠️ 3 of 3")
    assert fewer.endswith("→ 1 of 2 clones")


def test_a_step_that_stops_the_operation_says_why() -> None:
    after = replace(LAUNCHED, stopped="could not wait: AWS is not reachable")
    assert ended(3, ACTIONS, LAUNCHED, after, timedelta(minutes=5)) == (
        "❌ 3 of 3, after 5 min: could not wait: AWS is not reachable"
    )
