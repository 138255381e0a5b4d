"""The power of one host: its processes hang on one that ends them all when the lab ends, however it ends."""

import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from bot.domain.errors import ServerUnreachable
from bot.lab.host.disk import PROGRAMS

INTERPRETER: Final = str(Path(sys.executable).resolve())
_END_SECONDS = 20


class Power:
    """A running host. Safe to use from several threads."""

    def __init__(
        self, command: Sequence[str], variables: Mapping[str, str], console: Path, before: Sequence[str] = ()
    ) -> None:
        """Start `command` (systemctl, sshd's log, sshd and its arguments) under an init, that under `before`.

        Raises ServerUnreachable if its sshd does not come up.
        """
        self._lock = threading.Lock()
        with console.open("ab") as stderr:
            self._init = subprocess.Popen(
                [*before, INTERPRETER, "-I", "-S", str(PROGRAMS / "init.py"), *command],
                env=dict(variables),
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        said = self._hear()
        if said != "up":
            self.end()
            raise ServerUnreachable(f"The lab's host did not start: {said or console.read_text()[-500:]}")

    @property
    def process(self) -> int:
        """The process that all others of the host descend from."""
        return self._init.pid

    def freeze(self) -> None:
        """Stop every process without ending it: the host hangs."""
        self._order("freeze")

    def thaw(self) -> None:
        """Let them go on."""
        self._order("thaw")

    def end(self) -> None:
        """End every process of the host. Safe to repeat."""
        with self._lock:
            if self._init.stdin and not self._init.stdin.closed:
                self._init.stdin.close()
            self._init.wait(_END_SECONDS)
            if self._init.stdout:
                self._init.stdout.close()

    def _order(self, word: str) -> None:
        with self._lock:
            if self._init.stdin is None or self._init.stdin.closed:
                return
            self._init.stdin.write(f"{word}\n")
            self._init.stdin.flush()
            self._hear()

    def _hear(self) -> str:
        return self._init.stdout.readline().strip() if self._init.stdout else ""
