"""The lab's Slack over HTTP: it words, signs, waits and repeats as Slack does."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.lab.slack.deliveries import BadAnswerError
from bot.lab.slack.server import LocalSlack
from bot.lab.slack.sockets import BotSilentError, NotAcknowledgedError, NotConnectedError

BOB, CHANNEL = "U0BOB", "C0WEB"


@dataclass
class Bot:
    """A web server that writes down what comes, and answers as it is told."""

    status: int = 200
    answer: bytes = b""
    seconds: float = 0
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def take(self, headers: dict[str, str], body: bytes) -> None:
        self.came.append((headers, body))
        time.sleep(self.seconds)


@pytest.fixture
def bot() -> Bot:
    return Bot()


@pytest.fixture
def slack(bot: Bot) -> Iterator[LocalSlack]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bot.take(dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(bot.status)
            self.send_header("Content-Length", str(len(bot.answer)))
            self.end_headers()
            self.wfile.write(bot.answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with LocalSlack() as started:
        started.request_url = f"http://127.0.0.1:{server.server_port}/slack/events"
        yield started
    server.shutdown()
    server.server_close()


def whispers(slack: LocalSlack) -> list[str]:
    return [message.text for message in slack.seen_by(BOB, CHANNEL) if message.ephemeral_for == BOB]


def test_a_command_is_a_signed_form(slack: LocalSlack, bot: Bot) -> None:
    trigger = slack.command(BOB, CHANNEL, "scale 4 – größer")  # noqa: RUF001 (phones write it)

    ((headers, body),) = bot.came
    assert SignatureVerifier(slack.signing_secret).is_valid_request(body, headers)
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    assert form["text"] == "scale 4 – größer"  # noqa: RUF001 (the same)
    assert (form["command"], form["user_id"], form["channel_id"]) == ("/clone", BOB, CHANNEL)
    assert form["trigger_id"] == trigger
    assert whispers(slack) == []


def test_a_click_is_json_in_a_signed_form(slack: LocalSlack, bot: Bot) -> None:
    payload = {"type": "block_actions", "actions": []}

    assert slack.deliver("interactive", payload) == {}

    ((headers, body),) = bot.came
    assert SignatureVerifier(slack.signing_secret).is_valid_request(body, headers)
    assert json.loads(parse_qs(body.decode())["payload"][0]) == payload


@pytest.mark.parametrize("answer", [b'{"response_type": "ephemeral", "text": "only you"}', b"only you"])
def test_what_the_bot_answers_is_shown_to_who_typed(slack: LocalSlack, bot: Bot, answer: bytes) -> None:
    bot.answer = answer

    slack.command(BOB, CHANNEL, "status")

    assert whispers(slack) == ["only you"]


def test_who_typed_is_told_when_the_bot_is_late_refuses_or_is_away(slack: LocalSlack, bot: Bot) -> None:
    slack.ack_seconds = 0.2
    bot.seconds = 0.6
    slack.command(BOB, CHANNEL, "status")
    bot.seconds, bot.status = 0, 503
    slack.command(BOB, CHANNEL, "status")
    slack.request_url = "http://127.0.0.1:9/slack/events"
    slack.command(BOB, CHANNEL, "status")

    late, refused, away = whispers(slack)
    assert late == '`/clone` failed with the error "operation_timeout"'
    assert refused == '`/clone` failed with the error "dispatch_failed": the bot answered with status 503'
    assert away.startswith('`/clone` failed with the error "dispatch_failed": the bot is not connected')


@pytest.mark.parametrize("kind", ["slash_commands", "interactive"])
def test_what_a_person_does_is_never_sent_again(slack: LocalSlack, bot: Bot, kind: str) -> None:
    bot.status = 500

    with pytest.raises(BadAnswerError):
        slack.deliver(kind, {})

    assert len(bot.came) == 1


REASONS = {
    "refused": (Bot(status=500), BadAnswerError, "http_error"),
    "late": (Bot(seconds=0.5), NotAcknowledgedError, "http_timeout"),
}


@pytest.mark.parametrize(("how", "error", "reason"), REASONS.values(), ids=REASONS.keys())
def test_an_event_is_sent_again_three_times_and_says_why(
    slack: LocalSlack, bot: Bot, how: Bot, error: type[BotSilentError], reason: str
) -> None:
    bot.status, bot.seconds, slack.ack_seconds = how.status, how.seconds, 0.2

    with pytest.raises(error):
        slack.deliver("events_api", {"type": "event_callback"})

    marks = [
        (headers.get("X-Slack-Retry-Num"), headers.get("X-Slack-Retry-Reason")) for headers, _ in bot.came
    ]
    assert marks == [(None, None), ("1", reason), ("2", reason), ("3", reason)]
    assert len({body for _, body in bot.came}) == 1


def test_an_event_that_was_taken_is_not_sent_again(slack: LocalSlack, bot: Bot) -> None:
    slack.deliver("events_api", {"type": "event_callback"})

    assert len(bot.came) == 1


def test_the_bot_counts_as_present_while_slack_knows_its_address(slack: LocalSlack) -> None:
    assert slack.connected == 1
    slack.request_url = None
    assert slack.connected == 0
    with pytest.raises(NotConnectedError):
        slack.deliver("interactive", {})
