"""The container file, as far as it can be judged without building it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click

from bot import __version__

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "deploy" / "Containerfile").read_text().splitlines()


def words(instruction: str) -> list[list[str]]:
    """The arguments of every such instruction."""
    return [line.split()[1:] for line in LINES if line.startswith(f"{instruction} ")]


def test_its_base_is_named_without_a_host_and_new_enough() -> None:
    ((base,),) = words("FROM")
    name, _, tag = base.partition(":")
    assert name == "python"
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tuple(map(int, re.findall(r"\d+", tag))) >= tuple(map(int, re.findall(r"\d+", wanted)))


def test_what_it_copies_is_there() -> None:
    sources = [source for *each, _ in words("COPY") for source in each]
    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_it_installs_only_what_is_pinned_with_hashes_and_runs_as_nobody_special() -> None:
    (install,) = [line for line in LINES if "pip install" in line]
    assert "--require-hashes -r requirements.txt" in install
    ((user,),) = words("USER")
    assert user == "clonebot"
    assert LINES.index("USER clonebot") < LINES.index('CMD ["serve"]')


def test_the_program_runs_as_there_from_its_folders_alone(tmp_path: Path) -> None:
    for part in ("bot", "commands"):
        (tmp_path / part).symlink_to(ROOT / part)
    (start,) = [line for line in LINES if "exec python -m bot" in line]
    assert ">/usr/local/bin/clonebot" in start
    said = subprocess.run(
        [sys.executable, "-S", "-m", "bot", "--version"],
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), str(_without_ourselves(tmp_path))])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == f"clonebot, version {__version__}\n"


def _without_ourselves(folder: Path) -> Path:
    """The installed libraries, the bot's own entry left out."""
    site = folder / "site"
    site.mkdir()
    for each in Path(click.__file__).parents[1].iterdir():
        if not each.name.startswith(("clonebot", "__editable__")):
            (site / each.name).symlink_to(each)
    return site
