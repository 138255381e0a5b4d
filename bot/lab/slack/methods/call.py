"""One call of the Web API: its arguments, and how it is refused."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bot.lab.slack.board import Board, Json, Message
from bot.lab.slack.team import Channel, Person, Team
from bot.lab.slack.workspace import Workspace


class RefusedError(Exception):
    """Slack's answer is an error, such as channel_not_found."""

    def __init__(self, error: str, details: list[str] | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.details = details or []


@dataclass(frozen=True, slots=True)
class Call:
    """The arguments of one call, whichever way they were encoded."""

    method: str
    workspace: Workspace
    args: Json

    @property
    def team(self) -> Team:
        """The team as it is now."""
        return self.workspace.team

    @property
    def board(self) -> Board:
        """The messages."""
        return self.workspace.board

    def text(self, name: str) -> str:
        """Read an argument that may be missing."""
        value = self.args.get(name)
        return "" if value is None else str(value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a boolean, which forms send as 1, 0, true or false."""
        value = self.text(name).lower()
        return value in {"1", "true"} if value else default

    def number(self, name: str, default: int) -> int:
        """Read a whole number."""
        value = self.text(name)
        if not value:
            return default
        if not value.isdigit():
            raise RefusedError("invalid_arguments")
        return int(value)

    def stamp(self, name: str, default: float) -> float:
        """Read a time stamp."""
        try:
            return float(self.text(name) or default)
        except ValueError as error:
            raise RefusedError(f"invalid_ts_{name}") from error

    def structure(self, name: str) -> Any:
        """Read an argument that is JSON, which forms send as a string."""
        value = self.args.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise RefusedError(f"invalid_{name}_format") from error

    def channel(self, name: str = "channel") -> Channel:
        """Find the channel that is meant."""
        found = self.team.channel(self.text(name))
        if found is None:
            raise RefusedError("channel_not_found")
        return found

    def joined_channel(self, name: str = "channel") -> Channel:
        """Find the channel that is meant; the bot must be in it."""
        found = self.channel(name)
        if not found.bot_is_in:
            raise RefusedError("not_in_channel")
        return found

    def person(self) -> Person:
        """Find the person that is meant."""
        found = self.team.person(self.text("user"))
        if found is None:
            raise RefusedError("user_not_found")
        return found

    def message(self, name: str = "ts") -> Message:
        """Find the message that is meant; an ephemeral one cannot be named."""
        found = self.board.find(self.channel().id, self.text(name))
        if found is None or found.ephemeral_for:
            raise RefusedError("message_not_found")
        return found


Method = Callable[[Call], Json]


def page_of(call: Call, items: list[Any], default: int = 100) -> tuple[list[Any], Json]:
    """Cut out the page of a list that the cursor names, with the fields that lead to the next one."""
    start, limit = call.number("cursor", 0), max(1, min(call.number("limit", default), 1000))
    more = start + limit < len(items)
    return items[start : start + limit], {"next_cursor": str(start + limit) if more else ""}
