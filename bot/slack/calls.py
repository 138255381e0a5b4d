"""Calls of Slack's Web API: retried where that is safe, and their errors in our words."""

import http.client
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web import SlackResponse

from bot.domain.errors import ChatError, ChatUnavailable

TIMEOUT = 10
"""Seconds for one call."""
PATIENCE = 30
"""Seconds that one call may wait in all because Slack asked us to slow down."""
PAUSES = (0.3, 1.0)
"""Seconds before each further try when there was no answer."""

NETWORK = (OSError, http.client.HTTPException, SlackRequestError)
"""What slack_sdk lets through when there was no answer; urllib's errors are OSErrors."""
_RATE_LIMITED = 429
_BROKEN = 500

_OUT_OF_ORDER = frozenset(("internal_error", "fatal_error", "service_unavailable", "request_timeout"))

_TOKEN = "Slack does not accept my token; put a valid one into SLACK_BOT_TOKEN and start me again."  # noqa: S105 (no secret)
_SLOWER = "Slack asks me to slow down. Try again in a minute."
_INVITE = "I am not in that channel. Type `/invite @clonebot` there, then try again."
_WORDS = {
    "not_in_channel": _INVITE,
    "channel_not_found": _INVITE,
    "user_not_in_channel": "You are not in that channel, so I cannot answer you there.",
    "is_archived": "That channel is archived. Give the fleet another one in the fleet file.",
    "user_not_found": "Slack knows no such person.",
    "user_not_visible": "Slack does not let me see that person.",
    "invalid_auth": _TOKEN,
    "not_authed": _TOKEN,
    "account_inactive": _TOKEN,
    "token_revoked": _TOKEN,
    "token_expired": _TOKEN,
}


class SlackRefused(ChatError):
    """Slack answered no; `code` is its word for why."""

    def __init__(self, method: str, code: str, needed: str = "") -> None:
        super().__init__(_explain(method, code, needed))
        self.code = code


class NoAnswer(ChatUnavailable):
    """Slack did not answer: the call may have been carried out or not."""


def _explain(method: str, code: str, needed: str) -> str:
    if code == "missing_scope":
        return (
            f"My Slack app lacks the scope `{needed}`. Add it as in deploy/slack-manifest.yaml and reinstall."
        )
    return _WORDS.get(code, f"Slack refused `{method}`: {code}.")


def web_client(token: str, api_url: str) -> WebClient:
    """A client that leaves retries to us."""
    quiet = logging.getLogger("clonebot.slack.web")
    quiet.setLevel(logging.CRITICAL)  # it logs bodies of answers; we raise errors of our own
    base_url = api_url if api_url.endswith("/") else f"{api_url}/"
    return WebClient(token=token, base_url=base_url, timeout=TIMEOUT, retry_handlers=[], logger=quiet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Makes calls; how it waits can be replaced."""

    sleep: Callable[[float], None] = field(default=time.sleep)

    def call(
        self, method: Callable[..., SlackResponse], /, *, again: bool = True, **arguments: Any
    ) -> SlackResponse:
        """Call a method of the Web API. `again` says that a call without an answer may be repeated."""
        pauses = list(PAUSES) if again else []
        patience = float(PATIENCE)
        while True:
            try:
                return _try(method, arguments)
            except _SlowDown as asked:
                wait = asked.seconds
                patience -= wait
                if patience < 0:
                    raise ChatUnavailable(_SLOWER) from asked
            except NoAnswer:
                if not pauses:
                    raise
                wait = pauses.pop(0)
            self.sleep(wait)


class _SlowDown(ChatError):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


def _try(method: Callable[..., SlackResponse], arguments: dict[str, Any]) -> SlackResponse:
    try:
        return method(**arguments)
    except SlackApiError as error:
        raise refusal(method.__name__, error.response) from error
    except NETWORK as error:
        raise NoAnswer("Slack cannot be reached just now. Try again in a minute.") from error


def refusal(method: str, response: Any) -> ChatError:
    """What a refusal means: SlackRefused if Slack itself said no.

    `response` is a SlackResponse, or a dict where Slack sent something else.
    """
    code = str(response.get("error") or "unknown_error")
    status = getattr(response, "status_code", 0)
    if status == _RATE_LIMITED or code == "ratelimited":
        asked = str(getattr(response, "headers", {}).get("Retry-After", "1"))
        return _SlowDown(max(1.0, float(asked)) if asked.isdigit() else 1.0)
    if status >= _BROKEN or code in _OUT_OF_ORDER or " " in code:  # slack_sdk puts whole pages there
        return NoAnswer("Slack is out of order just now. Try again in a minute.")
    return SlackRefused(method.replace("_", "."), code[:80], str(response.get("needed", "")))
