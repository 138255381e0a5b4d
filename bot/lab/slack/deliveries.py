"""Slack over HTTP: signed requests to the bot's address, and its answers."""

import hashlib
import hmac
import http.client
import json
import time
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from bot.lab.slack.board import Json
from bot.lab.slack.sockets import BotSilentError, NotAcknowledgedError, NotConnectedError

RETRIES = 3
"""Slack sends an event again at once, after a minute and after five (here at once); nothing else."""
_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
_FORM = "application/x-www-form-urlencoded"
_REASONS = {NotConnectedError: "connection_failed", NotAcknowledgedError: "http_timeout"}


class BadAnswerError(BotSilentError):
    """The bot answered that it does not take the request."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the bot answered with status {status}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request as it goes over the wire; the same one can be sent again."""

    body: bytes
    headers: dict[str, str]

    def again(self, number: int, error: BotSilentError) -> "Delivery":
        """The same, marked as Slack marks what it repeats."""
        reason = _REASONS.get(type(error), "http_error")
        marks = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": reason}
        return Delivery(self.body, self.headers | marks)


def sign(secret: str, body: bytes, content_type: str = _FORM, *, at: float | None = None) -> Delivery:
    """Sign as Slack does: https://docs.slack.dev/authentication/verifying-requests-from-slack/."""
    moment = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:%b:%b" % (moment.encode(), body), hashlib.sha256).hexdigest()
    signature = {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": f"v0={digest}"}
    return Delivery(body, {"Content-Type": content_type, "User-Agent": _AGENT, **signature})


def word(secret: str, kind: str, payload: Json) -> Delivery:
    """Put a payload into the form that Slack uses for its kind."""
    match kind:
        case "slash_commands":
            return sign(secret, urlencode(payload, errors="replace").encode())
        case "interactive":
            return sign(secret, urlencode({"payload": json.dumps(payload)}).encode())
        case _:
            return sign(secret, json.dumps(payload).encode(), "application/json")


def deliver(url: str, secret: str, kind: str, payload: Json, seconds: float) -> Json:
    """Send it, an event up to four times; return the answer. Raises BotSilentError."""
    first = delivery = word(secret, kind, payload)
    for number in range(1, RETRIES + 1 if kind == "events_api" else 1):
        try:
            return _read(*send(url, delivery, seconds))
        except BotSilentError as error:
            delivery = first.again(number, error)
    return _read(*send(url, delivery, seconds))


def send(url: str, delivery: Delivery, seconds: float = 3) -> tuple[int, bytes]:
    """POST it; the status and the body of the answer. Raises BotSilentError where none comes."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=seconds)
    try:
        connection.request("POST", address.path, delivery.body, delivery.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except TimeoutError:
        raise NotAcknowledgedError from None
    except (OSError, http.client.HTTPException):
        raise NotConnectedError from None
    finally:
        connection.close()


def _read(status: int, body: bytes) -> Json:
    """What the bot says in its acknowledgement: JSON, or text to show."""
    if status != http.client.OK:
        raise BadAnswerError(status)
    text = body.decode(errors="replace")
    try:
        answer = json.loads(text or "{}")
    except ValueError:
        answer = text
    return answer if isinstance(answer, dict) else {"text": text}
