"""Requests that Slack did not send, or sent before, or in no form of its own: refused, and without effect.

The number of forged ones and their seed come from the environment, see `make invariants`.
"""

import http.client
import json
import os
import random
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from bot.domain.naming import request_id
from bot.domain.operation import Stage
from bot.lab.slack.deliveries import Delivery, send, sign, word
from bot.lab.slack.sockets import BotSilentError
from tests.scenarios.conftest import Labs
from tests.scenarios.visitor import ADA, BOB, CHANNEL, Visitor

NUMBER = int(os.environ.get("FORGED", "300"))
SEED = int(os.environ.get("INVARIANTS_SEED", time.time_ns() % 1_000_000))
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
NOT_EVEN_HTTP = {400, 413}
"""What the server itself answers to headers that HTTP forbids and to what is too large, before we look."""

Header = tuple[str, str]
pytestmark = [pytest.mark.timeout(900)]


@pytest.fixture
def over_http(labs: Labs) -> Iterator[Visitor]:
    visitor = Visitor(labs("http"))
    yield visitor
    visitor.tidy()


# -- not from Slack


@pytest.mark.xdist_group("http")
def test_forged_requests_get_401_and_change_nothing(over_http: Visitor) -> None:
    forge, met = Forger(over_http, random.Random(SEED)), Counter[int]()

    with without_effect(over_http):
        for _ in range(NUMBER):
            met[forge.one()] += 1

    sys.stdout.write(f"seed {SEED}: {dict(met)}\n")
    assert met.total() == NUMBER
    assert met.keys() <= {401} | NOT_EVEN_HTTP, f"seed {SEED}: {met}"
    assert met[401] > NUMBER * 0.8, f"seed {SEED}: {met}"


@pytest.mark.xdist_group("http")
def test_signed_requests_of_no_known_form_break_nothing(over_http: Visitor) -> None:
    dice, met = random.Random(SEED), Counter[int]()

    with without_effect(over_http):
        for _ in range(max(100, NUMBER // 5)):
            delivery = misshapen(dice, over_http)
            met[send(url(over_http), delivery, 10)[0]] += 1

    sys.stdout.write(f"seed {SEED}: {dict(met)}\n")
    assert met.keys() <= {200, 400, 401, 404}, f"seed {SEED}: {met}"


ASKED = "SELECT count(*) FROM audit WHERE kind NOT IN ('reconciled', 'posted')"
"""The bot compares AWS with its records by itself, and shows what it did before."""


class Forger:
    """Makes requests that look like Slack's and are not."""

    def __init__(self, visitor: Visitor, dice: random.Random) -> None:
        self._visitor = visitor
        self._dice = dice
        self._address = urlsplit(url(visitor))
        self._ways = (
            self._other_secret,
            self._other_time,
            self._other_body,
            self._damaged_header,
            self._repeated_header,
            self._nothing,
            self._noise,
        )

    def one(self) -> int:
        """Send one; the status that it met."""
        headers, body = self._dice.choice(self._ways)()
        return self._send(headers, body)

    def _true(self, at: float | None = None, secret: str = "") -> tuple[list[Header], bytes]:
        body = urlencode(command(self._visitor, f"{self._dice.random()}", "scale web 8")).encode()
        signed = sign(secret or self._visitor.lab.slack.signing_secret, body, at=at)
        return list(signed.headers.items()), body

    def _other_secret(self) -> tuple[list[Header], bytes]:
        return self._true(secret=self._dice.choice(["guessed", "0" * 32, "é", " "]))

    def _other_time(self) -> tuple[list[Header], bytes]:
        away = self._dice.choice([301, 302, 3600, 10**6]) * self._dice.choice([-1, 1])
        return self._true(at=time.time() + away + (1 if away > 0 else 0))

    def _other_body(self) -> tuple[list[Header], bytes]:
        headers, body = self._true()
        place = self._dice.randrange(len(body))
        return headers, body[:place] + bytes([body[place] ^ self._dice.randrange(1, 256)]) + body[place + 1 :]

    def _damaged_header(self) -> tuple[list[Header], bytes]:
        headers, body = self._true()
        which = self._dice.choice(["X-Slack-Signature", "X-Slack-Request-Timestamp"])
        damages = (
            "",
            "now",
            "1e9",
            "-1",
            "0x10",
            "9" * 400,
            "v0=",
            "v1=" + "0" * 64,
            "v0=" + "ÿ" * 64,
            "½",
            "NaN",
        )
        value = self._dice.choice([*damages, dict(headers)[which] + self._dice.choice("0 a;,")[:1] + "1"])
        return [(name, value if name == which else old) for name, old in headers], body

    def _repeated_header(self) -> tuple[list[Header], bytes]:
        headers, body = self._true(secret="guessed")
        again = self._dice.choice(["X-Slack-Signature", "X-Slack-Request-Timestamp", "Content-Type"])
        return [*headers, (again, self._dice.choice(["", "v0=" + "0" * 64, "0", JSON]))], body

    def _nothing(self) -> tuple[list[Header], bytes]:
        kinds = (FORM, JSON, "text/xml", "multipart/form-data", "application/json; charset=utf-7", "", "é")
        bodies = (
            b"",
            b"{",
            b"\xff\xfe\x00",
            b"[" * 20_000,
            b"payload=%7B",
            b'{"text": "\\ud800"}',
            b"x" * 100_000,
        )
        return [("Content-Type", self._dice.choice(kinds))], self._dice.choice(bodies)

    def _noise(self) -> tuple[list[Header], bytes]:
        name = "X-Slack-" + "".join(self._dice.choices(string.ascii_letters, k=5))
        value = "".join(self._dice.choices(string.printable + "é\x80\x00", k=20))
        return [(name, value)], self._dice.randbytes(self._dice.randrange(200))

    def _send(self, headers: list[Header], body: bytes) -> int:
        """Send header by header, as no well-behaved client would."""
        connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=10)
        lines = [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers]
        head = [b"POST /slack/events HTTP/1.1", b"Host: bot", b"Content-Length: %d" % len(body), *lines]
        try:
            connection.connect()
            connection.sock.sendall(b"\r\n".join(head) + b"\r\n\r\n" + body)
            answer = http.client.HTTPResponse(connection.sock, method="POST")
            answer.begin()
            return answer.status
        finally:
            connection.close()


WRONG: tuple[Any, ...] = (None, 7, [], ["x"], {}, {"id": []}, "", "U0BOB\n", "x" * 5000, "\ud800", True, -1.5)


def misshapen(dice: random.Random, visitor: Visitor) -> Delivery:
    """What Slack signed, with something in it that no request of Slack's has."""
    secret = visitor.lab.slack.signing_secret
    if dice.random() < 0.3:
        bodies = (
            b"",
            b"{",
            b"null",
            b"[]",
            b"\xff\xfe",
            b"payload=",
            b"payload=%5B%5D",
            b"[" * 50_000,
            b'"\\ud800"',
        )
        return sign(secret, dice.choice(bodies), dice.choice([JSON, FORM, "text/plain", ""]))
    payload = dice.choice([command(visitor, "misshapen", "scale web 8"), click(ADA, "op-1:" + "0" * 64)])
    need = ("user_id", "team_id", "channel_id", "trigger_id") if "command" in payload else ("user", "actions")
    wrong = [each for each in WRONG if each != "x" * 5000 or "command" not in payload] or WRONG
    damaged = payload | {dice.choice(need): dice.choice(wrong)}
    if dice.random() < 0.5:
        return sign(secret, json.dumps(damaged).encode(), JSON)
    return word(secret, "interactive", damaged)


# -- more than once


def test_the_same_requests_ten_times_also_across_restarts_have_one_effect(visitor: Visitor) -> None:
    asked = command(visitor, f"{time.time_ns()}.again", "scale web 3")
    operation = request_id(asked["trigger_id"])

    deliver_again_and_again(visitor, "slash_commands", asked)
    visitor.until(lambda: visitor.knows(operation), "nothing came of it")
    approved = click(ADA, f"{operation}:{visitor.operation(operation).plan.hash}")
    deliver_again_and_again(visitor, "interactive", approved)

    assert visitor.end_of(operation).stage is Stage.DONE
    sql = "SELECT count(*) FROM audit WHERE kind = ? AND operation = ?"
    for kind in ("requested", "planned", "approved", "started", "finished"):
        assert visitor.audit(sql, kind, operation) == [(1,)], kind
    assert len(visitor.ever_launched(operation)) == 3


def test_events_that_slack_repeats_because_nobody_takes_them_change_nothing(visitor: Visitor) -> None:
    visitor.lab.slack.ack_seconds, before = 1.0, visitor.lab.slack.ack_seconds
    try:
        with without_effect(visitor), suppress(BotSilentError):
            visitor.lab.slack.event(
                {"type": "message", "user": BOB, "text": "/clone scale web 8", "ts": "1.1"}
            )
    finally:
        visitor.lab.slack.ack_seconds = before


# -- what the tests do


TRACES = ("unexpected", "Exception on", "A request from Slack failed", "Traceback")


@contextmanager
def without_effect(visitor: Visitor) -> Iterator[None]:
    """No row, no change of AWS, no trace in the log."""
    rows, calls = settled(visitor), len(visitor.lab.aws.calls.mutating())
    logged = len(visitor.lab.log.read_text())
    yield
    time.sleep(0.5)  # what would be done a little later is an effect, too
    assert visitor.audit(ASKED) == rows, f"seed {SEED}"
    assert len(visitor.lab.aws.calls.mutating()) == calls, f"seed {SEED}"
    told = visitor.lab.log.read_text()[logged:]
    assert not [line for line in told.splitlines() if any(trace in line for trace in TRACES)], f"seed {SEED}"


def settled(visitor: Visitor) -> list[tuple[int]]:
    """The rows, once what was asked before has its last one."""
    seen: list[list[tuple[int]]] = [[]]

    def is_quiet() -> bool:
        seen.append(visitor.audit(ASKED))
        time.sleep(0.3)
        return visitor.audit(ASKED) == seen[-1] == seen[-2]

    visitor.until(is_quiet, "rows go on coming")
    return seen[-1]


def deliver_again_and_again(visitor: Visitor, kind: str, payload: dict[str, Any]) -> None:
    """Ten times the same request, signed once, marked as Slack marks retries; a kill in the middle."""
    deliver = once_signed(visitor, kind, payload)
    for number in range(10):
        if number == 5:
            visitor.lab.kill_bot()
            visitor.lab.start_bot()
        deliver(number)


def once_signed(visitor: Visitor, kind: str, payload: dict[str, Any]) -> Callable[[int], object]:
    slack = visitor.lab.slack
    if slack.request_url is None:

        def by_socket(_: int) -> None:
            # A bot that has just started may be late; Slack tells that to who clicked, and repeats nothing.
            with suppress(BotSilentError):
                slack.deliver(kind, payload)

        return by_socket
    delivery = word(slack.signing_secret, kind, payload)

    def deliver(number: int) -> None:
        marked = delivery.again(number, BotSilentError()) if number else delivery
        assert send(url(visitor), marked, 10)[0] == 200

    return deliver


def command(visitor: Visitor, trigger: str, text: str) -> dict[str, Any]:
    """A command as Slack sends it."""
    return {
        "command": "/clone",
        "text": text,
        "team_id": visitor.lab.slack.team.id,
        "user_id": BOB,
        "channel_id": CHANNEL,
        "trigger_id": trigger,
    }


def click(user: str, value: str) -> dict[str, Any]:
    """A press of Approve as Slack sends it."""
    action = {"action_id": "operation.approve", "value": value, "type": "button", "block_id": "decision"}
    return {
        "type": "block_actions",
        "user": {"id": user, "team_id": "T0LAB"},
        "team": {"id": "T0LAB"},
        "channel": {"id": CHANNEL},
        "actions": [{**action, "action_ts": f"{time.time():.6f}"}],
    }


def url(visitor: Visitor) -> str:
    return f"{visitor.lab.bot_url}/slack/events"
