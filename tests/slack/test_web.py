"""What comes over HTTP: Slack's own requests get through, and nobody else's."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from slack_bolt import App

from bot.domain.errors import RecordsError
from bot.domain.operation import Stage
from bot.lab.slack.deliveries import Delivery, sign, word
from bot.metrics import OperationsCollector, ReconcileCollector
from bot.slack.calls import web_client
from bot.slack.listeners import build_app
from bot.slack.web import build_web
from bot.workflow.reconcile import Report
from tests.slack.chat_fake import FakeChat
from tests.slack.test_listeners import Inbox, click, command

SECRET = "signing-secret"
EVENTS = "/slack/events"
JSON = "application/json"
MEGABYTE = 1024 * 1024
BODY = urlencode(command()).encode()
GOOD = sign(SECRET, BODY)
SIGNATURE = GOOD.headers["X-Slack-Signature"]
SEED = 20261122


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def app(inbox: Inbox) -> Iterator[App]:
    """An app without any Slack behind it: a call of the Web API would fail."""
    client = web_client("xoxb-secret-canary", "http://127.0.0.1:9/api/")
    app = build_app(client=client, signing_secret=SECRET, submit=inbox.submit, chat=FakeChat())
    yield app
    app.listener_runner.listener_executor.shutdown()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def web(app: App, registry: CollectorRegistry) -> FlaskClient:
    return build_web(lambda: app, SECRET, registry).test_client()


def post(web: FlaskClient, delivery: Delivery) -> tuple[int, str]:
    answer = web.post(EVENTS, data=delivery.body, headers=delivery.headers)
    return answer.status_code, answer.text


def with_header(name: str, value: str) -> Delivery:
    return replace(GOOD, headers=GOOD.headers | {name: value})


def without(name: str) -> Delivery:
    return replace(GOOD, headers={key: value for key, value in GOOD.headers.items() if key != name})


# -- Slack's own --------------------------------------------------------------------------------------


def test_a_signed_command_becomes_a_request(web: FlaskClient, inbox: Inbox) -> None:
    assert post(web, sign(SECRET, BODY)) == (200, "")
    (request,) = inbox.requests
    assert (request.text, request.user, request.team, request.via) == ("scale 4", "U0BOB", "T0LAB", "slack")


def test_a_signed_click_becomes_a_request(web: FlaskClient, inbox: Inbox) -> None:
    assert post(web, word(SECRET, "interactive", click())) == (200, "")
    assert [request.text for request in inbox.requests] == ["approve op-1"]


def test_what_could_not_be_recorded_is_said_in_the_answer(web: FlaskClient, inbox: Inbox) -> None:
    inbox.error = RecordsError("The audit log cannot be written.")

    status, text = post(web, sign(SECRET, BODY))

    assert status == 200
    assert json.loads(text)["response_type"] == "ephemeral"
    assert "The audit log cannot be written." in text


def test_slack_may_verify_the_address(web: FlaskClient) -> None:
    body = json.dumps({"type": "url_verification", "challenge": "prove it", "token": "t"}).encode()

    assert post(web, sign(SECRET, body, JSON)) == (200, '{"challenge": "prove it"}')


def test_the_same_signed_request_ten_times_is_one_request(web: FlaskClient, inbox: Inbox) -> None:
    delivery = sign(SECRET, BODY)

    assert {post(web, delivery) for _ in range(10)} == {(200, "")}
    assert len({request.id for request in inbox.requests}) == 1


def test_the_same_click_ten_times_is_one_request(web: FlaskClient, inbox: Inbox) -> None:
    delivery = word(SECRET, "interactive", click())

    assert {post(web, delivery) for _ in range(10)} == {(200, "")}
    assert len({request.id for request in inbox.requests}) == 1


# -- everybody else's ---------------------------------------------------------------------------------

FORGED = {
    "no signature": without("X-Slack-Signature"),
    "no timestamp": without("X-Slack-Request-Timestamp"),
    "nothing of Slack's": Delivery(BODY, {"Content-Type": "application/x-www-form-urlencoded"}),
    "another secret": sign("guessed", BODY),
    "an empty secret": sign("", BODY),
    "another body": replace(GOOD, body=BODY.replace(b"scale+4", b"scale+9")),
    "no body": replace(GOOD, body=b""),
    "an empty signature": with_header("X-Slack-Signature", ""),
    "a signature without version": with_header("X-Slack-Signature", SIGNATURE.removeprefix("v0=")),
    "another version": with_header("X-Slack-Signature", SIGNATURE.replace("v0", "v1")),
    "half a signature": with_header("X-Slack-Signature", SIGNATURE[:20]),
    "a longer signature": with_header("X-Slack-Signature", SIGNATURE + "0"),
    "a signature that is no hexadecimal": with_header("X-Slack-Signature", "v0=" + "z" * 64),
    "a signature beyond ASCII": with_header("X-Slack-Signature", "v0=" + "é" * 64),
    "a word for a timestamp": with_header("X-Slack-Request-Timestamp", "now"),
    "an empty timestamp": with_header("X-Slack-Request-Timestamp", ""),
    "a fraction for a timestamp": with_header("X-Slack-Request-Timestamp", f"{time.time():.3f}"),
    "a negative timestamp": with_header("X-Slack-Request-Timestamp", "-1"),
    "a timestamp with a space": with_header("X-Slack-Request-Timestamp", f" {int(time.time())} 1"),
    "a timestamp in other digits": with_header("X-Slack-Request-Timestamp", "²³¹"),
    "a huge timestamp": with_header("X-Slack-Request-Timestamp", "9" * 5000),
    "another timestamp": with_header("X-Slack-Request-Timestamp", str(int(time.time()) - 7)),
    "not UTF-8": sign("guessed", b"\xff\xfe\x00"),
    "no JSON, said to be": Delivery(b"{", {"Content-Type": JSON}),
    "deep JSON": Delivery(b'{"a":' * 90_000, {"Content-Type": JSON}),
    "a payload that is no JSON": Delivery(b"payload=%7B", {"Content-Type": "text/plain"}),
    "a check of the certificate": Delivery(b"ssl_check=1", {}),
    "a challenge": Delivery(b'{"type": "url_verification", "challenge": "x"}', {"Content-Type": JSON}),
}


@pytest.mark.parametrize("delivery", FORGED.values(), ids=FORGED.keys())
def test_what_slack_did_not_sign_is_refused(web: FlaskClient, inbox: Inbox, delivery: Delivery) -> None:
    assert post(web, delivery) == (401, "This is for Slack alone.\n")
    assert inbox.requests == []


@pytest.mark.parametrize("seconds", [-100_000, -302, 302, 100_000])
def test_what_slack_signed_at_another_time_is_refused(web: FlaskClient, inbox: Inbox, seconds: float) -> None:
    assert post(web, sign(SECRET, BODY, at=time.time() + seconds))[0] == 401
    assert inbox.requests == []


def test_rightly_signed_bytes_that_are_no_text_are_refused(web: FlaskClient) -> None:
    assert post(web, sign(SECRET, b"\xff\xfe"))[0] == 401


@pytest.mark.parametrize("size", [MEGABYTE + 1, 3 * MEGABYTE])
def test_what_is_too_large_is_refused_whoever_signed_it(web: FlaskClient, inbox: Inbox, size: int) -> None:
    body = BODY + b"&more=" + b"x" * size

    assert post(web, sign(SECRET, body))[0] == 413
    assert post(web, Delivery(body, {}))[0] == 413
    assert inbox.requests == []


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'"text"', b"7", b"null", b"payload=%7B", b"payload=%5B%5D", b"payload=7"]
)
@pytest.mark.parametrize("content_type", [JSON, "application/x-www-form-urlencoded"])
def test_rightly_signed_nonsense_is_refused_and_breaks_nothing(
    web: FlaskClient, inbox: Inbox, body: bytes, content_type: str
) -> None:
    assert post(web, sign(SECRET, body, content_type))[0] in {400, 404}
    assert inbox.requests == []


def changed(whole: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A payload with other parts; None takes one away."""
    return {name: value for name, value in (whole | parts).items() if value is not None}


MISSHAPEN = {
    "a command without a trigger": changed(command(), trigger_id=None),
    "a command with an empty trigger": changed(command(), trigger_id=""),
    "a command of nobody": changed(command(), user_id=None),
    "a command of a name": changed(command(), user_id="bob"),
    "a command of two lines": changed(command(), user_id="U0BOB\nU0ADA"),
    "a command of a mention": changed(command(), user_id="U0 @U0CAT"),
    "a command from nowhere": changed(command(), channel_id=""),
    "a command whose text is a list": changed(command(), text=["scale 4"]),
    "a command that is a number": changed(command(), command=4),
    "a click without actions": changed(click(), actions=[]),
    "a click whose actions are a word": changed(click(), actions="approve"),
    "a click whose action is a word": changed(click(), actions=["approve"]),
    "a click whose action has no id": changed(click(), actions=[{"value": "op-1", "action_ts": "1.0"}]),
    "a click by a word": changed(click(), user="U0BOB"),
    "a click by nobody": changed(click(), user=None),
    "a click in a word": changed(click(), channel="C0WEB"),
    "a click at no time": changed(click(), actions=[click()["actions"][0] | {"action_ts": "nan"}]),
    "a click at the end of time": changed(click(), actions=[click()["actions"][0] | {"action_ts": "inf"}]),
    "an event that is a list": {"type": "event_callback", "event": []},
    "a challenge that is a list": {"type": "url_verification", "challenge": ["x"]},
    "a kind that there is not": {"type": "view_submission", "view": [], "actions": []},
    "no kind": {},
}


@pytest.mark.parametrize("payload", MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_rightly_signed_requests_of_another_shape_are_refused_at_once(
    web: FlaskClient, inbox: Inbox, payload: dict[str, Any]
) -> None:
    form = urlencode({"payload": json.dumps(payload)}).encode()
    began = time.monotonic()

    statuses = {
        post(web, sign(SECRET, json.dumps(payload).encode(), JSON))[0],
        post(web, sign(SECRET, form))[0],
    }

    assert statuses == {404}
    assert time.monotonic() - began < 2, "it was waited for an acknowledgement"
    assert inbox.requests == []


def test_a_thousand_damaged_requests_change_nothing(web: FlaskClient, inbox: Inbox) -> None:
    dice = random.Random(SEED)

    statuses = {post(web, damage(dice))[0] for _ in range(1000)}

    assert statuses == {401}, f"seed {SEED}"
    assert inbox.requests == [], f"seed {SEED}"


def damage(dice: random.Random) -> Delivery:
    """A good request with something wrong in its body or in one of the headers that count."""
    if dice.random() < 1 / 3:
        return replace(GOOD, body=bytes(scramble(dice, list(BODY), range(256))))
    name = dice.choice(["X-Slack-Signature", "X-Slack-Request-Timestamp"])
    return with_header(name, "".join(scramble(dice, list(GOOD.headers[name]), "0123456789abcdefgv=-+ é\t")))


def scramble(dice: random.Random, text: list[Any], letters: Any) -> list[Any]:
    place, before = dice.randrange(len(text)), list(text)
    while text == before:
        text[place : place + dice.choice([0, 1, 9])] = dice.choices(letters, k=dice.choice([0, 1, 3]))
    return text


def test_a_refused_request_leaves_nothing_of_it_in_the_log(
    web: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    post(web, sign("guessed", BODY.replace(b"scale", b"canary")))

    assert "canary" not in caplog.text


# -- what operators ask for ---------------------------------------------------------------------------


def test_until_the_bot_is_ready_slack_is_told_to_wait() -> None:
    web = build_web(lambda: None, SECRET, CollectorRegistry()).test_client()

    assert post(web, sign(SECRET, BODY)) == (503, "Not ready yet.\n")
    assert web.get("/readyz").status_code == 503
    assert web.get("/healthz").status_code == 200


def test_a_stranger_learns_nothing_of_whether_the_bot_is_ready() -> None:
    web = build_web(lambda: None, SECRET, CollectorRegistry()).test_client()

    assert post(web, sign("guessed", BODY))[0] == 401


def test_a_ready_bot_says_so(web: FlaskClient) -> None:
    assert web.get("/readyz").status_code == web.get("/healthz").status_code == 200


@pytest.mark.parametrize("path", ["/", "/slack", "/slack/events/", "/slack/install", "/static/x", "/%00"])
def test_there_is_nothing_else(web: FlaskClient, path: str) -> None:
    assert web.get(path).status_code == 404
    assert web.post(path, data=BODY).status_code == 404


def test_metrics_count_what_came(web: FlaskClient, registry: CollectorRegistry) -> None:
    registry.register(OperationsCollector(lambda: {Stage.RUNNING: 2, Stage.DONE: 5}))
    for delivery in (sign(SECRET, BODY), sign(SECRET, BODY), sign("guessed", BODY)):
        post(web, delivery)

    lines = web.get("/metrics").text.splitlines()

    assert 'clonebot_slack_requests_total{status="200"} 2.0' in lines
    assert 'clonebot_slack_requests_total{status="401"} 1.0' in lines
    assert 'clonebot_operations{stage="running"} 2.0' in lines
    assert 'clonebot_operations{stage="failed"} 0.0' in lines
    assert "clonebot_records_readable 1.0" in lines


def test_metrics_tell_what_differs_and_when_that_was_last_looked_at(
    web: FlaskClient, registry: CollectorRegistry
) -> None:
    read = datetime(2026, 11, 22, 12, tzinfo=UTC)
    reports = {"web": Report(differences=2, read=read), "shop": Report()}
    registry.register(ReconcileCollector(lambda: reports))
    lines = web.get("/metrics").text.splitlines()
    assert 'clonebot_reconcile_findings{fleet="web"} 2.0' in lines
    assert 'clonebot_reconcile_findings{fleet="shop"} 0.0' in lines
    seconds = 'clonebot_reconcile_last_success_timestamp_seconds{fleet="web"}'
    (last,) = (line for line in lines if line.startswith("clonebot_reconcile_last_success"))
    assert last.startswith(seconds)
    assert float(last.removeprefix(seconds)) == read.timestamp()


def test_metrics_give_no_number_of_operations_that_nobody_could_read(
    web: FlaskClient, registry: CollectorRegistry
) -> None:
    registry.register(OperationsCollector(unreadable))

    text = web.get("/metrics").text

    assert "clonebot_records_readable 0.0" in text
    assert "clonebot_operations{" not in text


def unreadable() -> dict[Stage, int]:
    raise RecordsError("The audit log cannot be read.")


def test_it_is_not_ready_while_nothing_could_be_done(app: App) -> None:
    web = build_web(lambda: app, SECRET, CollectorRegistry(), lambda: "The disk is full.").test_client()

    answer = web.get("/readyz")

    assert (answer.status_code, answer.text) == (503, "The disk is full.\n")
    assert web.get("/healthz").status_code == 200
