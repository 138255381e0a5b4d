"""Serve: one process per data folder, until it is told to stop."""

import fcntl
import os
import signal
import threading
from pathlib import Path
from typing import IO

import structlog

from bot.app import build
from bot.domain.errors import ConfigError
from bot.settings import Environment
from bot.slack.socket_mode import connect

_log = structlog.get_logger()
_GLANCE_SECONDS = 0.2


def serve(environment: Environment, app_token: str) -> None:
    """Serve over Socket Mode until SIGTERM or SIGINT. Raises ConfigError, RecordsError or ChatError."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bot = build(environment)
    lock = hold(environment.data, stop)
    if lock is None:
        return
    bot.greet()
    bot.engine.start()
    connection = connect(bot.slack, app_token)
    _log.warning("serving")
    stop.wait()
    connection.close()
    lock.close()
    # What waits inside the engine cannot be interrupted; it goes on from the same place at the next start.
    os._exit(0)


def hold(folder: Path, stop: threading.Event) -> IO[str] | None:
    """Take the data folder for this process alone; wait while another has it. None if told to stop."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"CLONEBOT_DATA: the folder {folder} cannot be written ({error.strerror})."
        ) from error
    if not _take(lock):
        _log.warning("waiting", why=f"another clonebot serves from {folder}")
        while not _take(lock):
            if stop.wait(_GLANCE_SECONDS):
                return None
    return lock


def _take(lock: IO[str]) -> bool:
    """Without waiting: a wait for a lock does not end when a signal comes."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
