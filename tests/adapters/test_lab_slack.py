import contextlib
import http.client
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from simple_websocket import Client, ConnectionClosed
from slack_bolt import Ack, App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.lab.slack import LocalSlack, Message
from bot.lab.slack.sockets import BotSilentError
from bot.lab.slack.team import BOT_ID, SLACKBOT_ID

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(action_id: str = "approve", **more: Any) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain("Approve"), "value": "op-1", **more}


def buttons(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements) or [button()]}


MODAL: Json = {"type": "modal", "title": plain("x"), "blocks": []}
CARD: list[Json] = [
    {"type": "header", "text": plain("Scale web: 2 → 4 clones")},
    {"type": "section", "text": mrkdwn("*bob* asks"), "accessory": button("details")},
    {"type": "section", "fields": [mrkdwn("*Now*\n2"), mrkdwn("*Then*\n4")]},
    {"type": "divider"},
    {"type": "context", "elements": [mrkdwn("plan `3fa9c1`")]},
    buttons(
        button(
            style="primary",
            confirm={
                "title": plain("Sure?"),
                "text": mrkdwn("*2* servers"),
                "confirm": plain("Yes"),
                "deny": plain("No"),
            },
        ),
        button("deny", style="danger"),
    ),
]


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack() as slack:
        yield slack


@pytest.fixture
def web(slack: LocalSlack) -> WebClient:
    return WebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


class RawBot:
    """A socket without a bot behind it, to see and answer envelopes one by one."""

    def __init__(self, slack: LocalSlack) -> None:
        web = WebClient(base_url=slack.api_url)
        address = web.apps_connections_open(app_token=slack.app_token)["url"]
        # This client sees a greeting that came with the handshake only when more comes: a pong.
        self.socket = Client.connect(address, ping_interval=1)
        self.hello = self.next()

    def next(self, timeout: float = 5) -> Json:
        text = self.socket.receive(timeout=timeout)
        assert text is not None, "no envelope came"
        body: Json = json.loads(text)
        return body

    def is_quiet(self) -> bool:
        return self.socket.receive(timeout=0.2) is None

    def acknowledge(self, envelope: Json, **answer: Any) -> None:
        self.socket.send(json.dumps({"envelope_id": envelope["envelope_id"], "payload": answer}))

    def close(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            self.socket.close()


@contextlib.contextmanager
def running(action: Callable[[], object]) -> Iterator[None]:
    thread = threading.Thread(target=action)
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


@contextlib.contextmanager
def bolt_bot(slack: LocalSlack, web: WebClient) -> Iterator[list[Json]]:
    """A real Bolt app that answers every command with a card, and every click with who clicked."""
    app, heard = App(client=web), []

    @app.command("/clone")
    def on_command(ack: Ack, command: Json, body: Json) -> None:
        ack()
        heard.append(body)
        web.chat_postMessage(channel=command["channel_id"], text=command["text"], blocks=CARD)

    @app.action(re.compile(".*"))
    def on_click(ack: Ack, body: Json) -> None:
        ack()
        heard.append(body)
        text = f"{body['actions'][0]['value']} by {body['user']['id']}"
        web.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text=text)

    handler = SocketModeHandler(app, slack.app_token, ping_interval=1)
    handler.connect()  # type: ignore[no-untyped-call]
    assert slack.wait_until_connected(5)
    yield heard
    # Closed from here the client goes at once; by itself it waits three seconds for more to read.
    handler.client.auto_reconnect_enabled = False
    slack.faults.drop_sockets()
    wait_until(lambda: not handler.client.is_connected())
    handler.close()  # type: ignore[no-untyped-call]


def wait_until(condition: Callable[[], bool], timeout: float = 5) -> bool:
    deadline = time.monotonic() + timeout
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def call_page(
    slack: LocalSlack, path: str, *, body: Json | None = None, headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, str]:
    connection = http.client.HTTPConnection(urlsplit(slack.url).netloc, timeout=5)
    sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
    connection.request("GET" if body is None else "POST", path, json.dumps(body) if body else None, sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


def page_token(slack: LocalSlack) -> dict[str, str]:
    found = re.search(r'name="page-token" content="([^"]+)"', call_page(slack, "/")[2])
    assert found
    return {"X-Page-Token": found[1]}


# -- commands and clicks ---------------------------------------------------------------------------------


def test_a_real_bolt_app_hears_a_command_and_answers_in_the_channel(
    slack: LocalSlack, web: WebClient
) -> None:
    with bolt_bot(slack, web) as heard:
        trigger = slack.command("U0BOB", "C0WEB", "scale 4")
        answer = slack.wait_for(lambda message: message.text == "scale 4")
    assert (answer.user, answer.channel, answer.ephemeral_for) == (BOT_ID, "C0WEB", None)
    assert (
        heard[0].items()
        >= {
            "team_id": "T0LAB",
            "channel_id": "C0WEB",
            "channel_name": "web-servers",
            "user_id": "U0BOB",
            "user_name": "bob",
            "command": "/clone",
            "text": "scale 4",
            "trigger_id": trigger,
        }.items()
    )
    assert heard[0]["response_url"].startswith(slack.url)
    assert slack.problems == []


def test_a_click_carries_the_buttons_own_value_and_the_message(slack: LocalSlack, web: WebClient) -> None:
    with bolt_bot(slack, web) as heard:
        ts = web.chat_postMessage(channel="C0WEB", text="plan", blocks=CARD)["ts"]
        slack.click("U0ADA", "C0WEB", ts, "approve")
        changed = slack.wait_for(lambda message: message.text == "op-1 by U0ADA")
    assert (changed.ts, changed.blocks, changed.edited) == (ts, (), True)
    assert heard[0]["message"]["ts"] == heard[0]["container"]["message_ts"] == ts
    assert (
        heard[0]["actions"][0].items()
        >= {"action_id": "approve", "type": "button", "style": "primary"}.items()
    )


@pytest.mark.parametrize("fault", ["drop_sockets", "refresh_sockets"])
def test_a_bot_that_loses_its_socket_comes_back_by_itself(
    slack: LocalSlack, web: WebClient, fault: str
) -> None:
    with bolt_bot(slack, web) as heard:
        getattr(slack.faults, fault)()
        time.sleep(0.2)
        assert slack.wait_until_connected(10)
        slack.command("U0BOB", "C0WEB", "status")
        slack.wait_for(lambda message: message.text == "status")
    assert heard[0]["text"] == "status"


def test_nobody_presses_a_button_that_is_not_there_or_not_shown_to_them(
    slack: LocalSlack, web: WebClient
) -> None:
    ts = web.chat_postEphemeral(channel="C0WEB", user="U0BOB", text="t", blocks=[buttons()])["message_ts"]
    with pytest.raises(LookupError, match="no message"):
        slack.click("U0ADA", "C0WEB", ts, "approve")
    with pytest.raises(LookupError, match="no button"):
        slack.click("U0BOB", "C0WEB", ts, "deny")


def test_without_a_bot_the_person_is_told_so(slack: LocalSlack, web: WebClient) -> None:
    slack.command("U0BOB", "C0WEB", "scale 4")
    told = slack.seen_by("U0BOB", "C0WEB")[-1]
    assert told.user == SLACKBOT_ID
    assert "not connected" in told.text
    assert slack.seen_by("U0ADA", "C0WEB") == []
    ts = web.chat_postMessage(channel="C0WEB", text="plan", blocks=[buttons()])["ts"]
    with pytest.raises(BotSilentError, match="not connected"):
        slack.click("U0ADA", "C0WEB", ts, "approve")


def test_a_command_that_is_not_acknowledged_ends_with_slacks_own_words(slack: LocalSlack) -> None:
    slack.ack_seconds = 0.1
    bot = RawBot(slack)
    slack.command("U0BOB", "C0WEB", "scale 4")
    assert 'failed with the error "operation_timeout"' in slack.seen_by("U0BOB", "C0WEB")[-1].text
    bot.close()


def test_an_answer_in_the_acknowledgement_is_shown_to_that_person_only(slack: LocalSlack) -> None:
    bot = RawBot(slack)
    with running(lambda: slack.command("U0EVE", "C0WEB", "scale 4")):
        bot.acknowledge(bot.next(), text="You may not.")
    assert [message.text for message in slack.seen_by("U0EVE", "C0WEB")] == ["You may not."]
    assert slack.seen_by("U0BOB", "C0WEB") == []
    bot.close()


# -- sockets ---------------------------------------------------------------------------------------------


def test_each_envelope_goes_to_one_of_several_sockets(slack: LocalSlack) -> None:
    bots = [RawBot(slack), RawBot(slack)]
    assert [bot.hello["type"] for bot in bots] == ["hello", "hello"]
    for bot in bots:
        with running(lambda: slack.command("U0BOB", "C0WEB", "status")):
            envelope = bot.next()
            bot.acknowledge(envelope)
        assert envelope["type"] == "slash_commands"
    assert all(bot.is_quiet() for bot in bots)
    for bot in bots:
        bot.close()


def test_an_event_that_a_dead_socket_did_not_acknowledge_is_repeated(slack: LocalSlack) -> None:
    slack.ack_seconds = 5
    first = RawBot(slack)
    with running(lambda: slack.event({"type": "app_mention"})):
        sent = first.next()
        first.close()
        second = RawBot(slack)
        repeated = second.next()
        second.acknowledge(repeated)
    assert "retry_attempt" not in sent
    assert (repeated["retry_attempt"], repeated["retry_reason"]) == (1, "timeout")
    assert repeated["payload"]["event_id"] == sent["payload"]["event_id"]
    second.close()
    third = RawBot(slack)
    assert third.is_quiet()
    third.close()


def test_an_event_that_nobody_acknowledges_is_sent_three_times_more(slack: LocalSlack) -> None:
    slack.ack_seconds = 0.1
    bot = RawBot(slack)
    with pytest.raises(BotSilentError):
        slack.event({"type": "app_mention"})
    sent = [bot.next() for _ in range(4)]
    assert [envelope.get("retry_attempt") for envelope in sent] == [None, 1, 2, 3]
    assert len({envelope["payload"]["event_id"] for envelope in sent}) == 1
    bot.close()


def test_what_a_person_did_is_never_sent_again(slack: LocalSlack) -> None:
    slack.ack_seconds = 0.2
    first = RawBot(slack)
    slack.command("U0BOB", "C0WEB", "scale 4")
    assert first.next()["type"] == "slash_commands"
    first.close()
    second = RawBot(slack)
    assert second.is_quiet()
    assert "operation_timeout" in slack.seen_by("U0BOB", "C0WEB")[-1].text
    second.close()


SILENT_BOT = """
import sys, time
from slack_sdk import WebClient
from slack_sdk.socket_mode import SocketModeClient
SocketModeClient(app_token=sys.argv[2], web_client=WebClient(base_url=sys.argv[1])).connect()
time.sleep(60)
"""


def test_a_killed_bot_is_noticed(slack: LocalSlack) -> None:
    slack.ack_seconds = 0.2
    with subprocess.Popen([sys.executable, "-c", SILENT_BOT, slack.api_url, slack.app_token]) as process:
        assert slack.wait_until_connected(20)
        process.kill()
    assert wait_until(lambda: not slack.connected)
    slack.command("U0BOB", "C0WEB", "status")
    assert "not connected" in slack.seen_by("U0BOB", "C0WEB")[-1].text


def test_what_was_acknowledged_is_not_repeated(slack: LocalSlack) -> None:
    first = RawBot(slack)
    with running(lambda: slack.command("U0BOB", "C0WEB", "scale 4")):
        first.acknowledge(first.next())
    first.close()
    second = RawBot(slack)
    assert second.is_quiet()
    second.close()


def test_a_socket_needs_a_ticket_and_the_ticket_works_once(slack: LocalSlack) -> None:
    web = WebClient(base_url=slack.api_url)
    address = web.apps_connections_open(app_token=slack.app_token)["url"]
    Client.connect(address, ping_interval=1).receive(timeout=5)
    with pytest.raises(ConnectionClosed):
        Client.connect(address, ping_interval=1).receive(timeout=5)


def test_any_payload_can_be_delivered_to_see_what_the_bot_makes_of_it(slack: LocalSlack) -> None:
    bot = RawBot(slack)
    with running(lambda: slack.deliver("slash_commands", {"team_id": "T0OTHER"})):
        envelope = bot.next()
        bot.acknowledge(envelope)
    assert envelope["payload"] == {"team_id": "T0OTHER"}
    bot.close()


# -- the Web API -----------------------------------------------------------------------------------------

REFUSALS: list[tuple[str, str, Json]] = [
    ("channel_not_found", "chat.postMessage", {"channel": "C0NONE", "text": "x"}),
    ("not_in_channel", "chat.postMessage", {"channel": "C0GENERAL", "text": "x"}),
    ("not_in_channel", "conversations.history", {"channel": "C0GENERAL"}),
    ("no_text", "chat.postMessage", {"channel": "C0WEB"}),
    ("msg_too_long", "chat.postMessage", {"channel": "C0WEB", "text": "x" * 40_001}),
    ("invalid_arguments", "chat.postMessage", {"channel": "C0WEB", "blocks": CARD}),
    ("invalid_blocks_format", "chat.postMessage", {"channel": "C0WEB", "text": "x", "blocks": "[{"}),
    ("invalid_metadata_format", "chat.postMessage", {"channel": "C0WEB", "text": "x", "metadata": {"a": 1}}),
    ("user_not_in_channel", "chat.postEphemeral", {"channel": "C0WEB", "user": "U0ZOE", "text": "x"}),
    ("message_not_found", "chat.update", {"channel": "C0WEB", "ts": "1.2", "text": "x"}),
    ("message_not_found", "chat.delete", {"channel": "C0WEB", "ts": "1.2"}),
    ("message_not_found", "reactions.add", {"channel": "C0WEB", "timestamp": "1.2", "name": "eyes"}),
    ("invalid_arguments", "users.list", {"limit": "all"}),
    ("thread_not_found", "conversations.replies", {"channel": "C0WEB", "ts": "1.2"}),
    ("user_not_found", "users.info", {"user": "U0NONE"}),
    ("no_such_subteam", "usergroups.users.list", {"usergroup": "S0NONE"}),
    ("invalid_trigger_id", "views.open", {"trigger_id": "1", "view": MODAL}),
    ("unknown_method", "chat.nonsense", {}),
    ("not_allowed_token_type", "apps.connections.open", {}),
]


@pytest.mark.parametrize(("error", "method", "arguments"), REFUSALS)
def test_the_web_api_refuses_in_slacks_words(
    slack: LocalSlack, web: WebClient, error: str, method: str, arguments: Json
) -> None:
    form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in arguments.items()}
    for encoded in ({"params": form}, {"json": arguments}):
        with pytest.raises(SlackApiError) as refused:
            web.api_call(method, **encoded)
        assert refused.value.response["error"] == error
        assert slack.problems.pop().startswith(f"{method}: {error}")


def test_a_wrong_token_is_refused_everywhere(slack: LocalSlack) -> None:
    for token, error in (("xoxb-wrong", "invalid_auth"), (None, "not_authed")):
        with pytest.raises(SlackApiError, match=error):
            WebClient(token=token, base_url=slack.api_url).auth_test()


def test_the_bot_may_change_only_what_it_said(slack: LocalSlack, web: WebClient) -> None:
    said = slack.say("U0BOB", "C0WEB", "mine")
    with pytest.raises(SlackApiError, match="cant_update_message"):
        web.chat_update(channel="C0WEB", ts=said.ts, text="not yours")
    with pytest.raises(SlackApiError, match="cant_delete_message"):
        web.chat_delete(channel="C0WEB", ts=said.ts)
    assert slack.messages("C0WEB") == [said]


def test_an_update_with_text_alone_takes_the_buttons_away(slack: LocalSlack, web: WebClient) -> None:
    ts = web.chat_postMessage(channel="C0WEB", text="plan", blocks=CARD)["ts"]
    web.chat_update(channel="C0WEB", ts=ts, text="approved")
    assert [(m.text, m.blocks) for m in slack.messages("C0WEB")] == [("approved", ())]
    web.chat_delete(channel="C0WEB", ts=ts)
    assert slack.messages("C0WEB") == []


def test_history_gives_metadata_when_asked_and_no_replies_or_ephemeral_messages(web: WebClient) -> None:
    metadata = {"event_type": "operation", "event_payload": {"id": "op-1"}}
    ts = web.chat_postMessage(channel="C0WEB", text="plan", metadata=metadata)["ts"]
    web.chat_postMessage(channel="C0WEB", text="step", thread_ts=ts)
    web.chat_postEphemeral(channel="C0WEB", user="U0BOB", text="psst")
    web.chat_postMessage(channel="C0WEB", text="newest")
    history = web.conversations_history(channel="C0WEB", include_all_metadata=True)["messages"]
    assert [message["text"] for message in history] == ["newest", "plan"]
    assert (history[1]["metadata"], history[1]["reply_count"]) == (metadata, 1)
    assert "metadata" not in web.conversations_history(channel="C0WEB")["messages"][1]
    replies = web.conversations_replies(channel="C0WEB", ts=ts)["messages"]
    assert [(message["text"], message["thread_ts"]) for message in replies] == [("plan", ts), ("step", ts)]


def test_history_comes_in_pages_and_within_a_range(web: WebClient) -> None:
    stamps = [web.chat_postMessage(channel="C0WEB", text=f"message {n}")["ts"] for n in range(5)]
    pages = web.conversations_history(channel="C0WEB", limit=2)
    assert [[message["ts"] for message in page["messages"]] for page in pages] == [
        [stamps[4], stamps[3]],
        [stamps[2], stamps[1]],
        [stamps[0]],
    ]
    later = web.conversations_history(channel="C0WEB", oldest=stamps[3])["messages"]
    assert [message["ts"] for message in later] == [stamps[4]]


def test_a_person_is_described_as_they_are_now(slack: LocalSlack, web: WebClient) -> None:
    assert web.users_info(user="U0BOB")["user"]["deleted"] is False
    assert web.users_info(user="U0GIL")["user"]["is_restricted"] is True
    assert web.usergroups_users_list(usergroup="S0OPS")["users"] == ["U0BOB", "U0CAT"]
    slack.team = slack.team.deactivated("U0BOB")
    assert web.users_info(user="U0BOB")["user"]["deleted"] is True
    assert web.usergroups_users_list(usergroup="S0OPS")["users"] == ["U0CAT"]
    slack.team = slack.team.with_group("S0OPS", "U0EVE")
    assert web.usergroups_list(include_users=True)["usergroups"][0]["users"] == ["U0EVE"]


def test_direct_messages_reach_one_person(slack: LocalSlack, web: WebClient) -> None:
    channel = web.chat_postMessage(channel="U0BOB", text="for you")["channel"]
    assert channel == web.conversations_open(users="U0BOB")["channel"]["id"] == "D0BOB"
    assert [message.text for message in slack.seen_by("U0BOB", channel)] == ["for you"]
    assert slack.seen_by("U0ADA", channel) == []


def test_a_trigger_opens_one_view_soon_after(slack: LocalSlack, web: WebClient) -> None:
    bot = RawBot(slack)
    with running(lambda: slack.command("U0BOB", "C0WEB", "x")):
        envelope = bot.next()
        bot.acknowledge(envelope)
    view = {"type": "modal", "title": plain("Waiting"), "blocks": []}
    opened = web.views_open(trigger_id=envelope["payload"]["trigger_id"], view=view)["view"]
    assert web.views_update(view_id=opened["id"], view=view)["ok"]
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        web.views_open(trigger_id=envelope["payload"]["trigger_id"], view=view)
    bot.close()


# -- what Slack refuses in blocks ------------------------------------------------------------------------


def section(text: str) -> Json:
    return {"type": "section", "text": mrkdwn(text)}


BAD_BLOCKS: dict[str, list[Any]] = {
    "too many blocks": [{"type": "divider"}] * 51,
    "an unknown type of block": [{"type": "sction", "text": mrkdwn("x")}],
    "a block that is no object": ["x"],
    "a long text": [section("x" * 3001)],
    "an empty text": [section("")],
    "a section with nothing": [{"type": "section"}],
    "a long field": [{"type": "section", "fields": [mrkdwn("x" * 2001)]}],
    "eleven fields": [{"type": "section", "fields": [mrkdwn("x")] * 11}],
    "a header in mrkdwn": [{"type": "header", "text": mrkdwn("x")}],
    "a long header": [{"type": "header", "text": plain("x" * 151)}],
    "no elements": [{"type": "actions", "elements": []}],
    "elements that are no list": [{"type": "actions", "elements": 3}],
    "a text among the buttons": [buttons(plain("x"))],
    "a button in a context": [{"type": "context", "elements": [button()]}],
    "a long button text": [buttons(button(text=plain("x" * 76)))],
    "a long value": [buttons(button(value="x" * 2001))],
    "a value that is a number": [buttons(button(value=7))],
    "an unknown style": [buttons(button(style="green"))],
    "an unknown field of a block": [{"type": "divider", "colour": "red"}],
    "an incomplete confirmation": [buttons(button(confirm={"title": plain("Sure?")}))],
    "an image that nobody can hear": [{"type": "image", "image_url": "https://example.org/x.png"}],
    "the same action twice": [buttons(button(), button())],
    "the same action in two blocks": [buttons(button()), buttons(button())],
    "the same block id twice": [section("x") | {"block_id": "b"}, section("y") | {"block_id": "b"}],
}


@pytest.mark.parametrize("fault", BAD_BLOCKS)
def test_bad_blocks_are_refused_and_noted(slack: LocalSlack, web: WebClient, fault: str) -> None:
    with pytest.raises(SlackApiError) as refused:
        web.chat_postMessage(channel="C0WEB", text="x", blocks=BAD_BLOCKS[fault])
    assert refused.value.response["error"] == "invalid_blocks"
    assert "json-pointer:/blocks" in refused.value.response["response_metadata"]["messages"][0]
    assert slack.problems[0].startswith("chat.postMessage: invalid_blocks: ")
    assert slack.messages("C0WEB") == []


def test_good_blocks_are_kept_as_sent_and_get_ids(slack: LocalSlack, web: WebClient) -> None:
    web.chat_postMessage(channel="C0WEB", text="x", blocks=CARD)
    kept = slack.messages("C0WEB")[0].blocks
    assert all(block.pop("block_id") for block in kept)
    assert list(kept) == CARD
    assert slack.problems == []


# -- response_url ----------------------------------------------------------------------------------------


@pytest.fixture
def address(slack: LocalSlack) -> str:
    """Where the bot may answer to a command of bob's."""
    bot = RawBot(slack)
    with running(lambda: slack.command("U0BOB", "C0WEB", "status")):
        envelope = bot.next()
        bot.acknowledge(envelope)
    bot.close()
    return str(envelope["payload"]["response_url"])


def test_answers_are_private_unless_said_otherwise(slack: LocalSlack, address: str) -> None:
    WebhookClient(address).send(text="only you")
    WebhookClient(address).send(text="everybody", response_type="in_channel")
    assert [message.text for message in slack.seen_by("U0ADA", "C0WEB")] == ["everybody"]
    assert [message.text for message in slack.seen_by("U0BOB", "C0WEB")] == ["only you", "everybody"]


def test_a_sixth_answer_is_refused(slack: LocalSlack, address: str) -> None:
    answers = [WebhookClient(address).send(text=f"answer {n}") for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [404]
    assert (answers[-1].body, slack.problems) == ("used_url", ["response_url: used_url"])


def test_bad_blocks_are_refused_there_too(slack: LocalSlack, address: str) -> None:
    assert WebhookClient(address).send(text="x", blocks=BAD_BLOCKS["a long text"]).status_code == 400
    assert slack.problems[0].startswith("response_url: invalid_blocks")


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.postEphemeral"])
def test_a_click_can_be_answered_in_place_and_then_taken_away(
    slack: LocalSlack, web: WebClient, method: str
) -> None:
    web.api_call(method, json={"channel": "C0WEB", "user": "U0BOB", "text": "plan", "blocks": CARD})
    ts, bot = slack.messages("C0WEB")[0].ts, RawBot(slack)
    with running(lambda: slack.click("U0BOB", "C0WEB", ts, "approve")):
        envelope = bot.next()
        bot.acknowledge(envelope)
    payload, private = envelope["payload"], method == "chat.postEphemeral"
    assert (payload["container"]["is_ephemeral"], "message" in payload) == (private, not private)
    answer = WebhookClient(payload["response_url"])
    answer.send(text="approved", replace_original=True)
    assert [(m.text, m.ts) for m in slack.seen_by("U0BOB", "C0WEB")] == [("approved", ts)]
    answer.send(delete_original=True)
    assert slack.seen_by("U0BOB", "C0WEB") == []
    bot.close()


# -- faults ----------------------------------------------------------------------------------------------


def test_faults_happen_as_often_as_asked_and_then_stop(slack: LocalSlack, web: WebClient) -> None:
    slack.faults.rate_limit("chat.postMessage", seconds=7, times=2)
    slack.faults.error("chat.postMessage", "internal_error")
    seen = []
    for _ in range(3):
        with pytest.raises(SlackApiError) as refused:
            web.chat_postMessage(channel="C0WEB", text="x")
        seen.append((refused.value.response.status_code, refused.value.response["error"]))
        assert refused.value.response.headers.get("Retry-After") == ("7" if len(seen) < 3 else None)
    assert seen == [(429, "ratelimited"), (429, "ratelimited"), (200, "internal_error")]
    assert slack.messages("C0WEB") == []
    web.chat_postMessage(channel="C0WEB", text="x")
    assert len(slack.messages("C0WEB")) == 1


def test_a_call_that_hangs_outlasts_the_callers_patience(slack: LocalSlack) -> None:
    slack.faults.hang("auth.test", seconds=0.5)
    hasty = WebClient(token=slack.bot_token, base_url=slack.api_url, timeout=0, retry_handlers=[])
    hasty.timeout = 0.1  # type: ignore[assignment]
    with pytest.raises(TimeoutError):
        hasty.auth_test()


def test_waiting_in_vain_shows_what_was_there(slack: LocalSlack) -> None:
    slack.say("U0BOB", "C0WEB", "hello")
    with pytest.raises(TimeoutError, match="U0BOB: hello"):
        slack.wait_for(lambda message: message.text == "bye", timeout=0.05)


def test_a_taken_port_is_an_ordinary_error(slack: LocalSlack) -> None:
    with pytest.raises(OSError, match="in use"):
        LocalSlack(port=urlsplit(slack.url).port or 0).start()


# -- the page --------------------------------------------------------------------------------------------


def test_typing_in_the_page_is_a_command_or_a_message(slack: LocalSlack, web: WebClient) -> None:
    with bolt_bot(slack, web) as heard:
        for text in ("/clone scale 4 --reason a<b", "hello <!channel>", "/nonsense"):
            body = {"user": "U0BOB", "channel": "C0WEB", "text": text}
            assert call_page(slack, "/page/type", body=body, headers=page_token(slack))[0] == 200
        slack.wait_for(lambda message: message.user == BOT_ID)
    assert heard[0]["text"] == "scale 4 --reason a&lt;b"
    texts = [message.text for message in slack.seen_by("U0BOB", "C0WEB") if message.user != BOT_ID]
    assert texts == ["hello &lt;!channel&gt;", "`/nonsense` is not a valid command. Try `/clone help`."]


def test_the_page_says_why_a_click_came_to_nothing(slack: LocalSlack, web: WebClient) -> None:
    ts = web.chat_postMessage(channel="C0WEB", text="plan", blocks=[buttons()])["ts"]
    body = {"user": "U0ADA", "channel": "C0WEB", "ts": ts, "action_id": "approve"}
    status, _, text = call_page(slack, "/page/click", body=body, headers=page_token(slack))
    assert (status, json.loads(text)) == (503, {"error": "The bot is not connected (is it starting?)."})
    assert call_page(slack, "/page/click", body={"user": "U0ADA"}, headers=page_token(slack))[0] == 400
    status, _, text = call_page(
        slack, "/page/click", body=body | {"action_id": "x"}, headers=page_token(slack)
    )
    assert (status, "no button" in text) == (404, True)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {"Host": "evil.example"}),
        ("/", {"Host": "127.0.0.1:1"}),
        ("/page/events?user=U0BOB", {"Host": "evil.example"}),
        ("/page/events?user=U0BOB", {"Origin": "https://evil.example"}),
        ("/page/events?user=U0BOB", {"Origin": "null"}),
        ("/site/", {"Host": "evil.example"}),
        ("/site/", {"Origin": "https://evil.example"}),
    ],
)
def test_other_names_and_other_pages_are_kept_out(
    slack: LocalSlack, path: str, headers: dict[str, str]
) -> None:
    assert call_page(slack, path, headers=headers)[0] == 403


def test_nothing_is_done_without_the_pages_token(slack: LocalSlack) -> None:
    body = {"user": "U0BOB", "channel": "C0WEB", "text": "hello"}
    for headers in ({}, {"X-Page-Token": "guess"}, {"X-Page-Token": "ü"}, {"Origin": "https://evil.example"}):
        assert call_page(slack, "/page/type", body=body, headers=headers)[0] == 403
    assert slack.messages("C0WEB") == []


def test_the_page_may_also_be_reached_under_one_more_name() -> None:
    with LocalSlack(extra_host="box.example") as slack:
        headers = {"Host": "box.example", "Origin": "https://box.example"}
        assert call_page(slack, "/", headers=headers)[0] == 200
        assert call_page(slack, "/", headers={"Host": "sub.box.example"})[0] == 403


def test_the_page_needs_nothing_from_elsewhere(slack: LocalSlack) -> None:
    status, headers, text = call_page(slack, "/")
    assert (status, "default-src 'none'" in headers["Content-Security-Policy"]) == (200, True)
    for name in re.findall(r'(?:href|src)="(/page/[^"]+)"', text):
        assert call_page(slack, name)[0] == 200
    for file in (Path(__file__).parents[2] / "bot/lab/slack/web").iterdir():
        source = file.read_text(encoding="utf-8")
        assert set(re.findall(r"https?://[\w.]+", source)) <= {"http://www.w3.org"}
        assert "innerHTML =" not in source


def follow(slack: LocalSlack, user: str) -> Iterator[tuple[str, Json]]:
    """Yield what an open page of this person is told."""
    connection = http.client.HTTPConnection(urlsplit(slack.url).netloc, timeout=5)
    connection.request("GET", f"/page/events?user={user}")
    answer = connection.getresponse()
    while line := answer.readline().decode():
        if line.startswith("event: "):
            yield line[7:].strip(), json.loads(answer.readline().decode()[6:])


def test_an_open_page_is_told_everything_its_person_may_see(slack: LocalSlack, web: WebClient) -> None:
    slack.say("U0BOB", "C0WEB", "before")
    events = follow(slack, "U0BOB")
    name, snapshot = next(events)
    assert (name, [message["text"] for message in snapshot["messages"]]) == ("snapshot", ["before"])
    assert [channel["id"] for channel in snapshot["channels"]] == ["C0WEB", "C0GENERAL", "D0BOB"]
    web.chat_postEphemeral(channel="C0WEB", user="U0ADA", text="secret")
    ts = web.chat_postMessage(channel="C0WEB", text="plan")["ts"]
    web.chat_delete(channel="C0WEB", ts=ts)
    bot = RawBot(slack)
    told = [next(events) for _ in range(3)]
    assert [(name, body.get("text"), body.get("connected")) for name, body in told] == [
        ("message", "plan", None),
        ("removed", "plan", None),
        ("presence", None, 1),
    ]
    bot.close()


# -- the site below /site/ -------------------------------------------------------------------------------


class Site(BaseHTTPRequestHandler):
    """A site that uses absolute links, and tells what it was asked."""

    def do_GET(self) -> None:
        html = '<link href="/style.css"> <a href=/about>x</a> <a href="//other/x">y</a> <b title="/x">z</b>'
        self.answer(200, f"{html} {self.command} {self.path} {self.headers.get('Host')}")

    do_HEAD = do_GET  # noqa: N815 (http.server's name)

    def do_POST(self) -> None:
        said = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer(303, "", Location=f"/guestbook?said={said}", **{"Set-Cookie": "a=b; Path=/"})

    def answer(self, status: int, body: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "text/html", "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def site(slack: LocalSlack) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    slack.site_url = f"http://127.0.0.1:{server.server_port}"
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_links_of_the_site_work_below_its_path(slack: LocalSlack, site: str) -> None:
    status, headers, text = call_page(slack, "/site/a%2Fb/?q=1%20")
    assert status == 200
    assert text.startswith(
        '<link href="/site/style.css"> <a href=/site/about>x</a> <a href="//other/x">y</a>'
    )
    assert text.endswith(f'<b title="/x">z</b> GET /a%2Fb/?q=1%20 {site}')
    assert "sandbox" in headers["Content-Security-Policy"]
    assert int(headers["Content-Length"]) == len(text)


@pytest.mark.usefixtures("site")
def test_a_form_of_the_site_is_posted_and_its_redirect_stays_below_the_path(slack: LocalSlack) -> None:
    connection = http.client.HTTPConnection(urlsplit(slack.url).netloc, timeout=5)
    connection.request("POST", "/site/guestbook", "hi", {"Origin": "null"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (303, "/site/guestbook?said=hi")
    assert answer.getheader("Set-Cookie") == "a=b; Path=/site/"
    connection.close()


@pytest.mark.usefixtures("site")
def test_a_head_request_to_the_site_has_no_body(slack: LocalSlack) -> None:
    connection = http.client.HTTPConnection(urlsplit(slack.url).netloc, timeout=5)
    connection.request("HEAD", "/site/")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"")
    connection.close()


def test_a_site_that_is_missing_or_down_is_said_in_words(slack: LocalSlack) -> None:
    assert call_page(slack, "/site/")[0] == 503
    slack.site_url = "http://127.0.0.1:9"
    status, _, text = call_page(slack, "/site/")
    assert (status, "does not answer" in text) == (502, True)


def test_messages_are_seen_by_thread_and_by_person(slack: LocalSlack, web: WebClient) -> None:
    ts = web.chat_postMessage(channel="C0WEB", text="plan")["ts"]
    web.chat_postMessage(channel="C0WEB", text="step", thread_ts=ts)

    def texts(messages: list[Message]) -> list[str]:
        return [message.text for message in messages]

    assert texts(slack.messages("C0WEB")) == ["plan"]
    assert texts(slack.messages("C0WEB", thread=ts)) == ["step"]
    assert texts(slack.seen_by("U0DAN", "C0WEB")) == ["plan", "step"]
    assert texts(slack.seen_by("U0ZOE", "C0WEB")) == []
