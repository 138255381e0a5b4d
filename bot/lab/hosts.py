"""Servers on loopback: each with its own address, disk, sshd and services, without root."""

import secrets
import shutil
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.errors import ServerUnreachable
from bot.lab.host.disk import begin_boot, copy_image, copy_running_disk, lay_out, make_key
from bot.lab.host.login import PORT, Place, environment, sshd_config, this_user
from bot.lab.host.power import INTERPRETER, Power, PowerStation
from bot.lab.host.privilege import Privilege
from bot.lab.tools import Tools

__all__ = ["PORT", "Hosts"]

_CONSOLE_BYTES = 64 * 1024
_GONE = 100
"""Destroyed disks that stay a while: ext4 makes files slowly where it has just deleted many."""


@dataclass(slots=True)
class _Host:
    place: Place
    folder: Path
    power: Power | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def console(self) -> Path:
        return self.folder / "console.log"


class Hosts:
    """The hosts of one lab, by id. Safe to use from several threads. Unknown ids raise KeyError."""

    def __init__(self, folder: Path, tools: Tools) -> None:
        self._folder = folder.resolve()
        self._tools = tools
        self._hosts: dict[str, _Host] = {}
        self._closed = False
        self._gone: deque[Path] = deque()
        for name in ("hosts", "images", "bin", "gone"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        self._privilege = Privilege(self._folder, tools)
        self._offer_python()
        self.user = this_user()
        """The account to log in with."""
        self.key_file = self._folder / "key"
        """The private key that every host lets in."""
        if not self.key_file.exists():
            make_key(self.key_file, "clonebot-lab")
        self._station = PowerStation(self._folder, self._privilege.before_host)

    def _offer_python(self) -> None:
        python = self._folder / "bin" / "python3"
        python.unlink(missing_ok=True)
        python.symlink_to(INTERPRETER)

    def create(self, host: str, address: str) -> None:
        """Make the disk of a hand-built server; it does not start."""
        made = self._add(host, address)
        lay_out(made.place.disk, self.user, self.key_file.with_suffix(".pub").read_text().strip())

    def clone_disk(self, host: str, address: str, image: str, user_data: str = "") -> None:
        """Make a disk that equals an image; its host does not start.

        User data can be read on it, and nothing more: no cloud-init runs there.
        """
        disk = self._add(host, address).place.disk
        copy_image(self._image(image), disk)
        (disk / "var/lib/cloud/user-data.txt").write_text(user_data)

    def _add(self, host: str, address: str) -> _Host:
        folder = self._folder / "hosts" / host
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        made = self._hosts[host] = _Host(Place(host, address, folder / "disk"), folder)
        return made

    def boot(self, host: str) -> None:
        """Start a host; when this returns, its sshd answers and its services are starting.

        Raises ServerUnreachable if it does not come up.
        """
        it = self._hosts[host]
        with it.lock:
            if self._closed:
                raise ServerUnreachable("The lab is closed: no host starts any more.")
            if it.power is None:
                notice = begin_boot(it.place)
                it.power = self._switch_on(it)
                with it.console.open("a") as console:
                    console.write(notice)

    def _switch_on(self, it: _Host) -> Power:
        variables = environment(it.place, self.user, self._folder / "bin", self._tools)
        config, log = it.folder / "sshd_config", it.folder / "sshd.log"
        config.write_text(sshd_config(it.place, self.user, variables, self._tools))
        log.unlink(missing_ok=True)
        program = [*self._privilege.before_sshd, str(self._tools.sshd), *self._tools.sshd_arguments]
        sshd = [*program, "-D", "-f", str(config), "-E", str(log)]
        order = {"disk": str(it.place.disk), "environment": variables, "sshd": sshd, "log": str(log)}
        return self._station.switch_on(order, it.console)

    def shut_down(self, host: str) -> None:
        """End all its processes; its disk stays."""
        it = self._hosts[host]
        with it.lock:
            if it.power is not None:
                it.power.end()
                it.power = None

    def destroy(self, host: str) -> None:
        """End all its processes and delete its disk; its console output stays. Safe to repeat."""
        self.shut_down(host)
        with suppress(FileNotFoundError):
            self._gone.append(self.disk(host).rename(self._folder / "gone" / secrets.token_hex(8)))
        if len(self._gone) > _GONE:
            shutil.rmtree(self._gone.popleft(), ignore_errors=True)

    def console_output(self, host: str) -> str:
        """Read what the host has shown on its console, the last 64 KB."""
        console = self._hosts[host].console
        return console.read_bytes()[-_CONSOLE_BYTES:].decode(errors="replace") if console.exists() else ""

    def disk(self, host: str) -> Path:
        """Name the folder that is the host's disk."""
        return self._hosts[host].place.disk

    def process(self, host: str) -> int | None:
        """Name the process that all others of a running host descend from."""
        power = self._hosts[host].power
        return power.process if power else None

    def snapshot(self, host: str, image: str) -> None:
        """Keep a true copy of the disk as an image."""
        copy_running_disk(self.disk(host), self._image(image), self._tools)

    def delete_image(self, image: str) -> None:
        """Delete an image. Safe to repeat."""
        shutil.rmtree(self._image(image), ignore_errors=True)

    def _image(self, image: str) -> Path:
        return self._folder / "images" / image

    def freeze(self, host: str) -> None:
        """Let a running host hang: it neither answers nor ends."""
        if power := self._hosts[host].power:
            power.freeze()

    def thaw(self, host: str) -> None:
        """Let a frozen host go on."""
        if power := self._hosts[host].power:
            power.thaw()

    def close(self) -> None:
        """End every process of every host; the folder is the caller's. Safe to repeat."""
        self._closed = True
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self.shut_down, list(self._hosts)))
        self._station.close()
        self._privilege.close()
