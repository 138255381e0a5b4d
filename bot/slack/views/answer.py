"""What one person is told, and nobody else sees."""

from collections.abc import Sequence

from bot.slack.views.message import Message, message, sections


def show_answer(title: str, lines: Sequence[str]) -> Message:
    """A title and its lines."""
    rest = "Ask for less, for instance one fleet or more words."
    return message(title, sections([f"*{title}*", *lines], rest=rest))


def show_note(text: str) -> Message:
    """One line in the thread of an operation."""
    return message(text, sections([text]))
