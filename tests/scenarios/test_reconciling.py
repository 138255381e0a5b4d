"""Somebody works on AWS behind the bot's back; its channel is told once, and nothing is removed."""

from collections.abc import Iterator

import pytest

from bot.domain.operation import Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.scenarios.visitor import CHANNEL, DAN, Visitor


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    folder = tmp_path_factory.getbasetemp().parent / "lab"
    with Lab(folder, delays=NO_DELAYS, patience={"reconcile": 1}) as lab:
        yield Visitor(lab)


def told(visitor: Visitor) -> list[str]:
    """What the channel was told that nobody asked for."""
    found = visitor.lab.slack.messages(CHANNEL)
    return [m.text for m in found if "notice" in ((m.metadata or {}).get("event_payload") or {})]


def wait_for(visitor: Visitor, words: str) -> None:
    visitor.until(lambda: any(words in text for text in told(visitor)), f"nobody is told: {words}", 20)


def tag_one_by_hand(visitor: Visitor) -> str:
    ec2 = visitor.lab.client("ec2")
    (image,) = ec2.describe_images(
        Owners=["self"], Filters=[{"Name": "tag:clonebot:fleet", "Values": ["web"]}]
    )["Images"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "clonebot:fleet", "Value": "web"}]}]
    subnet = visitor.lab.site.subnets[0]
    started = ec2.run_instances(
        ImageId=image["ImageId"], MinCount=1, MaxCount=1, SubnetId=subnet, TagSpecifications=tags
    )
    return str(started["Instances"][0]["InstanceId"])


def test_what_is_done_behind_its_back_is_told_once_also_across_a_kill(visitor: Visitor) -> None:
    visitor.scale(1)
    (clone,) = visitor.serving()
    group = visitor.lab.site.target_group
    visitor.lab.client("elbv2").deregister_targets(TargetGroupArn=group, Targets=[{"Id": clone}])
    stranger = tag_one_by_hand(visitor)
    wait_for(visitor, f"`{clone}` should serve, but nobody sends it requests")
    wait_for(visitor, f"Unknown server `{stranger}` carries this fleet's tag (no role; running")

    visitor.lab.kill_bot()
    visitor.lab.start_bot()
    visitor.lab.client("ec2").terminate_instances(InstanceIds=[clone])
    wait_for(visitor, f"`{clone}` should serve, but was terminated, and not by me")

    text = "\n".join(told(visitor))
    assert text.count("nobody sends it requests") == 1
    assert text.count(f"Unknown server `{stranger}`") == 1
    assert "Settled" not in text
    status = visitor.hear("status", user=DAN)
    assert clone in status
    assert stranger in status
    assert set(visitor.clones()) == {stranger}
    visitor.assert_audit_is_complete()


def test_an_operation_whose_progress_was_lost_is_ended_and_says_so(visitor: Visitor) -> None:
    operation = visitor.open("scale web 5")
    visitor.lab.kill_bot()
    for file in visitor.lab.data.glob("workflow.db*"):
        file.unlink()
    visitor.lab.start_bot()
    ended = visitor.end_of(operation, 30)
    assert ended.stage is Stage.FAILED
    assert "I lost track of it: workflow.db does not know how far it was." in ended.result
    visitor.shows(operation, ended.result[:30])
