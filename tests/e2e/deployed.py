"""A bot that systemd runs on a Debian server of its own, set up as the runbook says; the rest is a lab."""

import shutil
import site
import sys
from pathlib import Path

from bot.domain.errors import ServerUnreachable
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.e2e.hosts import DebianHosts
from tests.scenarios.runbook import ROOT, Block, sections

BOT = "bot"
"""What its server is called."""
_HOME = Path("/opt/clonebot")
_DATA = "/var/lib/clonebot"
_PYTHON = "/opt/python"
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_LENT = {
    _PYTHON: Path(sys.base_prefix),
    f"{_HOME}/packages": Path(site.getsitepackages()[0]),
    **{f"{_HOME}/{name}": ROOT / name for name in ("bot", "commands", "deploy")},
}
_FETCHES = ("sudo apt-get", "sudo git", "sudo python3 -m venv", "sudo /opt/clonebot/.venv/bin/pip")
"""How the runbook's lines begin that make what is lent."""
_PROGRAM = f"""#!{_HOME}/.venv/bin/python
from bot.__main__ import main

main()
"""


class Lent:
    """What those lines would make: a virtual environment, here of what is lent."""

    set_up = ""

    def lay_out(self, disk: Path) -> None:
        """Make it."""
        home = disk / _HOME.relative_to("/") / ".venv"
        packages = home / "lib" / _VERSION / "site-packages"
        packages.mkdir(parents=True)
        (disk / "etc/ld.so.conf.d/python.conf").write_text(f"{_PYTHON}/lib\n")
        (home / "bin").mkdir()
        (home / "bin/python").symlink_to(f"{_PYTHON}/bin/{_VERSION}")
        (home / "pyvenv.cfg").write_text(f"home = {_PYTHON}/bin\n")
        (packages / "clonebot.pth").write_text(f"{_HOME}\n{_HOME}/packages\n")
        (home / "bin/clonebot").write_text(_PROGRAM)
        (home / "bin/clonebot").chmod(0o755)
        (disk / "etc/cloud/cloud-init.disabled").touch()


def lend(data: Path) -> tuple[str, ...]:
    """Lend the server what it would have to fetch, and a data folder, so that it can be read from outside."""
    ours = (f"--bind-ro={here}:{there}" for there, here in _LENT.items())
    return (*ours, f"--bind={data}:{_DATA}")


class Deployed(Lab):
    """A lab on loopback whose bot is the unit `clonebot` on a server in the same network."""

    def __init__(self, folder: Path, hosts: DebianHosts, data: Path) -> None:
        """`hosts` were made with what `lend` says of `data`."""
        super().__init__(folder, delays=NO_DELAYS, rate_limits=False)
        self.machines, self._data = hosts, data

    def start(self) -> None:
        """Start everything, and the bot's server before the bot."""
        self.machines.create(BOT)
        self.machines.boot(BOT)
        super().start()

    @property
    def data(self) -> Path:
        """The bot's data folder."""
        return self._data

    @property
    def log(self) -> Path:
        """What is in the journal of it."""
        file = self.folder / "journal"
        file.write_text(self.says("journalctl --unit clonebot --output cat --no-pager"))
        return file

    def says(self, command: str, *, text: str = "") -> str:
        """What a command typed by root on the bot's server prints."""
        return self.machines.shell(BOT, command, text=text).strip()

    def shows(self, name: str) -> str:
        """What systemd says of the unit."""
        return self.says(f"systemctl show --property {name} --value clonebot")

    @property
    def bot(self) -> int:
        """The id that its process has there; 0 while there is none."""
        return int(self.shows("MainPID"))

    def start_bot(self) -> int:
        """Set it all up the first time; start it; return once it takes requests."""
        self.slack.faults.drop_sockets()
        if not (self.machines.disk(BOT) / "etc/clonebot").exists():
            self.says("ldconfig")
            for block in sections()["Set up"]:
                self._follow(block)
        self.says("systemctl start clonebot")
        if not self.slack.wait_until_connected():
            raise ServerUnreachable(self.log.read_text())
        return self.bot

    def _follow(self, block: Block) -> None:
        match block.language:
            case "sh":
                lines = [line for line in block.text.splitlines() if not line.startswith(_FETCHES)]
                self.says("sh -seu", text="\n".join(lines))
            case "toml":
                etc = self.machines.disk(BOT) / "etc/clonebot"
                key = self.hosts.key_file
                (etc / "clonebot.toml").write_text(self.fleet_file.read_text().replace(str(key), "key"))
                shutil.copyfile(key, etc / "key")
            case "ini":
                known = self.environment_file.read_text().splitlines()
                lines = [line for line in known if line.startswith(("SLACK_", "AWS_"))]
                (self.machines.disk(BOT) / "etc/clonebot/environment").write_text("\n".join([*lines, ""]))

    def kill_bot(self) -> None:
        """End it as a crash would."""
        self.says("systemctl kill --signal KILL clonebot")

    def stop_bot(self) -> int:
        """Ask systemd to end it; return its exit status."""
        self.says("systemctl stop clonebot || :")
        return int(self.shows("ExecMainStatus"))
