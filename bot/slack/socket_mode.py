"""Socket Mode: the bot calls Slack, so that Slack needs no way in."""

import contextlib
import logging
import socket
from typing import Protocol

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin import SocketModeClient

from bot.domain.errors import ChatError, ChatUnavailable, ConfigError
from bot.slack.calls import NETWORK, SlackRefused, refusal

_THREADS = 32
_PING = 3
"""Seconds. A lost connection is noticed after four times this, one that was closed after once."""


class Connection(Protocol):
    """An open connection to Slack, which mends itself."""

    def close(self) -> None:
        """Take no further requests, and acknowledge those that were taken."""


class _Socket:
    def __init__(self, app: App, client: SocketModeClient) -> None:
        self._app = app
        self._client = client

    def close(self) -> None:
        self._client.message_workers.shutdown(wait=True)
        self._client.logger.setLevel(logging.CRITICAL)  # its reader would report that we hang up
        _hang_up(self._client)
        self._app.listener_runner.listener_executor.shutdown(wait=True)


def connect(app: App, app_token: str) -> Connection:
    """Open the connection and serve the app from threads of its own. ConfigError if the token is wrong."""
    logger = logging.getLogger("clonebot.slack.socket")
    logger.setLevel(logging.CRITICAL)  # what goes wrong now, our errors say
    handler = SocketModeHandler(app, app_token, logger=logger, concurrency=_THREADS, ping_interval=_PING)
    try:
        _open(handler.client, app.client.base_url)
    except (ConfigError, ChatError):
        _hang_up(handler.client)
        raise
    logger.setLevel(logging.WARNING)  # below, it logs what people wrote
    return _Socket(app, handler.client)


def _open(client: SocketModeClient, address: str) -> None:
    try:
        client.connect()
    except SlackApiError as error:
        refused = refusal("apps_connections_open", error.response)
        if not isinstance(refused, SlackRefused):
            raise ChatUnavailable(f"Slack at {address} is out of order just now.") from error
        raise ConfigError(
            f"Slack does not accept SLACK_APP_TOKEN ({refused.code}). "
            "It begins with xapp- and has the scope connections:write; make one under "
            "Basic Information, App-Level Tokens of your Slack app."
        ) from error
    except NETWORK as error:
        raise ChatUnavailable(f"Slack cannot be reached at {address}.") from error
    if not client.is_connected():
        raise ChatUnavailable(f"Slack at {address} does not take a Socket Mode connection.")


def _hang_up(client: SocketModeClient) -> None:
    """Close; first wake the client's reader, which otherwise waits for up to three seconds."""
    session = client.current_session
    if session is not None and session.sock is not None:
        with contextlib.suppress(OSError):
            session.sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(AttributeError):  # its reader, just woken, may have closed it
        client.close()
