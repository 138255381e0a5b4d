"""What the deployment asks of the bot, tried on a bot that runs."""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bot.lab.lab import Lab
from tests.scenarios.conftest import Labs

DEPLOY = Path(__file__).parents[2] / "deploy"
PR_SET_MDWE, PR_GET_MDWE, REFUSE_EXEC_GAIN = 65, 66, 1
DENYING = f"""
import ctypes, os, sys
assert ctypes.CDLL(None).prctl({PR_SET_MDWE}, {REFUSE_EXEC_GAIN}, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
"""What MemoryDenyWriteExecute= does, done by the kernel itself."""

pytestmark = pytest.mark.xdist_group("socket")


@pytest.fixture
def lab(labs: Labs) -> Lab:
    return labs("socket")


def _asks_mdwe() -> bool:
    """Ask how it is, which changes nothing; an older kernel knows no such question."""
    return bool(ctypes.CDLL(None).prctl(PR_GET_MDWE, 0, 0, 0, 0) >= 0)


def health(lab: Lab, **environment: str) -> int:
    """The container's own check of its health, by the words of its file."""
    (line,) = [each for each in (DEPLOY / "Containerfile").read_text().splitlines() if "HEALTHCHECK" in each]
    words: list[str] = json.loads(line.partition(" CMD ")[2])
    program, *arguments = words
    assert program == "python"
    ran = subprocess.run(
        [sys.executable, *arguments],
        env=lab.environment | environment,
        stderr=subprocess.DEVNULL,
        timeout=20,
        check=False,
    )
    return ran.returncode


def test_the_containers_health_is_that_of_the_bot(lab: Lab, tmp_path: Path) -> None:
    assert health(lab) == 0
    assert health(lab, CLONEBOT_DATA=str(tmp_path)) != 0


@pytest.mark.skipif(not _asks_mdwe(), reason="needs Linux 6.3")
def test_everything_that_the_bot_talks_through_works_where_no_memory_becomes_code(lab: Lab) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DENYING, sys.executable, "-m", "bot", "check"],
        env=lab.environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
