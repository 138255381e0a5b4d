"""Watches a trial from outside the bot, without a single call to AWS."""

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from socket import create_connection
from typing import Any

from bot.lab.aws.calls import Call, Moment
from bot.lab.lab import Lab
from tests.patience import within

EVERY = 0.05
PROBE_SECONDS = within(5)
DATABASE, SITE = 3307, 8080
CONTENT = "var/www/html"


@dataclass(frozen=True, slots=True)
class Sample:
    """Which servers serve at a moment (Unix time), and the head of the log."""

    at: float
    serving: frozenset[str]
    head: tuple[int, str]


@dataclass(slots=True)
class Sightings:
    """What was seen."""

    samples: list[Sample] = field(default_factory=list)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    """Invariants that were broken, and how."""
    announced: int = 0
    registered: set[str] = field(default_factory=set)

    def about(self, since: float, until: float) -> list[Sample]:
        """The samples between two moments, and the last one before."""
        before = [sample for sample in self.samples if sample.at < since][-1:]
        return before + [sample for sample in self.samples if since <= sample.at <= until]


@contextmanager
def watching(lab: Lab, *, master: str) -> Iterator[Sightings]:
    """Look at the balancer twenty times a second, and at each call that changes something."""
    seen, over = Sightings(), threading.Event()
    judge = _Judge(lab, master, seen)

    def watch() -> None:
        while True:
            seen.samples.append(sample(lab))
            if over.wait(EVERY):
                return

    thread = threading.Thread(target=watch, name="watcher")
    thread.start()
    forget = lab.aws.calls.on_call(judge.on_call)
    try:
        yield seen
    finally:
        forget()
        over.set()
        thread.join()


def sample(lab: Lab) -> Sample:
    """How it is now."""
    at, serving = time.time(), lab.aws.serving(lab.site.target_group)
    return Sample(at, serving, head(lab))


def head(lab: Lab) -> tuple[int, str]:
    """The last row of the log."""
    rows = query(lab, "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
    return (rows[0][0], rows[0][1]) if rows else (0, "")


def query(lab: Lab, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Read what is committed in the log."""
    with closing(sqlite3.connect(f"file:{lab.records}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(sql, values).fetchall()


class _Judge:
    """Judges the calls that change something, before their effect."""

    def __init__(self, lab: Lab, master: str, seen: Sightings) -> None:
        self._lab = lab
        self._master = master
        self._seen = seen
        self._lock = threading.Lock()

    def on_call(self, call: Call, moment: Moment) -> None:
        # A request without an action was cut off: its sender was killed.
        if moment is not Moment.BEFORE or not call.mutating or not call.action:
            return
        wrong = [(1, why) for why in self._unannounced(call)]
        if call.action == "RegisterTargets" and self._lab.site.target_group in call.parameters.values():
            clones = [v for k, v in call.parameters.items() if k.endswith(".Id") and v != self._master]
            wrong += [(8, why) for why in unready(self._lab, clones)]
            self._seen.registered.update(clones)
        with self._lock:
            self._seen.announced += 1
            self._seen.wrong += wrong

    def _unannounced(self, call: Call) -> Iterator[str]:
        action = call.user_agent.partition("clonebot/")[2].partition(" ")[0]
        if not action:
            yield f"{call.action} came without an action id"
        elif not query(self._lab, "SELECT 1 FROM audit WHERE kind = 'intent' AND action = ?", action):
            yield f"{call.action} of {action} came before its intent"


def unready(lab: Lab, clones: list[str]) -> Iterator[str]:
    """Which of these clones are not what the master is, or are too much so, and why."""
    master = lab.site.master
    truth, taken = content(lab, master), {master: identity(lab, master)}
    for clone in clones:
        checks: dict[str, Callable[[str], bool]] = {
            "has other content than the master": lambda each: content(lab, each) == truth,
            "has its own database running": lambda each: not _listens(lab, each),
            "does not answer 200": lambda each: health(lab, each) == 200,
            "is somebody else": lambda each: not any(identity(lab, each) & other for other in taken.values()),
        }
        yield from (
            f"{clone} {why} when it is registered" for why, holds in checks.items() if not holds(clone)
        )
        taken[clone] = identity(lab, clone)


def content(lab: Lab, server: str) -> dict[str, str]:
    """The hash of each file."""
    top = lab.hosts.disk(server) / CONTENT
    return {str(each.relative_to(top)): _hash(each) for each in sorted(top.rglob("*")) if each.is_file()}


def _hash(file: Path) -> str:
    return sha256(file.read_bytes()).hexdigest()


def identity(lab: Lab, server: str) -> frozenset[str]:
    """What no two servers may share."""
    disk = lab.hosts.disk(server)
    keys = {each.read_text().split()[1] for each in (disk / "etc/ssh").glob("ssh_host_*.pub")}
    names = {(disk / "etc" / name).read_text().strip() for name in ("machine-id", "hostname")}
    return frozenset(keys | names)


def address(lab: Lab, server: str) -> str:
    """Where it is, as its console says."""
    console = (lab.folder / "hosts" / server / "console.log").read_text()
    return str(re.findall(r"finished on \S+ \(([0-9.]+)\)", console)[-1])


def health(lab: Lab, server: str) -> int:
    """What its health page answers in time; 0 if it does not."""
    connection = HTTPConnection(address(lab, server), SITE, timeout=PROBE_SECONDS)
    with closing(connection), suppress(OSError, HTTPException):
        connection.request("GET", "/healthz")
        return connection.getresponse().status
    return 0


def _listens(lab: Lab, server: str) -> bool:
    with suppress(OSError), create_connection((address(lab, server), DATABASE), 2):
        return True
    return False
