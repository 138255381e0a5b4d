"""Collects what the proof needs to know of one server."""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from hashlib import sha256
from itertools import islice

import paramiko

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Recipe, Server
from bot.domain.proof import Facts
from bot.ssh.connections import Connections, Line
from bot.ssh.manifest import fingerprinting
from bot.ssh.names import check_address, check_content, check_services, read_keys
from bot.ssh.preparation import READ, by_file, show_files
from bot.ssh.rewriting import holds
from bot.ssh.shell import Script, Shell, lost_connections, until

_HEALTH_SECONDS = 5
_STATUS_LINE_BYTES = 1024
_AT_REST = {"inactive", "failed", "unknown"}
_PROHIBITED = 1
"""SSH's code for a channel that is "administratively prohibited"."""

_FACTS = r"""
identity() {
    printf '%s\n' "$(head -c 100 -- "$R/etc/machine-id" 2>/dev/null | tr -d '\n')"
    printf '%s\n' "$(hostname 2>/dev/null || uname -n)"
}

service() {
    printf '%s\n' "$(systemctl is-active "$1" 2>/dev/null | head -n 1)"
    printf '%s\n' "$(systemctl is-enabled "$1" 2>&1 | tr '\n' ' ')"
}

host_keys() {
    for file in "$R"/etc/ssh/ssh_host_*_key.pub; do
        if [ -f "$file" ]; then head -c 4096 -- "$file"; fi
    done
}
"""

# A hardened sshd lets no connections through; bash can make one.
_ASK = r"""
ask() {
    command -v bash >/dev/null || fail "AllowTcpForwarding is off in its sshd, and it has no bash"
    timeout 5 bash -c 'exec 3<>"/dev/tcp/$1/$2" && printf %s "$3" | cat >&3 && head -n 1 <&3' - "$@" || :
}
"""


class _Forbidden(Exception):
    """The server's sshd lets no connections through."""


def read_clock(shell: Shell, spec: FleetSpec, server: Server) -> int:
    """Ask a server what time it is, as Unix time."""
    script = Script(what="reading its clock", functions="", calls=[("date", "+%s")])
    said = shell.run(spec, server, script).strip()
    if not said.isdigit():
        raise RemoteFailed(f"{server.id}: it does not know what time it is.")
    return int(said)


def collect(  # noqa: PLR0913, PLR0917 (whom to ask, what, and over which connection)
    shell: Shell,
    connections: Connections,
    spec: FleetSpec,
    server: Server,
    recipe: Recipe,
    as_of: int,
) -> Facts:
    """Look at a server; changes nothing there."""
    said = iter(shell.run(spec, server, _script(spec, recipe, as_of)).decode(errors="replace").split("\n"))
    machine_id, hostname, digest, trouble = islice(said, 4)
    services = {name: (next(said), next(said)) for name in recipe.services}
    texts = {file: b64decode(next(said)) for file in by_file(recipe)}
    with connections.line(spec, server) as line, lost_connections(server):
        shown = _fingerprint(line.transport().get_remote_server_key().asbytes())
    return Facts(
        host_keys=frozenset({shown, *_fingerprints(said)}),
        machine_id=machine_id,
        hostname=hostname,
        running=frozenset(name for name, (active, _) in services.items() if active not in _AT_REST),
        masked=frozenset(name for name, (_, enabled) in services.items() if _cannot_start(enabled)),
        settings=frozenset(f for f, rewrites in by_file(recipe).items() if holds(texts[f], rewrites)),
        content="" if trouble else digest.split(" ")[0],
        health=_health(shell, connections, spec, server),
    )


def _script(spec: FleetSpec, recipe: Recipe, as_of: int) -> Script:
    check_services(recipe)
    calls: list[Sequence[str]] = [("identity",), ("fingerprint", *check_content(spec.content))]
    calls += [("service", name) for name in recipe.services]
    calls += show_files(tuple(by_file(recipe)))
    calls.append(("host_keys",))
    return Script(
        what="looking at it",
        functions=fingerprinting(spec.content.exclude) + READ + _FACTS,
        calls=calls,
        values={"as_of": str(as_of)},
        seconds=300,
    )


def _cannot_start(enabled: str) -> bool:
    """Judge what `systemctl is-enabled` said. "masked-runtime" would not outlive a reboot."""
    said = enabled.strip()
    unknown = said.startswith("Failed to get unit file state") and "No such file" in said
    return said in {"masked", "not-found"} or unknown


def _fingerprints(lines: Iterator[str]) -> Iterator[str]:
    return (_fingerprint(b64decode(encoded)) for _kind, encoded in read_keys(lines))


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + b64encode(sha256(key).digest()).decode().rstrip("=")


def _health(shell: Shell, connections: Connections, spec: FleetSpec, server: Server) -> int:
    """Ask for the health page as the load balancer does, from the server itself; 0 if nobody answers."""
    host, port, path = check_address(server.address), spec.health.port, spec.health.path
    if not path.startswith("/") or not path.isascii() or not path.isprintable() or " " in path:
        raise RemoteFailed(f"The health page's path {path!r} cannot be asked for.")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: clonebot\r\nConnection: close\r\n\r\n"
    )
    try:
        with connections.line(spec, server) as line, line.slot(), lost_connections(server):
            return _status(_through(line, (host, port), request.encode()))
    except _Forbidden:
        script = Script(
            what="asking for its health page", functions=_ASK, calls=[("ask", host, str(port), request)]
        )
        return _status(shell.run(spec, server, script))


def _through(line: Line, where: tuple[str, int], request: bytes) -> bytes:
    """Ask through the SSH connection; return the first line of the answer, empty if there is none."""
    try:
        channel = line.transport().open_channel(
            "direct-tcpip", dest_addr=where, src_addr=("127.0.0.1", 0), timeout=_HEALTH_SECONDS
        )
    except paramiko.ChannelException as error:
        if error.code == _PROHIBITED:
            raise _Forbidden from error
        return b""
    answer = b""
    with until(channel, _HEALTH_SECONDS), suppress(OSError, EOFError):
        channel.sendall(request)
        while b"\n" not in answer and len(answer) < _STATUS_LINE_BYTES:
            if not (more := channel.recv(_STATUS_LINE_BYTES)):
                break
            answer += more
    return answer


def _status(answer: bytes) -> int:
    words = answer.split(b"\n")[0].split()
    status = words[1] if len(words) > 1 and words[0].startswith(b"HTTP/") else b""
    return int(status) if status.isdigit() and len(status) == len("200") else 0
