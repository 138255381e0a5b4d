"""What sshd asks of a machine when root starts it, met without changing the machine."""

import fcntl
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bot.domain.errors import ConfigError
from bot.lab.host.disk import PROGRAMS
from bot.lab.packages import NotFetched, unpack_packages
from bot.lab.tools import Tools

RUN_SSHD: Final = Path("/run/sshd")
_MARK = "made-by-the-lab-of-clonebot"
_SSHD_LINE = "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin"


class Privilege:
    """As root: a private view of /run and the accounts; in a container that forbids it, the next best."""

    def __init__(self, folder: Path, tools: Tools) -> None:
        """Find out what is needed; `folder` keeps the private account files."""
        self._held: int | None = None
        self.before_host: tuple[str, ...] = ()
        """What hosts are started with."""
        self.before_sshd: tuple[str, ...] = ()
        """What only their sshd is started with."""
        if os.geteuid() != 0:
            return
        accounts, secrets = _private_accounts(folder)
        if _may_mount() and not folder.is_relative_to("/run"):
            script = str(PROGRAMS / "private-run")
            self.before_host = ("unshare", "--mount", "--", "sh", script, str(accounts), str(secrets))
        else:
            if not _has_account():
                self.before_sshd = _shown(accounts, secrets, _account_library(tools.path[0].parent))
            self._held = _hold_folder()

    def close(self) -> None:
        """Take back what a lab made, unless another lab still needs it."""
        if self._held is not None:
            _let_go_of_folder(self._held)
            self._held = None


def _hold_folder() -> int:
    """Make /run/sshd unless it is there, and hold it; a lock ends with its process, however that ends."""
    while True:
        try:
            RUN_SSHD.mkdir(mode=0o755)
            (RUN_SSHD / _MARK).touch()
        except FileExistsError:
            pass
        held = os.open(RUN_SSHD, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(held, fcntl.LOCK_SH)
        if RUN_SSHD.exists() and os.path.samestat(os.fstat(held), RUN_SSHD.stat()):
            return held
        os.close(held)


def _let_go_of_folder(held: int) -> None:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pass
    else:
        if (RUN_SSHD / _MARK).exists():
            (RUN_SSHD / _MARK).unlink()
            RUN_SSHD.rmdir()
    finally:
        os.close(held)


def _may_mount() -> bool:
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    return (
        bool(shutil.which("unshare"))
        and subprocess.run(trial, check=False, capture_output=True).returncode == 0
    )


def _has_account() -> bool:
    try:
        return bool(pwd.getpwnam("sshd"))
    except KeyError:
        return False


def _private_accounts(folder: Path) -> tuple[Path, Path]:
    """Give root a plain shell, whatever theirs is, and add the account that sshd asks for."""
    accounts, secrets = folder / "passwd", folder / "shadow"
    system = Path("/etc/passwd").read_text().splitlines()
    others = [line for line in system if line.split(":")[0] not in ("root", "sshd")]
    accounts.write_text("\n".join(["root:x:0:0:root:/root:/bin/sh", *others, _SSHD_LINE]) + "\n")
    # "*" is no password, but not a locked account: sshd refuses those.
    secrets.write_text("root:*:19000:0:99999:7:::\nsshd:!:19000::::::\n")
    secrets.chmod(0o600)
    return accounts, secrets


def _account_library(home: Path) -> Path:
    """Fetch the library that shows a program other accounts than the system's."""
    root = home / "accounts"
    try:
        if not root.exists():
            unpack_packages(["libnss-wrapper"], root, home / "apt")
        return next(root.rglob("libnss_wrapper.so"))
    except NotFetched as error:
        raise ConfigError(
            f"In this container root may not mount, so sshd needs an account of its own, and the lab could "
            f"not fetch what shows it one ({error}): type `apt-get install openssh-server rsync`, "
            "then start the lab again."
        ) from error


def _shown(accounts: Path, secrets: Path, library: Path) -> tuple[str, ...]:
    return (
        "env",
        f"LD_PRELOAD={library}",
        f"NSS_WRAPPER_PASSWD={accounts}",
        "NSS_WRAPPER_GROUP=/etc/group",
        f"NSS_WRAPPER_SHADOW={secrets}",
    )
