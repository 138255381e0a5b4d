"""Processes, mounts and a network of their own: all of them end with the process that made them."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_KEEPER = ("unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc", "cat")
_CLONE_NEWNET = 0x40000000
_END_SECONDS = 20
_SECONDS = 60


class Enclosure:
    """What happens in here touches nothing else of the machine, its /run and its addresses included.

    A program keeps it that reads until its input ends, as it does when its maker ends, however that ends;
    then the kernel ends every process of the enclosure and takes back mounts and network.
    """

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            _KEEPER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._await_keeper()
        self.run("mount", "-t", "tmpfs", "tmpfs", "/run")
        self.run("ip", "link", "set", "lo", "up")

    def _await_keeper(self) -> None:
        assert self._keeper.stdin
        assert self._keeper.stdout
        self._keeper.stdin.write(b"up\n")
        self._keeper.stdin.flush()
        assert self._keeper.stdout.readline() == b"up\n", "no namespaces can be made here"

    def command(self, *command: str) -> list[str]:
        """Let a command run in here."""
        names = {"mount": "mnt", "net": "net", "pid": "pid_for_children"}
        here = (f"--{kind}=/proc/{self._keeper.pid}/ns/{name}" for kind, name in names.items())
        return ["nsenter", *here, "--", *command]

    def run(self, *command: str, text: str = "", seconds: float = _SECONDS) -> str:
        """Run a command in here; return what it printed. RuntimeError with what it said if it fails."""
        done = subprocess.run(
            self.command(*command), check=False, capture_output=True, text=True, input=text, timeout=seconds
        )
        if done.returncode:
            said = (done.stderr + done.stdout).strip()[-2000:]
            raise RuntimeError(f"`{' '.join(command)[:300]}` ended with {done.returncode}: {said}")
        return done.stdout

    def seen(self, path: Path) -> Path:
        """Name from outside what is called `path` in here."""
        return Path(f"/proc/{self._keeper.pid}/root{path}")

    @contextmanager
    def network(self) -> Iterator[None]:
        """Have this thread, and whatever it starts, in the network of the enclosure for a while."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            within = os.open(f"/proc/{self._keeper.pid}/ns/net", os.O_RDONLY)
            _move_to(within)
            os.close(within)
            yield
        finally:
            _move_to(before)
            os.close(before)

    def close(self) -> None:
        """End everything in here. Safe to repeat."""
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait(_END_SECONDS)


def _move_to(network: int) -> None:
    # os.setns exists from Python 3.12 on.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(network, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "this thread cannot change its network")
