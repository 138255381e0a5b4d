"""The load balancer's listener rules: look, and add what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.aws import routing, targets
from bot.aws.permissions import needs
from bot.aws.routing import Change, Condition, Rule
from bot.aws.tags import FLEET, write_tags
from bot.domain.errors import CloudError
from bot.domain.fleet import FleetSpec
from bot.domain.plan import RouteWrites

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_elbv2.type_defs import RuleConditionUnionTypeDef, RuleTypeDef

_CONFIGS: Mapping[str, str] = {
    "host-header": "HostHeaderConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "path-pattern": "PathPatternConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
_QUERY = "query-string"
_REMEMBERED_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Listener:
    """One listener of a load balancer, with its rules."""

    arn: str
    rules: tuple[Rule, ...]


def wanted_routes(spec: FleetSpec) -> RouteWrites:
    """What the fleet file asks for."""
    return RouteWrites(
        target_group=spec.target_group,
        writes_group=spec.writes.target_group,
        master=spec.master,
        methods=spec.writes.methods,
        prefixes=spec.writes.prefixes,
    )


class Paths:
    """How requests reach target groups. Rules are always read; listeners are remembered for long."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only grow."""
        self._clock = clock
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    def are_routed(self, elb: ElasticLoadBalancingv2Client, wanted: RouteWrites) -> bool:
        """Whether every write reaches the master alone, so that `route` would do nothing."""
        if not (wanted.target_group and wanted.writes_group):
            return False
        alone = targets.find_registered(elb, wanted.writes_group) == {wanted.master}
        listeners = self._listeners(elb, wanted)
        distinct = wanted.writes_group != wanted.target_group
        return alone and distinct and bool(listeners) and not any(_lacks(one, wanted) for one in listeners)

    def route(self, elb: ElasticLoadBalancingv2Client, spec: FleetSpec, wanted: RouteWrites) -> None:
        """Make the master, and it alone, serve the writes' group; then add the missing rules."""
        self._known.pop(wanted.target_group, None)
        listeners = self._listeners(elb, wanted)
        _require_sense(wanted, listeners)
        planned = [(listener, list(routing.changes(listener.rules, wanted))) for listener in listeners]
        members = targets.find_registered(elb, wanted.writes_group)
        if strangers := members - {wanted.master}:
            raise CloudError(
                f"The target group for writes ({wanted.writes_group}) holds {', '.join(sorted(strangers))}, "
                f"but only the master may answer writes. Deregister that, then try again."
            )
        if not members:
            targets.register(elb, wanted.writes_group, [wanted.master])
        for listener, changes in planned:
            for change in changes:
                _make(elb, spec, listener, change)

    def find_listeners(self, elb: ElasticLoadBalancingv2Client, group: str) -> tuple[str, ...]:
        """The listeners of every load balancer that forwards to this group, asked afresh."""
        self._known.pop(group, None)
        return self._arns(elb, group) if group else ()

    def renew_old(self, elb: ElasticLoadBalancingv2Client, group: str) -> None:
        """Ask again for listeners that have been remembered for long: somebody may have made others."""
        since, arns = self._known.get(group, (0.0, ()))
        if arns and self._clock() - since > _REMEMBERED_SECONDS:
            self.find_listeners(elb, group)

    def _listeners(self, elb: ElasticLoadBalancingv2Client, wanted: RouteWrites) -> tuple[Listener, ...]:
        """The listeners that forward to the clones' target group."""
        try:
            listeners = _read_listeners(elb, self._arns(elb, wanted.target_group))
        except elb.exceptions.ListenerNotFoundException:
            self._known.pop(wanted.target_group, None)
            listeners = _read_listeners(elb, self._arns(elb, wanted.target_group))
        return tuple(listener for listener in listeners if routing.is_served(listener.rules, wanted))

    def _arns(self, elb: ElasticLoadBalancingv2Client, group: str) -> tuple[str, ...]:
        _, arns = self._known.get(group, (0.0, ()))
        if not arns:
            arns = tuple(_find_arns(elb, group))
            self._known[group] = (self._clock(), arns)
        return arns


def _read_listeners(elb: ElasticLoadBalancingv2Client, arns: Sequence[str]) -> list[Listener]:
    return [Listener(arn, tuple(_read_rules(elb, arn))) for arn in arns]


@needs(
    "elasticloadbalancing:CreateRule",
    "elasticloadbalancing:AddTags",
    "elasticloadbalancing:SetRulePriorities",
)
def _make(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, listener: Listener, change: Change) -> None:
    if change.moves:
        moves = [{"RuleArn": rule.arn, "Priority": rule.priority} for rule in change.moves]
        elb.set_rule_priorities(RulePriorities=moves)  # type: ignore[arg-type]  # a list of plain dicts
    for rule in change.additions:
        (group,) = rule.forwards
        elb.create_rule(
            ListenerArn=listener.arn,
            Priority=rule.priority,
            Conditions=[_write_condition(condition) for condition in sorted(rule.conditions, key=str)],
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
            Tags=write_tags({FLEET: spec.name}),  # type: ignore[arg-type]  # both services' tags look alike
        )


def _require_sense(wanted: RouteWrites, listeners: Sequence[Listener]) -> None:
    if wanted.writes_group == wanted.target_group:
        raise CloudError(
            "Writes cannot go to the clones' own target group. "
            "Set `writes.target_group` in the fleet file to a group of its own."
        )
    if not listeners:
        raise CloudError(
            f"No listener of a load balancer forwards to {wanted.target_group}. "
            "Make one that does, or correct `target_group` in the fleet file; where that names none, "
            "`adopt` makes one."
        )


def _lacks(listener: Listener, wanted: RouteWrites) -> bool:
    try:
        return any(True for _ in routing.changes(listener.rules, wanted))
    except CloudError:
        return True  # it lacks some that only a person can make; `route` says why


@needs("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeListeners")
def _find_arns(elb: ElasticLoadBalancingv2Client, target_group: str) -> Iterator[str]:
    groups = elb.describe_target_groups(TargetGroupArns=[target_group])["TargetGroups"]
    for balancer in dict.fromkeys(arn for group in groups for arn in group.get("LoadBalancerArns", [])):
        # A group may remember for a moment a load balancer that was removed.
        with suppress(elb.exceptions.LoadBalancerNotFoundException):
            for page in elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer):
                yield from (listener["ListenerArn"] for listener in page.get("Listeners", []))


@needs("elasticloadbalancing:DescribeRules")
def _read_rules(elb: ElasticLoadBalancingv2Client, listener: str) -> Iterator[Rule]:
    for page in elb.get_paginator("describe_rules").paginate(ListenerArn=listener):
        yield from map(_read_rule, page.get("Rules", []))


def _read_rule(rule: RuleTypeDef) -> Rule:
    priority = rule.get("Priority", "default")
    actions = rule.get("Actions", [])
    return Rule(
        arn=rule.get("RuleArn", ""),
        priority=int(priority) if priority.isdigit() else routing.DEFAULT,
        conditions=frozenset(_read_condition(dict(condition)) for condition in rule.get("Conditions", [])),
        forwards=frozenset(group for action in actions for group in _forwards(dict(action))),
        authenticates=any(action["Type"] not in _PLAIN for action in actions),
    )


_PLAIN = frozenset({"forward", "redirect", "fixed-response"})


def _forwards(action: Mapping[str, Any]) -> Iterator[str]:
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
    if groups:
        yield from (group["TargetGroupArn"] for group in groups if group.get("Weight", 1) != 0)
    elif action.get("TargetGroupArn"):
        yield action["TargetGroupArn"]


def _read_condition(condition: Mapping[str, Any]) -> Condition:
    field = str(condition.get("Field", ""))
    config = condition.get(_CONFIGS.get(field, ""), {})
    values = config.get("Values") or condition.get("Values") or []
    known = not config.get("RegexValues")
    return Condition(
        field=field,
        values=frozenset(_value(value) for value in values) if known else frozenset(),
        name=str(config.get("HttpHeaderName", "")),
    )


def _value(value: Any) -> str:
    return value if isinstance(value, str) else f"{value.get('Key', '')}={value['Value']}"


def _write_condition(condition: Condition) -> RuleConditionUnionTypeDef:
    config: dict[str, Any] = {
        "Values": [_WRITERS.get(condition.field, str)(v) for v in sorted(condition.values)]
    }
    if condition.name:
        config["HttpHeaderName"] = condition.name
    return {"Field": condition.field, _CONFIGS[condition.field]: config}  # type: ignore[return-value]  # a key by name


def _write_query(value: str) -> dict[str, str]:
    key, _, content = value.partition("=")
    return {"Key": key, "Value": content} if key else {"Value": content}


_WRITERS: Mapping[str, Callable[[str], Any]] = {_QUERY: _write_query}
