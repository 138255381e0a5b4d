"""The IAM policies that are generated. What AWS makes of its conditions, no test here can prove."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot.__main__ import main
from bot.aws.cloud import PERMISSIONS
from bot.aws.policy import (
    ANYWHERE,
    MOST_CHARACTERS,
    Part,
    Scope,
    of_part,
    require_fitting,
    scope_of,
    write_policy,
)
from bot.domain.errors import BotError
from bot.domain.fleet import FleetSpec
from tests.adapters.cloud_worlds import make_spec

DEPLOY = Path(__file__).parents[2] / "deploy"
RULE = "arn:aws:elasticloadbalancing:*:*:listener-rule/app/*/*/*/*"
INSTANCES = "arn:aws:ec2:*:*:instance/*"
FIREWALLS = "arn:aws:ec2:*:*:security-group/*"
FRONT = [
    "arn:aws:elasticloadbalancing:*:*:loadbalancer/app/clonebot-*/*",
    "arn:aws:elasticloadbalancing:*:*:targetgroup/clonebot-*/*",
]
KEYS = [f"clonebot:{name}" for name in ("fleet", "role", "operation", "action", "before")]
MADE = {"Null": {"aws:RequestTag/clonebot:fleet": "false"}}
THERE = {"Null": {"aws:ResourceTag/clonebot:fleet": "false"}}
IMAGES = ["arn:aws:ec2:*::image/*", "arn:aws:ec2:*::snapshot/*"]
KEPT = {**THERE, "ForAllValues:StringEquals": {"aws:TagKeys": ["clonebot:pinned", "clonebot:state"]}}
MAKERS = ["CreateListener", "CreateLoadBalancer", "CreateRule", "CreateTargetGroup"]
MASTERS = {"StringEquals": {"aws:ResourceTag/clonebot:role": "master"}, **THERE}
OURS = {
    "StringEquals": {"aws:ResourceTag/clonebot:role": ["clone", "quarantined"]},
    "Null": {"aws:ResourceTag/clonebot:fleet": "false"},
}


def statements(*permissions: str, scope: Scope = ANYWHERE) -> list[dict[str, Any]]:
    return list(write_policy(permissions, scope)["Statement"])


@pytest.mark.parametrize("part", Part)
def test_the_committed_policies_are_what_the_command_prints(part: Part) -> None:
    printed = CliRunner().invoke(main, ["iam-policy", part.value])
    assert printed.exit_code == 0
    assert (DEPLOY / f"iam-policy-{part}.json").read_text() == printed.output


def test_which_of_the_two_is_to_be_said() -> None:
    printed = CliRunner().invoke(main, ["iam-policy"])
    assert printed.exit_code == 2
    assert "Missing argument 'PART'" in printed.output


def test_the_two_policies_share_all_permissions_between_them() -> None:
    servers, balancers = (of_part(PERMISSIONS, part) for part in (Part.SERVERS, Part.BALANCERS))
    assert sorted((*servers, *balancers)) == sorted(PERMISSIONS)
    assert {each.partition(":")[0] for each in servers} == {"ec2", "kms", "servicequotas"}
    assert {each.partition(":")[0] for each in balancers} == {"elasticloadbalancing"}


def test_the_policy_allows_exactly_the_declared_permissions() -> None:
    allowed = {action for statement in statements(*PERMISSIONS) for action in statement["Action"]}
    assert allowed == set(PERMISSIONS)
    assert all(statement["Effect"] == "Allow" for statement in statements(*PERMISSIONS))


def test_reads_are_for_everything_in_one_statement() -> None:
    (look,) = statements("ec2:DescribeInstances", "elasticloadbalancing:DescribeRules")
    assert look["Action"] == ["ec2:DescribeInstances", "elasticloadbalancing:DescribeRules"]
    assert (look["Resource"], "Condition" in look) == (["*"], False)


@pytest.mark.parametrize(
    ("permission", "resources", "conditions"),
    [
        ("ec2:TerminateInstances", [[INSTANCES]], [OURS]),
        (
            "ec2:CreateTags",
            [
                [
                    INSTANCES,
                    "arn:aws:ec2:*:*:volume/*",
                    "arn:aws:ec2:*::image/*",
                    "arn:aws:ec2:*::snapshot/*",
                    FIREWALLS,
                ],
                [INSTANCES],
                IMAGES,
                [INSTANCES],
            ],
            [
                {
                    "StringEquals": {
                        "ec2:CreateAction": ["CreateImage", "CreateSecurityGroup", "RunInstances"]
                    }
                },
                {
                    "StringEquals": {
                        "aws:ResourceTag/clonebot:role": ["clone", "quarantined"],
                        "aws:RequestTag/clonebot:role": ["clone", "quarantined"],
                    },
                    "ForAllValues:StringEquals": {"aws:TagKeys": ["clonebot:role", "clonebot:expires"]},
                },
                KEPT,
                {
                    "StringEquals": {"aws:RequestTag/clonebot:role": "master"},
                    "Null": {"aws:RequestTag/clonebot:fleet": "false"},
                    "ForAllValues:StringEquals": {"aws:TagKeys": KEYS},
                },
            ],
        ),
        ("ec2:DeregisterImage", [IMAGES], [KEPT]),
        ("ec2:DeleteSnapshot", [IMAGES], [KEPT]),
        (
            "ec2:DeleteTags",
            [[INSTANCES], [INSTANCES]],
            [
                {**MASTERS, "ForAllValues:StringEquals": {"aws:TagKeys": KEYS}},
                {**OURS, "ForAllValues:StringEquals": {"aws:TagKeys": ["clonebot:expires"]}},
            ],
        ),
        ("ec2:ModifyInstanceAttribute", [[INSTANCES]], [MASTERS]),
        (
            "ec2:CreateSecurityGroup",
            [[FIREWALLS], ["arn:aws:ec2:*:*:vpc/*"]],
            [MADE, None],
        ),
        ("ec2:AuthorizeSecurityGroupIngress", [[FIREWALLS]], [None]),
        ("ec2:DeleteSecurityGroup", [[FIREWALLS]], [THERE]),
        ("elasticloadbalancing:CreateLoadBalancer", [FRONT], [MADE]),
        ("elasticloadbalancing:DeleteTargetGroup", [FRONT], [THERE]),
        ("elasticloadbalancing:DeleteRule", [[RULE]], [THERE]),
        (
            "ec2:RunInstances",
            [
                [INSTANCES, "arn:aws:ec2:*:*:volume/*"],
                [
                    "arn:aws:ec2:*::image/*",
                    "arn:aws:ec2:*:*:network-interface/*",
                    FIREWALLS,
                    "arn:aws:ec2:*:*:subnet/*",
                ],
            ],
            [
                {
                    "StringEquals": {"aws:RequestTag/clonebot:role": "clone"},
                    "Null": {"aws:RequestTag/clonebot:fleet": "false"},
                },
                None,
            ],
        ),
        (
            "ec2:CreateImage",
            [[INSTANCES], ["arn:aws:ec2:*::image/*", "arn:aws:ec2:*::snapshot/*"]],
            [None, {"Null": {"aws:RequestTag/clonebot:fleet": "false"}}],
        ),
        (
            "elasticloadbalancing:AddTags",
            [[RULE, "arn:aws:elasticloadbalancing:*:*:listener/app/clonebot-*/*/*", *FRONT]],
            [{"StringEquals": {"elasticloadbalancing:CreateAction": MAKERS}}],
        ),
        (
            "elasticloadbalancing:DeregisterTargets",
            [["arn:aws:elasticloadbalancing:*:*:targetgroup/*/*"]],
            [None],
        ),
        ("elasticloadbalancing:SetRulePriorities", [[RULE]], [None]),
    ],
)
def test_what_changes_something_may_change_only_that(
    permission: str, resources: list[list[str]], conditions: list[Any]
) -> None:
    made = statements(permission)
    assert [each["Resource"] for each in made] == resources
    assert [each.get("Condition") for each in made] == conditions


def fleets(number: int) -> list[FleetSpec]:
    """In two regions, each with groups of its own, as long as AWS's names are."""
    group = (
        "arn:aws:elasticloadbalancing:ap-southeast-1:123456789012:targetgroup/clonebot-web{}/0123456789abcdef"
    )
    return [
        replace(
            make_spec(
                master=f"i-0123456789abcde{each:02}",
                target_group=group.format(each),
                writes_group=group.format(f"{each}-writes"),
            ),
            name=f"web{each}",
            region=("eu-central-1", "ap-southeast-1")[each % 2],
        )
        for each in range(number)
    ]


@pytest.mark.parametrize("part", Part)
def test_each_fits_into_a_managed_policy_with_room_to_spare(part: Part) -> None:
    for scope, room in ((ANYWHERE, 1500), (scope_of(fleets(1)), 1000), (scope_of(fleets(4)), 500)):
        policy = write_policy(of_part(PERMISSIONS, part), scope)
        assert len(json.dumps(policy, separators=(",", ":"))) <= MOST_CHARACTERS - room
        require_fitting(policy)


def test_one_that_aws_would_not_take_is_refused_with_what_to_type() -> None:
    with pytest.raises(BotError, match=r"has \d+ characters, and AWS takes 6144\. Leave out --for"):
        require_fitting(write_policy(of_part(PERMISSIONS, Part.SERVERS), scope_of(fleets(20))))


def test_for_a_fleet_file_it_names_its_regions_masters_and_target_groups() -> None:
    web = make_spec(master="i-1", target_group="arn:web", writes_group="arn:web-writes")
    shop = replace(web, name="shop", region="eu-west-1", master="i-2", target_group="arn:shop")
    scope = scope_of([web, shop])
    (serve,) = statements("elasticloadbalancing:RegisterTargets", scope=scope)
    assert serve["Resource"] == ["arn:web", "arn:web-writes", "arn:shop"]
    (serve,) = statements(
        "elasticloadbalancing:RegisterTargets", scope=scope_of([replace(web, target_group="")])
    )
    made = "arn:aws:elasticloadbalancing:eu-central-1:*:targetgroup/clonebot-*/*"
    assert serve["Resource"] == [made, "arn:web-writes"]
    bake, _ = statements("ec2:CreateImage", scope=scope)
    assert bake["Resource"] == [
        "arn:aws:ec2:eu-central-1:*:instance/i-1",
        "arn:aws:ec2:eu-west-1:*:instance/i-2",
    ]


def test_a_permission_of_which_nobody_said_what_it_is_used_on_is_not_granted() -> None:
    with pytest.raises(LookupError, match="ec2:DeleteVpc"):
        write_policy(["ec2:DeleteVpc"], ANYWHERE)
