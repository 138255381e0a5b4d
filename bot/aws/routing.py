"""Which listener rules send every write to the master alone. Pure: decides, calls nothing.

A listener's rules are read in order of priority and the first that fits decides. So for each rule that
forwards to the clones (the default rule too) every write that it would catch must be caught by a rule just
before it: the same conditions, and a write's method or path. What other rules caught before stays theirs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import groupby

from bot.domain.errors import CloudError
from bot.domain.plan import RouteWrites

METHOD = "http-request-method"
PATH = "path-pattern"
MOST_VALUES = 5
"""Values in the conditions of one rule: a limit of the load balancer."""
DEFAULT = 50_001
"""The default rule comes after the highest priority that a rule may have."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule: the request's `field` is one of these values."""

    field: str
    values: frozenset[str]
    name: str = ""
    """Of the header, where the field is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of a listener."""

    priority: int
    conditions: frozenset[Condition]
    forwards: frozenset[str]
    """The target groups that get its requests."""
    arn: str = ""
    """Empty for a rule that is only wanted."""
    authenticates: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """New priorities for some rules, and then new rules."""

    moves: tuple[Rule, ...]
    additions: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class _Write:
    """One kind of write that a rule would catch."""

    base: frozenset[Condition]
    field: str
    value: str


def changes(rules: Sequence[Rule], wanted: RouteWrites) -> Iterator[Change]:
    """What one listener lacks, in the order in which to make it. CloudError if it cannot be made."""
    now = sorted(rules, key=lambda rule: rule.priority)
    for rule in [rule for rule in now if _serves(rule, wanted)]:
        current = next(r for r in now if r.arn == rule.arn)
        missing = [write for write in _writes(current, wanted) if not _is_caught(write, current, now, wanted)]
        if missing:
            additions = _make_rules(current, missing, wanted)
            change = _make_room(now, current, additions)
            moved = {r.arn: r for r in change.moves}
            now = sorted((*(moved.get(r.arn, r) for r in now), *change.additions), key=lambda r: r.priority)
            yield change


def is_served(rules: Iterable[Rule], wanted: RouteWrites) -> bool:
    """Whether any of these rules forwards to the clones."""
    return any(_serves(rule, wanted) for rule in rules)


def _serves(rule: Rule, wanted: RouteWrites) -> bool:
    return bool(rule.arn) and wanted.target_group in rule.forwards


def _writes(rule: Rule, wanted: RouteWrites) -> Iterator[_Write]:
    methods = _values(rule, METHOD)
    for method in dict.fromkeys(method.upper() for method in wanted.methods):
        if methods is None or method in methods:
            yield _Write(_without(rule, METHOD), METHOD, method)
    patterns = dict.fromkeys(p for prefix in wanted.prefixes for p in _narrow(prefix, _values(rule, PATH)))
    for pattern in patterns:
        yield _Write(_without(rule, PATH), PATH, pattern)


def _narrow(prefix: str, patterns: frozenset[str] | None) -> Iterator[str]:
    """The paths under the prefix that these patterns let through."""
    stem = prefix.rstrip("/")
    whole = (stem, f"{stem}/*") if stem else ("/*",)
    if patterns is None:
        yield from whole
        return
    for pattern in sorted(patterns):
        yield from (path for path in whole if fnmatchcase(path, pattern))
        if pattern.startswith(f"{stem}/") and not fnmatchcase(f"{stem}/*", pattern):
            yield pattern
        elif pattern.startswith("*") and not fnmatchcase(f"{stem}/*", pattern):
            yield f"{stem}/{pattern}"


def _values(rule: Rule, field: str) -> frozenset[str] | None:
    return next((c.values for c in rule.conditions if c.field == field), None)


def _without(rule: Rule, field: str) -> frozenset[Condition]:
    return frozenset(c for c in rule.conditions if c.field != field)


def _is_caught(write: _Write, before: Rule, rules: Sequence[Rule], wanted: RouteWrites) -> bool:
    return any(
        rule.priority < before.priority
        and rule.forwards == {wanted.writes_group}
        and all(_holds(condition, write) for condition in rule.conditions)
        for rule in rules
    )


def _holds(condition: Condition, write: _Write) -> bool:
    """Whether every request of this kind fulfils the condition."""
    known = (*write.base, Condition(write.field, frozenset({write.value})))
    alike = (one for one in known if (one.field, one.name) == (condition.field, condition.name))
    return any(one.values and all(_is_among(value, condition) for value in one.values) for one in alike)


def _is_among(value: str, condition: Condition) -> bool:
    if condition.field == PATH:
        return any(fnmatchcase(value, pattern) for pattern in condition.values)
    return value in condition.values


def _make_rules(rule: Rule, missing: Sequence[_Write], wanted: RouteWrites) -> list[Rule]:
    _require_copyable(rule)
    made = []
    for (base, field), writes in groupby(missing, key=lambda write: (write.base, write.field)):
        values = [write.value for write in writes]
        room = MOST_VALUES - sum(len(condition.values) for condition in base)
        if room < 1:
            raise CloudError(_by_hand(rule, f"its conditions have {MOST_VALUES} values already"))
        for start in range(0, len(values), room):
            condition = Condition(field, frozenset(values[start : start + room]))
            made.append(
                Rule(priority=0, conditions=base | {condition}, forwards=frozenset({wanted.writes_group}))
            )
    return made


def _require_copyable(rule: Rule) -> None:
    if rule.authenticates:
        raise CloudError(_by_hand(rule, "it asks people to log in, and AWS does not say how"))
    if not all(condition.values for condition in rule.conditions):
        raise CloudError(_by_hand(rule, "it has conditions that Clonebot does not know"))


def _by_hand(rule: Rule, why: str) -> str:
    return (
        f"Clonebot cannot make the rules for writes before {rule.arn}: {why}. "
        "Make rules that send its writes to the master's target group by hand, then try again."
    )


def _make_room(rules: Sequence[Rule], rule: Rule, additions: Sequence[Rule]) -> Change:
    """Number the additions directly before the rule; move up the rules that are in the way."""
    free = max((r.priority for r in rules if r.priority < rule.priority), default=0) + 1
    last = free + len(additions) - 1
    placed = tuple(replace(new, priority=free + index) for index, new in enumerate(additions))
    moves = []
    for follower in (r for r in rules if rule.priority <= r.priority < DEFAULT):
        if follower.priority > last:
            break
        last += 1
        moves.append(replace(follower, priority=last))
    if last >= DEFAULT:
        raise CloudError(_by_hand(rule, f"no priority below {DEFAULT} is free"))
    return Change(moves=tuple(moves), additions=placed)
