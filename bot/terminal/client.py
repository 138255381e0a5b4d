"""The terminal's end: hands a request to the bot that holds the data folder, and hears what becomes of it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.domain.errors import ConfigError
from bot.terminal import wire


class NobodyListens(ConfigError):
    """No bot serves terminals from this folder now."""


def connect(folder: Path) -> socket.socket:
    """Reach the bot. Raises NobodyListens; ConfigError if this user may not."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with wire.address(folder) as path:
            connection.connect(path)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError) as error:
        connection.close()
        raise NobodyListens(f"No clonebot serves terminals from {folder}.") from error
    except OSError as error:
        connection.close()
        raise ConfigError(
            f"CLONEBOT_DATA: you cannot reach the bot in {folder} ({error.strerror}). Whoever runs it can "
            "let you pass into that folder (`chmod o+x`, or a group)."
        ) from error
    return connection


def converse(connection: socket.socket, text: str) -> Iterator[dict[str, Any]]:
    """Ask, and yield each event until the last one, or until the bot is gone."""
    with connection:
        try:
            wire.send(connection, {"text": text})
            yield from wire.receive(connection)
        except (OSError, ValueError):
            return
