"""The systemd unit: valid, tight, and patient enough for the bot to end in peace."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "clonebot.service"
DRAIN_SECONDS = 10
"""As the README promises."""
MOST_EXPOSED = 15
"""Tenths, of a hundred: what systemd calls OK. The rest is the network, which the bot is there for."""

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The same, with a program that there is here."""
    copy = tmp_path / UNIT.name
    copy.write_text(re.sub("ExecStart=/[^ ]+", f"ExecStart={sys.executable}", UNIT.read_text()))
    return copy


def analyze(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@needs_systemd
def test_systemd_understands_every_line_of_it(unit: Path) -> None:
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_it_is_exposed_to_little_more_than_the_network(unit: Path) -> None:
    done = analyze("security", "--offline=yes", f"--threshold={MOST_EXPOSED}", str(unit))
    assert done.returncode == 0, done.stdout


def test_it_waits_longer_than_the_bot_takes_to_answer_what_it_has_taken() -> None:
    service = configparser.ConfigParser(strict=False, interpolation=None)
    service.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    service.read(UNIT)
    assert int(service["Service"]["TimeoutStopSec"]) > DRAIN_SECONDS
