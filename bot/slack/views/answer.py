"""What one person is told, and nobody else sees."""

from collections.abc import Sequence

from bot.slack.views.message import Message, message, sections


def show_answer(title: str, lines: Sequence[str]) -> Message:
    """A title and its lines."""
    rest = "Ask for less, for instance one fleet or more words."
    heading = title if "*" in title else f"*{title}*"
    read_out = " · ".join(filter(None, (title, *lines)))
    return message(read_out, sections([heading, *lines], rest=rest))


def show_note(text: str) -> Message:
    """Lines in the thread of an operation."""
    lines = text.split("\n")
    return message(" · ".join(lines), sections(lines))
