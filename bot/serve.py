"""Serve: one process per data folder, until it is told to stop."""

import fcntl
import gc
import os
import signal
import socket
import threading
from contextlib import suppress
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
    bot.start()
    bot.terminal.open(environment.data, slack=True)
    connection = connect(bot.slack, app_token)
    spare_collector()
    _log.warning("serving")
    _tell_systemd(environment.notify_socket)
    stop.wait()
    connection.close()
    bot.engine.stop()
    lock.close()
    # What waits inside the engine cannot be interrupted; it goes on from the same place at the next start.
    os._exit(0)


def spare_collector() -> None:
    """Let it not look again and again through what a start makes for good: that takes 0.1 s each time."""
    gc.freeze()


def _tell_systemd(address: str) -> None:
    """Say that we serve, where somebody waits for that."""
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.sendto(b"READY=1", f"\0{address[1:]}" if address.startswith("@") else address)


def hold(folder: Path, stop: threading.Event) -> IO[str] | None:
    """Take the data folder for this process alone; wait while another has it. None if told to stop."""
    lock = _open(folder)
    if not _take(lock):
        _log.warning("waiting", why=f"another clonebot serves from {folder}")
        while not _take(lock):
            if stop.wait(_GLANCE_SECONDS):
                return None
    return lock


def seize(folder: Path) -> IO[str] | None:
    """Take the data folder for this process alone. None if another has it."""
    lock = _open(folder)
    if _take(lock):
        return lock
    lock.close()
    return None


def _open(folder: Path) -> IO[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"CLONEBOT_DATA: the folder {folder} cannot be written ({error.strerror})."
        ) from error


def _take(lock: IO[str]) -> bool:
    """Without waiting: a wait for a lock does not end when a signal comes."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
