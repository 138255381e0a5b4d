"""Debian servers under systemd-nspawn, as the local AWS needs them: real systemd, sshd, cloud-init, disks."""

import shutil
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

from tests.e2e.cgroups import MARK, cgroups_like, remove_cgroup
from tests.e2e.enclosure import Enclosure

GATEWAY = "255.254"
_FIRST_DOOR, _DOORS = 10, 8
"""Load balancers listen on PREFIX.255.10 and the next ones."""
_CONSOLE_BYTES = 64 * 1024
_DOWN_SECONDS = 30
_PROGRAMS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A server has a cgroup of its own in each hierarchy: where no systemd rules, nspawn cannot make one.
_BOOT = """
set -eu
echo $$ >"$1"
for roof in /sys/fs/cgroup /sys/fs/cgroup/*; do
    if [ -f "$roof/cgroup.procs" ]; then
        mkdir -p "$roof/$2"
        for file in cpus mems; do
            if [ -f "$roof/cpuset.$file" ]; then cat "$roof/cpuset.$file" >"$roof/$2/cpuset.$file"; fi
        done
        echo $$ >"$roof/$2/cgroup.procs"
    fi
done
shift 2
exec "$@"
"""

# "$1" is the file that names nspawn's process, whose child is the host's first.
_FIND = """
set -eu
tries=0
until leader=$(cat /proc/$(cat "$1")/task/*/children) &&
    [ -e "/proc/${leader% }/root/run/systemd/private" ]; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || exit 1
    sleep 0.05
done 2>/dev/null
"""

# The kernel ends a host with its first process; nspawn then follows, and would not take it along.
_CUT = """
pid=$(cat "$1")
kill -KILL $(cat /proc/$pid/task/*/children) || kill -KILL "$pid"
"""

_ENTER = """
command=$2
set -- nsenter --target ${leader% } --mount --uts --ipc --net --pid
exec "$@" env -i HOME=/root LANG=C.UTF-8 PATH="$PROGRAMS" sh -c "$command"
"""


class Outfit(Protocol):
    """What is on a server beyond the base."""

    @property
    def set_up(self) -> str:
        """The shell script that finishes its disk, run on it as root before it boots."""

    def lay_out(self, disk: Path) -> None:
        """Put its files on the disk."""


@dataclass(slots=True)
class _Host:
    address: str
    folder: Path
    number: int
    nspawn: subprocess.Popen[bytes] | None = None
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    @property
    def pid_file(self) -> Path:
        return self.folder / "pid"

    @property
    def network(self) -> str:
        return f"host{self.number}" if self.address else ""


class DebianHosts:
    """The servers of one lab, by id: what `bot.lab.aws.hosts.Hosts` promises. Unknown ids raise KeyError."""

    def __init__(  # noqa: PLR0913 (what servers are made of, all by name)
        self,
        *,
        folder: Path,
        base: Path,
        nspawn: list[str],
        outfit: Outfit,
        enclosure: Enclosure,
        network: str,
        binds: Sequence[str] = (),
    ) -> None:
        """`folder` is this one's own; `network` is how all addresses begin ("10.64").

        `binds` are nspawn's options that lend folders of this machine to each host.
        """
        self.folder, self._base, self._nspawn, self._outfit = folder, base, nspawn, outfit
        self._binds = binds
        self._enclosure = enclosure
        self._hosts: dict[str, _Host] = {}
        self._numbers = count(1)
        for name in ("hosts", "images"):
            (folder / name).mkdir()
        self.key_file = folder / "key"
        """The private key that lets `admin` in, as a key pair of EC2 does."""
        key = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "admin", "-f", str(self.key_file))
        subprocess.run(key, check=True, stdin=subprocess.DEVNULL)
        self._lay_cables(network)

    def _lay_cables(self, network: str) -> None:
        ip = ("ip", "-batch", "-")
        doors = [f"{network}.255.{_FIRST_DOOR + number}" for number in range(_DOORS)]
        lines = ["link add lab type bridge", "link set lab up"]
        lines += [f"address add {each}/16 dev lab" for each in (f"{network}.{GATEWAY}", *doors)]
        self._enclosure.run(*ip, text="\n".join(lines))

    # -- what the local AWS does

    def create(self, host: str, address: str = "") -> None:
        """Make the disk of the hand-built server; it does not start.

        Without an address of its own, it is in the network of the enclosure, loopback included.
        """
        made = self._add(host, address)
        self._mount(made)
        self._outfit.lay_out(self.disk(host))
        self._enclosure.run("chroot", str(made.disk), "sh", "-s", text=self._outfit.set_up)
        self._write_seed(host, made)

    def clone_disk(self, host: str, address: str, image: str, user_data: str = "") -> None:
        """Make a disk that equals an image; its host does not start, and then with this user data."""
        made = self._add(host, address)
        (made.folder / "upper").rmdir()
        _copy(self._image(image), made.folder / "upper")
        self._mount(made)
        self._write_seed(host, made, user_data)

    def boot(self, host: str) -> None:
        """Switch a host on; when this returns, its systemd is starting what there is. Safe to repeat."""
        it = self._hosts[host]
        with it.lock:
            if it.nspawn is None:
                it.pid_file.unlink(missing_ok=True)
                it.nspawn = self._switch_on(host, it)
                self._enclosure.run("sh", "-c", _FIND, "find", str(it.pid_file))

    def _switch_on(self, host: str, it: _Host) -> subprocess.Popen[bytes]:
        command = self._enclosure.command("sh", "-c", _BOOT, "boot", *self._boot_arguments(host, it))
        with (it.folder / "console.log").open("ab") as console:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )

    def _boot_arguments(self, host: str, it: _Host) -> list[str]:
        return [
            str(it.pid_file),
            f"{MARK}{self.folder.name}-{host}",
            *self._nspawn,
            "--quiet",
            f"--directory={it.disk}",
            f"--machine={host}",
            "--boot",
            "--register=no",
            "--keep-unit",
            *((f"--network-namespace-path=/run/netns/{it.network}",) if it.network else ()),
            *self._binds,
            "--console=read-only",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
        ]

    def shut_down(self, host: str) -> None:
        """Shut a host down as its power button does; its disk stays. Safe to repeat."""
        self._end(host, 'kill -TERM "$(cat "$1")"')

    def destroy(self, host: str) -> None:
        """End a host at once and delete its disk; its console output stays. Safe to repeat."""
        self._end(host, _CUT)
        it = self._hosts[host]
        with it.lock:
            if it.disk.exists():
                self._enclosure.run("umount", str(it.disk))
                if it.network:
                    self._enclosure.run("ip", "netns", "delete", it.network)
                for name in ("disk", "upper", "work"):
                    shutil.rmtree(it.folder / name)

    def console_output(self, host: str) -> str:
        """Read what the host has shown on its console, the last 64 KB."""
        console = self._hosts[host].folder / "console.log"
        return console.read_bytes()[-_CONSOLE_BYTES:].decode(errors="replace") if console.exists() else ""

    def snapshot(self, host: str, image: str) -> None:
        """Keep a true copy of what the disk holds beyond the base, as it is at this moment."""
        _copy(self._hosts[host].folder / "upper", self._image(image))

    def delete_image(self, image: str) -> None:
        """Delete an image. Safe to repeat."""
        shutil.rmtree(self._image(image), ignore_errors=True)

    # -- what tests do

    def disk(self, host: str) -> Path:
        """Name the folder that is the host's root, to look at or to write to from outside."""
        return self._enclosure.seen(self._hosts[host].disk)

    def shell(self, host: str, command: str, *, text: str = "", seconds: float = 60) -> str:
        """Run a shell command as root on a running host, past its sshd; return what it printed.

        `text` is what it reads. Meanwhile the host is not switched off: it would wait for a stranger.

        RuntimeError with what it said if it fails.
        """
        script = f"PROGRAMS={_PROGRAMS}\n{_FIND}{_ENTER}"
        it = self._hosts[host]
        with it.lock:
            if it.nspawn is None:
                raise RuntimeError(f"{host} is off")
            arguments = ("sh", "-c", script, "enter", str(it.pid_file), command)
            return self._enclosure.run(*arguments, text=text, seconds=seconds)

    def close(self) -> None:
        """End every host at once; the folder and the enclosure are the caller's."""
        for host in self._hosts:
            self._end(host, _CUT)

    # -- how

    def _add(self, host: str, address: str) -> _Host:
        made = _Host(address, self.folder / "hosts" / host, next(self._numbers))
        for name in ("upper", "work", "disk"):
            (made.folder / name).mkdir(parents=True)
        self._hosts[host] = made
        if made.network:
            self._connect(made)
        return made

    def _connect(self, made: _Host) -> None:
        address = made.address
        ours, theirs, gateway = f"veth{made.number}", "eth0", f"{address.rsplit('.', 2)[0]}.{GATEWAY}"
        self._enclosure.run("ip", "netns", "add", made.network)
        cable = f"link add {ours} type veth peer name {theirs} netns {made.network}"
        self._enclosure.run("ip", "-batch", "-", text=f"{cable}\nlink set {ours} master lab up\n")
        lines = f"link set lo up\naddress add {address}/16 dev {theirs}\nlink set {theirs} up\n"
        lines += f"route add default via {gateway}\n"
        self._enclosure.run("ip", "-n", made.network, "-batch", "-", text=lines)

    def _mount(self, it: _Host) -> None:
        layers = f"lowerdir={self._base},upperdir={it.folder}/upper,workdir={it.folder}/work"
        self._enclosure.run("mount", "-t", "overlay", "overlay", "-o", layers, str(it.disk))

    def _write_seed(self, host: str, it: _Host, user_data: str = "") -> None:
        """What EC2's metadata tell cloud-init: which instance it is, its name, the key pair, user data."""
        seed = self.disk(host) / "var/lib/cloud/seed/nocloud"
        seed.mkdir(parents=True, exist_ok=True)
        public = self.key_file.with_suffix(".pub").read_text().strip()
        name = f"ip-{it.address.replace('.', '-')}" if it.address else host
        (seed / "meta-data").write_text(
            f"instance-id: {host}\nlocal-hostname: {name}\npublic-keys:\n  - {public}\n"
        )
        (seed / "user-data").write_text(user_data)

    def _end(self, host: str, how: str) -> None:
        it = self._hosts[host]
        with it.lock:
            for script in (how, _CUT):
                if it.nspawn and it.nspawn.poll() is None:
                    self._signal(it.nspawn, script, it.pid_file)
            it.nspawn = None
        for left in cgroups_like(f"{self.folder.name}-{host}"):
            remove_cgroup(left)

    def _signal(self, nspawn: subprocess.Popen[bytes], script: str, pid_file: Path) -> None:
        # What has just ended by itself cannot be ended, and what does not end is ended otherwise.
        with suppress(RuntimeError, subprocess.TimeoutExpired):
            self._enclosure.run("sh", "-c", script, "end", str(pid_file))
            nspawn.wait(_DOWN_SECONDS)

    def _image(self, image: str) -> Path:
        return self.folder / "images" / image


def _copy(source: Path, target: Path) -> None:
    """Copy a layer with all that overlayfs notes in it, sparse and hard-linked as it is."""
    command = ("cp", "-a", "--reflink=auto", "--", str(source), str(target))
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    # What vanished while it was read was not to last.
    wrong = [line for line in done.stderr.splitlines() if "No such file" not in line]
    if wrong:
        raise OSError(f"The disk could not be copied: {wrong[0]}")
