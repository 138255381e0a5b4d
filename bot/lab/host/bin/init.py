# ruff: noqa: INP001 (a program of a host, not part of a package)
"""The first process of every host of a lab: a fork of one that has started already.

Usage: init.py FOLDER SCRIPT… with a socket as standard input. FOLDER is for whoever lists processes.
Each message, in JSON, switches a host on; with it come the host's line and its console.

On its line a host says "up" and its process, or why not; then it answers orders (freeze, thaw). The end of
the line, or SIGTERM, ends the host: so does the end of the lab, however it ends.

A host's systemctl asks it to launch services. A fork of a Python that has started, and has read the SCRIPTs
and what they import, is as good as a new one, and costs a tenth.
"""

import ctypes
import gc
import http.server  # noqa: F401 (what services need)
import json
import mimetypes
import os
import select
import shlex
import signal
import socket
import socketserver  # noqa: F401 (what services need)
import sqlite3  # noqa: F401 (what services need)
import string  # noqa: F401 (what services need)
import sys
import tempfile  # noqa: F401 (what services need)
import time
import traceback
import types
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
START_SECONDS = 10.0
GRACE_SECONDS = 1.0
PYTHON = ["python3", "-I", "-S"]
KEPT = ("HOME", "PATH", "LANG", "HOST_ID", "HOST_ADDRESS", "HOST_ROOT")
SCRIPTS: dict[bytes, types.CodeType] = {}


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


def signal_all(*numbers: int) -> set[int]:
    """Send signals to the whole host, ourselves excepted."""
    processes = descendants()
    for process in processes:
        try:
            for number in numbers:
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
    signal_all(signal.SIGTERM, signal.SIGCONT)
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
    """Wait for sshd; answer "up" and our process, or why not."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        said = log.read_text(errors="replace") if log.exists() else ""
        if "Server listening on" in said:
            return f"up {os.getpid()}"
        if ended(sshd):
            return "sshd ended: " + " / ".join(said.split("\n")[-4:]).strip()
        time.sleep(0.005)
    return f"sshd did not listen within {START_SECONDS:.0f} s"


def answer(text: str) -> None:
    """Answer the lab, if it still listens."""
    try:
        os.write(1, f"{text}\n".encode())
    except OSError:
        return


def launch(request: str) -> None:
    """Start a service in a session of its own: its name, and its command line."""
    name, _, line = request.partition(" ")
    root = Path(os.environ["HOST_ROOT"])
    if not (process := os.fork()):
        try:
            become_service(root, root / "var/log" / f"{name}.log", shlex.split(line))
        except BaseException:  # noqa: BLE001 (nothing of a service's is to reach its host)
            traceback.print_exc()
        finally:
            os._exit(1)
    born = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    (root / "run" / f"{name}.pid").write_text(f"{process} {born}\n")


def become_service(root: Path, log: Path, command: list[str]) -> None:
    """Be what a new process would be."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    os.chdir(root)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 1)
    os.dup2(1, 2)
    os.closerange(3, 256)
    kept = {key: os.environ[key] for key in KEPT}
    os.environ.clear()
    os.environ.update(kept)
    if command[: len(PYTHON)] == PYTHON:
        run_script(command[len(PYTHON) :])
    else:
        os.execvp(command[0], command)  # noqa: S606 (the host's own service)


def run_script(arguments: list[str]) -> None:
    """Go on as a Python that was started with these arguments."""
    sys.argv = arguments
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    source = Path(arguments[0]).read_bytes()
    exec(SCRIPTS.get(source) or compile(source, arguments[0], "exec"), main.__dict__)  # noqa: S102 (that is it)


def obey(line: int, requests: int, launched: int) -> None:
    """Follow orders of the lab and requests of the host until the line ends."""
    wake, woken = os.pipe()
    for end in (wake, woken):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(woken)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    bury()
    while True:
        ready, _, _ = select.select([line, wake, requests], [], [])
        if wake in ready:
            os.read(wake, 4096)
            bury()
        if requests in ready:
            for request in os.read(requests, 65536).decode().splitlines():
                launch(request)
                os.write(launched, f"{request.partition(' ')[0]}\n".encode())
        if line in ready and not follow(os.read(line, 4096).decode().split()):
            return


def follow(orders: list[str]) -> bool:
    """Follow the lab's orders; tell whether there were any."""
    for order in orders:
        if order == "freeze":
            freeze()
        elif order == "thaw":
            signal_all(signal.SIGCONT)
        answer(order)
    return bool(orders)


def stop_at_once(_number: int, _frame: object) -> None:
    """End like a host whose power button was pressed."""
    end_all()
    os._exit(0)


def become_host(message: bytes, line: int, console: int) -> None:
    """Be a host until the power goes."""
    for given, expected in ((line, 0), (line, 1), (console, 2)):
        os.dup2(given, expected)
    os.closerange(3, 256)
    os.setsid()
    adopt_orphans()
    signal.signal(signal.SIGTERM, stop_at_once)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order = json.loads(message)
    os.environ.clear()
    os.environ.update(order["environment"])
    disk = order["disk"]
    requests, launched = (make_pipe(f"{disk}/run/{name}") for name in ("launch", "launched"))
    listening = spawn(order["sshd"])
    spawn([f"{disk}/usr/local/bin/systemctl", "default"])
    answer(wait_until_listening(listening, Path(order["log"])))
    obey(0, requests, launched)


def make_pipe(path: str) -> int:
    """Make a pipe that others find by its name."""
    os.mkfifo(path)
    return os.open(path, os.O_RDWR)


def main() -> None:
    """Wait, warm, for hosts to be."""
    for script in sys.argv[2:]:
        source = Path(script).read_bytes()
        SCRIPTS[source] = compile(source, script, "exec")
    mimetypes.init()
    os.umask(0o022)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    lab = socket.socket(fileno=0)
    while True:
        message, given, _, _ = socket.recv_fds(lab, 65536, 2)
        if not message:
            return
        if not os.fork():
            lab.detach()
            try:
                become_host(message, *given)
            except BaseException:  # noqa: BLE001 (a host that fails is not to be the lab)
                traceback.print_exc()
            finally:
                end_all()
                os._exit(0)
        for file in given:
            os.close(file)


main()
