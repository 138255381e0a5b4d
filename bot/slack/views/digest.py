"""The scheduled digest."""

from slack_sdk.models.blocks import HeaderBlock, PlainTextObject

from bot.domain.digest import Digest, headline, lines
from bot.domain.words import one_line
from bot.slack.views.markup import shorten
from bot.slack.views.message import Message, message, sections

_HEADER = 150
_REST = "`/clone status` and `/clone audit` show them."


def show_digest(digest: Digest) -> Message:
    """The headline, and a line for each thing there is to tell."""
    title, told = headline(digest), lines(digest)
    header = HeaderBlock(text=PlainTextObject(text=shorten(one_line(title), _HEADER), emoji=False))
    read_out = " · ".join((title, *told)).replace("*", "")
    if len(told) == 1:
        return message(read_out, sections(told))
    return message(read_out, [header, *sections(told, rest=_REST)])
