"""Who may do what, and what needs whose approval."""

from typing import Any

import pytest

from bot.domain.errors import NotAllowed
from bot.domain.people import Person, Power
from bot.domain.plan import Lane, Plan
from bot.domain.policy import (
    Approval,
    Policy,
    approvals_needed,
    powers_of,
    problems,
    refuse_strangers,
    require,
    who_may,
)

POLICY = Policy(
    roles={
        Power.OPERATOR: ("U0BOB", "S0OPS"),
        Power.APPROVER: ("U0ADA",),
        Power.ADMIN: ("U0ROOT",),
    },
    approval=Approval(scale_out_above=2),
)


def person(user: str = "U0BOB", *groups: str, **changes: Any) -> Person:
    return Person(team="T0", id=user, groups=frozenset(groups), **changes)


@pytest.mark.parametrize(
    ("who", "powers"),
    [
        (person("U0BOB"), {Power.VIEWER, Power.OPERATOR}),
        (person("U0NEW", "S0OPS"), {Power.VIEWER, Power.OPERATOR}),
        (person("U0ADA"), {Power.VIEWER, Power.APPROVER}),
        (person("U0ADA", "S0OPS"), {Power.VIEWER, Power.OPERATOR, Power.APPROVER}),
        (person("U0ROOT"), set(Power)),
        (person("U0EVE"), set()),
        (person("U0EVE", "S0OTHER"), set()),
        (person("S0OPS"), {Power.VIEWER, Power.OPERATOR}),
    ],
    ids=lambda value: value.id if isinstance(value, Person) else "",
)
def test_roles_come_from_the_person_or_a_group_and_from_nothing_else(who: Person, powers: set[Power]) -> None:
    assert powers_of(who, POLICY) == powers


def test_nothing_said_means_nobody() -> None:
    assert powers_of(person(), Policy()) == frozenset()
    assert who_may(Power.OPERATOR, Policy()) == "Nobody has it; the fleet file can give it."


@pytest.mark.parametrize(
    "stranger",
    [
        Person(team="T1", id="U0BOB"),
        person(bot=True),
        person(guest=True),
        person(active=False),
    ],
    ids=["another workspace", "a bot", "a guest", "deactivated"],
)
def test_strangers_bots_guests_and_the_deactivated_are_refused(stranger: Person) -> None:
    with pytest.raises(NotAllowed):
        refuse_strangers(stranger, "T0")


def test_a_member_is_no_stranger() -> None:
    refuse_strangers(person(), "T0")
    assert powers_of(person(), POLICY)


def test_a_refusal_names_the_rule_and_who_may() -> None:
    with pytest.raises(NotAllowed) as raised:
        require(person("U0EVE"), Power.OPERATOR, POLICY, "scale")
    assert str(raised.value) == (
        "`scale` needs the role *operator*, which you do not have. "
        "Those who have it: @U0BOB, @S0OPS, @U0ROOT."
    )


@pytest.mark.parametrize(
    ("before", "after", "needed"), [(0, 2, 0), (0, 3, 1), (2, 3, 1), (3, 4, 1), (5, 4, 0), (5, 0, 0)]
)
def test_growing_beyond_the_limit_needs_somebody_else(before: int, after: int, needed: int) -> None:
    plan = Plan(
        fleet="web", lane=Lane.CAPACITY, command="", summary="", actions=(), before=before, after=after
    )
    assert approvals_needed(plan, POLICY) == needed


@pytest.mark.parametrize(
    ("roles", "wrong"),
    [
        ({Power.OPERATOR: ("U1",)}, "more than 2 clones need an approver"),
        ({Power.OPERATOR: (), Power.APPROVER: ("U1",)}, "policy.roles.operator is an empty list"),
        ({Power.OPERATOR: ("bob",), Power.APPROVER: ("U1",)}, 'policy.roles.operator: "bob" is not a Slack'),
        ({Power.OPERATOR: ("U1",), Power.APPROVER: ("U1",)}, "U1 is the only one"),
        ({Power.ADMIN: ("U1",)}, "U1 is the only one"),
    ],
    ids=["nobody approves", "empty list", "a name", "only oneself", "one admin"],
)
def test_a_policy_that_nobody_could_satisfy_is_a_problem(
    roles: dict[Power, tuple[str, ...]], wrong: str
) -> None:
    found = list(problems(Policy(roles=roles, approval=Approval(scale_out_above=2)), 8))
    assert any(each.startswith(wrong) for each in found)


@pytest.mark.parametrize(
    ("roles", "largest"),
    [
        (POLICY.roles, 8),
        ({Power.ADMIN: ("U1", "U2")}, 8),
        ({Power.ADMIN: ("S1",)}, 8),
        ({Power.OPERATOR: ("U1", "U2"), Power.APPROVER: ("U1",)}, 8),
        ({Power.OPERATOR: ("U1",)}, 2),
    ],
)
def test_a_policy_that_works_has_no_problems(roles: dict[Power, tuple[str, ...]], largest: int) -> None:
    assert list(problems(Policy(roles=roles, approval=Approval(scale_out_above=2)), largest)) == []
