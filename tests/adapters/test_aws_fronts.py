"""What `adopt` and `disown` do to AWS, tried on the lab's local AWS."""

import itertools
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bot.aws.cloud import PERMISSIONS, AwsCloud
from bot.domain.adoption import front_name
from bot.domain.errors import CloudError, NotThereYet
from bot.domain.fleet import FleetSpec
from tests.adapters.alone import Alone
from tests.adapters.cloud_worlds import World, open_lab

_NUMBERS = itertools.count(60)
_PORT = 8400


@pytest.fixture(scope="module")
def account() -> Iterator[World]:
    with open_lab() as opened:
        yield opened


@pytest.fixture
def alone(account: World) -> Iterator[Alone]:
    number = next(_NUMBERS)
    opened = Alone(account.for_one_test(number), number)
    yield opened
    opened.clean()


def name(alone: Alone) -> str:
    return front_name(alone.spec.name)


def rules(alone: Alone, group: str) -> list[dict[str, Any]]:
    """Who may come in."""
    found = alone.world.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
    return list(found["IpPermissions"])


def test_the_new_balancer_really_answers_and_stops_when_it_is_removed(alone: Alone) -> None:
    alone.claim()
    alone.make()
    alone.serve()
    url = f"http://{alone.cloud.survey(alone.spec).address}:{alone.spec.balancer.port}/"
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert answer.status == 200
    alone.release()
    alone.remove()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=5)


def test_a_protected_master_can_be_neither_terminated_nor_stopped(alone: Alone) -> None:
    alone.claim()
    alone.protect()
    for call in (alone.world.ec2.terminate_instances, alone.world.ec2.stop_instances):
        with pytest.raises(ClientError, match="OperationNotPermitted"):
            call(InstanceIds=[alone.spec.master])
    assert alone.cloud.look(alone.spec).master.state == "running"


def test_only_the_balancer_is_let_in_and_other_rules_stay(alone: Alone) -> None:
    before = rules(alone, alone.world.group)
    alone.make()
    (visitors,) = rules(alone, firewall(alone))
    assert (visitors["FromPort"], visitors["ToPort"]) == (alone.spec.balancer.port,) * 2
    assert [each["CidrIp"] for each in visitors["IpRanges"]] == ["0.0.0.0/0"]
    during = [pair for rule in rules(alone, alone.world.group) for pair in rule["UserIdGroupPairs"]]
    assert [pair["GroupId"] for pair in during] == [firewall(alone)]
    alone.remove()
    assert rules(alone, alone.world.group) == before


@pytest.mark.parametrize("kind", ["load balancer", "target group", "security group"])
def test_what_somebody_else_made_under_our_name_is_in_the_way_and_stays(alone: Alone, kind: str) -> None:
    network = alone.cloud.survey(alone.spec).network
    clear = make_by_hand(alone, kind, network)
    try:
        (said,) = alone.cloud.survey(alone.spec).in_the_way
        assert said.startswith(
            f"There is a {kind} {name(alone)} that adopt did not make for {alone.spec.name}"
        )
        with pytest.raises(CloudError, match="adopt did not make"):
            alone.make()
        alone.remove()
        assert alone.cloud.survey(alone.spec).in_the_way == (said,)
    finally:
        clear()


def make_by_hand(alone: Alone, kind: str, network: str) -> Any:
    """Make it without our tags; returns what removes it."""
    ec2, elb = alone.world.ec2, alone.world.elb
    match kind:
        case "load balancer":
            made = elb.create_load_balancer(Name=name(alone), Subnets=list(alone.spec.subnets))
            arn = made["LoadBalancers"][0]["LoadBalancerArn"]
            return lambda: elb.delete_load_balancer(LoadBalancerArn=arn)
        case "target group":
            made = elb.create_target_group(Name=name(alone), Protocol="HTTP", Port=80, VpcId=network)
            arn = made["TargetGroups"][0]["TargetGroupArn"]
            return lambda: elb.delete_target_group(TargetGroupArn=arn)
    made = ec2.create_security_group(GroupName=name(alone), Description="mine", VpcId=network)
    return lambda: ec2.delete_security_group(GroupId=made["GroupId"])


def test_a_listener_port_in_use_is_told_and_that_listener_stays(alone: Alone) -> None:
    alone.make()
    alone.change(port=_PORT)
    elb = alone.world.elb
    (balancer,) = elb.describe_load_balancers(Names=[name(alone)])["LoadBalancers"]
    arn = balancer["LoadBalancerArn"]
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=_PORT, DefaultActions=[nothing])
    (said,) = alone.cloud.survey(alone.spec).in_the_way
    assert said.startswith(f"Port {_PORT} of the load balancer {name(alone)} is in use")
    with pytest.raises(CloudError, match=f"Port {_PORT} .* is in use"):
        alone.make()
    assert len(elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]) == 2


def test_a_certificate_that_is_missing_is_named_and_what_was_made_can_be_removed(alone: Alone) -> None:
    arn = "arn:aws:acm:eu-central-1:123456789012:certificate/none"
    alone.change(protocol="HTTPS", certificate=arn)
    with pytest.raises(CloudError, match=rf"AWS knows no certificate {arn}.*Correct `certificate`"):
        alone.make()
    alone.remove(only="op-1")
    assert alone.cloud.survey(alone.spec).made == ()


def test_what_aws_tells_of_the_master_is_seen(alone: Alone) -> None:
    ec2, master = alone.world.ec2, alone.spec.master
    ec2.create_tags(Resources=[master], Tags=[{"Key": "aws:autoscaling:groupName", "Value": "asg"}])
    ec2.create_tags(Resources=[master], Tags=[{"Key": "clonebot:fleet", "Value": "shop"}])
    front = alone.cloud.survey(alone.spec)
    assert (front.scaling_group, front.fleet) == ("asg", "shop")
    ec2.delete_tags(
        Resources=[master], Tags=[{"Key": "aws:autoscaling:groupName"}, {"Key": "clonebot:fleet"}]
    )


def test_every_call_is_among_the_permissions_and_names_its_action(alone: Alone) -> None:
    assert alone.world.lab
    calls = alone.world.lab.calls
    calls.clear()
    alone.claim()
    alone.make()
    alone.serve()
    alone.protect()
    alone.clean()
    assert {f"{call.service}:{call.action}" for call in calls.all()} <= set(PERMISSIONS)
    assert all(" clonebot/op-" in call.user_agent for call in calls.mutating())


def no_balancer(alone: Alone) -> None:
    for made in alone.world.elb.describe_load_balancers(Names=[name(alone)])["LoadBalancers"]:
        alone.world.elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])


def no_group(alone: Alone, suffix: str) -> None:
    for listener in listeners(alone):
        alone.world.elb.delete_listener(ListenerArn=listener)
    (found,) = alone.world.elb.describe_target_groups(Names=[f"{name(alone)}{suffix}"])["TargetGroups"]
    alone.world.elb.delete_target_group(TargetGroupArn=found["TargetGroupArn"])


def another_rule(alone: Alone) -> None:
    (rule, *_) = made_rules(alone)
    elsewhere = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    alone.world.elb.modify_rule(RuleArn=rule, Actions=[elsewhere])


def no_rules(alone: Alone) -> None:
    for rule in made_rules(alone):
        alone.world.elb.delete_rule(RuleArn=rule)


def door(alone: Alone) -> dict[str, Any]:
    """What lets the balancer in, and nobody else."""
    (found,) = (rule for rule in rules(alone, alone.world.group) if rule["UserIdGroupPairs"])
    return {**found, "IpRanges": []}


def no_door(alone: Alone) -> None:
    alone.world.ec2.revoke_security_group_ingress(GroupId=alone.world.group, IpPermissions=[door(alone)])


def another_door(alone: Alone) -> None:
    wider = {"IpProtocol": "-1", "UserIdGroupPairs": door(alone)["UserIdGroupPairs"]}
    no_door(alone)
    alone.world.ec2.authorize_security_group_ingress(GroupId=alone.world.group, IpPermissions=[wider])


def no_firewall(alone: Alone) -> None:
    no_balancer(alone)
    no_door(alone)
    alone.world.ec2.delete_security_group(GroupId=firewall(alone))


def no_protection(alone: Alone) -> None:
    alone.cloud.protect(alone.spec, terminate=False, stop=False, action="by hand")


def not_registered(alone: Alone) -> None:
    alone.cloud.take_out(alone.spec, [alone.spec.master], action="by hand")


def no_tags(alone: Alone) -> None:
    alone.cloud.disclaim(alone.spec, action="by hand")


def firewall(alone: Alone) -> str:
    named = [{"Name": "group-name", "Values": [name(alone)]}]
    (found,) = alone.world.ec2.describe_security_groups(Filters=named)["SecurityGroups"]
    return str(found["GroupId"])


def listeners(alone: Alone) -> list[str]:
    (balancer,) = alone.world.elb.describe_load_balancers(Names=[name(alone)])["LoadBalancers"]
    found = alone.world.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    return [each["ListenerArn"] for each in found]


def made_rules(alone: Alone) -> list[str]:
    every = [alone.world.elb.describe_rules(ListenerArn=each)["Rules"] for each in listeners(alone)]
    return [rule["RuleArn"] for found in every for rule in found if not rule["IsDefault"]]


BY_HAND = {
    "the load balancer was removed": no_balancer,
    "the group for writes was removed": lambda alone: no_group(alone, "-writes"),
    "the site's group was removed": lambda alone: no_group(alone, ""),
    "a rule for writes was changed": another_rule,
    "the rules for writes were removed": no_rules,
    "the firewall's rule was removed": no_door,
    "the firewall's rule was changed": another_door,
    "the firewall was removed": no_firewall,
    "the protection was switched off": no_protection,
    "the master was deregistered": not_registered,
    "the master's tags were removed": no_tags,
}


@pytest.mark.parametrize("somebody", BY_HAND.values(), ids=BY_HAND.keys())
def test_whatever_somebody_did_by_hand_the_master_is_let_go_as_it_was(
    alone: Alone, somebody: Callable[[Alone], None]
) -> None:
    before, doors = alone.cloud.survey(alone.spec), rules(alone, alone.world.group)
    alone.claim()
    alone.make()
    alone.serve()
    alone.protect()
    routes = replace(alone.world, spec=alone.cloud.look(alone.spec).spec).routes()
    alone.cloud.route_writes(alone.spec, routes, action="op-1.6")
    somebody(alone)
    alone.cloud.survey(alone.spec)
    for _ in range(2):
        alone.clean()
    assert alone.cloud.survey(alone.spec) == before
    assert rules(alone, alone.world.group) == doors


def test_target_groups_that_were_found_are_asked_for_no_more(alone: Alone) -> None:
    assert alone.world.lab
    alone.make()
    alone.cloud.members(alone.spec)
    alone.world.lab.calls.clear()
    alone.cloud.members(alone.spec)
    named = [call.action for call in alone.world.lab.calls.all()]
    assert sorted(named) == ["DescribeInstances", "DescribeInstances", "DescribeTargetHealth"]


def test_however_long_ago_they_were_found_a_look_asks_no_more_and_the_comparison_does(alone: Alone) -> None:
    assert alone.world.lab
    now = [0.0]
    cloud = AwsCloud(lambda: now[0])
    alone.make()
    calls = alone.world.lab.calls

    def asked(do: Callable[[FleetSpec], object]) -> list[str]:
        calls.clear()
        do(alone.spec)
        return sorted(call.action for call in calls.all())

    cloud.look(alone.spec)
    fresh = asked(cloud.look)
    now[0] = 3600.0
    assert asked(cloud.look) == fresh
    assert {"DescribeTags", "DescribeTargetGroups", "DescribeListeners"} <= set(asked(cloud.census))
    assert asked(cloud.census) == ["DescribeInstances", "DescribeTargetHealth"]


def test_a_target_group_that_somebody_else_uses_too_is_not_removed_from_under_them(alone: Alone) -> None:
    alone.make()
    elb, group = alone.world.elb, alone.cloud.look(alone.spec).spec.target_group
    (theirs,) = (
        each for each in elb.describe_load_balancers()["LoadBalancers"] if each["LoadBalancerName"] == "site"
    )
    forward = {"Type": "forward", "TargetGroupArn": group}
    made = elb.create_listener(
        LoadBalancerArn=theirs["LoadBalancerArn"], Protocol="HTTP", Port=_PORT + 1, DefaultActions=[forward]
    )
    with pytest.raises(NotThereYet, match="is still in use"):
        alone.remove()
    elb.delete_listener(ListenerArn=made["Listeners"][0]["ListenerArn"])
    alone.remove()
    assert alone.cloud.survey(alone.spec).made == ()


def test_target_groups_that_somebody_removed_are_not_believed_in_for_long(alone: Alone) -> None:
    alone.make()
    assert alone.cloud.members(alone.spec).behind_balancer
    no_balancer(alone)
    for group in (name(alone), f"{name(alone)}-writes"):
        (found,) = alone.world.elb.describe_target_groups(Names=[group])["TargetGroups"]
        alone.world.elb.delete_target_group(TargetGroupArn=found["TargetGroupArn"])
    with pytest.raises(CloudError, match=r"AWS knows no target group arn:.*try again"):
        alone.cloud.members(alone.spec)
    assert not alone.cloud.members(alone.spec).behind_balancer
