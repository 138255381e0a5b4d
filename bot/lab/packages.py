"""Debian packages, fetched with apt's own client and unpacked into a folder: no root, nothing installed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

SYSTEM_LISTS = Path("/var/lib/apt/lists")
_SECONDS = 300

# Hooks of the system would write outside the folder.
_NO_HOOKS = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
"""


class NotFetched(Exception):
    """The packages could not be fetched; the text says why."""


def unpack_packages(names: Sequence[str], root: Path, work: Path) -> None:
    """Make `root` hold the files of these packages and of what they need that is not installed here.

    `work` is for apt's own files. Raises NotFetched.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise NotFetched("this system has no apt-get")
    archives = _fetch(names, work)
    part = root.with_name(root.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    for archive in archives:
        _run(["dpkg", "-x", str(archive), str(part)])
    shutil.rmtree(root, ignore_errors=True)
    part.rename(root)
    shutil.rmtree(work)


def _fetch(names: Sequence[str], work: Path) -> list[Path]:
    """Try the lists that the system has; where those are missing or old, fetch lists of our own."""
    seen, own = work / "system-lists", work / "own-lists"
    for folder in ("state", "cache/archives/partial", "log", "system-lists/partial", "own-lists/partial"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    for listing in SYSTEM_LISTS.glob("*_*"):
        if not (seen / listing.name).is_symlink():
            (seen / listing.name).symlink_to(listing)
    (work / "apt.conf").write_text(_NO_HOOKS)
    download = ["--download-only", "--no-install-recommends", "--no-remove", "install", *names]
    try:
        _run([*_apt(work, seen), *download])
    except NotFetched:
        _run([*_apt(work, own), "update"])
        _run([*_apt(work, own), *download])
    return sorted((work / "cache" / "archives").glob("*.deb"))


def _apt(work: Path, lists: Path) -> list[str]:
    options = {
        "Dir::State": work / "state",
        "Dir::State::lists": lists,
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": work / "cache",
        "Dir::Log": work / "log",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "20",
        "Acquire::https::Timeout": "20",
    }
    chosen = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    return ["apt-get", "-q", "-y", "-c", str(work / "apt.conf"), *chosen]


def _run(command: list[str]) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=environment,
            timeout=_SECONDS,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        raise NotFetched(f"{command[0]} did not finish: {error}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E: ")]
        said = (lines or done.stderr.splitlines() or ["no reason given"])[0]
        raise NotFetched(f"{command[0]} said: {said.removeprefix('E: ')}")
