"""The bot is killed, as by a power cut, at every boundary of the main job; then it is started again."""

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import product

import pytest
from simple_websocket import Client
from slack_sdk import WebClient

from bot.domain.naming import request_id
from bot.domain.operation import Stage
from bot.lab.aws.calls import Call, Moment
from bot.lab.lab import Lab, Transport
from bot.lab.slack.board import Message
from bot.lab.slack.sockets import BotSilentError
from tests.scenarios.old_images import made_long_ago
from tests.scenarios.visitor import ADA, BOB, CHANNEL, Visitor, read

ROWS = ["approved"]
CALLS = [
    ("CreateImage", Moment.AFTER),
    ("RunInstances", Moment.BEFORE),
    ("RunInstances", Moment.AFTER),
    ("RegisterTargets", Moment.BEFORE),
]
"""`make invariants` has them all; the campaign kills at many more moments."""
TRIALS = [("CreateTags", Moment.AFTER), ("TerminateInstances", Moment.BEFORE)]
"""Around the judgement of an image, and the end of its canary."""
REMOVALS = [("DeregisterImage", Moment.AFTER)]
if "CAMPAIGN_FULL" in os.environ:
    ROWS = ["requested", "planned", "approved", "started", "intent", "outcome"]
    CALLS = list(product(["CreateRule", "CreateImage", "RunInstances", "RegisterTargets"], Moment))
    TRIALS = list(product(["CreateImage", "RunInstances", "CreateTags", "TerminateInstances"], Moment))
    REMOVALS = list(product(["DeregisterImage", "DeleteSnapshot"], Moment))

PLANS = "SELECT 1 FROM audit WHERE operation = ? AND kind = 'planned'"
INTENTS = "SELECT 1 FROM audit WHERE operation = ? AND kind = 'intent'"
QUEUED = "SELECT 1 FROM audit WHERE operation = ? AND kind = 'queued'"
SPAN = "SELECT min(seq), max(seq) FROM audit WHERE operation = ? AND kind IN ('intent', 'outcome')"
pytestmark = pytest.mark.xdist_group("crash")


@pytest.fixture
def lab(labs: Callable[[Transport], Lab]) -> Lab:
    return labs("socket")


@pytest.mark.parametrize("kind", ROWS)
def test_killed_once_a_row_is_written_it_ends_with_four_clones(visitor: Visitor, kind: str) -> None:
    _go_through_a_crash(visitor, _kill_once_written(visitor, kind).is_set)


@pytest.mark.parametrize(("action", "moment"), CALLS)
def test_killed_around_a_call_it_ends_with_four_clones(visitor: Visitor, action: str, moment: Moment) -> None:
    if action in {"CreateRule", "CreateImage"}:
        visitor.forget_image_and_rules()
    with _killed_around(visitor, action, moment) as killed:
        _go_through_a_crash(visitor, lambda: bool(killed))


@pytest.mark.parametrize(("action", "moment"), TRIALS)
def test_killed_while_an_image_is_tried_it_ends_good_and_leaves_no_server(
    visitor: Visitor, action: str, moment: Moment
) -> None:
    with _killed_around(visitor, action, moment) as killed:
        operation = visitor.open("bake web")
        visitor.until(lambda: bool(killed), "the bot was not killed")
        visitor.lab.start_bot()
        ended = visitor.end_of(operation)

    of_it = [{"Name": "tag:clonebot:operation", "Values": [operation]}]
    ec2 = visitor.lab.client("ec2")
    (image,) = ec2.describe_images(Owners=["self"], Filters=of_it)["Images"]
    (snapshot,) = ec2.describe_snapshots(OwnerIds=["self"], Filters=of_it)["Snapshots"]
    for made in (image, snapshot):
        assert {"Key": "clonebot:state", "Value": "good"} in made["Tags"]
    assert ended.result == f"web: image {image['ImageId']} is good; new clones start from it."
    assert len(visitor.ever_launched(operation)) == 1
    assert visitor.clones() == {}
    visitor.assert_audit_is_complete()


@pytest.mark.parametrize(("action", "moment"), REMOVALS)
def test_killed_while_images_are_removed_they_are_gone_with_their_snapshots(
    visitor: Visitor, action: str, moment: Moment
) -> None:
    ec2 = visitor.lab.client("ec2")
    going = [made_long_ago(visitor, name) for name in ("one", "two")]
    disks = [
        disk
        for image in ec2.describe_images(ImageIds=going)["Images"]
        for disk in image["BlockDeviceMappings"]
    ]
    with _killed_around(visitor, action, moment) as killed:
        operation = visitor.open("clean-up web")
        visitor.press(operation)
        visitor.until(lambda: bool(killed), "the bot was not killed")
        visitor.lab.start_bot()
        ended = visitor.end_of(operation)

    assert ended.result == "web: 2 of 2 images removed, snapshots included."
    assert not set(going) & {image["ImageId"] for image in ec2.describe_images(Owners=["self"])["Images"]}
    left = {snapshot["SnapshotId"] for snapshot in ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
    assert len(disks) == 2
    assert not left & {disk["Ebs"]["SnapshotId"] for disk in disks}
    visitor.assert_audit_is_complete()


@contextmanager
def _killed_around(visitor: Visitor, action: str, moment: Moment) -> Iterator[list[Call]]:
    """Kill the bot at its next call of this action; the call is in the list then."""
    killed: list[Call] = []

    def kill(call: Call, when: Moment) -> None:
        if call.action == action and when is moment and not killed and "clonebot/" in call.user_agent:
            visitor.lab.kill_bot()
            killed.append(call)

    forget = visitor.lab.aws.calls.on_call(kill)
    try:
        yield killed
    finally:
        forget()


def test_killed_as_another_plan_takes_the_place_of_the_approved_one_that_can_be_approved(
    visitor: Visitor,
) -> None:
    visitor.scale(1)
    more = visitor.open("scale web 4")
    killed = visitor.kill_when(lambda v: len(v.audit(PLANS, more)) > 1)
    less = visitor.open("scale web 0 --discard")
    visitor.until(lambda: visitor.operation(less).stage is not Stage.WAITING, "it does not begin")

    visitor.lab.slack.faults.break_down("chat.update", times=100)
    visitor.press(more)

    visitor.until(killed.is_set, "the bot was not killed")
    visitor.lab.slack.faults.clear()
    visitor.lab.start_bot()
    visitor.press(more)
    assert visitor.end_of(more).result == "web: 4 of 4 clones serve."
    visitor.assert_audit_is_complete()


def test_killed_in_the_middle_it_ends_before_what_waits_behind_it_begins(visitor: Visitor) -> None:
    first, last = sorted((f"{time.time_ns()}.{number}" for number in (1, 2)), key=request_id, reverse=True)
    visitor.lab.aws.faults.delay("RunInstances", 5)
    begun = visitor.ask_with(first, "scale web 1")
    visitor.until(lambda: visitor.audit(INTENTS, begun), "it did not begin")
    waiting = visitor.ask_with(last, "scale web 2")
    visitor.until(lambda: visitor.audit(QUEUED, waiting), "it does not wait")
    visitor.lab.kill_bot()
    with closing(sqlite3.connect(visitor.lab.data / "workflow.db")) as engine, engine:
        # Of two that were queued in one second, the engine takes the one whose id comes first.
        engine.execute("UPDATE workflow_status SET created_at = 1 WHERE queue_name = 'lane'")
    visitor.lab.start_bot()

    assert [visitor.end_of(each).stage for each in (begun, waiting)] == [Stage.DONE] * 2
    (_, ended), (began, _) = (visitor.audit(SPAN, each)[0] for each in (begun, waiting))
    assert ended < began
    assert len(visitor.serving()) == 2


@pytest.mark.parametrize("kind", ["requested", "examined"])
def test_killed_while_the_doctor_looks_one_report_comes(visitor: Visitor, kind: str) -> None:
    request = _go_on_after(visitor, kind, "doctor web", BOB, until="answered")

    (card,) = _posts(visitor, {"request": request})
    assert "nothing blocks a clone image" in read(card)
    thread = visitor.lab.slack.messages(CHANNEL, thread=card.ts)
    assert [bool(message.files) for message in thread] == [False, True]
    visitor.assert_audit_is_complete()


@pytest.mark.parametrize("kind", ["examined", "waived"])
def test_killed_while_something_is_waived_it_is_waived_and_told_once(visitor: Visitor, kind: str) -> None:
    job = visitor.lab.hosts.disk(visitor.lab.site.master) / "etc/cron.d" / f"killed-{kind}"
    job.parent.mkdir(exist_ok=True)
    job.write_text("*/5 * * * * root /usr/local/bin/bill customers\n")
    try:
        refused = visitor.hear("bake web")
        name, until = re.findall(r"/clone waive web (\S+) --until (\S+)", refused)[0]
        request = _go_on_after(
            visitor, kind, f"waive web {name} --until {until} --reason why", ADA, until="waived"
        )
        blocking = visitor.hear("doctor web")
    finally:
        job.unlink()

    sql = "SELECT count(*) FROM audit WHERE kind = 'waived' AND text LIKE ?"
    assert visitor.audit(sql, f"{name} %") == [(1,)]
    (told,) = _posts(visitor, {"notice": f"{request}:waived"})
    assert f"`{name}` is waived until {until}" in read(told)
    assert "nothing blocks a clone image" in blocking
    visitor.assert_audit_is_complete()


def test_a_socket_that_outlives_its_bot_gets_nothing_of_what_is_typed_after_the_next_start(
    visitor: Visitor,
) -> None:
    slack = visitor.lab.slack
    visitor.lab.kill_bot()
    ticket = WebClient(base_url=slack.api_url).apps_connections_open(app_token=slack.app_token)
    left_over = Client.connect(ticket["url"], ping_interval=1)
    visitor.until(lambda: slack.connected, "it did not connect")

    visitor.lab.start_bot()

    assert not left_over.connected
    assert ["What you can type" in visitor.hear("help") for _ in range(4)] == [True] * 4


def _kill_once_written(visitor: Visitor, kind: str) -> threading.Event:
    """Kill the bot once it writes the next row of this kind."""
    rows = (
        visitor.audit("SELECT coalesce(max(seq), 0) FROM audit")[0][0] if visitor.lab.records.exists() else 0
    )
    sql = "SELECT count(*) FROM audit WHERE kind = ? AND seq > ?"
    return visitor.kill_when(lambda who: who.audit(sql, kind, rows)[0][0] > 0)


def _go_on_after(visitor: Visitor, kind: str, text: str, user: str, *, until: str) -> str:
    """Ask for it, kill the bot at this row, start it again, wait for the last row; the request's id."""
    trigger = f"{time.time_ns()}.crash"
    visitor.edit(trigger)
    killed = _kill_once_written(visitor, kind)
    with suppress(BotSilentError):
        visitor.lab.slack.command(user, CHANNEL, text, trigger_id=trigger)
    visitor.until(killed.is_set, "the bot was not killed")
    visitor.lab.start_bot()
    sql, request = "SELECT 1 FROM audit WHERE key = ?", request_id(trigger)
    visitor.until(lambda: visitor.audit(sql, f"{request}:{until}"), f"it was never {until}")
    return request


def _posts(visitor: Visitor, payload: dict[str, str]) -> list[Message]:
    """The messages in the channel that are marked so, once there is one."""

    def found() -> list[Message]:
        every = visitor.lab.slack.messages(CHANNEL)
        return [m for m in every if ((m.metadata or {}).get("event_payload") or {}) == payload]

    visitor.until(found, "nothing was posted")
    return found()


def _go_through_a_crash(visitor: Visitor, killed: Callable[[], bool]) -> None:
    """Ask for four clones; restart the bot once it was killed; check that exactly four came of it."""
    trigger = f"{time.time_ns()}.crash"
    visitor.edit(trigger)
    operation = visitor.ask_with(trigger, "scale web 4")
    visitor.until(lambda: _approve(visitor, operation) or killed(), "nothing happened")
    visitor.until(killed, "the bot was not killed")
    visitor.lab.start_bot()
    visitor.until(
        lambda: visitor.knows(operation) or visitor.ask_with(trigger, "scale web 4"), "it was forgotten"
    )
    visitor.until(lambda: _approve(visitor, operation), "it was not approved")

    ended = visitor.end_of(operation)

    assert (ended.stage, ended.result) == (Stage.DONE, "web: 4 of 4 clones serve.")
    assert len(visitor.serving()) == len(visitor.clones()) == 4
    assert len(visitor.ever_launched(operation)) == 4
    visitor.assert_audit_is_complete()


def _approve(visitor: Visitor, operation: str) -> bool:
    """Press Approve if it is there; whether the operation needs no approval any more."""
    if not visitor.knows(operation):
        return False
    if visitor.operation(operation).stage is not Stage.AWAITING_APPROVAL:
        return True
    visitor.try_to_press(operation)
    return False
