"""What people type and press becomes a Request: recorded first, acknowledged then, worked on elsewhere."""

import logging
import re
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App, BoltContext, BoltRequest, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from slack_bolt.middleware import Middleware
from slack_sdk import WebClient

from bot.domain.errors import BotError
from bot.domain.naming import request_id
from bot.domain.words import storable
from bot.slack.calls import TIMEOUT
from bot.slack.shape import is_readable
from bot.slack.views.answer import show_answer
from bot.slack.views.card import APPROVE, CANCEL, DENY
from bot.world import Chat, Request

_LOG = logging.getLogger(__name__)
_THREADS = 32
"""Bolt's own five are all busy as soon as five people wait for the records."""
_DOUBLE_CLICK = 10
"""Seconds within which the same button pressed by the same person counts once."""
_VERBS = {APPROVE: "approve", DENY: "deny", CANCEL: "cancel"}
_NOTHING_DONE = "Nothing was done"
_VALUE = re.compile(r"([a-z0-9-]{1,40}):([0-9a-f]{64})")

Submit = Callable[[Request], None]


def build_app(*, client: WebClient, signing_secret: str, submit: Submit, chat: Chat) -> App:
    """Make the Bolt app; what carries requests to it does not matter here."""
    app = _quiet_app(client, signing_secret)
    app.command(re.compile("^/"))(_Commands(submit).take)
    app.action(re.compile(f"^({'|'.join(map(re.escape, _VERBS))})$"))(_Buttons(submit, chat).take)
    app.error(_Reporter(chat).report)
    return app


def _quiet_app(client: WebClient, signing_secret: str) -> App:
    """An app that logs no bodies and asks Slack nothing before it acknowledges."""
    logger = logging.getLogger("clonebot.slack.bolt")
    logger.setLevel(logging.ERROR)  # App warns that it ignores the token it finds in the environment
    token = client.token
    app = App(
        client=WebClient(base_url=client.base_url, timeout=TIMEOUT, retry_handlers=[], logger=logger),
        signing_secret=signing_secret,
        before_authorize=_Guard(),
        authorize=lambda: AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token),
        listener_executor=ThreadPoolExecutor(_THREADS, thread_name_prefix="slack"),
        raise_error_for_unhandled_request=True,
        logger=logger,
    )
    logger.setLevel(logging.WARNING)
    return app


class _Guard(Middleware):
    """Stands before Bolt or a listener reads what is not there; both take a form for granted."""

    def process(self, *, req: BoltRequest, next: Callable[[], BoltResponse], **_: Any) -> BoltResponse:  # noqa: A002 (Bolt's name)
        return next() if is_readable(req.body) else _refuse(req.body)


def _refuse(body: Mapping[str, Any]) -> BoltResponse:
    _LOG.warning("Slack sent something that nobody asked for: %r", str(body.get("type"))[:40])
    return BoltResponse(status=404)


class _Commands:
    """`/clone …`, typed."""

    def __init__(self, submit: Submit) -> None:
        self._submit = submit

    def take(self, ack: Ack, body: dict[str, Any]) -> None:
        """Record what was typed, then acknowledge; or say at once that it could not be recorded."""
        try:
            self._submit(read_command(body))
        except BotError as error:
            view = show_answer(_NOTHING_DONE, [str(error)])
            ack(text=view.text, blocks=list(view.blocks), response_type="ephemeral")
        else:
            ack()


class _Buttons:
    """Approve, Deny and Cancel."""

    def __init__(self, submit: Submit, chat: Chat) -> None:
        self._submit = submit
        self._chat = chat

    def take(self, ack: Ack, body: dict[str, Any]) -> None:
        """Record what was pressed, then acknowledge; what there is to say does not fit in there."""
        request = read_click(body)
        try:
            self._submit(request)
        except BotError as error:
            ack()
            self._chat.answer(request, _NOTHING_DONE, [str(error)])
        else:
            ack()


class _Reporter:
    """The one place that catches everything."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def report(self, error: Exception, body: dict[str, Any], context: BoltContext) -> BoltResponse | None:
        """Log the trace, and give the person a reference to it."""
        if isinstance(error, BoltUnhandledRequestError):
            return _refuse(body)
        reference = secrets.token_hex(4)
        _LOG.error("A request from Slack failed; its reference is %s", reference, exc_info=error)
        self._tell(
            body, f"Something unexpected went wrong. For whoever runs me, the reference is `{reference}`."
        )
        return None if context.ack.response else BoltResponse(status=200)

    def _tell(self, body: Mapping[str, Any], line: str) -> None:
        try:
            self._chat.answer(_read_sender(body), "That did not work", [line])
        except BotError as error:
            _LOG.warning("The person could not be told: %s", error)


def read_command(body: Mapping[str, Any]) -> Request:
    """The request in a slash command. A command that Slack sends again has the same trigger."""
    return replace(
        _read_sender(body),
        id=request_id(str(body["trigger_id"])),
        text=storable(str(body.get("text") or "")),
    )


def read_click(body: Mapping[str, Any]) -> Request:
    """The request in a click. Clicks on one button by one person within ten seconds are one."""
    sender = _read_sender(body)
    action = body["actions"][0]
    operation, plan = _read_value(str(action.get("value")))
    verb = _VERBS[action["action_id"]]
    moment = int(float(action.get("action_ts") or 0)) // _DOUBLE_CLICK
    key = request_id(verb, operation, plan, sender.team, sender.user, str(moment))
    return replace(sender, id=key, text=f"{verb} {operation}", plan=plan)


def _read_value(value: str) -> tuple[str, str]:
    found = _VALUE.fullmatch(value)
    if found is None:
        raise ValueError(f"not a value of our buttons: {value[:80]!r}")
    return found[1], found[2]


def _read_sender(body: Mapping[str, Any]) -> Request:
    """Who and where, as commands and clicks tell it."""
    user = body.get("user") or {"id": body.get("user_id"), "team_id": body.get("team_id")}
    team = user.get("team_id") or (body.get("team") or {}).get("id")
    channel = (body.get("channel") or {}).get("id") or body.get("channel_id")
    return Request(
        id="",
        text="",
        team=str(team or ""),
        user=str(user.get("id") or ""),
        channel=str(channel or ""),
        via="slack",
        reply_to=str(body.get("response_url") or ""),
    )
