"""Modals, App Home and files of the lab's Slack, with a real Bolt app and slack_sdk's own client."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask, request
from slack_bolt import Ack, App
from slack_bolt.adapter.flask import SlackRequestHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from werkzeug.serving import make_server

from bot.lab.slack import LocalSlack, workspace

Json = dict[str, Any]
BOB = "U0BOB"


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


WHY: Json = {
    "type": "input",
    "block_id": "why",
    "label": plain("Why?"),
    "element": {"type": "plain_text_input", "action_id": "text", "min_length": 3, "max_length": 20},
}
WHERE: Json = {
    "type": "input",
    "block_id": "where",
    "optional": True,
    "label": plain("Where?"),
    "element": {
        "type": "static_select",
        "action_id": "zone",
        "options": [{"text": plain("zone a"), "value": "a"}, {"text": plain("zone b"), "value": "b"}],
        "initial_option": {"text": plain("zone b"), "value": "b"},
    },
}
MORE: Json = {
    "type": "actions",
    "block_id": "more",
    "elements": [
        {"type": "button", "action_id": "details", "text": plain("Details"), "value": "op-1"},
        {"type": "users_select", "action_id": "who"},
    ],
}


def modal(title: str = "Scale", **more: Any) -> Json:
    shown = {"type": "modal", "title": plain(title), "submit": plain("Ask"), "callback_id": "scale"}
    return shown | {"blocks": [WHY, WHERE, MORE]} | more


HOME: Json = {"type": "home", "blocks": [MORE]}


class Bot:
    """A Bolt app that opens a modal for every command, and answers a submission as it is told."""

    def __init__(self, web: WebClient, signing_secret: str) -> None:
        self.app = App(client=web, signing_secret=signing_secret)
        self.view = modal()
        self.answer: Json = {}
        self.heard: list[Json] = []
        self.app.command("/clone")(self._open)
        self.app.view("scale")(self._take)
        self.app.view_closed("scale")(self._hear)
        self.app.action("details")(self._hear)
        self.app.action("who")(self._hear)
        self.app.event("app_home_opened")(self._publish)

    def served(self) -> Flask:
        """The app over HTTP."""
        flask = Flask(__name__)
        flask.post("/slack/events", endpoint="events")(lambda: SlackRequestHandler(self.app).handle(request))
        return flask

    def _open(self, ack: Ack, body: Json, client: WebClient) -> None:
        client.views_open(trigger_id=body["trigger_id"], view=self.view)
        ack()

    def _take(self, ack: Ack, body: Json) -> None:
        self.heard.append(body)
        ack(**self.answer)

    def _hear(self, ack: Ack, body: Json) -> None:
        self.heard.append(body)
        ack()

    def _publish(self, body: Json, client: WebClient) -> None:
        self.heard.append(body)
        client.views_publish(user_id=body["event"]["user"], view=HOME)


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack() as slack:
        yield slack


@pytest.fixture
def web(slack: LocalSlack) -> WebClient:
    return WebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


@pytest.fixture
def bot(slack: LocalSlack, web: WebClient) -> Iterator[Bot]:
    bot = Bot(web, slack.signing_secret)
    server = make_server("127.0.0.1", 0, bot.served(), threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    slack.request_url = f"http://127.0.0.1:{server.server_port}/slack/events"
    yield bot
    server.shutdown()
    server.server_close()


def open_modal(slack: LocalSlack) -> Json:
    slack.command(BOB, "C0WEB", "scale")
    return slack.views(BOB)[-1]


def titles(slack: LocalSlack) -> list[str]:
    return [view["title"]["text"] for view in slack.views(BOB)]


# -- modals ----------------------------------------------------------------------------------------------


def test_a_modal_that_is_sent_carries_what_was_typed_and_chosen(slack: LocalSlack, bot: Bot) -> None:
    view = open_modal(slack)

    assert slack.dialogs.submit(BOB, {"why": {"text": "a sale"}, "more": {"who": "U0ADA"}}) == {}

    (sent,) = bot.heard
    assert (sent["type"], sent["user"]["id"], sent["view"]["id"]) == ("view_submission", BOB, view["id"])
    chosen = {"text": plain("zone b"), "value": "b"}
    assert sent["view"]["state"]["values"] == {
        "why": {"text": {"type": "plain_text_input", "value": "a sale"}},
        "where": {"zone": {"type": "static_select", "selected_option": chosen}},
        "more": {"who": {"type": "users_select", "selected_user": "U0ADA"}},
    }
    assert (slack.views(BOB), slack.problems) == ([], [])


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [("", "Please complete this required field."), ("no", "Please write 3 to 20 characters.")],
)
def test_slack_itself_asks_for_what_is_missing(
    slack: LocalSlack, bot: Bot, typed: str, complaint: str
) -> None:
    open_modal(slack)
    assert slack.dialogs.submit(BOB, {"why": {"text": typed}}) == {"why": complaint}
    assert (bot.heard, titles(slack)) == ([], ["Scale"])


def test_what_the_bot_finds_wrong_is_shown_at_its_block(slack: LocalSlack, bot: Bot) -> None:
    open_modal(slack)
    bot.answer = {"response_action": "errors", "errors": {"why": "Not today."}}
    assert slack.dialogs.submit(BOB, {"why": {"text": "a sale"}}) == {"why": "Not today."}
    assert titles(slack) == ["Scale"]


@pytest.mark.parametrize(
    ("answer", "left"),
    [
        ({"response_action": "update", "view": modal("Sure?")}, ["Sure?"]),
        ({"response_action": "push", "view": modal("More")}, ["Scale", "More"]),
        ({"response_action": "clear"}, []),
    ],
)
def test_the_bot_decides_what_comes_after_a_modal(
    slack: LocalSlack, bot: Bot, answer: Json, left: list[str]
) -> None:
    open_modal(slack)
    bot.answer = answer
    slack.dialogs.submit(BOB, {"why": {"text": "a sale"}})
    assert (titles(slack), slack.problems) == (left, [])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"response_action": "errors", "errors": {"more": "x"}}, "errors must name input blocks"),
        (
            {"response_action": "update", "view": {"type": "modal", "blocks": []}},
            "missing required field: title",
        ),
    ],
)
def test_an_answer_that_slack_would_not_understand_is_noted(
    slack: LocalSlack, bot: Bot, answer: Json, problem: str
) -> None:
    open_modal(slack)
    bot.answer = answer
    slack.dialogs.submit(BOB, {"why": {"text": "a sale"}})
    assert problem in slack.problems[0]


def test_a_bot_that_wants_to_know_is_told_of_a_closed_modal(slack: LocalSlack, bot: Bot) -> None:
    open_modal(slack)
    slack.dialogs.close(BOB)
    assert (bot.heard, slack.views(BOB)) == ([], [])
    bot.view = modal(notify_on_close=True, private_metadata="op-1")
    open_modal(slack)
    slack.dialogs.close(BOB)
    (told,) = bot.heard
    assert (told["type"], told["is_cleared"], told["view"]["private_metadata"]) == (
        "view_closed",
        False,
        "op-1",
    )


def test_a_button_in_a_modal_is_heard_with_its_view(slack: LocalSlack, bot: Bot) -> None:
    view = open_modal(slack)
    slack.dialogs.act(BOB, view["id"], "details", values={"why": {"text": "half a"}})
    slack.dialogs.act(BOB, view["id"], "who", "U0CAT")
    pressed, chosen = bot.heard
    assert pressed["actions"][0].items() >= {"value": "op-1", "block_id": "more"}.items()
    assert pressed["view"]["state"]["values"]["why"]["text"]["value"] == "half a"
    assert pressed["container"] == {"type": "view", "view_id": view["id"]}
    assert chosen["actions"][0]["selected_user"] == "U0CAT"
    assert "response_url" not in pressed


def trigger(slack: LocalSlack, web: WebClient, bot: Bot) -> str:
    """Let bob press a button, and return the trigger that this gives."""
    ts = web.chat_postMessage(channel="C0WEB", text="x", blocks=[MORE])["ts"]
    slack.click(BOB, "C0WEB", ts, "details")
    return str(bot.heard[-1]["trigger_id"])


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(SlackApiError) as refused:
        call()
    return str(refused.value.response["error"])


def test_a_trigger_opens_one_modal_at_once_or_none(
    slack: LocalSlack, web: WebClient, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = trigger(slack, web, bot)
    web.views_open(trigger_id=used, view=modal())
    assert refusal(lambda: web.views_open(trigger_id=used, view=modal())) == "exchanged_trigger_id"
    late = trigger(slack, web, bot)
    monkeypatch.setattr(workspace, "TRIGGER_SECONDS", 0.0)
    assert refusal(lambda: web.views_open(trigger_id=late, view=modal())) == "expired_trigger_id"


def test_three_modals_lie_above_each_other_and_no_fourth(slack: LocalSlack, web: WebClient, bot: Bot) -> None:
    first = web.views_open(trigger_id=trigger(slack, web, bot), view=modal("1"))["view"]
    second = web.views_push(trigger_id=trigger(slack, web, bot), view=modal("2"))["view"]
    web.views_push(trigger_id=trigger(slack, web, bot), view=modal("3"))
    assert (second["root_view_id"], second["previous_view_id"]) == (first["id"], first["id"])
    last = trigger(slack, web, bot)
    assert refusal(lambda: web.views_push(trigger_id=last, view=modal("4"))) == "push_limit_reached"
    assert titles(slack) == ["1", "2", "3"]


def test_a_view_is_updated_only_as_it_was_known(slack: LocalSlack, web: WebClient, bot: Bot) -> None:
    view = web.views_open(trigger_id=trigger(slack, web, bot), view=modal(external_id="ours"))["view"]
    new = web.views_update(external_id="ours", hash=view["hash"], view=modal("New"))["view"]
    assert (new["id"], titles(slack)) == (view["id"], ["New"])
    stale = {"view_id": view["id"], "hash": view["hash"], "view": modal("Stale")}
    assert refusal(lambda: web.views_update(**stale)) == "hash_conflict"
    assert refusal(lambda: web.views_update(view_id="V0", view=modal())) == "not_found"


def test_a_view_that_slack_refuses_says_why(slack: LocalSlack, web: WebClient, bot: Bot) -> None:
    key = trigger(slack, web, bot)
    with pytest.raises(SlackApiError) as refused:
        web.views_open(trigger_id=key, view=modal("x" * 25))
    response = refused.value.response
    assert response["error"] == "invalid_arguments"
    assert "[json-pointer:/view/title/text]" in str(response["response_metadata"]["messages"])


def test_somebody_of_another_workspace_presses_buttons(slack: LocalSlack, web: WebClient, bot: Bot) -> None:
    ts = web.chat_postMessage(channel="C0WEB", text="x", blocks=[MORE])["ts"]
    slack.click("U0WIM", "C0WEB", ts, "who", value="U0CAT", values={"more": {"who": "U0CAT"}})
    (pressed,) = bot.heard
    assert (pressed["user"]["team_id"], pressed["team"]["id"]) == ("T0PARTNER", "T0LAB")
    assert pressed["state"]["values"]["more"]["who"]["selected_user"] == "U0CAT"


# -- App Home --------------------------------------------------------------------------------------------


def test_a_bot_that_subscribes_hears_who_opens_its_home_and_shows_it(slack: LocalSlack, bot: Bot) -> None:
    slack.dialogs.open_home(BOB)
    assert (bot.heard, slack.home(BOB)) == ([], None)
    slack.dialogs.subscribed = frozenset({"app_home_opened"})
    slack.dialogs.open_home(BOB)
    home = wait_for_home(slack)
    assert bot.heard[0]["event"].items() >= {"user": BOB, "channel": "D0BOB", "tab": "home"}.items()
    slack.dialogs.act(BOB, home["id"], "details")
    assert bot.heard[-1]["view"]["type"] == "home"


def wait_for_home(slack: LocalSlack) -> Json:
    # Bolt acknowledges an event before its listener has run.
    for _ in range(200):
        home = slack.home(BOB)
        if home:
            return home
        time.sleep(0.02)
    raise AssertionError("no home was published")


# -- files -----------------------------------------------------------------------------------------------

PIXEL = b"\x89PNG\r\n\x1a\n" + b"0" * 40


def test_a_file_is_uploaded_into_a_thread_and_shown_there(slack: LocalSlack, web: WebClient) -> None:
    ts = web.chat_postMessage(channel="C0WEB", text="plan")["ts"]
    web.files_upload_v2(
        channel="C0WEB",
        thread_ts=ts,
        filename="load.png",
        title="Load",
        content=PIXEL,
        initial_comment="Look:",
    )
    (message,) = slack.messages("C0WEB", thread=ts)
    (file,) = message.files
    assert (message.text, file["title"], file["mimetype"]) == ("Look:", "Load", "image/png")
    assert slack.file(file["id"]) == PIXEL
    with urllib.request.urlopen(file["url_private"]) as answer:
        assert (answer.read(), answer.headers["Content-Disposition"]) == (PIXEL, None)
    assert web.files_info(file=file["id"])["file"]["name"] == "load.png"


def test_a_file_that_is_no_picture_is_never_shown_in_place(slack: LocalSlack, web: WebClient) -> None:
    web.files_upload_v2(channel="C0WEB", filename="evil.html", content="<script>alert(1)</script>")
    address = slack.messages("C0WEB")[0].files[0]["url_private"]
    with urllib.request.urlopen(address) as answer:
        assert answer.headers["Content-Disposition"] == "attachment"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_file_must_be_announced_and_sent_before_it_is_shared(slack: LocalSlack, web: WebClient) -> None:
    assert refusal(lambda: web.files_getUploadURLExternal(filename="", length=3)) == "invalid_arguments"
    told = web.files_getUploadURLExternal(filename="a.txt", length=3)
    share: Json = {"files": [{"id": told["file_id"]}], "channel_id": "C0WEB"}
    assert refusal(lambda: web.files_completeUploadExternal(**share)) == "file_not_found"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(told["upload_url"], data=b"four")
    urllib.request.urlopen(told["upload_url"], data=b"one").close()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(told["upload_url"], data=b"two")
    web.files_completeUploadExternal(**share)
    assert json.dumps(slack.messages("C0WEB")[0].files).count("a.txt") >= 1
