"""The doctor's report in the thread of its card: page by page, and as a file. Safe to repeat."""

import logging
from typing import Any

from slack_sdk import WebClient

from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.report import plain_text
from bot.domain.errors import ChatError, ChatUnavailable
from bot.slack.calls import Caller
from bot.slack.views.answer import show_note
from bot.slack.views.doctor import show_report
from bot.slack.views.message import NO_PREVIEWS, Message, content

_LOG = logging.getLogger(__name__)


def post_report(client: WebClient, caller: Caller, channel: str, card: str, diagnosis: Diagnosis) -> None:
    """Add to the thread what is not there yet: the pages, then the file. Raises ChatError."""
    told = _count(client, caller, channel, card)
    pages = show_report(diagnosis)
    for page in pages[told:]:
        _post(client, caller, channel, card, page)
    if told > len(pages):
        return
    try:
        _upload(client, caller, channel, card, diagnosis)
    except ChatUnavailable:
        raise
    except ChatError as error:
        _LOG.warning("The report was not taken as a file: %s", error)
        _post(client, caller, channel, card, show_note(f"The report as a file could not be added: {error}"))


def _count(client: WebClient, caller: Caller, channel: str, card: str) -> int:
    """How many messages the thread has: more than none only where a crash cut this off."""
    answer = caller.call(client.conversations_replies, channel=channel, ts=card, limit=20)
    messages: list[dict[str, Any]] = answer.get("messages") or []
    return sum(message.get("ts") != card for message in messages)


def _post(client: WebClient, caller: Caller, channel: str, card: str, view: Message) -> None:
    caller.call(
        client.chat_postMessage,
        again=False,
        channel=channel,
        thread_ts=card,
        **content(view),
        **NO_PREVIEWS,
    )


def _upload(client: WebClient, caller: Caller, channel: str, card: str, diagnosis: Diagnosis) -> None:
    name = f"doctor-{diagnosis.fleet}-{diagnosis.at:%Y-%m-%d-%H%M%S}.txt"
    caller.call(
        client.files_upload_v2,
        again=False,
        channel=channel,
        thread_ts=card,
        filename=name,
        title=name,
        content=plain_text(diagnosis),
    )
