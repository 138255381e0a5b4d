"""Warm connections to servers whose host keys are pinned."""

import math
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from fabric import Config, Connection
from paramiko.hostkeys import HostKeyEntry
from paramiko.pkey import UnknownKeyType

from bot.domain.errors import HostKeyMismatch, ServerUnreachable
from bot.domain.fleet import FleetSpec, Server
from bot.ssh.names import check_address, check_user, read_keys

HostKeys = Callable[[FleetSpec, Server], tuple[str, ...]]

_KEEP_ALIVE_SECONDS = 15
_SESSIONS = 8
"""At once on one connection; sshd allows ten (MaxSessions)."""
_ORDER = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

_REFUSED_UNTOLD = "Unable to open channel."
BUSY: Final = paramiko.common.OPEN_FAILED_RESOURCE_SHORTAGE

Keys = tuple[tuple[str, str], ...]
_Where = tuple[str, str, int, str, str]
_NO_KEY = (OSError, ValueError, TypeError, UnsupportedAlgorithm, UnknownKeyType, paramiko.SSHException)


class Line:
    """One warm connection, shared by threads."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(_SESSIONS)
        self.users = 0

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait until one more session may be opened."""
        with self._slots:
            yield

    def transport(self) -> paramiko.Transport:
        """Return the open connection; open it first where it is not, or not any more."""
        with self._lock:
            if self._connection is None or not self._connection.is_connected:
                self._drop()
                self._connection = self._connect()
            return _transport(self._connection)

    def forget(self, broken: paramiko.Transport) -> None:
        """Close this connection, unless another thread has replaced it already."""
        with self._lock:
            if self._connection is not None and _transport(self._connection) is broken:
                self._drop()

    def close(self) -> None:
        """End the connection; the next use opens it again."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(OSError, EOFError, paramiko.SSHException):
                self._connection.close()
            self._connection = None


def open_channel(transport: paramiko.Transport, kind: str, **how: Any) -> paramiko.Channel:
    """Open a channel on a connection. A ChannelException says that it was refused, and the connection works.

    Of several that are refused at once, paramiko tells only one why; the others look as if the connection
    were broken, and whoever closed it would end what others do on it.
    """
    try:
        return transport.open_channel(kind, **how)
    except paramiko.SSHException as error:
        if str(error) == _REFUSED_UNTOLD and transport.is_active():
            raise paramiko.ChannelException(BUSY, "refused together with others") from error
        raise


class Connections:
    """At most `keep` idle connections, by server. Safe to use from several threads.

    `patience` is how many seconds a server has for each step of the conversation.
    """

    def __init__(self, host_keys: HostKeys, *, patience: float, keep: int = 100) -> None:
        self._host_keys = host_keys
        self._patience = patience
        self._keep = keep
        self._lines: OrderedDict[_Where, Line] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def line(self, spec: FleetSpec, server: Server) -> Iterator[Line]:
        """Lend the connection of a server; it opens when it is first used."""
        line = self._take(spec, server)
        try:
            yield line
        finally:
            self._give_back(line)

    def __len__(self) -> int:
        with self._lock:
            return len(self._lines)

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            lines = list(self._lines.values())
            self._lines.clear()
        for line in lines:
            line.close()

    def _take(self, spec: FleetSpec, server: Server) -> Line:
        where = (server.id, server.address, spec.ssh.port, spec.ssh.user, spec.ssh.key_file)
        with self._lock:
            line = self._lines.setdefault(where, Line(lambda: self._open(spec, server)))
            self._lines.move_to_end(where)
            line.users += 1
            return line

    def _give_back(self, line: Line) -> None:
        with self._lock:
            line.users -= 1
            idle = [where for where, line in self._lines.items() if not line.users]
            surplus = [self._lines.pop(where) for where in idle[: max(len(self._lines) - self._keep, 0)]]
        for old in surplus:
            old.close()

    def _pinned(self, spec: FleetSpec, server: Server) -> Keys:
        """The keys that this server must show. ServerUnreachable if none is known yet."""
        keys = read_keys(self._host_keys(spec, server))
        if not keys:
            raise ServerUnreachable(f"{server.id}: no host key seen yet, so it cannot be trusted.")
        return tuple(sorted(keys, key=lambda key: _ORDER.index(key[0]) if key[0] in _ORDER else len(_ORDER)))

    def _open(self, spec: FleetSpec, server: Server) -> Connection:
        if not server.address:
            raise ServerUnreachable(f"{server.id} has no address yet.")
        keys, own = self._pinned(spec, server), _own_key(spec)
        with _in_our_words(spec, server):
            return _connect(spec, check_address(server.address), keys, own, self._patience)


def _connect(spec: FleetSpec, address: str, keys: Keys, own: paramiko.PKey, patience: float) -> Connection:
    # A socket of our own: paramiko leaves Nagle's algorithm on, which costs 40 ms per command.
    sock = socket.create_connection((address, spec.ssh.port), timeout=patience)
    connection = _unopened(spec, address, {"sock": sock, "pkey": own}, patience)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _pin(connection, keys)
        connection.open()
        _transport(connection).set_keepalive(_KEEP_ALIVE_SECONDS)
    except BaseException:
        connection.client.close()
        sock.close()
        raise
    return connection


def _unopened(spec: FleetSpec, address: str, means: Mapping[str, Any], patience: float) -> Connection:
    # Fabric reads nobody's configuration files here, and a Config of its own per connection:
    # a shared one collects the keys of all.
    return Connection(
        host=address,
        port=spec.ssh.port,
        user=check_user(spec.ssh.user),
        config=Config(lazy=True, ssh_config=paramiko.SSHConfig()),
        connect_timeout=math.ceil(patience),
        connect_kwargs={
            **means,
            "allow_agent": False,
            "look_for_keys": False,
            "banner_timeout": patience,
            "auth_timeout": patience,
            "channel_timeout": patience,
        },
    )


def _own_key(spec: FleetSpec) -> paramiko.PKey:
    try:
        return paramiko.PKey.from_path(Path(spec.ssh.key_file).expanduser())
    except _NO_KEY as error:
        raise ServerUnreachable(f"The SSH key {spec.ssh.key_file} cannot be used: {error}.") from error


def _pin(connection: Connection, keys: Keys) -> None:
    port = connection.port
    name = connection.host if port == paramiko.config.SSH_PORT else f"[{connection.host}]:{port}"
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    for kind, encoded in keys:
        entry = HostKeyEntry.from_line(f"{name} {kind} {encoded}")
        if entry is not None and entry.key is not None:
            connection.client.get_host_keys().add(name, kind, entry.key)


@contextmanager
def _in_our_words(spec: FleetSpec, server: Server) -> Iterator[None]:
    at = f"{server.id} at {server.address}:{spec.ssh.port}"
    try:
        yield
    except paramiko.BadHostKeyException as error:
        raise HostKeyMismatch(
            f"{at} shows another SSH host key than its console did: nothing was run on it. "
            "Find out which server answers there before going on."
        ) from error
    except paramiko.AuthenticationException as error:
        raise ServerUnreachable(
            f"{at} does not let {spec.ssh.user} in with the key {spec.ssh.key_file}. "
            f"Correct `ssh` of [fleets.{spec.name}], or add the key to that account's authorized_keys."
        ) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ServerUnreachable(f"{at} cannot be reached over SSH: {_why(error)}.") from error


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or "no answer"


def _transport(connection: Connection) -> paramiko.Transport:
    transport = connection.transport
    if not isinstance(transport, paramiko.Transport):
        raise ServerUnreachable(f"The connection to {connection.host} has just ended.")
    return transport
