"""A message as Slack takes it: text for notifications, blocks for the screen, within Slack's limits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import Block, MarkdownTextObject, SectionBlock

from bot.slack.views.markup import fit

SECTION = 2900
"""Slack takes 3000 characters."""
WHOLE = 9000
"""Slack refuses messages whose blocks hold more than about 13,000 characters (`msg_blocks_too_long`)."""
LINE = 600
"""The most that one line takes where there is too much to show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is posted."""

    text: str
    blocks: tuple[dict[str, Any], ...]


NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}


def content(view: Message) -> dict[str, Any]:
    """The message as the Web API takes it."""
    return {"text": view.text, "blocks": list(view.blocks)}


def message(text: str, blocks: Sequence[Block]) -> Message:
    """Check the blocks and make plain values of them."""
    return Message(text=fit(text, SECTION) or "…", blocks=tuple(block.to_dict() for block in blocks))


def marked(markup: str) -> MarkdownTextObject:
    """Markup in which Slack looks for nothing on its own: no bare link, no channel name."""
    return MarkdownTextObject(text=markup, verbatim=True)


def section(markup: str) -> SectionBlock:
    """A paragraph."""
    return SectionBlock(text=marked(markup))


def sections(lines: Iterable[str], *, budget: int = WHOLE, rest: str = "") -> list[Block]:
    """Our lines as as few paragraphs as possible; where they are too many, say how many, and `rest`."""
    return [section("\n".join(part)) for part in _parts(_within(list(lines), budget, rest))]


def _within(lines: list[str], budget: int, rest: str) -> list[str]:
    shown = [fit(line, SECTION) for line in lines]
    if _size(shown) <= budget:
        return shown
    shown = [fit(line, LINE) for line in lines]
    missing = 0
    while _size(shown) > budget:
        shown.pop()
        missing += 1
    return [*shown, fit(f"… and {missing} more. {rest}", LINE)] if missing else shown


def _size(lines: Sequence[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _parts(lines: Iterable[str]) -> Iterator[list[str]]:
    part: list[str] = []
    for line in lines:
        if part and _size([*part, line]) > SECTION + 1:
            yield part
            part = []
        part.append(line)
    if any(part):
        yield part
