"""The power of a lab's hosts: their processes end when the lab ends, however it ends."""

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from bot.domain.errors import ServerUnreachable
from bot.lab.host.disk import PROGRAMS
from bot.lab.site.template import programs

INTERPRETER: Final = str(Path(sys.executable).resolve())
_END_SECONDS = 20
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}


class Power:
    """A running host. Safe to use from several threads."""

    def __init__(self, line: socket.socket, console: Path) -> None:
        """Wait for the host at the other end. Raises ServerUnreachable if its sshd does not come up."""
        self._lock = threading.Lock()
        self._line = line
        self._answers = line.makefile()
        said, _, process = self._answers.readline().strip().partition(" ")
        if said != "up":
            self.end()
            raise ServerUnreachable(
                f"The lab's host did not start: {f'{said} {process}'.strip() or console.read_text()[-500:]}"
            )
        self.process = int(process)
        """The process that all others of the host descend from."""

    def freeze(self) -> None:
        """Stop every process without ending it: the host hangs."""
        self._order("freeze")

    def thaw(self) -> None:
        """Let them go on."""
        self._order("thaw")

    def end(self) -> None:
        """End every process of the host. Safe to repeat."""
        with self._lock:
            if self._line.fileno() < 0:
                return
            self._line.settimeout(_END_SECONDS)
            with suppress(ConnectionError), self._line, self._answers:
                self._line.shutdown(socket.SHUT_WR)
                self._answers.read()

    def _order(self, word: str) -> None:
        with self._lock:
            if self._line.fileno() >= 0:
                self._line.sendall(f"{word}\n".encode())
                self._answers.readline()


class PowerStation:
    """One process that has started already; the first process of each host is a fork of it."""

    def __init__(self, folder: Path, before: Sequence[str]) -> None:
        """Start it under `before`. `folder` is where the hosts are."""
        self._orders, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = [INTERPRETER, "-I", "-S", str(PROGRAMS / "init.py"), str(folder), *map(str, programs())]
        with its:
            self._process = subprocess.Popen(
                [*before, *program], env=_ENVIRONMENT, cwd="/", stdin=its.fileno(), start_new_session=True
            )

    def switch_on(self, order: Mapping[str, object], console: Path) -> Power:
        """Let a host begin. Raises ServerUnreachable if its sshd does not come up."""
        line, its = socket.socketpair()
        try:
            with its, console.open("ab") as shown:
                files = [its.fileno(), shown.fileno()]
                socket.send_fds(self._orders, [json.dumps(order).encode()], files)
        except OSError as error:
            line.close()
            raise ServerUnreachable(f"The lab's hosts have no power: {error}") from error
        return Power(line, console)

    def close(self) -> None:
        """End it; each host has its own line. Safe to repeat."""
        self._orders.close()
        self._process.wait(_END_SECONDS)
