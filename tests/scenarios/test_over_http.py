"""The main job where Slack reaches the bot over HTTP, and what only HTTP makes possible."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlencode

import pytest

from bot.domain.operation import Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from bot.lab.slack.deliveries import Delivery, send, sign
from bot.slack.listeners import request_id
from tests.scenarios.test_main_job import (
    test_a_denied_plan_does_nothing_and_says_who_denied_it,
    test_a_plan_whose_world_changed_after_approval_is_asked_about_again,
    test_four_clones_serve_once_the_lead_has_approved,
    test_ten_quick_clicks_approve_once_and_the_buttons_go,
)
from tests.scenarios.visitor import BOB, CHANNEL, Visitor, get

__all__ = [
    "test_a_denied_plan_does_nothing_and_says_who_denied_it",
    "test_a_plan_whose_world_changed_after_approval_is_asked_about_again",
    "test_four_clones_serve_once_the_lead_has_approved",
    "test_ten_quick_clicks_approve_once_and_the_buttons_go",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.getbasetemp().parent / "lab"
    with Lab(folder, delays=NO_DELAYS, transport="http") as started:
        yield started


def test_the_same_signed_request_ten_times_also_across_a_restart_is_one_operation(visitor: Visitor) -> None:
    delivery = signed(visitor, "scale web 1")

    for number in range(10):
        if number == 5:
            visitor.lab.kill_bot()
            visitor.lab.start_bot()
        assert send(url(visitor), delivery)[0] == 200

    operation = request_id(TRIGGER)
    visitor.until(lambda: visitor.knows(operation), "nothing came of it")
    assert visitor.end_of(operation).stage is Stage.DONE
    assert visitor.audit(f"{REQUESTS} AND operation = ?", operation) == [(1,)]
    assert len(visitor.ever_launched(operation)) == 1


def test_forged_requests_change_nothing(visitor: Visitor) -> None:
    before = visitor.audit(REQUESTS)
    body = signed(visitor, "scale web 8").body
    forged = [
        sign("guessed", body),
        sign(visitor.lab.slack.signing_secret, body, at=time.time() - 310),
        Delivery(body, {}),
        Delivery(b"{" * 1000, {"Content-Type": "application/json"}),
    ]

    assert {send(url(visitor), one)[0] for one in forged} == {401}
    assert visitor.audit(REQUESTS) == before
    assert not visitor.clones()


REQUESTS = "SELECT count(*) FROM audit WHERE kind = 'requested'"
CHUNK = b"%x\r\n%b\r\n" % (65536, b"x" * 65536)
DAMAGED = {
    "a megabyte and more": (413, {}, b"x" * (1024 * 1024 + 1)),
    "pieces that never tell their length": (401, {"Transfer-Encoding": "chunked"}, CHUNK * 40 + b"0\r\n\r\n"),
    "pieces that are none": (400, {"Transfer-Encoding": "chunked"}, b"zz\r\nx\r\n0\r\n\r\n"),
    "two lengths": (400, {"Content-Length": "3", "Transfer-Encoding": "chunked"}, CHUNK + b"0\r\n\r\n"),
    "a length that is none": (400, {"Content-Length": "-1"}, b"x"),
}


@pytest.mark.parametrize(("status", "headers", "body"), DAMAGED.values(), ids=DAMAGED.keys())
def test_what_is_no_proper_request_is_refused(
    visitor: Visitor, status: int, headers: dict[str, str], body: bytes
) -> None:
    assert send(url(visitor), Delivery(body, headers))[0] == status
    assert get(f"{visitor.lab.bot_url}/readyz")[0] == 200


def test_a_running_operation_goes_on_after_the_bot_was_told_to_stop(visitor: Visitor) -> None:
    operation = visitor.open("scale web 3")
    visitor.press(operation)
    visitor.until(lambda: visitor.operation(operation).stage is Stage.RUNNING, "it does not start")

    began = time.monotonic()
    assert visitor.lab.stop_bot() == 0
    assert time.monotonic() - began < 10

    assert not visitor.operation(operation).stage.ended
    visitor.lab.start_bot()
    assert visitor.end_of(operation).result == "web: 3 of 3 clones serve."
    assert len(visitor.ever_launched(operation)) == 3
    visitor.assert_audit_is_complete()


def test_what_came_before_the_bot_was_told_to_stop_is_recorded_and_acknowledged(visitor: Visitor) -> None:
    delivery = signed(visitor, "status", trigger="1.2.just-before")
    with closing(sqlite3.connect(visitor.lab.records)) as other, ThreadPoolExecutor() as pool:
        other.execute("BEGIN IMMEDIATE")
        answer = pool.submit(send, url(visitor), delivery)
        time.sleep(0.3)
        status = pool.submit(visitor.lab.stop_bot)
        time.sleep(0.3)
        other.execute("ROLLBACK")

        assert answer.result() == (200, b"")
        assert status.result() == 0
    assert visitor.audit(f"{REQUESTS} AND operation = ?", request_id("1.2.just-before")) == [(1,)]
    visitor.lab.start_bot()


def test_metrics_tell_the_operations_as_the_records_do(visitor: Visitor) -> None:
    visitor.scale(1)

    _, text = get(f"{visitor.lab.bot_url}/metrics")

    ((done,),) = visitor.audit(
        "SELECT count(*) FROM operations WHERE json_extract(state, '$.stage') = 'done'"
    )
    assert f'clonebot_operations{{stage="done"}} {done:.1f}' in text.decode()
    assert b"clonebot_ready 1.0" in text


TRIGGER = "1.2.the-same"


def signed(visitor: Visitor, text: str, *, trigger: str = TRIGGER) -> Delivery:
    """A command as Slack sends it, to be sent as often as one likes."""
    form = {
        "command": "/clone",
        "text": text,
        "team_id": visitor.lab.slack.team.id,
        "user_id": BOB,
        "channel_id": CHANNEL,
        "trigger_id": trigger,
    }
    return sign(visitor.lab.slack.signing_secret, urlencode(form).encode())


def url(visitor: Visitor) -> str:
    return f"{visitor.lab.bot_url}/slack/events"
