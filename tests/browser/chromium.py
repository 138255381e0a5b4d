"""Chromium for the browser tests: found, or, by root on Debian, installed; elsewhere it says what to type."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",  # root has no other way, and only the lab's own pages are opened
    "--disable-gpu",
    "--disable-lcd-text",  # grey edges: the same picture on every screen
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PACKAGE = ("apt-get", "install", "-y", "--no-install-recommends", "chromium")
MISSING = "needs Chromium; `make test` says how to get it"
_SECONDS = 900


class NoChromium(Exception):
    """There is none on this machine."""


@contextmanager
def browser() -> Iterator[Browser]:
    """A running browser without a window. Raises NoChromium."""
    with sync_playwright() as playwright:
        found = _find(playwright)
        if found is None:
            raise NoChromium(MISSING)
        running = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield running
        finally:
            running.close()


def provide(tell: Callable[[str], None]) -> None:
    """Install Chromium if there is none and root may; otherwise tell what to type."""
    if is_there():
        return
    if os.geteuid() == 0 and is_debian():
        tell(
            "The tests use the lab's page in a real browser, and there is none on this machine: "
            f"installing Debian's Chromium (a program, not a service) with `{' '.join(PACKAGE)}` …"
        )
        if said := _install():
            tell(f"That failed: {said}")
    if not is_there():
        tell(advice(debian=is_debian()))


def is_there() -> bool:
    """Whether a browser can be started."""
    with sync_playwright() as playwright:
        return _find(playwright) is not None


def is_debian() -> bool:
    """Whether `apt-get install chromium` brings a program; on Ubuntu it would bring snapd, a service."""
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


def advice(*, debian: bool) -> str:
    """What to type."""
    command = f"sudo {' '.join(PACKAGE)}" if debian else ".venv/bin/playwright install --with-deps chromium"
    return f"The browser tests are skipped: they need Chromium. To run them too, type: {command}"


def _find(playwright: Playwright) -> str | None:
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    fetched = playwright.chromium.executable_path
    return on_path or (fetched if Path(fetched).exists() else None)


def _install() -> str:
    """Install the package, with new lists if the old ones lack it; return why that failed, or nothing."""
    failed = _run(PACKAGE)
    return (_run(("apt-get", "update")) or _run(PACKAGE)) if failed else ""


def _run(command: tuple[str, ...]) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
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
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]}: {error}"
    errors = [line for line in done.stderr.splitlines() if line.startswith("E: ")]
    return (errors or [f"{command[0]} ended with {done.returncode}"])[0] if done.returncode else ""


if __name__ == "__main__":
    provide(lambda text: print(text, file=sys.stderr))
