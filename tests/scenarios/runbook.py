"""The runbook as something to carry out: its sections, and where in the lab its blocks are typed."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from bot.domain.operation import Stage
from bot.lab.lab import Lab
from bot.settings import load
from tests.scenarios.visitor import ADA, Visitor

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "RUNBOOK.md").read_text()
NOT_HERE: Mapping[str, str] = {
    "sudo apt-get *": "the lab installs nothing",
    "sudo useradd *": "the lab adds nobody to the machine",
    "sudo install -d *": "it gives folders to that user",
    "sudo chgrp *": "it gives files to that user",
    "sudo git *": "the tests run from what it would fetch",
    "sudo python3 -m venv *": "takes a minute; the tests run from such an environment",
    "sudo /opt/clonebot/.venv/bin/pip *": "the same",
}
"""Lines that are not typed in the lab, and why."""
SECONDS = 120
_KEPT = ("HOME", "LANG", "VIRTUAL_ENV")

_SUDO = """#!/bin/sh
AS=root
if [ "$1" = -u ]; then AS=$2; shift 2; fi
export AS
exec env "$@"
"""
_ID = """#!/bin/sh
if [ "$1" = -un ]; then echo "${AS:-admin}"; else exec /usr/bin/id "$@"; fi
"""
_SYSTEM = """#!/bin/sh
ask=$(mktemp -p {folder} XXXXXX)
echo "$(basename "$0") $*" >"$ask"
mv "$ask" "$ask.ask"
until [ -e "$ask.said" ]; do sleep 0.05; done
cat "$ask.said"
"""
_SQLITE = """#!/bin/sh
exec {python} -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute(sys.argv[2]))' "$@"
"""
"""For machines without sqlite3's own program; it is the same library."""
_PROGRAM = """#!/bin/sh
PYTHONPATH={root} exec {python} -m bot "$@"
"""


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    language: str
    text: str


def sections() -> dict[str, list[Block]]:
    """The blocks below each heading."""
    found: dict[str, list[Block]] = {}
    for part in re.split(r"^##+ ", TEXT, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        fences = re.findall(r"^```(\w+)\n(.*?)^```$", rest, flags=re.MULTILINE | re.DOTALL)
        found[title] = [Block(language, text) for language, text in fences]
    return found


def is_here(line: str) -> bool:
    """Whether the lab can do this."""
    return not any(fnmatchcase(line, pattern) for pattern in NOT_HERE)


@dataclass
class Night:
    """Somebody who types what the runbook says, on the bot's server and in Slack."""

    lab: Lab
    folder: Path
    visitor: Visitor = field(init=False)
    before: dict[tuple[str, int], Callable[["Night"], object]] = field(default_factory=dict)
    """What happens before a block is typed."""
    heard: list[str] = field(default_factory=list)
    """What Slack answered to what changes nothing."""

    def __post_init__(self) -> None:
        self.visitor = Visitor(self.lab)
        for name in ("bin", "etc", "system", "backups", "requests", "opt/.venv/bin", "opt/deploy"):
            (self.folder / name).mkdir(parents=True)
        system = _SYSTEM.format(folder=self.folder / "requests")
        for name, script in {"sudo": _SUDO, "id": _ID, "systemctl": system, "journalctl": system}.items():
            self._install(f"bin/{name}", script)
        if not shutil.which("sqlite3"):
            self._install("bin/sqlite3", _SQLITE.format(python=sys.executable))
        self._install("opt/.venv/bin/clonebot", _PROGRAM.format(root=ROOT, python=sys.executable))
        for file in ("clonebot.sh", "clonebot.service"):
            text = (ROOT / "deploy" / file).read_text()
            (self.folder / "opt" / "deploy" / file).write_text(self._placed(text))

    def _install(self, name: str, script: str) -> None:
        (self.folder / name).write_text(script)
        (self.folder / name).chmod(0o755)

    def _placed(self, text: str) -> str:
        """The same with the lab's folders in place of a server's."""
        places = {
            "/opt/clonebot": self.folder / "opt",
            "/etc/clonebot": self.folder / "etc",
            "/var/lib/clonebot": self.lab.data,
            "/var/backups/clonebot": self.folder / "backups",
            "/usr/local/bin": self.folder / "bin",
            "/etc/systemd/system": self.folder / "system",
        }
        for place, here in places.items():
            text = text.replace(place, str(here))
        return text

    def follow(self, title: str) -> None:
        """Do all that a section says, in its order."""
        for number, block in enumerate(sections()[title]):
            if happens := self.before.get((title, number)):
                happens(self)
            self._do(block)

    def _do(self, block: Block) -> None:
        match block.language:
            case "sh":
                self._type(block.text)
            case "text":
                self._say(block.text)
            case "toml":
                self._save_fleet_file(block.text)
            case "ini":
                self._save_tokens(block.text)
            case _:
                raise AssertionError(block.language)

    def _type(self, text: str) -> None:
        script = self._placed("\n".join(line for line in text.splitlines() if is_here(line)))
        if "op-…" in script:
            script = script.replace("op-…", self._open_operation())
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        path = [self.folder / "bin", *self.lab.tools.path, os.environ["PATH"]]
        with subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            env={**kept, "PATH": ":".join(map(str, path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as typed:
            self._serve(typed)
            said = typed.stdout.read() if typed.stdout else ""
        assert typed.returncode == 0, f"{script}\n{said}"

    def _open_operation(self) -> str:
        sql = "SELECT operation FROM audit WHERE kind = 'planned' ORDER BY seq DESC LIMIT 1"
        return str(self.visitor.audit(sql)[0][0])

    def _serve(self, typed: "subprocess.Popen[str]") -> None:
        """Be systemd until all is typed; the lab starts its bot from this thread alone."""
        due = time.monotonic() + SECONDS
        while typed.poll() is None:
            if time.monotonic() > due:
                typed.kill()
            for ask in sorted((self.folder / "requests").glob("*.ask")):
                said = self._system(ask.read_text().strip())
                ask.unlink()
                made = ask.with_suffix(".new")
                made.write_text(said + "\n")
                made.rename(ask.with_suffix(".said"))
            time.sleep(0.02)

    def _system(self, asked: str) -> str:
        match asked.split():
            case ["systemctl", "stop", "clonebot"]:
                self.lab.stop_bot()
            case ["systemctl", "enable", "--now", "clonebot"] | ["systemctl", "start", "clonebot"]:
                self.lab.start_bot()
            case ["systemctl", "restart", "clonebot"]:
                self.lab.stop_bot()
                self.lab.start_bot()
            case ["journalctl", "--unit", "clonebot", *_]:
                return self.lab.log.read_text()
            case ["systemctl", "is-active" | "status" | "daemon-reload", *_]:
                pass
            case _:
                raise AssertionError(asked)
        return "active" if self.lab.slack.connected else "inactive"

    def _say(self, text: str) -> None:
        for line in text.splitlines():
            said = line.removeprefix("/clone ")
            if "i-…" in said:
                said = said.replace("i-…", self._server(said))
            if said.startswith(("adopt", "scale", "prove", "release", "remove")):
                operation = self.visitor.open(said)
                if self.visitor.operation(operation).stage is Stage.AWAITING_APPROVAL:
                    self.visitor.press(operation, user=ADA)
                end = self.visitor.end_of(operation)
                assert end.stage is Stage.DONE, end.result
            else:
                self.heard.append(self.visitor.hear(said))

    def _server(self, said: str) -> str:
        """Which one is meant."""
        if said.startswith("adopt"):
            return self.lab.site.master
        return next(iter(self.visitor.quarantined()), "")

    def _save_fleet_file(self, example: str) -> None:
        """See that the example is right; then save the lab's own."""
        file = self.folder / "etc" / "clonebot.toml"
        file.write_text(example)
        assert load(file).fleets
        shutil.copy(self.lab.fleet_file, file)

    def _save_tokens(self, example: str) -> None:
        names = [line.partition("=")[0] for line in example.splitlines()]
        known = self.lab.environment
        assert [name for name in names if name not in known] == []
        lines = [f"{name}={value}" for name, value in known.items() if name.startswith(("SLACK", "AWS"))]
        (self.folder / "etc" / "environment").write_text("\n".join([*lines, ""]))
