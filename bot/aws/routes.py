"""The load balancer's listener rules: look, and add what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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


def are_routed(elb: ElasticLoadBalancingv2Client, wanted: RouteWrites) -> bool:
    """Whether every write reaches the master alone, so that `route` would do nothing."""
    alone = targets.find_registered(elb, wanted.writes_group) == {wanted.master}
    listeners = find_listeners(elb, wanted)
    distinct = wanted.writes_group != wanted.target_group
    return alone and distinct and bool(listeners) and not any(_lacks(one, wanted) for one in listeners)


def route(elb: ElasticLoadBalancingv2Client, spec: FleetSpec, wanted: RouteWrites) -> None:
    """Make the master, and it alone, serve the writes' group; then add the missing rules."""
    listeners = find_listeners(elb, wanted)
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


@needs(
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
)
def find_listeners(elb: ElasticLoadBalancingv2Client, wanted: RouteWrites) -> tuple[Listener, ...]:
    """The listeners that forward to the clones' target group."""
    groups = elb.describe_target_groups(TargetGroupArns=[wanted.target_group])["TargetGroups"]
    balancers = list(dict.fromkeys(arn for group in groups for arn in group.get("LoadBalancerArns", [])))
    listeners = (Listener(arn, tuple(_read_rules(elb, arn))) for arn in _find_arns(elb, balancers))
    return tuple(listener for listener in listeners if routing.is_served(listener.rules, wanted))


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
            "Make one that does, or correct `target_group` in the fleet file."
        )


def _lacks(listener: Listener, wanted: RouteWrites) -> bool:
    try:
        return any(True for _ in routing.changes(listener.rules, wanted))
    except CloudError:
        return True  # it lacks some that only a person can make; `route` says why


def _find_arns(elb: ElasticLoadBalancingv2Client, balancers: Sequence[str]) -> Iterator[str]:
    for balancer in balancers:
        for page in elb.get_paginator("describe_listeners").paginate(LoadBalancerArn=balancer):
            yield from (listener["ListenerArn"] for listener in page.get("Listeners", []))


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
