"""Chat, kept by Slack."""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient

from bot.domain.digest import Digest
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.errors import ChatError
from bot.domain.notice import Notice
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.slack.calls import NETWORK, TIMEOUT, Caller, NoAnswer, SlackRefused
from bot.slack.people import find_person
from bot.slack.reports import post_report
from bot.slack.views.answer import show_answer, show_note
from bot.slack.views.card import show_operation
from bot.slack.views.digest import show_digest
from bot.slack.views.doctor import show_diagnosis, told_to_who_asked
from bot.slack.views.message import NO_PREVIEWS, Message, content
from bot.world import Request

_LOG = logging.getLogger(__name__)
_OK = 200
_EVENT = "clonebot_operation"
_DIGEST = "clonebot_digest"
_NOTICE = "clonebot_notice"
_REPORT = "clonebot_report"
_SLACKS_OWN = ("https", "hooks.slack.com")
_PAGE = 200
_EARLIER = 600
"""Seconds before an operation's birth from which on its message is looked for: clocks differ."""
_ATTEMPTS = 3


class SlackChat:
    """Shows and tells through the Web API. Threads may share it."""

    def __init__(self, client: WebClient, caller: Caller | None = None) -> None:
        self._client = client
        self._caller = caller or Caller()
        self._locks = tuple(threading.Lock() for _ in range(16))

    def home_team(self) -> str:
        """The id of our workspace."""
        return str(self._self["team_id"])

    @cached_property
    def _self(self) -> dict[str, Any]:
        answer = self._caller.call(self._client.auth_test)
        return {"team_id": answer["team_id"], "user_id": answer["user_id"]}

    def person(self, team: str, user: str, groups: frozenset[str]) -> Person:
        """Who this is now, and which of these user groups they are in."""
        return find_person(self._client, self._caller, team, user, groups)

    def answer(self, request: Request, title: str, lines: Sequence[str]) -> None:
        """Tell only the person who asked, where they asked."""
        self._answer(request, show_answer(title, lines))

    def _answer(self, request: Request, view: Message) -> None:
        if not self._reply(request.reply_to, view):
            self._caller.call(
                self._client.chat_postEphemeral, channel=request.channel, user=request.user, **content(view)
            )

    def report(self, request: Request, channel: str, diagnosis: Diagnosis) -> None:
        """Post a card in the fleet's channel, with the report in its thread; tell who asked where it is."""
        metadata = {"event_type": _REPORT, "event_payload": {"request": request.id}}
        card = self._post_once(channel, diagnosis.at, metadata, show_diagnosis(diagnosis))
        post_report(self._client, self._caller, channel, card, diagnosis)
        self._answer(request, told_to_who_asked(diagnosis, channel))

    def show(self, operation: Operation) -> str:
        """Post the operation's live message, or bring it up to date; return its id."""
        with self._locks[hash(operation.id) % len(self._locks)]:
            return self._update(operation, operation.message) or self._post(operation)

    def note(self, operation: Operation, text: str) -> None:
        """Add a line to the thread of the operation's live message."""
        message = operation.message or self._find(operation)
        if not message:
            raise ChatError(f"`{operation.id}` has no message yet.")
        self._caller.call(
            self._client.chat_postMessage,
            again=False,
            channel=operation.channel,
            thread_ts=message,
            **content(show_note(text)),
            **NO_PREVIEWS,
        )

    def post_digest(self, channel: str, digest: Digest) -> str:
        """Post a digest, unless one with its id is there; return the message's id."""
        metadata = {"event_type": _DIGEST, "event_payload": {"digest": digest.id}}
        return self._post_once(channel, digest.due or digest.at, metadata, show_digest(digest))

    def post_notice(self, channel: str, notice: Notice) -> str:
        """Post a notice, unless one with its id is there; return the message's id."""
        metadata = {"event_type": _NOTICE, "event_payload": {"notice": notice.id}}
        return self._post_once(channel, notice.at, metadata, show_answer(notice.title, notice.lines))

    def _post_once(self, channel: str, born: datetime, metadata: dict[str, Any], view: Message) -> str:
        found = self._find_marked(channel, born, metadata)
        if found:
            return found
        answer = self._caller.call(
            self._client.chat_postMessage,
            again=False,
            channel=channel,
            metadata=metadata,
            **content(view),
            **NO_PREVIEWS,
        )
        return str(answer["ts"])

    def _reply(self, url: str, view: Message) -> bool:
        """Answer through the address that came with the request; False where that does not work."""
        if not self._is_slacks(url):
            return False
        hook = WebhookClient(url, timeout=TIMEOUT, retry_handlers=[], logger=_LOG)
        try:
            answer = hook.send(response_type="ephemeral", replace_original=False, **content(view))
        except NETWORK as error:
            _LOG.warning("Slack's reply address did not answer: %s", type(error).__name__)
            return False
        return answer.status_code == _OK

    def _is_slacks(self, url: str) -> bool:
        ours = urlsplit(self._client.base_url)
        theirs = urlsplit(url)
        whole = (theirs.scheme, theirs.netloc)
        return bool(theirs.netloc) and whole in {_SLACKS_OWN, (ours.scheme, ours.netloc)}

    def _update(self, operation: Operation, message: str) -> str:
        """Bring a message up to date; empty if there is none (any more)."""
        if not message:
            return ""
        try:
            self._caller.call(
                self._client.chat_update,
                channel=operation.channel,
                ts=message,
                metadata=_metadata(operation),
                **content(show_operation(operation)),
            )
        except SlackRefused as refused:
            if refused.code != "message_not_found":
                raise
            return ""
        return message

    def _post(self, operation: Operation) -> str:
        """Post once: look first whether it was posted and we did not live to remember it."""
        for attempt in range(1, _ATTEMPTS + 1):
            found = self._update(operation, self._find(operation))
            if found:
                return found
            try:
                return self._post_new(operation)
            except NoAnswer:
                if attempt == _ATTEMPTS:
                    raise
            self._caller.sleep(attempt)
        raise AssertionError

    def _post_new(self, operation: Operation) -> str:
        answer = self._caller.call(
            self._client.chat_postMessage,
            again=False,
            channel=operation.channel,
            metadata=_metadata(operation),
            **content(show_operation(operation)),
            **NO_PREVIEWS,
        )
        return str(answer["ts"])

    def _find(self, operation: Operation) -> str:
        """The id of this operation's message in its channel; empty if there is none."""
        return self._find_marked(operation.channel, operation.created, _metadata(operation))

    def _find_marked(self, channel: str, born: datetime, metadata: dict[str, Any]) -> str:
        """The id of our message with this metadata; empty if there is none."""
        oldest = f"{born.timestamp() - _EARLIER:.6f}"
        cursor = ""
        while True:
            page = self._caller.call(
                self._client.conversations_history,
                channel=channel,
                oldest=oldest,
                limit=_PAGE,
                cursor=cursor,
                include_all_metadata=True,
            )
            for message in page.get("messages") or ():
                if self._is_ours(message, metadata):
                    return str(message["ts"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return ""

    def _is_ours(self, message: dict[str, Any], metadata: dict[str, Any]) -> bool:
        found = message.get("metadata") or {}
        payload = found.get("event_payload") or {}
        return (
            message.get("user") == self._self["user_id"]
            and found.get("event_type") == metadata["event_type"]
            and all(payload.get(name) == value for name, value in metadata["event_payload"].items())
        )


def _metadata(operation: Operation) -> dict[str, Any]:
    return {"event_type": _EVENT, "event_payload": {"operation": operation.id}}
