"""The socket in the data folder: where it is, who is at its other end, and what is sent through it."""

import json
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAME = "terminal.sock"
_PART = 65536
_PEER = struct.Struct("3i")
"""pid, uid and gid, as unix(7) tells them."""


@contextmanager
def address(folder: Path) -> Iterator[str]:
    """The socket's path, however long the folder's is: a socket's own may have 107 bytes at most."""
    handle = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{_NAME}"
    finally:
        os.close(handle)


def uid_of_peer(connection: socket.socket) -> int:
    """Whose process connected, as the kernel says: nobody can claim to be somebody else."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    return int(_PEER.unpack(told)[1])


def is_gone(connection: socket.socket) -> bool:
    """Whether the other end has closed the connection."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0)) and not connection.recv(1, socket.MSG_PEEK)


def send(connection: socket.socket, value: dict[str, Any]) -> None:
    """Send one JSON object as a line. Raises OSError."""
    connection.sendall(json.dumps(value).encode() + b"\n")


def receive_one(connection: socket.socket, longest: int, seconds: float) -> dict[str, Any]:
    """The first JSON object. Raises OSError; ValueError for what is none, is too long, or takes too long."""
    deadline, data = time.monotonic() + seconds, b""
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.001, deadline - time.monotonic()))
        part = connection.recv(_PART)
        data += part
        if not part or len(data) > longest:
            raise ValueError("not a line")
    connection.settimeout(seconds)
    return _object(data)


def receive(connection: socket.socket) -> Iterator[dict[str, Any]]:
    """Each JSON object until the other end closes. Raises OSError; ValueError for what is none."""
    with connection.makefile("rb") as lines:
        yield from map(_object, lines)


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (as for what is not JSON at all)
    return value
