"""Fleets, people and operations for the tests of commands."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot import catalog
from bot.command import Answer, Decision, Look
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.finding import Examination, Finding, Severity
from bot.domain.doctor.waiver import Waiver
from bot.domain.fleet import (
    Content,
    Fleet,
    FleetSpec,
    Image,
    ImageState,
    Role,
    Server,
    Service,
    Ssh,
    State,
    Writes,
)
from bot.domain.operation import Operation, Stage
from bot.domain.people import Person, Power
from bot.domain.plan import Lane, Plan
from bot.domain.policy import Approval, Policy, powers_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
COMMANDS = catalog.find_commands()
MASTER = "i-0000000000000000a"
ADA = Person(team="T0", id="U0ADA", name="Ada")
BOB = Person(team="T0", id="U0BOB", name="Bob")
EVE = Person(team="T0", id="U0EVE", name="Eve")
POLICY = Policy(
    roles={Power.OPERATOR: (BOB.id,), Power.APPROVER: (ADA.id,), Power.VIEWER: (EVE.id,)},
    approval=Approval(scale_out_above=2),
)


def a_spec(name: str = "web", **changes: Any) -> FleetSpec:
    what: dict[str, Any] = {
        "region": "eu-central-1",
        "channel": f"C0{name.upper()}",
        "master": MASTER,
        "target_group": f"arn:{name}",
        "subnets": ("subnet-a", "subnet-b"),
        "ssh": Ssh(user="admin", key_file="/key"),
        "content": Content(paths=("/var/www",)),
        "writes": Writes(target_group=f"arn:{name}-writes", prefixes=("/upload",)),
        "max_clones": 8,
    }
    return FleetSpec(name=name, **(what | changes))


def a_server(server_id: str, role: Role = Role.CLONE, **changes: Any) -> Server:
    what: dict[str, Any] = {
        "state": State.RUNNING,
        "address": "10.0.0.1",
        "type": "t3.small",
        "subnet": "subnet-a",
        "image": "ami-1",
        "launched": NOW - timedelta(hours=1),
        "service": Service.HEALTHY,
        "security_groups": ("sg-1",),
    }
    return Server(id=server_id, role=role, **(what | changes))


def an_image(image_id: str = "ami-1", *, days: int = 3, **changes: Any) -> Image:
    what: dict[str, Any] = {
        "created": NOW - timedelta(days=days),
        "available": True,
        "state": ImageState.GOOD,
        "size": 8,
        "snapshots": (image_id.replace("ami-", "snap-"),),
        "master": MASTER,
    }
    return Image(id=image_id, **(what | changes))


def a_fleet(*clones: Server, **changes: Any) -> Fleet:
    what: dict[str, Any] = {
        "spec": a_spec(),
        "master": a_server(MASTER, Role.MASTER, image="ami-0"),
        "clones": clones,
        "images": (an_image(),),
        "writes_routed": True,
    }
    return Fleet(**(what | changes))


def an_operation(operation_id: str = "op-k3m9ta", stage: Stage = Stage.AWAITING_APPROVAL) -> Operation:
    plan = Plan(
        fleet="web",
        lane=Lane.CAPACITY,
        command="scale web 4",
        summary="web: 2 → 4 clones",
        actions=(),
        before=2,
        after=4,
    )
    return Operation(
        id=operation_id,
        plan=plan,
        requester=f"{BOB.team}/{BOB.id}",
        channel="C0WEB",
        via="slack",
        stage=stage,
        created=NOW - timedelta(minutes=5),
        needed=1,
    )


def a_finding(where: str = "/etc/cron.d/billing:3", **changes: Any) -> Finding:
    what: dict[str, Any] = {
        "check": "cron-jobs",
        "pitfall": 6,
        "severity": Severity.BLOCKS,
        "what": "A cron job would run on every clone, too.",
        "remedy": "Name it in the fleet file.",
    }
    return Finding(where=where, **(what | changes))


def a_diagnosis(*findings: Finding, waivers: tuple[Waiver, ...] = (), **changes: Any) -> Diagnosis:
    what: dict[str, Any] = {"fleet": "web", "master": MASTER, "at": NOW}
    whole, not_checked = changes.pop("whole", True), changes.pop("not_checked", ())
    seen = Examination(findings=findings, not_checked=not_checked, whole=whole)
    return Diagnosis(examination=seen, waivers=waivers, **(what | changes))


def run(text: str, *fleets: Fleet, person: Person = BOB, policy: Policy = POLICY, **known: Any) -> Decision:
    """Do what the bot does with a text, up to the command's decision; AWS shows the fleets as `seen`."""
    powers = powers_of(person, POLICY)
    may_run = tuple(each for each in COMMANDS if each.open_to(powers))
    parsed = catalog.parse(text, may_run, [fleet.spec for fleet in fleets], "")
    seen = known.pop("seen", fleets)
    known = {"diagnosis": a_diagnosis(), **known}
    look = Look(
        now=NOW,
        person=person,
        powers=powers,
        policy=policy,
        specs=tuple(fleet.spec for fleet in fleets),
        commands=may_run,
        fleets=tuple(fleet for fleet in seen if fleet.name in {spec.name for spec in parsed.fleets}),
        **known,
    )
    return parsed.command.decide(parsed.args, look)


def plan(text: str, fleet: Fleet, **known: Any) -> Plan:
    """Run a command that must plan something."""
    decided = run(text, fleet, **known)
    assert isinstance(decided, Plan)
    return decided


def answer(text: str, *fleets: Fleet, person: Person = BOB, **known: Any) -> str:
    """Run a command that must answer; return the whole answer."""
    decided = run(text, *fleets, person=person, **known)
    assert isinstance(decided, Answer)
    return "\n".join((decided.title, *decided.lines))


def kinds(planned: Plan) -> Sequence[str]:
    """What the plan's actions are."""
    return [action.kind for action in planned.actions]
