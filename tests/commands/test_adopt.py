"""`adopt` and `disown`: what they plan, and what they refuse."""

from dataclasses import replace
from typing import Any

import pytest

from bot.command import Answer
from bot.domain.adoption import Disclaim, MakeBalancer, MakeGroups, Protect, ReleaseMaster, RemoveFront
from bot.domain.errors import BotError, NotAllowed, UsageError
from bot.domain.fleet import Balancer, Fleet, FleetSpec, Health, Role, Service, State, Writes
from bot.domain.front import Front, Standing
from bot.domain.plan import Lane, Plan
from bot.domain.policy import Policy, approvals_needed
from tests.commands.examples import EVE, MASTER, POLICY, a_fleet, a_server, a_spec, kinds, run

ADOPT = f"adopt {MASTER}"
AROUND = Front(network="vpc-1")
MADE = ("load balancer clonebot-web", "security group clonebot-web", "target group clonebot-web")
BEHIND = Front(
    network="vpc-1",
    fleet="web",
    role="master",
    now=Standing(terminate=True, stop=True, site=True),
    before=Standing(stop=True),
    address="lb.example",
    made=MADE,
)


def alone(**changes: Any) -> Fleet:
    """A fleet whose master stands alone, and whose target groups are adopt's business."""
    master = a_server(MASTER, Role.MASTER, service=Service.OUT, **changes)
    spec = a_spec(target_group="", writes=Writes(prefixes=("/upload",)), health=Health(port=8080, path="/up"))
    return a_fleet(spec=spec, master=master, images=(), writes_routed=False)


def adopt(fleet: Fleet, front: Front = AROUND, text: str = ADOPT) -> Plan:
    planned = run(text, fleet, front=front)
    assert isinstance(planned, Plan)
    return planned


def disown(fleet: Fleet, front: Front = BEHIND) -> Plan:
    planned = run("disown web", fleet, front=front)
    assert isinstance(planned, Plan)
    return planned


def planned_of(fleet: Fleet, found: FleetSpec, front: Front, made: tuple[str, ...]) -> Plan:
    """Disown a fleet that names no target groups, of which AWS shows these."""
    planned = run("disown web", fleet, front=replace(front, made=made), seen=(replace(fleet, spec=found),))
    assert isinstance(planned, Plan)
    return planned


def with_balancer(fleet: Fleet, **wanted: Any) -> Fleet:
    return replace(fleet, spec=replace(fleet.spec, balancer=Balancer(**wanted)))


class TestAdopt:
    def test_makes_everything_then_serves_then_protects(self) -> None:
        planned = adopt(alone())
        assert kinds(planned) == ["claim", "make_groups", "make_balancer", "serve_master", "protect"]
        assert (planned.lane, planned.command) == (Lane.FRONT, f"adopt {MASTER} as web")
        assert planned.inverse == "disown web"
        assert "DNS is not changed" in planned.notes[0]

    def test_asks_the_health_page_at_the_sites_port(self) -> None:
        groups = adopt(alone()).actions[1]
        assert groups == MakeGroups(
            site="clonebot-web",
            writes="clonebot-web-writes",
            network="vpc-1",
            port=8080,
            path="/up",
            drain=300,
        )

    def test_makes_the_balancer_that_the_fleet_file_describes(self) -> None:
        wanted = {
            "port": 443,
            "protocol": "HTTPS",
            "certificate": "arn:c",
            "subnets": ("subnet-x", "subnet-y"),
        }
        balancer = adopt(with_balancer(alone(), **wanted)).actions[2]
        assert balancer == MakeBalancer(
            name="clonebot-web",
            network="vpc-1",
            subnets=("subnet-x", "subnet-y"),
            scheme="internet-facing",
            protocol="HTTPS",
            port=443,
            certificate="arn:c",
            clients=("0.0.0.0/0",),
            admitted=("sg-1",),
            site_port=8080,
        )

    def test_lets_the_balancer_reach_clones_that_have_another_security_group(self) -> None:
        fleet = alone()
        fleet = replace(fleet, spec=replace(fleet.spec, security_groups=("sg-clones",)))
        balancer = adopt(fleet).actions[2]
        assert isinstance(balancer, MakeBalancer)
        assert balancer.admitted == ("sg-1", "sg-clones")

    def test_uses_the_target_groups_that_the_fleet_file_names(self) -> None:
        planned = adopt(a_fleet(writes_routed=False), replace(AROUND, address="theirs.example"))
        assert kinds(planned) == ["claim", "serve_master", "protect"]

    def test_makes_the_group_for_writes_where_only_the_other_is_named(self) -> None:
        fleet = a_fleet(spec=a_spec(writes=Writes()))
        planned = adopt(fleet, replace(AROUND, address="theirs.example"))
        assert kinds(planned) == ["claim", "make_groups", "serve_master", "protect"]
        groups = planned.actions[1]
        assert isinstance(groups, MakeGroups)
        assert (groups.site, groups.writes) == ("", "clonebot-web-writes")

    @pytest.mark.parametrize(
        "text", [f"{ADOPT} as web", f"{ADOPT} AS WEB", f"adopt web {MASTER}", ADOPT.upper()]
    )
    def test_the_fleet_may_be_named_after_the_server_or_left_out(self, text: str) -> None:
        assert adopt(alone(), text=text).hash == adopt(alone()).hash

    def test_always_needs_an_approval_and_every_effect_is_bound_to_it(self) -> None:
        planned = adopt(alone())
        assert approvals_needed(planned, POLICY) == 1
        other = adopt(with_balancer(alone(), scheme="internal"))
        assert (other.hash != planned.hash, replace(planned, notes=()).hash) == (True, planned.hash)

    def test_goes_on_where_an_earlier_one_was_cut_off(self) -> None:
        half = replace(AROUND, fleet="web", role="master", before=Standing(), made=MADE[2:])
        assert adopt(alone(), half).hash == adopt(alone()).hash

    def test_has_nothing_to_do_where_all_is_so(self) -> None:
        answer = run(ADOPT, a_fleet(), front=BEHIND)
        assert isinstance(answer, Answer)
        assert answer.title == f"*web*: `{MASTER}` is adopted already; nothing to do."


AUTO = replace(AROUND, scaling_group="asg-web")
SHOP = replace(AROUND, fleet="shop", role="master")
CLONE = replace(AROUND, fleet="web", role="clone")
WINDOWS = replace(AROUND, windows=True)
TAKEN = replace(AROUND, in_the_way=("Port 80 of the load balancer clonebot-web is in use.",))

PROTECTED = Standing(terminate=True, stop=True, site=True)
WHOLE_AND_TAKEN = replace(BEHIND, now=PROTECTED, in_the_way=TAKEN.in_the_way)
"""It is adopted, and the fleet file names another port by now."""


@pytest.mark.parametrize(
    ("fleet", "front", "why"),
    [
        (alone(), AUTO, r"is in the Auto Scaling group `asg-web`"),
        (alone(), SHOP, r"belongs to the fleet \*shop\*"),
        (alone(), CLONE, r"is tagged as a clone of \*web\*"),
        (alone(), WINDOWS, "runs Windows"),
        (alone(), TAKEN, "Port 80 of the load balancer clonebot-web is in use"),
        (a_fleet(), WHOLE_AND_TAKEN, "Port 80 of the load balancer clonebot-web is in use"),
        (
            alone(state=State.STOPPED),
            AROUND,
            r"is stopped.*Start it, then type `/clone adopt \S+ as web` again",
        ),
        (with_balancer(alone(), subnets=("subnet-a",)), AROUND, r"two zones.*\[fleets.web.balancer\]"),
        (alone(security_groups=()), AROUND, "no security group"),
        (a_fleet(), AROUND, "No listener of a load balancer forwards to `arn:web`"),
    ],
)
def test_what_may_not_be_adopted_is_refused_with_the_reason(fleet: Fleet, front: Front, why: str) -> None:
    with pytest.raises(BotError, match=why):
        run(ADOPT, fleet, front=front)


def test_only_the_master_that_the_fleet_file_names_can_be_adopted() -> None:
    with pytest.raises(BotError, match=rf"`{MASTER}` is the master of \*web\*, not `i-0b`.*correct `master`"):
        run("adopt i-0b as web", alone(), front=AROUND)
    shop = replace(alone(), spec=a_spec("shop", master="i-0b", target_group="arn:shop"))
    with pytest.raises(BotError, match=r"is that of \*shop\*: type `/clone adopt i-0b as shop`"):
        run("adopt i-0b as web", alone(), shop, front=AROUND)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{ADOPT} as wep", r"There is no fleet `wep` in the fleet file\. Did you mean `web`"),
        ("adopt web", "`web` is not an instance id|Something is missing"),
        ("adopt", "Something is missing: the instance id"),
        (f"{ADOPT} web", "do not understand `web`"),
        (f"{ADOPT} as", r"Something is missing: the fleet after `as`\. There are: `web`"),
    ],
)
def test_what_is_typed_wrong_is_answered_with_what_to_type(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as raised:
        run(text, alone(), front=AROUND)
    assert "/clone adopt i-… [as FLEET]" in str(raised.value)


@pytest.mark.parametrize("text", [ADOPT, "disown web"])
def test_viewers_and_fleets_without_an_approver_may_not(text: str) -> None:
    with pytest.raises(UsageError):  # not among the commands that she may run
        run(text, alone(), person=EVE, front=BEHIND)
    with pytest.raises(NotAllowed, match=r"needs an approval\. Nobody has it"):
        run(text, alone(), front=replace(BEHIND, address=""), policy=Policy())


class TestDisown:
    def test_leads_back_to_what_was_before(self) -> None:
        assert disown(a_fleet()).actions == (
            ReleaseMaster(master=MASTER, site=True, writes=True),
            RemoveFront(made=MADE),
            Protect(master=MASTER, terminate=False, stop=True),
            Disclaim(master=MASTER),
        )

    def test_says_that_dns_comes_first_and_needs_an_approval(self) -> None:
        planned = disown(a_fleet())
        assert approvals_needed(planned, POLICY) == 1
        assert "Approve only once your DNS name points to the server itself again" in planned.notes[0]
        assert planned.inverse == f"adopt {MASTER} as web"

    def test_leaves_what_people_configured(self) -> None:
        theirs = replace(BEHIND, made=(), before=Standing(site=True, writes=True))
        planned = disown(a_fleet(), theirs)
        assert planned.actions[0] == ReleaseMaster(master=MASTER, site=False, writes=False)
        assert (kinds(planned), planned.notes) == (["release_master", "protect", "disclaim"], ())

    def test_keeps_protections_where_nobody_knows_what_was_before(self) -> None:
        planned = disown(a_fleet(), replace(BEHIND, before=None))
        assert Protect(master=MASTER, terminate=True, stop=True) in planned.actions
        assert "not known any more" in planned.notes[-1]

    def test_removes_what_an_adopt_left_behind(self) -> None:
        left = replace(AROUND, made=MADE)
        assert kinds(disown(alone(), left)) == ["remove_front"]

    def test_has_nothing_to_do_for_what_was_never_adopted(self) -> None:
        answer = run("disown web", a_fleet(), front=AROUND)
        assert isinstance(answer, Answer)
        assert answer.title == "*web* was not adopted; nothing to undo."

    def test_refuses_while_clones_exist(self) -> None:
        with pytest.raises(BotError, match=r"still has clones.*Type `/clone scale web 0` first"):
            disown(a_fleet(a_server("i-1")))
        with pytest.raises(BotError, match=r"Quarantined servers are left: `i-2`.* `/clone remove web i-2`"):
            disown(a_fleet(quarantined=(a_server("i-2", Role.QUARANTINED),)))

    def test_names_what_somebody_undid_by_hand_and_undoes_the_rest(self) -> None:
        fleet = alone()
        spec = replace(fleet.spec, target_group="arn:web")
        whole = (*MADE, "target group clonebot-web-writes")
        names = "\n".join
        assert "already" not in names(planned_of(fleet, spec, BEHIND, whole).notes)

        left = planned_of(fleet, spec, BEHIND, ("target group clonebot-web",))
        assert kinds(left) == ["release_master", "remove_front", "protect", "disclaim"]
        gone = "load balancer clonebot-web, security group clonebot-web, target group clonebot-web-writes"
        assert f"Gone already, or never made: {gone}." in left.notes

        bare = replace(BEHIND, now=Standing(site=False))
        notes = names(planned_of(fleet, spec, bare, whole).notes)
        assert f"`{MASTER}` is out of its target group already." in notes
        assert "Switched off already: termination protection and stop protection." in notes

    def test_takes_the_master_out_of_the_one_group_that_is_left(self) -> None:
        fleet = alone()
        writes = replace(fleet.spec.writes, target_group="arn:writes")
        planned = planned_of(fleet, replace(fleet.spec, writes=writes), BEHIND, MADE)
        assert kinds(planned)[0] == "release_master"


@pytest.mark.parametrize("text", ["scale web 2", "scale web +1"])
def test_a_fleet_that_is_behind_no_balancer_cannot_grow_and_says_what_to_type(text: str) -> None:
    with pytest.raises(BotError, match=rf"has no load balancer yet\. Type `/clone adopt {MASTER} as web`"):
        run(text, alone())


def test_status_says_that_a_fleet_is_behind_no_balancer() -> None:
    answer = run("status", alone())
    assert isinstance(answer, Answer)
    assert f"Type `/clone adopt {MASTER} as web`" in "\n".join(answer.lines)
