"""Which listener rules are missing, decided without AWS."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.aws.routing import DEFAULT, METHOD, PATH, Condition, Rule, changes, is_served
from bot.domain.errors import CloudError
from bot.domain.plan import RouteWrites

WEB, WRITES, SHOP = "arn:web", "arn:writes", "arn:shop"
METHODS = ("POST", "PUT", "PATCH", "DELETE")


def wanted(methods: Sequence[str] = METHODS, prefixes: Sequence[str] = ()) -> RouteWrites:
    return RouteWrites(
        target_group=WEB, writes_group=WRITES, master="i-m", methods=tuple(methods), prefixes=tuple(prefixes)
    )


def rule(priority: int, to: str = WEB, *conditions: Condition, authenticates: bool = False) -> Rule:
    return Rule(
        arn=f"arn:rule/{priority}",
        priority=priority,
        conditions=frozenset(conditions),
        forwards=frozenset({to}),
        authenticates=authenticates,
    )


def methods(*values: str) -> Condition:
    return Condition(METHOD, frozenset(values))


def paths(*values: str) -> Condition:
    return Condition(PATH, frozenset(values))


def host(*values: str) -> Condition:
    return Condition("host-header", frozenset(values))


def make(rules: Sequence[Rule], routes: RouteWrites) -> list[Rule]:
    """The listener afterwards, in order."""
    now = {r.arn: r for r in rules}
    for number, change in enumerate(changes(rules, routes)):
        now |= {r.arn: r for r in change.moves}
        now |= {f"new/{number}/{r.priority}": r for r in change.additions}
    return sorted(now.values(), key=lambda r: r.priority)


def added(rules: Sequence[Rule], routes: RouteWrites) -> list[tuple[int, set[Condition]]]:
    """What is new, as (priority, conditions)."""
    return [(r.priority, set(r.conditions)) for r in make(rules, routes) if not r.arn]


LAST = rule(DEFAULT)


def test_an_empty_listener_gets_one_rule_for_the_methods() -> None:
    assert added([LAST], wanted()) == [(1, {methods(*METHODS)})]


def test_methods_are_written_in_capitals_and_once() -> None:
    assert added([LAST], wanted(["post", "POST"])) == [(1, {methods("POST")})]


def test_a_prefix_is_the_path_itself_and_everything_below() -> None:
    assert added([LAST], wanted([], ["/upload"])) == [(1, {paths("/upload", "/upload/*")})]


@pytest.mark.parametrize(("prefix", "patterns"), [("/up/", {"/up", "/up/*"}), ("/", {"/*"})])
def test_a_slash_at_the_end_means_nothing(prefix: str, patterns: set[str]) -> None:
    assert added([LAST], wanted([], [prefix])) == [(1, {paths(*patterns)})]


def test_more_than_five_values_become_several_rules() -> None:
    found = added([LAST], wanted(METHODS, ["/a", "/b", "/c"]))
    assert [priority for priority, _ in found] == [1, 2, 3]
    assert [sum(len(c.values) for c in conditions) for _, conditions in found] == [4, 5, 1]


def test_what_is_there_is_not_added_again() -> None:
    once = make([LAST], wanted(METHODS, ["/upload"]))
    assert list(changes(once, wanted(METHODS, ["/upload"]))) == []


def test_only_what_is_missing_is_added() -> None:
    there = rule(1, WRITES, methods("POST", "PUT"))
    assert added([there, LAST], wanted()) == [(2, {methods("PATCH", "DELETE")})]


def test_a_wider_rule_made_by_hand_is_enough() -> None:
    there = [rule(1, WRITES, methods(*METHODS, "LOCK")), rule(2, WRITES, paths("/up*"))]
    assert list(changes([*there, LAST], wanted(METHODS, ["/upload"]))) == []


def test_a_narrower_rule_made_by_hand_is_not_enough() -> None:
    there = rule(1, WRITES, methods(*METHODS), host("www.example.org"))
    assert added([there, LAST], wanted()) == [(2, {methods(*METHODS)})]


def test_a_rule_that_also_forwards_elsewhere_is_not_enough() -> None:
    both = Rule(
        arn="arn:rule/1",
        priority=1,
        conditions=frozenset({methods(*METHODS)}),
        forwards=frozenset({WRITES, SHOP}),
    )
    assert added([both, LAST], wanted()) == [(2, {methods(*METHODS)})]


def test_a_rule_that_comes_too_late_is_not_enough() -> None:
    site, late = rule(1, WEB, paths("/*")), rule(2, WRITES, methods(*METHODS))
    assert added([site, late, rule(DEFAULT, SHOP)], wanted()) == [(1, {methods(*METHODS), paths("/*")})]


def test_requests_of_other_sites_stay_theirs() -> None:
    shop = rule(10, SHOP, host("shop.example.org"))
    assert added([shop, LAST], wanted()) == [(11, {methods(*METHODS)})]


def test_a_rule_for_one_host_gets_its_writes_routed_for_that_host_only() -> None:
    site = rule(10, WEB, host("www.example.org"))
    found = added([site, rule(DEFAULT, SHOP)], wanted(METHODS, ["/upload"]))
    assert found == [
        (1, {host("www.example.org"), methods(*METHODS)}),
        (2, {host("www.example.org"), paths("/upload", "/upload/*")}),
    ]


def test_rules_in_the_way_move_up_and_keep_their_order() -> None:
    site, shop, far = rule(1, WEB, host("www")), rule(2, SHOP, host("shop")), rule(7, SHOP, host("far"))
    after = make([site, shop, far, rule(DEFAULT, SHOP)], wanted(METHODS, ["/upload"]))
    assert [(r.priority, r.arn) for r in after] == [
        (1, ""),
        (2, ""),
        (3, site.arn),
        (4, shop.arn),
        (7, far.arn),
        (DEFAULT, f"arn:rule/{DEFAULT}"),
    ]


def test_each_rule_that_serves_gets_its_own() -> None:
    after = make([rule(1, WEB, host("a")), rule(2, WEB, host("b")), LAST], wanted())
    assert [(r.priority, set(r.forwards)) for r in after] == [
        (1, {WRITES}),
        (2, {WEB}),
        (3, {WRITES}),
        (4, {WEB}),
        (5, {WRITES}),
        (DEFAULT, {WEB}),
    ]
    known = [replace(r, arn=r.arn or f"new/{r.priority}") for r in after]
    assert list(changes(known, wanted())) == []


def test_a_rule_that_lets_only_reads_through_needs_nothing() -> None:
    assert list(changes([rule(1, WEB, methods("GET")), rule(DEFAULT, SHOP)], wanted())) == []


@pytest.mark.parametrize(
    ("served", "routed"),
    [
        ({"/*"}, {"/upload", "/upload/*"}),
        ({"/upload/big/*"}, {"/upload/big/*"}),
        ({"*.php"}, {"/upload/*.php"}),
        ({"/blog/*"}, set()),
        ({"/blog/*", "/u*"}, {"/upload", "/upload/*"}),
    ],
)
def test_a_prefix_is_narrowed_to_the_paths_that_a_rule_serves(served: set[str], routed: set[str]) -> None:
    found = added([rule(1, WEB, paths(*served)), rule(DEFAULT, SHOP)], wanted([], ["/upload"]))
    assert found == ([(1, {paths(*routed)})] if routed else [])


def test_a_rule_that_asks_for_a_login_is_never_bypassed() -> None:
    members = rule(3, WEB, paths("/members/*"), authenticates=True)
    with pytest.raises(CloudError, match="log in"):
        list(changes([members, LAST], wanted()))


def test_a_rule_whose_conditions_are_full_is_left_to_a_person() -> None:
    full = rule(3, WEB, host(*"abcde"))
    with pytest.raises(CloudError, match="by hand"):
        list(changes([full, LAST], wanted()))


def test_conditions_that_are_not_understood_are_not_copied() -> None:
    with pytest.raises(CloudError, match="does not know"):
        list(changes([rule(3, WEB, host()), LAST], wanted()))


def test_a_listener_that_forwards_elsewhere_does_not_serve_us() -> None:
    assert not is_served([rule(1, WRITES), rule(DEFAULT, SHOP)], wanted())
    assert is_served([LAST], wanted())
