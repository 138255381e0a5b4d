"""What is judged of the machine that the bot runs on."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.check.verdict import Verdict, failed, passed

ENVIRONMENT = "environment"
FLEET_FILE = "fleet file"
DATA = "data folder"
LEAST_BYTES = 200 * 1024 * 1024
"""A row of the log is about a kilobyte; SQLite also needs room beside its files."""
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """The data folder as the user who asks sees it. If it does not exist, what would become of it."""

    path: str
    account: str
    """The operating-system user who looked."""
    exists: bool = True
    writable: bool = True
    """Or could be made."""
    free_bytes: int = 0
    held: bool = False
    """By a clonebot that runs."""
    exposed: tuple[str, ...] = ()
    """Files that others may read or write, and should not."""
    locked: tuple[str, ...] = ()
    """Files that this user may not write."""


def judge_configuration(about: str, problems: str, says: str) -> Iterator[Verdict]:
    """`problems` is one sentence a line, with file and line where there are any."""
    for problem in problems.splitlines():
        yield failed(about, problem, "Correct it there.", configuration=True)
    if not problems:
        yield passed(about, says)


def judge_folder(folder: Folder) -> Iterator[Verdict]:
    """Room, rights, and whether another bot has it, which is no fault."""
    if not folder.writable or folder.locked:
        what = ", ".join(folder.locked) or folder.path
        yield failed(
            DATA,
            f"{folder.account} may not write {what}",
            f"Run as the user that the bot runs as, or: chown -R {folder.account} {folder.path}",
        )
    if folder.exposed:
        names = ", ".join(folder.exposed)
        yield failed(DATA, f"others may read or write {names}", f"chmod go= {' '.join(folder.exposed)}")
    if folder.free_bytes < LEAST_BYTES:
        yield failed(
            DATA,
            f"{folder.free_bytes // _MEGABYTE} MB are free at {folder.path}",
            f"Make room, {LEAST_BYTES // _MEGABYTE} MB: what cannot be recorded is not done.",
        )
    if folder.writable and not folder.locked:
        yield passed(DATA, f"{folder.account} may write {folder.path}; {_holder(folder)}")


def _holder(folder: Folder) -> str:
    if folder.held:
        return "a clonebot serves from it"
    return "no clonebot serves from it now" if folder.exists else "it is made at the first start"
