"""The disk that every Debian host begins with: made once of Debian's packages, outside the repository."""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.lab.packages import NotFetched, unpack_packages

PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "cloud-init", "iproute2"),
    *("openssh-server", "sudo", "rsync", "cron"),
    *("apache2", "libapache2-mod-php", "php-mysql", "mariadb-server"),
    *("nginx-light", "python3-psycopg2", "postgresql"),
)
TOOLS = ("mmdebstrap", "systemd-container")
NEEDED = ("apt-get", "dpkg", "perl", "unshare", "nsenter", "ip")
_RECIPE = Path(__file__).with_name("base.sh")
_APT = 'APT::Install-Recommends "false";'
_DPKG = (
    "force-unsafe-io",
    *(f"path-exclude=/usr/share/{folder}/*" for folder in ("man", "doc", "locale")),
    "path-include=/usr/share/locale/locale.alias",
)
_ALONE = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""What is mounted into an unfinished disk is gone when its building ends, however that ends."""
_BUILD_SECONDS = 1200
_KEPT_SECONDS = 14 * 86400


class NoDebian(Exception):
    """This machine cannot have real Debian servers; the text says why."""


def cache() -> Path:
    """Name the folder in which what was built waits for the next run."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "clonebot" / "e2e"


def obstacle() -> str:
    """Say what this machine lacks for real Debian servers; nothing if it lacks nothing."""
    if os.geteuid() != 0:
        return "they need root"
    if _release().get("ID") != "debian":
        return "they are built by Debian's own tools, and this is no Debian"
    if missing := [name for name in NEEDED if not shutil.which(name)]:
        return f"there is no {' and no '.join(missing)} on this machine"
    return _refused()


_TRIAL = """
set -e
cd "$1"
mkdir lower upper work disk
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work disk
"""


def _refused() -> str:
    cache().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=cache()) as folder:
        trial = ("unshare", "--mount", "--pid", "--net", "--fork", "sh", "-c", _TRIAL, "trial", folder)
        done = subprocess.run(trial, check=False, capture_output=True, text=True)
    return f"root may not do here what they need ({done.stderr.strip()})" if done.returncode else ""


def nspawn() -> list[str]:
    """Give the command that boots a disk: the system's, or the one that was unpacked with the base."""
    if found := shutil.which("systemd-nspawn"):
        return [found]
    unpacked = _tools()
    (libraries,) = {library.parent for library in unpacked.rglob("libsystemd-shared-*.so")} or {unpacked}
    return ["env", f"LD_LIBRARY_PATH={libraries}", str(unpacked / "usr/bin/systemd-nspawn")]


def base(tell: Callable[[str], None]) -> Path:
    """Give the folder that holds the disk; build it first if this machine has none. Raises NoDebian."""
    if why := obstacle():
        raise NoDebian(f"no real Debian servers here: {why}")
    home = cache()
    home.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(home):
        _tools()
        disk = home / f"base-{_fingerprint()}"
        if not disk.exists():
            tell(
                "The end-to-end tests boot real Debian servers: making their disk of Debian's packages, "
                f"once, in {home} (about two minutes; nothing gets installed on this machine) …"
            )
            _build(disk)
        os.utime(disk)
        _forget_old(home)
        return disk


def _fingerprint() -> str:
    parts = (*PACKAGES, _APT, *_DPKG, _RECIPE.read_text(), _codename(), platform.machine())
    return sha256("\n".join(parts).encode()).hexdigest()[:16]


def _build(disk: Path) -> None:
    tools = _tools()
    part, sources = disk.with_suffix(".part"), disk.with_suffix(".list")
    shutil.rmtree(part, ignore_errors=True)
    sources.write_text(_sources())
    _run(
        *_ALONE,
        "perl",
        _program(tools, "mmdebstrap"),
        "--mode=root",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        f"--aptopt={_APT}",
        *(f"--dpkgopt={option}" for option in _DPKG),
        f'--customize-hook=sh {_RECIPE} "$1"',
        _codename(),
        str(part),
        str(sources),
        path=f"{tools}/usr/bin:{os.environ['PATH']}",
    )
    sources.unlink()
    part.rename(disk)


def _tools() -> Path:
    """Unpack the programs that this machine lacks; installing them would change its systemd."""
    unpacked = cache() / "tools"
    if not unpacked.exists() and not all(map(shutil.which, ("mmdebstrap", "systemd-nspawn"))):
        try:
            unpack_packages(TOOLS, unpacked, cache() / "apt")
        except NotFetched as error:
            names = " ".join(TOOLS)
            raise NoDebian(
                f"{names} could not be fetched ({error}): type `apt-get install {names}`"
            ) from error
    return unpacked


def _program(tools: Path, name: str) -> str:
    return shutil.which(name) or str(tools / "usr/bin" / name)


def _sources() -> str:
    """Where this machine itself gets Debian's packages from."""
    wanted = ("apt-get", "indextargets", "Created-By: Packages", "Origin: Debian")
    line = ("--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)")
    if not (found := _run(*wanted, *line)):
        _run("apt-get", "update")
        found = _run(*wanted, *line)
    if not found:
        raise NoDebian("apt on this machine knows no packages of Debian")
    return found


def _run(*command: str, path: str = "") -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment | ({"PATH": path} if path else {}),
        timeout=_BUILD_SECONDS,
    )
    if done.returncode:
        raise NoDebian(f"`{' '.join(command)[:80]} …` ended with {done.returncode}: {done.stderr[-1500:]}")
    return done.stdout


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _codename() -> str:
    return _release().get("VERSION_CODENAME", "stable")


def _forget_old(home: Path) -> None:
    for disk in home.glob("base-*"):
        if time.time() - disk.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(disk, ignore_errors=True)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def provide(tell: Callable[[str], None]) -> None:
    """Make what the end-to-end tests need, or tell why they are skipped."""
    try:
        base(tell)
    except NoDebian as error:
        tell(f"The end-to-end tests are skipped: {error}. To run them, type `sudo make e2e` on Debian.")


if __name__ == "__main__":
    provide(lambda text: print(text, file=sys.stderr))
