"""What the check asks of Slack; changes nothing."""

import time
from typing import Any

from slack_sdk import WebClient

from bot.domain.check.clock import seconds_ahead
from bot.domain.check.slack import Token
from bot.domain.errors import ChatError
from bot.slack.calls import Caller, SlackRefused

SCOPES = (
    "channels:history",
    "chat:write",
    "commands",
    "files:write",
    "groups:history",
    "im:history",
    "users:read",
    "usergroups:read",
)
"""What the bot's token must have; `deploy/slack-manifest.yaml` says what for, and asks for the same."""


class SlackInspection:
    """Slack through its Web API, with the bot's token."""

    def __init__(self, client: WebClient, caller: Caller | None = None) -> None:
        self._client = client
        self._caller = caller or Caller()

    def token(self) -> Token:
        """Whose token it is and what it may. ChatError if Slack does not take it."""
        began = time.time()
        answer = self._caller.call(self._client.auth_test)
        headers = {str(name).lower(): str(value) for name, value in (answer.headers or {}).items()}
        return Token(
            team=str(answer["team_id"]),
            user=str(answer.get("user", answer["user_id"])),
            scopes=_scopes(headers.get("x-oauth-scopes")),
            clock=seconds_ahead(headers.get("date", ""), (began + time.time()) / 2),
        )

    def open_connection(self, app_token: str) -> None:
        """Ask for the address of a socket, and leave it unused. ChatError if Slack gives none."""
        try:
            self._caller.call(self._client.apps_connections_open, app_token=app_token)
        except SlackRefused as refused:
            raise ChatError(f"Slack does not accept SLACK_APP_TOKEN ({refused.code}).") from refused

    def channel(self, channel: str) -> str:
        """What Slack says against the bot's being in this channel; empty if nothing."""
        return self._trouble(self._client.conversations_history, channel=channel, limit=1)

    def group(self, group: str) -> str:
        """What Slack says against this user group; empty if nothing."""
        return self._trouble(self._client.usergroups_users_list, usergroup=group)

    def _trouble(self, method: Any, **arguments: Any) -> str:
        try:
            self._caller.call(method, **arguments)
        except ChatError as error:
            return str(error)
        return ""


def _scopes(said: str | None) -> frozenset[str] | None:
    return None if said is None else frozenset(scope.strip() for scope in said.split(",") if scope.strip())
