"""Judges blocks and views as Slack does: it takes them, or says what is wrong where."""

from bot.lab.slack.block_kit.elements import find_elements
from bot.lab.slack.block_kit.judge import block_faults, text_error, view_faults

__all__ = ["block_faults", "find_elements", "text_error", "view_faults"]
