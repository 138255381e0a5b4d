"""What is judged of the servers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.domain.check.clock import judge_clock
from bot.domain.check.verdict import Mark, Verdict, failed, passed
from bot.domain.fleet import Role, Server

LEAST_RSYNC = (3, 2)
_VERSION = re.compile(r"rsync\s+version\s+v?(\d+)\.(\d+)(\S*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearing:
    """How one server was found, over SSH."""

    server: Server
    trouble: str = ""
    """Why it could not be reached; then nothing else is known."""
    sudo: str = ""
    """Why sudo does not work, where the fleet file has the bot use it."""
    root: bool = False
    """Sudo works."""
    rsync: str = ""
    """The first line of `rsync --version`; empty without rsync."""
    clock: float | None = None
    """How many seconds its clock is ahead of ours."""
    cut_off: str = ""
    """The master's address and port, if it is to pass writes on to there and does not reach it."""


def judge_bearings(fleet: str, bearings: Sequence[Bearing]) -> Iterator[Verdict]:
    """One line for a server where all is well, else one for each thing that is not."""
    major = next((_version(each.rsync)[:1] for each in bearings if each.server.role is Role.MASTER), ())
    for bearing in bearings:
        about = f"{fleet}: {bearing.server.role} {bearing.server.id}"
        wrong = [verdict for verdict in _judge(about, bearing, major) if verdict.mark is Mark.FAILED]
        right = "SSH, sudo and clock" if bearing.root else "SSH and clock"
        yield from wrong or [passed(about, f"{right}; {_named(bearing.rsync)}")]


def _judge(about: str, bearing: Bearing, major: tuple[int, ...]) -> Iterator[Verdict]:
    if bearing.trouble:
        yield failed(
            about, bearing.trouble, "Let this machine reach it: network, security group, account, key."
        )
        return
    if bearing.sudo:
        remedy = "Let the account use sudo without a password, or set `ssh.sudo = false` if it is root."
        yield failed(f"{about}: sudo", bearing.sudo, remedy)
    yield from _judge_rsync(f"{about}: rsync", bearing.rsync, major)
    if bearing.cut_off:
        remedy = "Let clones in there in the master's security group; or see whether its web server runs."
        yield failed(f"{about}: writes", f"does not reach the master at {bearing.cut_off}", remedy)
    yield judge_clock(f"{about}: clock", bearing.clock)


def _judge_rsync(about: str, said: str, major: tuple[int, ...]) -> Iterator[Verdict]:
    version, least = _version(said), ".".join(map(str, LEAST_RSYNC))
    if not version:
        yield failed(about, "is not installed", "Install it: `apt-get install rsync` or the like.")
    elif version < LEAST_RSYNC:
        yield failed(about, f"{_named(said)} is too old", f"Install {least} or newer.")
    elif major and version[:1] != major:
        yield failed(about, f"{_named(said)}, and the master has {major[0]}", "Install the same on both.")


def _version(said: str) -> tuple[int, ...]:
    found = _VERSION.search(said)
    return (int(found[1]), int(found[2])) if found else ()


def _named(said: str) -> str:
    found = _VERSION.search(said)
    return f"rsync {found[1]}.{found[2]}{found[3]}" if found else "no rsync"
