"""What the local Slack knows: team, messages, tokens, and who may still use which address."""

import secrets
import time
from dataclasses import dataclass, field

from bot.lab.slack.board import Board
from bot.lab.slack.pace import Pace
from bot.lab.slack.team import Team
from bot.lab.slack.uploads import File
from bot.lab.slack.views import Views

APP_ID = "A0CLONEBOT"
BOT_PROFILE_ID = "B0CLONEBOT"
TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60
RESPONSE_URL_USES = 5
SCOPES = frozenset(
    {
        "channels:history",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "im:history",
        "users:read",
        "usergroups:read",
    }
)
"""What the app was installed with."""


def _token(prefix: str) -> str:
    return prefix + secrets.token_hex(16)


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """An address at which the bot may answer one interaction."""

    user: str
    channel: str
    original: str | None
    """Time stamp of the message that was clicked; None for a slash command."""
    uses: int = 0
    made: float = field(default_factory=time.monotonic)

    @property
    def expired(self) -> bool:
        """Whether Slack would still take an answer at all."""
        return time.monotonic() - self.made > RESPONSE_URL_SECONDS


@dataclass(slots=True, kw_only=True)
class Trigger:
    """What somebody did, with which the bot may open one view."""

    user: str
    used: bool = False
    made: float = field(default_factory=time.monotonic)

    @property
    def expired(self) -> bool:
        """Whether it is too late to open something."""
        return time.monotonic() - self.made > TRIGGER_SECONDS


@dataclass(slots=True, kw_only=True)
class Workspace:
    """The state that the Web API, the sockets and the page share."""

    team: Team
    url: str = ""
    board: Board = field(default_factory=Board)
    problems: list[str] = field(default_factory=list)
    bot_token: str = field(default_factory=lambda: _token("xoxb-lab-"))
    scopes: frozenset[str] = SCOPES
    """Of the bot's token."""
    app_token: str = field(default_factory=lambda: _token("xapp-lab-"))
    signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    response_urls: dict[str, ResponseUrl] = field(default_factory=dict)
    tickets: set[str] = field(default_factory=set)
    """What apps.connections.open gave out and nobody has used yet."""
    triggers: dict[str, Trigger] = field(default_factory=dict)
    views: Views = field(default_factory=Views)
    files: dict[str, File] = field(default_factory=dict)
    """By their ids."""
    pace: Pace = field(default_factory=Pace)

    def new_trigger(self, user: str) -> str:
        """Make a trigger id; it opens one view within three seconds."""
        trigger = f"{time.time_ns() // 1000}.{secrets.randbelow(10**9)}.{secrets.token_hex(16)}"
        self.triggers[trigger] = Trigger(user=user)
        return trigger

    def new_response_url(self, *, kind: str, user: str, channel: str, original: str | None = None) -> str:
        """Make an address for answers, good for five uses within thirty minutes."""
        key = secrets.token_hex(12)
        self.response_urls[key] = ResponseUrl(user=user, channel=channel, original=original)
        return f"{self.url}/{kind}/{self.team.id}/{key}"

    def expire_response_urls(self) -> None:
        """Let half an hour pass for every address that was given out."""
        for address in self.response_urls.values():
            address.made -= RESPONSE_URL_SECONDS

    def new_ticket(self) -> str:
        """Make a ticket for one socket."""
        ticket = secrets.token_hex(16)
        self.tickets.add(ticket)
        return ticket
