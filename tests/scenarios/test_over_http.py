"""What only HTTP makes possible, for Slack and for others."""

import os
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from bot.domain.naming import request_id
from bot.domain.operation import Stage
from bot.lab.lab import Lab, Transport
from bot.lab.slack.deliveries import Delivery, send, sign
from tests.patience import within
from tests.scenarios.visitor import BOB, CHANNEL, Visitor, get

pytestmark = pytest.mark.xdist_group("http")


@pytest.fixture
def lab(labs: Callable[[Transport], Lab]) -> Lab:
    return labs("http")


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
    assert time.monotonic() - began < within(10)

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


def test_while_its_disk_is_full_it_is_not_ready_does_nothing_says_so_and_then_goes_on(
    visitor: Visitor,
) -> None:
    ready, calls = f"{visitor.lab.bot_url}/readyz", visitor.lab.aws.calls
    operation = visitor.open("scale web 1")
    visitor.until(lambda: calls.of("RunInstances"), "nothing is launched")
    with full_disk(visitor):
        done = len(calls.mutating())
        began = time.monotonic()
        assert "Make room on its disk." in visitor.hear("scale web 2")
        assert time.monotonic() - began < TOLD_WITHIN
        status, why = get(ready)
        assert (status, b"cannot be written" in why) == (503, True)
        time.sleep(2)
        assert len(calls.mutating()) <= done + 1  # what was announced before

    assert get(ready)[0] == 200
    assert visitor.end_of(operation).stage is Stage.DONE
    assert len(visitor.ever_launched(operation)) == 1
    visitor.assert_audit_is_complete()
    assert not [line for line in visitor.lab.log.read_text().splitlines() if not line.startswith("{")]
    # What it tells late of all that failed meanwhile is not for the next test's eyes.
    visitor.lab.stop_bot()
    visitor.lab.start_bot()


@contextmanager
def full_disk(visitor: Visitor) -> Iterator[None]:
    """Nothing can be added to any file of the bot."""
    opened = Path("/proc").glob("[0-9]*/fd/*")
    holders = {int(each.parts[2]) for each in opened if leads_to(each, visitor.lab.records)} - {os.getpid()}
    assert holders
    for process in holders:
        resource.prlimit(process, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for process in holders:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(process, resource.RLIMIT_FSIZE, unlimited)


def leads_to(link: Path, file: Path) -> bool:
    with suppress(OSError):  # a file that is closed just now, or another user's
        return link.readlink() == file
    return False


TOLD_WITHIN = within(5)
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
