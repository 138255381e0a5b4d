"""`scale`: what it plans, and what it refuses."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import plan as plans
from bot.domain.capacity import first_to_go, spread
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, Image, ImageState, Recipe, Role, Server, Service, State, Writes
from bot.domain.plan import (
    Bake,
    CheckStrays,
    Launch,
    LaunchElsewhere,
    Prepare,
    RouteWrites,
    Sync,
    TakeOut,
    Terminate,
)
from tests.commands.examples import (
    MASTER,
    NOW,
    a_fleet,
    a_server,
    a_spec,
    an_image,
    answer,
    kinds,
    plan,
    run,
)

ELSEWHERE = "launch_elsewhere"
INTO_SERVICE = ["boot", "prepare", "sync", "prove", "put_in_service", "sync"]
ONE = a_server("i-1")
TWO = a_server("i-2", subnet="subnet-b")
SICK = a_server("i-3", service=Service.UNHEALTHY)


def test_growing_launches_prepares_proves_and_puts_in_service() -> None:
    planned = plan('scale 4 --reason "Black Friday"', a_fleet(ONE, TWO))
    assert kinds(planned) == ["launch", "launch", ELSEWHERE, *INTO_SERVICE]
    assert planned.summary == "web: 2 → 4 clones"
    assert (planned.command, planned.inverse) == ("scale web 4", "scale web 2")
    assert (planned.before, planned.after) == (2, 4)
    assert planned.reason == "Black Friday"
    assert planned.actions[0] == Launch(
        image="ami-1", type="t3.small", subnet="subnet-a", security_groups=("sg-1",), count=1
    )
    assert planned.actions[-1] == Sync(master=MASTER, content=a_spec().content, everyone=True)


def test_the_first_growth_routes_writes_and_bakes_an_image() -> None:
    planned = plan("scale 1", a_fleet(images=(), writes_routed=False))
    ready, serving = INTO_SERVICE[:4], INTO_SERVICE[4:]
    assert kinds(planned) == ["route_writes", "bake", "launch", ELSEWHERE, *ready, "judge", *serving]
    assert planned.actions[0] == RouteWrites(
        target_group="arn:web",
        writes_group="arn:web-writes",
        master=MASTER,
        methods=("POST", "PUT", "PATCH", "DELETE"),
        prefixes=("/upload",),
    )
    assert planned.actions[1] == Bake(master=MASTER)
    assert isinstance(planned.actions[2], Launch)
    assert planned.actions[2].image == ""
    assert "one is baked first" in planned.notes[0]


def test_where_clones_relay_writes_no_listener_rule_is_made_and_the_plan_says_what_they_relay() -> None:
    writes = Writes(by="proxy", prefixes=("/upload",))
    planned = plan("scale 1", a_fleet(spec=a_spec(writes=writes), writes_routed=False))
    assert kinds(planned) == ["launch", ELSEWHERE, *INTO_SERVICE]
    assert Prepare(recipe=Recipe(), relay=writes) in planned.actions


@pytest.mark.parametrize(
    "images",
    [
        (),
        (an_image(available=False),),
        (an_image(master="i-0000000000000000b"),),
        (an_image(state=ImageState.BUILDING), an_image(state=ImageState.BAD)),
    ],
    ids=["none", "not finished", "of a former master", "not good"],
)
def test_an_image_that_cannot_be_used_means_a_new_one(images: tuple[Image, ...]) -> None:
    assert "bake" in kinds(plan("scale 1", a_fleet(images=images)))


def test_the_newest_available_image_is_used_and_its_age_told() -> None:
    images = (an_image("ami-3", available=False), an_image("ami-2", days=1), an_image("ami-1", days=9))
    planned = plan("scale 1", a_fleet(images=images))
    assert isinstance(planned.actions[0], Launch)
    assert planned.actions[0].image == "ami-2"
    assert planned.notes == ("The image `ami-2` is 1 day old.",)


def test_where_no_image_is_good_the_plan_says_why_it_bakes() -> None:
    (note, *_) = plan("scale 1", a_fleet(images=(an_image(state=ImageState.BUILDING),))).notes
    assert note == "No image is good: `ami-1` was never tried; one is baked first, without a reboot."


def test_type_and_groups_of_the_fleet_file_win_over_the_masters() -> None:
    spec = a_spec(instance_type="m7g.large", security_groups=("sg-9",))
    launch = plan("scale 1", a_fleet(spec=spec)).actions[0]
    assert isinstance(launch, Launch)
    assert (launch.type, launch.security_groups) == ("m7g.large", ("sg-9",))


def elsewhere(text: str, fleet: Fleet) -> LaunchElsewhere | None:
    found = [each for each in plan(text, fleet).actions if isinstance(each, LaunchElsewhere)]
    return found[0] if found else None


def test_other_subnets_and_types_are_part_of_what_is_approved() -> None:
    fleet = a_fleet(spec=a_spec(instance_types=("t3a.small", "m5.large", "t3.small")))
    allowed = elsewhere("scale 3", fleet)
    assert allowed == LaunchElsewhere(
        image="ami-1",
        types=("t3.small", "t3a.small", "m5.large"),
        subnets=("subnet-a", "subnet-b"),
        security_groups=("sg-1",),
        count=3,
    )
    assert str(allowed) == (
        "only if AWS has too few: launch the missing ones in another of subnet-a, subnet-b, "
        "else as t3a.small or m5.large"
    )
    others = replace(fleet, spec=replace(fleet.spec, instance_types=("m5.large", "t3a.small")))
    assert plan("scale 3", fleet).hash != plan("scale 3", others).hash


def test_every_type_is_tried_in_every_subnet_before_the_next() -> None:
    allowed = elsewhere("scale 1", a_fleet(spec=a_spec(instance_types=("t3a.small",))))
    assert allowed
    assert [order.place for order in allowed.orders] == [
        "t3.small in subnet-a",
        "t3.small in subnet-b",
        "t3a.small in subnet-a",
        "t3a.small in subnet-b",
    ]


def test_nothing_is_said_of_elsewhere_where_there_is_no_other_place() -> None:
    assert elsewhere("scale 1", a_fleet(spec=a_spec(subnets=("subnet-a",)))) is None


def test_one_subnet_with_another_type_says_only_that() -> None:
    allowed = elsewhere("scale 1", a_fleet(spec=a_spec(subnets=("subnet-a",), instance_types=("m5.large",))))
    assert str(allowed) == "only if AWS has too few: launch the missing ones as m5.large"


def test_that_another_type_may_cost_another_price_is_told_with_the_price() -> None:
    priced = a_spec(instance_types=("m5.large",), price_per_hour=0.5)
    note = "The price is that of t3.small; m5.large, if AWS has too few, may cost another."
    assert note in plan("scale 1", a_fleet(spec=priced)).notes
    assert note not in plan("scale 1", a_fleet(spec=replace(priced, price_per_hour=None))).notes
    assert note not in plan("scale 1", a_fleet(spec=replace(priced, instance_types=()))).notes


def test_a_launch_holds_at_most_a_hundred() -> None:
    spec = a_spec(max_clones=500, subnets=("subnet-a", "subnet-b"))
    planned = plan("scale 450", a_fleet(spec=spec))
    launches = [each for each in planned.actions if isinstance(each, Launch)]
    assert [(each.subnet, each.count) for each in launches] == [
        ("subnet-a", 100),
        ("subnet-a", 100),
        ("subnet-a", 25),
        ("subnet-b", 100),
        ("subnet-b", 100),
        ("subnet-b", 25),
    ]


@pytest.mark.parametrize(
    ("typed", "before", "after"), [("+2", 1, 3), ("-1", 2, 1), ("0", 2, 0), ("-2", 2, 0)]
)
def test_a_difference_becomes_an_absolute_number(typed: str, before: int, after: int) -> None:
    planned = plan(f"scale {typed}", a_fleet(*[ONE, TWO][:before]))
    assert (planned.before, planned.after, planned.command) == (before, after, f"scale web {after}")


def test_the_hash_is_the_same_however_it_was_asked_for() -> None:
    fleet = a_fleet(ONE, TWO)
    asked = {plan(text, fleet).hash for text in ("scale 3", "scale +1", "scale web 3 --reason x")}
    sicker = a_fleet(ONE, replace(TWO, service=Service.UNHEALTHY))
    assert asked == {plan("scale 3", sicker).hash}


def test_the_plan_survives_being_written_and_read_again() -> None:
    for planned in (plan("scale 4", a_fleet(ONE)), plan("scale 0 --discard", a_fleet(ONE))):
        assert plans.from_json(plans.to_json(planned)) == planned


@pytest.mark.parametrize(("typed", "cost"), [("4", 1.0), ("0", -1.0)])
def test_the_change_of_cost_is_told_where_prices_are_configured(typed: str, cost: float) -> None:
    spec = a_spec(price_per_hour=0.5, currency="EUR")
    planned = plan(f"scale {typed}", a_fleet(ONE, TWO, spec=spec))
    assert (planned.cost_per_hour, planned.currency) == (cost, "EUR")
    assert plan(f"scale {typed}", a_fleet(ONE, TWO)).cost_per_hour is None


def test_shrinking_checks_takes_out_and_terminates() -> None:
    planned = plan("scale 0", a_fleet(TWO, ONE))
    assert planned.actions == (
        CheckStrays(servers=("i-1", "i-2"), discard=False),
        TakeOut(target_group="arn:web", servers=("i-1", "i-2")),
        Terminate(servers=("i-1", "i-2"), discard=False),
    )
    assert planned.inverse == "scale web 2"


def test_discarding_is_part_of_the_plan() -> None:
    kept, discarded = plan("scale 0", a_fleet(ONE)), plan("scale 0 --discard", a_fleet(ONE))
    assert discarded.command == "scale web 0 --discard"
    assert discarded.actions[0] == CheckStrays(servers=("i-1",), discard=True)
    assert kept.hash != discarded.hash


OLD_IMAGE, NEW_IMAGE = an_image("ami-old", days=30), an_image("ami-new", days=1)


def aged(server_id: str, image: str, hours: int, service: Service = Service.HEALTHY) -> Server:
    return a_server(server_id, image=image, launched=NOW - timedelta(hours=hours), service=service)


@pytest.mark.parametrize(
    ("clones", "goes"),
    [
        ([aged("i-1", "ami-old", 9), aged("i-2", "ami-new", 1, Service.UNHEALTHY)], "i-2"),
        ([aged("i-1", "ami-old", 9), aged("i-2", "ami-new", 1, Service.OUT)], "i-2"),
        ([aged("i-1", "ami-new", 9), aged("i-2", "ami-old", 9)], "i-2"),
        ([aged("i-1", "ami-new", 9), aged("i-2", "ami-gone", 9)], "i-2"),
        ([aged("i-1", "ami-new", 9), aged("i-2", "ami-new", 1)], "i-2"),
        ([aged("i-2", "ami-new", 1), aged("i-1", "ami-new", 1)], "i-1"),
    ],
    ids=["unhealthy", "out of service", "oldest image", "image is gone", "youngest", "smallest id"],
)
def test_the_one_least_worth_keeping_goes_first(clones: list[Server], goes: str) -> None:
    fleet = a_fleet(*clones, images=(NEW_IMAGE, OLD_IMAGE))
    assert [clone.id for clone in first_to_go(fleet, 1)] == [goes]


def test_the_last_healthy_server_is_never_removed() -> None:
    master = a_server(MASTER, Role.MASTER, service=Service.UNHEALTHY)
    with pytest.raises(BotError, match=r"no healthy server of \*web\* would be left in service"):
        run("scale 0", a_fleet(ONE, SICK, master=master))
    planned = plan("scale 1", a_fleet(ONE, SICK, master=master))
    assert planned.actions[-1] == Terminate(servers=("i-3",), discard=False)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("-3", "has 1 clone; -3 would leave fewer than none. To remove them all, type `/clone scale web 0`"),
        ("9", "may have 8 clones at most, and this would make 9. Type `/clone scale web 8`"),
        ("+99", "may have 8 clones at most, and this would make 100"),
    ],
)
def test_what_is_out_of_bounds_is_refused_with_what_to_type(typed: str, said: str) -> None:
    with pytest.raises(BotError) as raised:
        run(f"scale {typed}", a_fleet(ONE))
    assert said in str(raised.value)


def test_a_fleet_beyond_its_maximum_may_shrink_towards_it() -> None:
    fleet = a_fleet(ONE, TWO, a_server("i-4"), spec=a_spec(max_clones=1))
    assert plan("scale 2", fleet).after == 2


@pytest.mark.parametrize("state", [State.STOPPED, State.STOPPING, State.PENDING])
def test_nothing_grows_from_a_master_that_does_not_run(state: State) -> None:
    master = a_server(MASTER, Role.MASTER, state=state, service=Service.OUT)
    with pytest.raises(BotError, match=rf"is {state}.*Start it"):
        run("scale 2", a_fleet(ONE, master=master))


def test_a_master_that_is_not_healthy_is_told_to_the_approver() -> None:
    master = a_server(MASTER, Role.MASTER, service=Service.UNHEALTHY)
    notes = plan("scale 2", a_fleet(ONE, master=master)).notes
    assert f"The master `{MASTER}` itself is unhealthy; clones will be no better than it is." in notes


@pytest.mark.parametrize("typed", ["2", "+0", "-0"])
def test_the_number_it_already_has_changes_nothing_and_says_so(typed: str) -> None:
    said = answer(f"scale {typed}", a_fleet(ONE, SICK))
    assert said.splitlines() == [
        "*web* has 2 clones already; nothing to do.",
        "Counted, and not serving now: `i-3` (unhealthy).",
        "To replace what does not serve, type `/clone scale web 1`, then `/clone scale web 2`.",
    ]


def test_quarantined_servers_are_told_and_not_counted() -> None:
    apart = a_server("i-9", Role.QUARANTINED, service=Service.OUT)
    planned = plan("scale 2", a_fleet(ONE, quarantined=(apart,)))
    assert (planned.before, planned.after) == (1, 2)
    assert "Quarantined, so not counted: `i-9`." in planned.notes


def test_clones_that_are_going_already_are_not_counted() -> None:
    going = a_server("i-9", state=State.SHUTTING_DOWN, service=Service.OUT)
    assert plan("scale 2", a_fleet(ONE, going)).before == 1


@given(st.integers(0, 60), st.lists(st.sampled_from(["s1", "s2", "s3", "gone"])))
def test_new_clones_are_spread_so_that_no_subnet_is_left_behind(count: int, held: list[str]) -> None:
    clones = [a_server(f"i-{index}", subnet=subnet) for index, subnet in enumerate(held)]
    new = spread(count, ("s1", "s2", "s3"), clones)
    assert sum(new.values()) == count
    total = Counter(held) + Counter(new)
    for subnet in new:
        assert total[subnet] - min(total[each] for each in ("s1", "s2", "s3")) <= 1
