"""Asks a web server as the load balancer does, from its own machine; reads no more than the answer's head."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import paramiko

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Server
from bot.ssh.connections import BUSY, Connections, Line, open_channel
from bot.ssh.names import check_address
from bot.ssh.shell import Script, Shell, lost_connections, until

_SECONDS = 5
_TRIES = 3
_HEAD_BYTES = 16 * 1024
_CHUNK = 1024
_PROHIBITED = 1
"""SSH's code for a channel that is "administratively prohibited"."""

# A hardened sshd lets no connections through; bash can make one.
_ASK = r"""
ask() {
    command -v bash >/dev/null || fail "AllowTcpForwarding is off in its sshd, and it has no bash"
    timeout 5 bash -c '
        exec 3<>"/dev/tcp/$1/$2" && printf %s "$3" | cat >&3 &&
            while IFS= read -r line <&3 && printf "%s\n" "$line" && [ "${#line}" -gt 1 ]; do :; done
    ' - "$@" || :
}
"""


_OPEN = r"""
opens() {
    command -v bash >/dev/null || fail "AllowTcpForwarding is off in its sshd, and it has no bash"
    if timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2"' - "$@" 2>/dev/null; then printf 'open\n'; fi
}
"""


class _Forbidden(Exception):
    """The server's sshd lets no connections through."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, without the body."""

    status: int = 0
    """0 if nobody answered."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By their names in small letters."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one server at the port of its site."""

    shell: Shell
    connections: Connections
    spec: FleetSpec
    server: Server

    def ask(self, path: str, *, method: str = "GET", host: str = "") -> Answer:
        """Ask for a path of a virtual host; of the server's own address if none is named."""
        address, port = check_address(self.server.address), self.spec.health.port
        if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
            raise RemoteFailed(f"The path {path!r} cannot be asked for.")
        name = f"{host or address}:{port}"
        length = "" if method == "GET" else "Content-Length: 0\r\n"
        headers = f"Host: {name}\r\nUser-Agent: clonebot\r\n{length}Connection: close\r\n"
        request = f"{method} {path} HTTP/1.1\r\n{headers}\r\n"
        return read_head(self._send(address, port, request))

    def opens(self, address: str, port: int) -> bool:
        """Whether a connection from there to this place is taken."""
        check_address(address)
        try:
            with (
                self.connections.line(self.spec, self.server) as line,
                line.slot(),
                lost_connections(self.server),
            ):
                return _is_open(line, (address, port))
        except _Forbidden:
            what = Script(what="a connection", functions=_OPEN, calls=[("opens", address, str(port))])
            return self.shell.run(self.spec, self.server, what).strip() == b"open"

    def _send(self, address: str, port: int, request: str) -> bytes:
        try:
            with (
                self.connections.line(self.spec, self.server) as line,
                line.slot(),
                lost_connections(self.server),
            ):
                return _through(line, (address, port), request.encode())
        except _Forbidden:
            calls = [("ask", address, str(port), request)]
            return self.shell.run(
                self.spec, self.server, Script(what="asking for a page", functions=_ASK, calls=calls)
            )


def _connect(line: Line, where: tuple[str, int]) -> paramiko.Channel | None:
    """A connection through the SSH connection; None if nobody takes it."""
    how = {"dest_addr": where, "src_addr": ("127.0.0.1", 0), "timeout": _SECONDS}
    for _ in range(_TRIES):
        try:
            return open_channel(line.transport(), "direct-tcpip", **how)
        except paramiko.ChannelException as error:
            if error.code == _PROHIBITED:
                raise _Forbidden from error
            if error.code != BUSY:
                return None
    raise paramiko.SSHException("it refuses more channels")


def _is_open(line: Line, where: tuple[str, int]) -> bool:
    channel = _connect(line, where)
    if channel is not None:
        channel.close()
    return channel is not None


def _through(line: Line, where: tuple[str, int], request: bytes) -> bytes:
    """Ask through the SSH connection; return the head of the answer, empty if there is none."""
    channel = _connect(line, where)
    if channel is None:
        return b""
    answer = b""
    with until(channel, _SECONDS), suppress(OSError, EOFError):
        channel.sendall(request)
        while b"\r\n\r\n" not in answer and len(answer) < _HEAD_BYTES:
            if not (more := channel.recv(_CHUNK)):
                break
            answer += more
    return answer


def read_head(answer: bytes) -> Answer:
    """Read a status line and headers; whatever is neither is left out."""
    first, *lines = answer.partition(b"\r\n\r\n")[0].decode(errors="replace").splitlines() or [""]
    words = first.split()
    status = words[1] if len(words) > 1 and words[0].startswith("HTTP/") else ""
    fields = (line.partition(":") for line in lines)
    return Answer(
        int(status) if status.isascii() and status.isdigit() and len(status) == len("200") else 0,
        {name.strip().lower(): value.strip() for name, colon, value in fields if colon},
    )
