# ruff: noqa: INP001 (a program of a host, not part of a package)
"""The first process of a host: starts sshd and the services, adopts whatever they leave behind, ends it all.

Usage: init.py SYSTEMCTL SSHD_LOG SSHD ARGUMENTS…
Orders (freeze, thaw) come on standard input and are answered on standard output. The end of standard input,
or SIGTERM, ends the host: so does the end of the lab, however it ends.
"""

import ctypes
import os
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
START_SECONDS = 10.0
GRACE_SECONDS = 1.0


def adopt_orphans() -> None:
    """Make every descendant ours again once its own parent is gone."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def parents() -> dict[int, int]:
    """Every process of this machine, and its parent."""
    found = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 (fifty hosts do this at once when the lab ends)
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            found[int(entry)] = int(stat.rpartition(")")[2].split()[1])
    return found


def descendants() -> set[int]:
    """Every process that began on this host."""
    children: dict[int, list[int]] = {}
    for process, parent in parents().items():
        children.setdefault(parent, []).append(process)
    found: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        born = children.get(waiting.pop(), [])
        found.update(born)
        waiting.extend(born)
    return found


def signal_all(number: int) -> set[int]:
    """Send a signal to the whole host, ourselves excepted."""
    processes = descendants()
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue
    return processes


def freeze() -> None:
    """Stop every process, also those that are born meanwhile."""
    frozen: set[int] = set()
    while (now := signal_all(signal.SIGSTOP)) - frozen:
        frozen |= now


def bury() -> bool:
    """Collect whoever ended; tell whether anybody still lives."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def end_all() -> None:
    """First politely, then surely. Whoever has no child has no descendant either: orphans come to us."""
    for number in (signal.SIGTERM, signal.SIGCONT):
        signal_all(number)
    deadline = time.monotonic() + GRACE_SECONDS
    while bury() and time.monotonic() < deadline:
        time.sleep(0.01)
    while bury():
        signal_all(signal.SIGKILL)
        time.sleep(0.02)


def spawn(arguments: list[str]) -> int:
    """Start a program with a session of its own; what it says goes to the console."""
    quiet = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, 2, 1),
    ]
    return os.posix_spawnp(arguments[0], arguments, os.environ, file_actions=quiet, setsid=True)


def ended(process: int) -> bool:
    """Tell whether this child of ours is gone."""
    return os.waitpid(process, os.WNOHANG)[0] == process


def wait_until_listening(sshd: int, log: Path) -> str:
    """Wait for sshd; answer "up", or why not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text(errors="replace") if log.exists() else ""
        if "Server listening on" in said:
            return "up"
        if ended(sshd):
            return "sshd ended: " + " / ".join(said.split("\n")[-4:]).strip()
        time.sleep(0.005)
    return f"sshd did not listen within {START_SECONDS:.0f} s"


def answer(text: str) -> None:
    """Answer the lab, if it still listens."""
    try:
        os.write(1, f"{text}\n".encode())
    except BrokenPipeError:
        return


def obey() -> None:
    """Follow orders until there are no more."""
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    bury()
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
            bury()
        if 0 in ready:
            orders = os.read(0, 4096).decode().split()
            if not orders:
                return
            for order in orders:
                if order == "freeze":
                    freeze()
                elif order == "thaw":
                    signal_all(signal.SIGCONT)
                answer(order)


def stop_at_once(_number: int, _frame: object) -> None:
    """End like a host whose power button was pressed."""
    end_all()
    os._exit(0)


def main() -> None:
    """Be the host until the power goes."""
    os.umask(0o022)
    adopt_orphans()
    signal.signal(signal.SIGTERM, stop_at_once)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    systemctl, log, *sshd = sys.argv[1:]
    try:
        listening = spawn(sshd)
        spawn([systemctl, "default"])
        answer(wait_until_listening(listening, Path(log)))
        obey()
    finally:
        end_all()


main()
