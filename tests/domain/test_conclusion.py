"""The end of an operation says what is, and what to type next."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.domain.conclusion import conclude
from bot.domain.fleet import Content, Fleet, FleetSpec, Role, Server, Service, Ssh, State, Writes
from bot.domain.operation import Stage
from bot.domain.plan import Lane, Plan
from bot.domain.tally import Tally

HEALTHY, OUT, DRAINING, SICK = Service.HEALTHY, Service.OUT, Service.DRAINING, Service.UNHEALTHY
SPEC = FleetSpec(
    name="web",
    region="eu-central-1",
    channel="C0WEB",
    master="i-master",
    target_group="arn:web",
    subnets=("subnet-a",),
    ssh=Ssh(user="admin", key_file="/key"),
    content=Content(paths=("/var/www",)),
    writes=Writes(target_group="arn:writes"),
)


def plan(before: int, after: int) -> Plan:
    return Plan(
        fleet="web",
        lane=Lane.CAPACITY,
        command=f"scale web {after}",
        summary="",
        actions=(),
        before=before,
        after=after,
    )


def server(name: str, service: Service, state: State = State.RUNNING, role: Role = Role.CLONE) -> Server:
    return Server(
        id=name,
        role=role,
        state=state,
        address="10.0.0.1",
        type="t3.small",
        subnet="subnet-a",
        image="ami-1",
        launched=datetime(2026, 1, 1, tzinfo=UTC),
        service=service,
    )


def fleet(*services: Service, quarantined: tuple[Server, ...] = (), clones: tuple[Server, ...] = ()) -> Fleet:
    named = tuple(server(f"i-{number}", service) for number, service in enumerate(services, 1))
    master = server("i-master", HEALTHY, role=Role.MASTER)
    return Fleet(spec=SPEC, master=master, clones=(*named, *clones), quarantined=quarantined)


NEW = Tally(launched=("i-1", "i-2"))
GOING = server("i-9", HEALTHY, State.SHUTTING_DOWN)


def set_aside(service: Service = OUT) -> tuple[Server, ...]:
    return (server("i-2", service, role=Role.QUARANTINED),)


@pytest.mark.parametrize(
    ("tally", "after", "stage", "says"),
    [
        (NEW, fleet(HEALTHY, HEALTHY), Stage.DONE, "web: 2 of 2 clones serve."),
        (
            NEW.with_warning("The clones could not be brought up to date: no answer."),
            fleet(HEALTHY, HEALTHY),
            Stage.DONE,
            "web: 2 of 2 clones serve. The clones could not be brought up to date: no answer.",
        ),
        (
            replace(
                NEW.with_short("t3.small in subnet-a", 0, "none to give"),
                elsewhere=("1 × t3.small in subnet-b", "1 × m5.large in subnet-b"),
            ),
            fleet(HEALTHY, HEALTHY),
            Stage.DONE,
            (
                "web: 2 of 2 clones serve. AWS had too few of t3.small in subnet-a; "
                "started in their place: 1 × t3.small in subnet-b, 1 × m5.large in subnet-b."
            ),
        ),
        (
            replace(
                Tally(launched=("i-1",))
                .with_short("t3.small in subnet-a", 1, "none to give.")
                .with_short("m5.large in subnet-a", 0, "none to give."),
                elsewhere=("1 × t3.small in subnet-b",),
            ),
            fleet(HEALTHY),
            Stage.PARTLY_DONE,
            (
                "web: 1 of 2 clones serve, because t3.small in subnet-a, m5.large in subnet-a: none to give. "
                "AWS had too few of t3.small in subnet-a, m5.large in subnet-a; "
                "started in their place: 1 × t3.small in subnet-b. Type `/clone scale web 2` to try again."
            ),
        ),
        (
            NEW.with_failed({"i-2": "it did not start."}).with_short("t3.small in subnet-a", 0, "none"),
            fleet(HEALTHY, quarantined=set_aside()),
            Stage.PARTLY_DONE,
            (
                "web: 1 of 2 clones serve, because i-2: it did not start. "
                "Out of service and quarantined for a look: i-2. Type `/clone scale web 2` to try again."
            ),
        ),
        (
            NEW.with_failed({"i-2": "it did not start."}),
            fleet(HEALTHY, quarantined=set_aside()),
            Stage.PARTLY_DONE,
            (
                "web: 1 of 2 clones serve, because i-2: it did not start. "
                "Out of service and quarantined for a look: i-2. Type `/clone scale web 2` to try again."
            ),
        ),
        (
            NEW.with_failed({"i-2": "late"}),
            fleet(HEALTHY, quarantined=set_aside(HEALTHY)),
            Stage.PARTLY_DONE,
            (
                "web: 1 of 2 clones serve, because i-2: late. "
                "Still registered with the load balancer: i-2. Type `/clone scale web 2` to try again."
            ),
        ),
        (
            NEW.with_failed({"i-2": "late"}),
            fleet(HEALTHY, OUT),
            Stage.PARTLY_DONE,
            (
                "web: 1 of 2 clones serve, because i-2: late. Not tagged as quarantined, so still counted as "
                "clones: i-2. Type `/clone scale web 2` to try again."
            ),
        ),
        (
            NEW.with_failed({"i-1": "i-1: no host key seen yet.", "i-2": "i-2: no host key seen yet."}),
            fleet(),
            Stage.FAILED,
            (
                "web: 0 of 2 clones serve, because i-1, i-2: no host key seen yet. "
                "Type `/clone scale web 2` to try again."
            ),
        ),
        (
            NEW.with_failed({"i-1": "rsync failed", "i-2": "rsync failed", "subnet-b": "none to give"}),
            fleet(),
            Stage.FAILED,
            (
                "web: 0 of 2 clones serve, because i-1, i-2: rsync failed; subnet-b: none to give. "
                "Type `/clone scale web 2` to try again."
            ),
        ),
        (
            Tally(stopped="could not bake: not allowed."),
            fleet(),
            Stage.FAILED,
            (
                "web: 0 of 2 clones serve, because could not bake: not allowed. "
                "Type `/clone scale web 2` to try again."
            ),
        ),
        (
            NEW,
            fleet(HEALTHY, SICK),
            Stage.PARTLY_DONE,
            "web: 1 of 2 clones serve, because i-2: it is unhealthy. Type `/clone scale web 2` to try again.",
        ),
        (
            NEW,
            fleet(HEALTHY, clones=(GOING,)),
            Stage.PARTLY_DONE,
            (
                "web: 1 of 2 clones serve, because the fleet changed meanwhile. "
                "Type `/clone scale web 2` to try again."
            ),
        ),
    ],
)
def test_of_more_clones(tally: Tally, after: Fleet, stage: Stage, says: str) -> None:
    assert conclude(plan(0, 2), tally, after) == (stage, says)


def test_a_server_gained_is_a_part_although_another_was_lost() -> None:
    stage, _ = conclude(plan(1, 2), Tally(launched=("i-2",)), fleet(SICK, HEALTHY))
    assert stage is Stage.PARTLY_DONE


def test_a_reason_is_said_once() -> None:
    tally = Tally(launched=("i-1",), failed={"i-1": "the content is empty."})
    tally = Tally(
        launched=tally.launched, failed=tally.failed, stopped="could not copy: the content is empty."
    )
    assert conclude(plan(0, 1), tally, fleet())[1].count("the content is empty") == 1


KEPT = Tally(kept={"i-1": "it holds a file that the master lacks: a.jpg"})


@pytest.mark.parametrize(
    ("tally", "after", "stage", "says"),
    [
        (Tally(), fleet(HEALTHY), Stage.DONE, "web: 1 clone left."),
        (Tally(), fleet(HEALTHY, clones=(GOING,)), Stage.DONE, "web: 1 clone left."),
        (Tally(stopped="no answer"), fleet(HEALTHY), Stage.DONE, "web: 1 clone left."),
        (
            KEPT,
            fleet(HEALTHY, HEALTHY),
            Stage.PARTLY_DONE,
            (
                "web: 2 clones left instead of 1, because i-1: it holds a file that the master lacks: a.jpg. "
                "Rescue the files, or type `/clone scale web 1 --discard` to lose them."
            ),
        ),
        (
            KEPT,
            fleet(OUT, HEALTHY),
            Stage.PARTLY_DONE,
            (
                "web: 2 clones left instead of 1, because i-1: it holds a file that the master lacks: a.jpg. "
                "Out of service, and still there: i-1. "
                "Rescue the files, or type `/clone scale web 1 --discard` to lose them."
            ),
        ),
        (
            Tally(stopped="could not take them out: too long."),
            fleet(DRAINING, DRAINING, HEALTHY),
            Stage.FAILED,
            (
                "web: 3 clones left instead of 1, because could not take them out: too long. "
                "Out of service, and still there: i-1, i-2. Type `/clone scale web 1` to try again."
            ),
        ),
    ],
)
def test_of_fewer_clones(tally: Tally, after: Fleet, stage: Stage, says: str) -> None:
    assert conclude(plan(3, 1), tally, after) == (stage, says)
