"""Runs one POSIX shell script on a server: values quoted, time and output bounded."""

import secrets
import shlex
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import paramiko

from bot.domain.errors import RemoteFailed, ServerUnreachable, UnsafeSource
from bot.domain.fleet import FleetSpec, Server
from bot.ssh.connections import Connections, Line, open_channel
from bot.ssh.names import check_root

_OUTPUT_BYTES = 16 * 1024 * 1024
_STDERR_BYTES = 64 * 1024
_TOLD = 300
_CHUNK = 64 * 1024
_LAST_WORDS_SECONDS = 1.0
_SPARE_SECONDS = 5
_POLL_SECONDS = 0.1
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
_PROHIBITED = paramiko.common.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
_NO_STATUS = -1
_TOO_LONG = {124, 137}
"""Exit statuses of `timeout`."""
_UNSAFE = 65
"""Exit status of a script that will not copy the master's content as it is."""

_PROLOGUE = """\
LC_ALL=C
export LC_ALL
unset CDPATH
fail() { printf '%s\\n' "$1" >&2; exit "${2:-1}"; }
cd -P -- "$root" || fail "ssh.root is not there"
R=$PWD
if [ "$R" = / ]; then R=; fi
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """Shell functions, and the calls of them that are to be made one after the other."""

    what: str
    """For people: "renewing its identity"."""
    functions: str
    calls: Sequence[Sequence[str]]
    values: dict[str, str] = field(default_factory=dict)
    """Variables of the script."""
    seconds: int = 60
    whole: bool = True
    """What it printed is worth nothing if its time was up before its end."""
    root: bool = True
    """Needs root where the fleet has `ssh.sudo`; otherwise runs as the login user."""


def source(script: Script, *, root: str, mark: str) -> str:
    """Write the whole script. Nothing of it runs before all of it has arrived."""
    values = {"root": root, **script.values}
    lines = [f"{name}={shlex.quote(value)}" for name, value in values.items()]
    calls = [f"{shlex.join(call)} || exit" for call in script.calls]
    # What a login prints of its own accord comes before the mark. Commands must not read the script.
    body = [
        "main() {",
        _PROLOGUE,
        script.functions,
        *calls,
        "}",
        f"printf '%s\\n' {mark}",
        # An end of input that arrives when the session is gone makes sshd end the whole connection.
        "{ while read -r rest; do :; done; main </dev/null; exit; }",
        "",
    ]
    return "\n".join([*lines, *body])


class Shell:
    """Runs scripts on servers. Raises ServerError only."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def run(self, spec: FleetSpec, server: Server, script: Script) -> bytes:
        """Run a script; return what it printed."""
        mark = f"clonebot:{secrets.token_hex(8)}"
        text = source(script, root=check_root(spec), mark=mark)
        # The far side ends by itself too: closing a channel ends nothing there.
        limited = f"timeout -k 5 {script.seconds} sh -s"
        command = f"exec sudo -n {limited}" if spec.ssh.sudo and script.root else f"exec {limited}"
        with self._connections.line(spec, server) as line, line.slot():
            try:
                ran = _run(line, server, command, text.encode(), script.seconds + _SPARE_SECONDS)
            except _Flood as error:
                raise RemoteFailed(f"{server.id} answers without end: {script.what} was given up.") from error
        return _judge(ran, server, script, mark.encode() + b"\n")


@dataclass(slots=True)
class _Ran:
    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    status: int = _NO_STATUS


class _Flood(Exception):
    """More output than any script of ours has."""


def _judge(ran: _Ran, server: Server, script: Script, mark: bytes) -> bytes:
    _, began, output = bytes(ran.stdout).partition(mark)
    in_part = not script.whole and ran.status in _TOO_LONG
    if began and (ran.status == 0 or in_part):
        return output
    said = one_line(ran.stderr) or f"exit status {ran.status}"
    if ran.status == _UNSAFE and began:
        raise UnsafeSource(f"{server.id}: {said}")
    if ran.status in _TOO_LONG:
        said = f"it took longer than {script.seconds} s; see what keeps that server busy"
    elif not began:
        said = f"no shell ({said}); it needs sh, timeout and, with ssh.sudo, sudo without a password"
    raise RemoteFailed(f"{server.id}: {script.what} failed: {said}")


def one_line(text: bytes | bytearray) -> str:
    """Make one short printable line of what a command said; its end tells most."""
    words = bytes(text).decode(errors="replace").split()
    line = "".join(c if c.isprintable() else "?" for c in " ".join(words))
    return line if len(line) <= _TOLD else "… " + line[-_TOLD:]


def _run(line: Line, server: Server, command: str, text: bytes, seconds: float) -> _Ran:
    with lost_connections(server):
        channel = session(line)
        transport = channel.get_transport()
        with until(channel, seconds) as late:
            try:
                channel.exec_command(command)
                with suppress(OSError):  # who ends without reading it all says why
                    channel.sendall(text)
                    channel.shutdown_write()
                ran = _listen(channel)
            finally:
                if late.is_set():
                    line.forget(transport)
                    raise ServerUnreachable(f"{server.id} did not finish within {seconds:.0f} s.")
    if ran.status == _NO_STATUS:
        raise ServerUnreachable(f"{server.id}: the connection was lost while it worked.")
    return ran


@contextmanager
def lost_connections(server: Server) -> Iterator[None]:
    """Say in our words that a connection broke."""
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise ServerUnreachable(f"{server.id}: the connection was lost: {error or 'no answer'}.") from error


def shown_key(connections: Connections, spec: FleetSpec, server: Server) -> paramiko.PKey:
    """The host key that a server shows: one of those that it must show."""
    with connections.line(spec, server) as line, lost_connections(server):
        return line.transport().get_remote_server_key()


def session(line: Line) -> paramiko.Channel:
    """Open a session; a warm connection that turns out to be broken is opened once more."""
    transport = line.transport()
    try:
        return _admitted(transport)
    except paramiko.ChannelException:
        # It works and refuses; closing it would end what others do on it.
        raise
    except (OSError, EOFError, paramiko.SSHException):
        line.forget(transport)
        return _admitted(line.transport())


def _admitted(transport: paramiko.Transport) -> paramiko.Channel:
    """Ask a few times: sshd counts a session (MaxSessions) for a moment longer than its channel lives."""
    for pause in _PAUSES:
        try:
            return open_channel(transport, "session")
        except paramiko.ChannelException as error:
            if error.code == _PROHIBITED:
                raise
            time.sleep(pause)
    return open_channel(transport, "session")


@contextmanager
def until(channel: paramiko.Channel, seconds: float) -> Iterator[threading.Event]:
    """Close the channel after this time, which ends every wait on it: some of paramiko's have no limit."""
    late = threading.Event()

    def give_up() -> None:
        late.set()
        with suppress(OSError, EOFError, paramiko.SSHException):  # the line may just have broken
            channel.close()

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        channel.close()


def _listen(channel: paramiko.Channel) -> _Ran:
    ran = _Ran()
    channel.settimeout(_POLL_SECONDS)
    heard = time.monotonic()
    while _hear(channel, ran):
        if channel.recv_ready() or not channel.exit_status_ready():
            heard = time.monotonic()
        elif time.monotonic() - heard > _LAST_WORDS_SECONDS:
            break  # a service that the script started keeps the output open
    ran.status = channel.recv_exit_status()
    return ran


def _hear(channel: paramiko.Channel, ran: _Ran) -> bool:
    """Take what has come; return whether more may come."""
    with suppress(TimeoutError):
        data = channel.recv(_CHUNK)
        ran.stdout += data
        if len(ran.stdout) > _OUTPUT_BYTES:
            raise _Flood
        if not data:
            _hear_errors(channel, ran)
            return False
    _hear_errors(channel, ran)
    return True


def _hear_errors(channel: paramiko.Channel, ran: _Ran) -> None:
    while channel.recv_stderr_ready():
        ran.stderr += channel.recv_stderr(_CHUNK)
        del ran.stderr[:-_STDERR_BYTES]
