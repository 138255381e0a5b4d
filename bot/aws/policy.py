"""The IAM policies: exactly the declared permissions, each on what it is used on. Pure; calls nothing.

Which resources and conditions AWS honours for each action stands in its Service Authorization Reference. That
the bot works with exactly these actions is proved; with these resources and conditions it is not, since moto
looks at neither.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot.aws.tags import ACTION, BEFORE, EXPIRES, FLEET, OPERATION, PINNED, ROLE, STATE
from bot.domain.errors import BotError
from bot.domain.fleet import FleetSpec, Role

_READS = ("Describe", "Get")
_VERSION = "2012-10-17"
MOST_CHARACTERS = 6144
"""Of a managed policy, white space apart: a limit of IAM."""
_OURS = [Role.CLONE.value, Role.QUARANTINED.value]

Condition = Mapping[str, Mapping[str, Any]]


class Part(StrEnum):
    """One managed policy does not hold it all; both are attached."""

    SERVERS = "servers"
    BALANCERS = "balancers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where it is to hold; * stands for everything."""

    regions: tuple[str, ...] = ("*",)
    masters: tuple[tuple[str, str], ...] = (("*", "*"),)
    """Region and id."""
    groups: tuple[str, ...] = ("arn:aws:elasticloadbalancing:*:*:targetgroup/*/*",)


ANYWHERE = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    """One action on some resources. In a resource {} stands for the region."""

    sid: str
    resources: tuple[str, ...]
    when: Condition | None = None


def scope_of(fleets: Iterable[FleetSpec]) -> Scope:
    """Only what these fleets name."""
    specs = tuple(fleets)
    named = ((spec, group) for spec in specs for group in (spec.target_group, spec.writes.target_group))
    groups = (group or _MADE_GROUPS.format(region=spec.region) for spec, group in named)
    return Scope(
        regions=tuple(dict.fromkeys(spec.region for spec in specs)),
        masters=tuple(dict.fromkeys((spec.region, spec.master) for spec in specs)),
        groups=tuple(dict.fromkeys(groups)),
    )


def of_part(permissions: Iterable[str], part: Part) -> tuple[str, ...]:
    """Those that this policy allows."""
    of_balancers = part is Part.BALANCERS
    return tuple(each for each in permissions if each.startswith("elasticloadbalancing:") is of_balancers)


def require_fitting(policy: Mapping[str, Any]) -> None:
    """Raise BotError if AWS would not take it as a managed policy."""
    size = len(json.dumps(policy, separators=(",", ":")))
    if size > MOST_CHARACTERS:
        raise BotError(
            f"For so many fleets this policy has {size} characters, and AWS takes {MOST_CHARACTERS}. "
            "Leave out --for (it is for every region, server and target group then), "
            "or name a file with fewer fleets."
        )


def write_policy(permissions: Iterable[str], scope: Scope) -> dict[str, Any]:
    """The document, in IAM's JSON. LookupError if nobody said what a permission is used on."""
    statements: dict[str, dict[str, Any]] = {}
    for permission in sorted(permissions):
        for grant in _grants(permission, scope):
            statement = statements.setdefault(grant.sid, _statement(grant, scope))
            statement["Action"].append(permission)
    return {"Version": _VERSION, "Statement": list(statements.values())}


def _grants(permission: str, scope: Scope) -> Sequence[_Grant]:
    _, _, action = permission.partition(":")
    if permission in _TARGETS:
        return (_Grant(sid="Serve", resources=scope.groups),)
    if permission in _CHANGES:
        return _CHANGES[permission]
    if action.startswith(_READS):
        return (_Grant(sid="Look", resources=("*",)),)
    raise LookupError(f"bot/aws/policy.py does not say what {permission} is used on")


def _statement(grant: _Grant, scope: Scope) -> dict[str, Any]:
    # Where a condition holds it to what is ours, several regions are one, for AWS counts characters.
    regions = ("*",) if grant.when and len(scope.regions) > 1 else scope.regions
    resources = [one for resource in grant.resources for one in _fill(resource, scope, regions)]
    condition = {"Condition": grant.when} if grant.when else {}
    return {"Sid": grant.sid, "Effect": "Allow", "Action": [], "Resource": resources, **condition}


def _fill(resource: str, scope: Scope, regions: Sequence[str]) -> Iterator[str]:
    if "{master}" in resource:
        yield from (resource.format(region=region, master=master) for region, master in scope.masters)
    elif "{region}" in resource:
        yield from (resource.format(region=region) for region in regions)
    else:
        yield resource


def _tagged(role: str | list[str]) -> Condition:
    """It is in a fleet, and this in it."""
    return {
        "StringEquals": {f"aws:ResourceTag/{ROLE}": role},
        "Null": {f"aws:ResourceTag/{FLEET}": "false"},
    }


def _tagging(role: str) -> Condition:
    """The request itself puts it into a fleet, as this."""
    return {
        "StringEquals": {f"aws:RequestTag/{ROLE}": role},
        "Null": {f"aws:RequestTag/{FLEET}": "false"},
    }


_MADE_HERE: Condition = {"Null": {f"aws:RequestTag/{FLEET}": "false"}}
_OF_A_FLEET: Condition = {"Null": {f"aws:ResourceTag/{FLEET}": "false"}}
_ALL_OURS = [FLEET, ROLE, OPERATION, ACTION, BEFORE]
_IS_MASTER = _tagged(Role.MASTER.value)
_INSTANCES = "arn:aws:ec2:{region}:*:instance/*"
_VOLUMES = "arn:aws:ec2:{region}:*:volume/*"
_IMAGES = "arn:aws:ec2:{region}::image/*"
_SNAPSHOTS = "arn:aws:ec2:{region}::snapshot/*"
_RULES = ("arn:aws:elasticloadbalancing:{region}:*:listener-rule/app/*/*/*/*",)
_MASTER = "arn:aws:ec2:{region}:*:instance/{master}"
_FIREWALLS = "arn:aws:ec2:{region}:*:security-group/*"
_MADE_GROUPS = "arn:aws:elasticloadbalancing:{region}:*:targetgroup/clonebot-*/*"
_MADE_BALANCERS = "arn:aws:elasticloadbalancing:{region}:*:loadbalancer/app/clonebot-*/*"
_MADE_LISTENERS = "arn:aws:elasticloadbalancing:{region}:*:listener/app/clonebot-*/*/*"
_LISTENERS = ("arn:aws:elasticloadbalancing:{region}:*:listener/app/*/*/*",)

_TAGGED_AS_MADE = ["CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup"]
_TARGETS = frozenset({"elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"})
_MAKE_FRONT = _Grant(sid="MakeFront", resources=(_MADE_BALANCERS, _MADE_GROUPS), when=_MADE_HERE)
_CHANGE_FRONT = _Grant(sid="ChangeFront", resources=(_MADE_BALANCERS, _MADE_GROUPS), when=_OF_A_FLEET)
# Where no tags are in a request, as when something is deleted, all of them are among these.
_KEEP_IMAGES = _Grant(
    sid="KeepImages",
    resources=(_IMAGES, _SNAPSHOTS),
    when={**_OF_A_FLEET, "ForAllValues:StringEquals": {"aws:TagKeys": [PINNED, STATE]}},
)
_CHANGES: Mapping[str, Sequence[_Grant]] = {
    "ec2:RunInstances": (
        _Grant(
            sid="LaunchTaggedAsClone",
            resources=(_INSTANCES, _VOLUMES),
            when=_tagging(Role.CLONE.value),
        ),
        _Grant(
            sid="LaunchFromAndInto",
            resources=(
                _IMAGES,
                "arn:aws:ec2:{region}:*:network-interface/*",
                _FIREWALLS,
                "arn:aws:ec2:{region}:*:subnet/*",
            ),
        ),
    ),
    "ec2:CreateImage": (
        _Grant(sid="BakeTheMaster", resources=(_MASTER,)),
        _Grant(sid="BakeTagged", resources=(_IMAGES, _SNAPSHOTS), when=_MADE_HERE),
    ),
    "ec2:CreateTags": (
        _Grant(
            sid="TagWhatIsMade",
            resources=(_INSTANCES, _VOLUMES, _IMAGES, _SNAPSHOTS, _FIREWALLS),
            when={
                "StringEquals": {"ec2:CreateAction": ["CreateImage", "CreateSecurityGroup", "RunInstances"]}
            },
        ),
        _Grant(
            sid="QuarantineAndRelease",
            resources=(_INSTANCES,),
            when={
                "StringEquals": {
                    f"aws:ResourceTag/{ROLE}": _OURS,
                    f"aws:RequestTag/{ROLE}": _OURS,
                },
                "ForAllValues:StringEquals": {"aws:TagKeys": [ROLE, EXPIRES]},
            },
        ),
        _KEEP_IMAGES,
        _Grant(
            sid="ClaimTheMaster",
            resources=(_MASTER,),
            when={
                **_tagging(Role.MASTER.value),
                "ForAllValues:StringEquals": {"aws:TagKeys": _ALL_OURS},
            },
        ),
    ),
    "ec2:DeleteTags": (
        _Grant(
            sid="DisclaimTheMaster",
            resources=(_MASTER,),
            when={**_IS_MASTER, "ForAllValues:StringEquals": {"aws:TagKeys": _ALL_OURS}},
        ),
        _Grant(
            sid="Release",
            resources=(_INSTANCES,),
            when={**_tagged(_OURS), "ForAllValues:StringEquals": {"aws:TagKeys": [EXPIRES]}},
        ),
    ),
    "ec2:DeregisterImage": (_KEEP_IMAGES,),
    "ec2:DeleteSnapshot": (_KEEP_IMAGES,),
    "ec2:ModifyInstanceAttribute": (_Grant(sid="ProtectTheMaster", resources=(_MASTER,), when=_IS_MASTER),),
    "ec2:TerminateInstances": (_Grant(sid="EndClones", resources=(_INSTANCES,), when=_tagged(_OURS)),),
    "ec2:CreateSecurityGroup": (
        _Grant(sid="MakeFirewall", resources=(_FIREWALLS,), when=_MADE_HERE),
        _Grant(sid="MakeFirewallIn", resources=("arn:aws:ec2:{region}:*:vpc/*",)),
    ),
    # The servers' own groups get a rule, too, and carry no tag of ours.
    "ec2:AuthorizeSecurityGroupIngress": (_Grant(sid="LetBalancerIn", resources=(_FIREWALLS,)),),
    "ec2:RevokeSecurityGroupIngress": (_Grant(sid="LetBalancerIn", resources=(_FIREWALLS,)),),
    "ec2:DeleteSecurityGroup": (_Grant(sid="RemoveFirewall", resources=(_FIREWALLS,), when=_OF_A_FLEET),),
    "elasticloadbalancing:CreateLoadBalancer": (_MAKE_FRONT,),
    "elasticloadbalancing:CreateTargetGroup": (_MAKE_FRONT,),
    "elasticloadbalancing:CreateListener": (_MAKE_FRONT,),
    "elasticloadbalancing:DeleteLoadBalancer": (_CHANGE_FRONT,),
    "elasticloadbalancing:DeleteTargetGroup": (_CHANGE_FRONT,),
    "elasticloadbalancing:ModifyTargetGroupAttributes": (_CHANGE_FRONT,),
    "elasticloadbalancing:DeleteRule": (_Grant(sid="RemoveRules", resources=_RULES, when=_OF_A_FLEET),),
    "elasticloadbalancing:CreateRule": (_Grant(sid="RouteWrites", resources=_LISTENERS, when=_MADE_HERE),),
    "elasticloadbalancing:AddTags": (
        _Grant(
            sid="TagFront",
            resources=(*_RULES, _MADE_LISTENERS, _MADE_BALANCERS, _MADE_GROUPS),
            when={"StringEquals": {"elasticloadbalancing:CreateAction": _TAGGED_AS_MADE}},
        ),
    ),
    "elasticloadbalancing:SetRulePriorities": (_Grant(sid="MakeRoomForRules", resources=_RULES),),
}
"""What each permission is used on, and when. Reads are for everything: most know no resources."""
