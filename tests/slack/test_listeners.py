"""From what people type and press to Requests, through the front door and over real sockets."""

import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from slack_bolt import App, BoltRequest, BoltResponse

from bot.domain.errors import ChatError, ConfigError, RecordsError
from bot.domain.naming import request_id
from bot.lab.slack.server import LocalSlack
from bot.slack.calls import web_client
from bot.slack.chat import SlackChat
from bot.slack.listeners import build_app
from bot.slack.socket_mode import connect
from bot.slack.views.card import APPROVE, DENY
from bot.world import Request
from tests.slack.chat_fake import FakeChat
from tests.slack.examples import PLAN, operation


@dataclass
class Inbox:
    """Where requests go."""

    requests: list[Request] = field(default_factory=list)
    error: Exception | None = None
    seconds: float = 0

    def submit(self, request: Request) -> None:
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        self.requests.append(request)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def bot(slack: LocalSlack, chat: SlackChat, inbox: Inbox) -> Iterator[App]:
    client = web_client(slack.bot_token, slack.api_url)
    app = build_app(client=client, signing_secret=slack.signing_secret, submit=inbox.submit, chat=chat)
    connection = connect(app, slack.app_token)
    assert slack.wait_until_connected(5)
    yield app
    connection.close()


@pytest.fixture
def fake_chat() -> FakeChat:
    return FakeChat()


@pytest.fixture
def door(inbox: Inbox, fake_chat: FakeChat) -> Iterator[App]:
    """An app without any Slack behind it: a call of the Web API would fail."""
    client = web_client("xoxb-secret-canary", "http://127.0.0.1:9/api/")
    app = build_app(client=client, signing_secret="s", submit=inbox.submit, chat=fake_chat)
    yield app
    app.listener_runner.listener_executor.shutdown()


def dispatch(app: App, body: dict[str, Any]) -> BoltResponse:
    return app.dispatch(BoltRequest(mode="socket_mode", body=body))


def command(**changes: str) -> dict[str, Any]:
    return {
        "command": "/clone",
        "text": "scale 4",
        "team_id": "T0LAB",
        "user_id": "U0BOB",
        "channel_id": "C0WEB",
        "response_url": "https://hooks.slack.com/commands/T0LAB/1/secret-canary",
        "trigger_id": "1.2.three",
    } | changes


def click(**changes: Any) -> dict[str, Any]:
    action = {"type": "button", "action_id": APPROVE, "block_id": "b", "action_ts": "1000.5"}
    return {
        "type": "block_actions",
        "team": {"id": "T0LAB"},
        "user": {"id": "U0ADA", "team_id": "T0LAB"},
        "channel": {"id": "C0WEB"},
        "actions": [action | {"value": f"op-1:{PLAN.hash}"} | changes.pop("action", {})],
    } | changes


def ephemeral(slack: LocalSlack, user: str) -> list[str]:
    return [json.dumps(m.blocks) + m.text for m in slack.seen_by(user, "C0WEB") if m.ephemeral_for]


# -- typed --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bot")
def test_a_command_becomes_a_request(slack: LocalSlack, inbox: Inbox) -> None:
    slack.command("U0BOB", "C0WEB", "scale 4")
    (request,) = inbox.requests
    assert (request.text, request.team, request.user, request.channel, request.via, request.plan) == (
        "scale 4",
        "T0LAB",
        "U0BOB",
        "C0WEB",
        "slack",
        "",
    )
    assert request.reply_to.startswith(slack.url)
    assert ephemeral(slack, "U0BOB") == []


@pytest.mark.usefixtures("bot")
def test_the_same_delivery_is_the_same_request(slack: LocalSlack, inbox: Inbox) -> None:
    trigger = slack.command("U0BOB", "C0WEB", "scale 4")
    slack.command("U0BOB", "C0WEB", "scale 4", trigger_id=trigger)
    slack.command("U0BOB", "C0WEB", "scale 4")
    ids = [request.id for request in inbox.requests]
    assert ids[0] == ids[1] != ids[2]


def test_an_id_is_short_and_has_no_letter_that_looks_like_another() -> None:
    ids = {request_id(str(number)) for number in range(5000)}
    assert len(ids) == 5000
    assert {len(name) for name in ids} == {len("op-7k2m9qx4")}
    assert not set("".join(name.removeprefix("op-") for name in ids)) & set("ilou")


@pytest.mark.usefixtures("bot")
def test_who_cannot_be_recorded_is_told_so_and_nothing_else_happens(slack: LocalSlack, inbox: Inbox) -> None:
    inbox.error = RecordsError("The audit log cannot be written: the disk is full. <!channel>")
    slack.command("U0BOB", "C0WEB", "scale 4")
    (told,) = ephemeral(slack, "U0BOB")
    assert "Nothing was done" in told
    assert "the disk is full. &lt;!channel&gt;" in told


@pytest.mark.usefixtures("bot")
def test_an_unexpected_error_gets_a_reference_and_no_details(
    slack: LocalSlack, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.error = KeyError("password=hunter2")
    slack.command("U0BOB", "C0WEB", "scale 4")
    (told,) = ephemeral(slack, "U0BOB")
    assert "hunter2" not in told
    (logged,) = [record for record in caplog.records if record.exc_info]
    reference = logged.getMessage().rpartition(" ")[2]
    assert len(reference) == 8
    assert f"`{reference}`" in told


@pytest.mark.usefixtures("bot")
def test_the_acknowledgement_waits_for_the_record_and_for_nothing_else(
    slack: LocalSlack, inbox: Inbox
) -> None:
    for method in ("auth.test", "users.info", "chat.postEphemeral"):
        slack.faults.hang(method, 5)
    began = time.monotonic()
    slack.command("U0BOB", "C0WEB", "scale 4")
    assert time.monotonic() - began < 1
    assert len(inbox.requests) == 1


def test_twenty_slow_requests_do_not_keep_the_next_one_waiting(door: App, inbox: Inbox) -> None:
    inbox.seconds = 1
    slow = [
        threading.Thread(target=dispatch, args=(door, command(trigger_id=f"slow.{number}")))
        for number in range(20)
    ]
    for thread in slow:
        thread.start()
    time.sleep(0.2)
    inbox.seconds = 0
    began = time.monotonic()
    assert dispatch(door, command()).status == 200
    assert time.monotonic() - began < 0.5
    for thread in slow:
        thread.join()
    assert len(inbox.requests) == 21


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("scale 4 \ud83d", "scale 4 \ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("scale\x004", "scale 4"),
        ("x" * 9000, "x" * 4000),
        ("status —dry-run “a b”", "status —dry-run “a b”"),
    ],
    ids=["half a character", "two halves", "a null", "endless", "typography is the catalogue's business"],
)
def test_hostile_text_can_be_stored(door: App, inbox: Inbox, typed: str, kept: str) -> None:
    assert dispatch(door, command(text=typed)).status == 200
    assert [request.text for request in inbox.requests] == [kept]


def test_a_command_without_text_is_a_request_too(door: App, inbox: Inbox) -> None:
    body = command()
    del body["text"]
    assert dispatch(door, body).status == 200
    assert [request.text for request in inbox.requests] == [""]


# -- pressed ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bot")
def test_a_click_carries_the_plan_that_the_person_saw(
    slack: LocalSlack, chat: SlackChat, inbox: Inbox
) -> None:
    shown = operation()
    slack.click("U0ADA", "C0WEB", chat.show(shown), APPROVE)
    slack.click("U0CAT", "C0WEB", chat.show(shown), DENY)
    approve, deny = inbox.requests
    assert (approve.text, approve.user, approve.plan) == (f"approve {shown.id}", "U0ADA", shown.plan.hash)
    assert (deny.text, deny.user, deny.plan) == (f"deny {shown.id}", "U0CAT", shown.plan.hash)
    assert approve.reply_to.startswith(slack.url)


def test_a_double_click_is_one_request_and_a_later_click_another(door: App, inbox: Inbox) -> None:
    for moment in ("1000.5", "1000.5", "1001.2", "1042.0"):
        dispatch(door, click(action={"action_ts": moment}))
    dispatch(door, click(user={"id": "U0EVE", "team_id": "T0LAB"}))
    dispatch(door, click(action={"action_id": DENY}))
    ids = [request.id for request in inbox.requests]
    assert ids[0] == ids[1] == ids[2]
    assert len(set(ids)) == 4


def test_a_person_of_another_workspace_is_not_taken_for_one_of_ours(door: App, inbox: Inbox) -> None:
    dispatch(door, click(user={"id": "U0ADA", "team_id": "T0OTHER"}))
    assert [request.team for request in inbox.requests] == ["T0OTHER"]


@pytest.mark.usefixtures("bot")
def test_whose_click_cannot_be_recorded_is_told_so(slack: LocalSlack, chat: SlackChat, inbox: Inbox) -> None:
    inbox.error = RecordsError("The audit log cannot be written.")
    slack.click("U0ADA", "C0WEB", chat.show(operation()), APPROVE)
    slack.wait_for(lambda message: message.ephemeral_for == "U0ADA")
    (told,) = ephemeral(slack, "U0ADA")
    assert "The audit log cannot be written." in told
    assert len([m for m in slack.messages("C0WEB") if m.metadata]) == 1


@pytest.mark.parametrize("value", ["", "op-1", f"op-1; rm:{'a' * 64}", f"op-1:{'a' * 63}", None])
def test_a_button_that_is_not_ours_gets_a_reference(
    door: App, inbox: Inbox, fake_chat: FakeChat, value: str | None
) -> None:
    assert dispatch(door, click(action={"value": value})).status == 200
    assert inbox.requests == []
    (told,) = fake_chat.answers_to("U0ADA")
    assert "reference" in told


def test_an_error_is_acknowledged_also_when_the_person_cannot_be_told(
    door: App, inbox: Inbox, fake_chat: FakeChat
) -> None:
    inbox.error = KeyError("x")
    fake_chat.down = ChatError("Slack is out of order.")
    assert dispatch(door, command()).status == 200
    assert dispatch(door, click()).status == 200


# -- the rest -----------------------------------------------------------------------------------------


def test_what_nobody_asked_for_is_refused_quietly(
    door: App, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    event = {"type": "event_callback", "team_id": "T0LAB", "event": {"type": "message", "text": "secret"}}
    assert dispatch(door, event).status == 404
    assert dispatch(door, click(action={"action_id": "foreign"})).status == 404
    assert inbox.requests == []
    assert "secret" not in caplog.text


def test_no_token_and_no_words_reach_the_log(
    door: App, inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dispatch(door, command(text="words of bob"))
    inbox.error = KeyError("x")
    dispatch(door, command(text="words of bob"))
    door.dispatch(BoltRequest(mode="http", body="text=words of bob", headers={"x-slack-signature": "v0=1"}))
    assert "words of bob" not in caplog.text
    assert "canary" not in caplog.text


def test_an_unsigned_request_is_refused(door: App, inbox: Inbox) -> None:
    body = "command=%2Fclone&text=scale+4&trigger_id=1&user_id=U0ADA&team_id=T0LAB"
    assert door.dispatch(BoltRequest(mode="http", body=body, headers={})).status == 401
    assert inbox.requests == []


def test_a_request_in_flight_is_acknowledged_before_the_connection_closes(
    slack: LocalSlack, chat: SlackChat, inbox: Inbox
) -> None:
    inbox.seconds = 0.5
    client = web_client(slack.bot_token, slack.api_url)
    app = build_app(client=client, signing_secret="s", submit=inbox.submit, chat=chat)
    connection = connect(app, slack.app_token)
    assert slack.wait_until_connected(5)
    typing = threading.Thread(target=slack.command, args=("U0BOB", "C0WEB", "scale 4"))
    typing.start()
    time.sleep(0.2)
    connection.close()
    typing.join()
    assert [request.text for request in inbox.requests] == ["scale 4"]
    assert ephemeral(slack, "U0BOB") == []


@pytest.mark.usefixtures("bot")
def test_the_connection_mends_itself(slack: LocalSlack, inbox: Inbox) -> None:
    slack.faults.drop_sockets()
    deadline = time.monotonic() + 20
    while not inbox.requests and time.monotonic() < deadline:
        slack.wait_until_connected(20)
        slack.command("U0BOB", "C0WEB", "scale 4")
    assert inbox.requests


def test_a_wrong_app_token_says_where_to_find_the_right_one(
    slack: LocalSlack, chat: SlackChat, inbox: Inbox
) -> None:
    client = web_client(slack.bot_token, slack.api_url)
    app = build_app(client=client, signing_secret="s", submit=inbox.submit, chat=chat)
    with pytest.raises(ConfigError, match=r"SLACK_APP_TOKEN \(invalid_auth\)"):
        connect(app, "xapp-wrong")


def test_a_slack_that_cannot_be_reached_is_a_chat_error(door: App) -> None:
    with pytest.raises(ChatError, match=r"http://127.0.0.1:9/api/"):
        connect(door, "xapp-1")
