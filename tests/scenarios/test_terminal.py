"""`clonebot run` in a terminal: beside a bot that runs, and in its place, also without Slack."""

import re
import signal
import subprocess
import sys

import pytest

from bot.domain.operation import Stage
from bot.lab.lab import Lab
from tests.scenarios.conftest import Labs
from tests.scenarios.visitor import ADA, Visitor

pytestmark = pytest.mark.xdist_group("http")


@pytest.fixture
def lab(labs: Labs) -> Lab:
    """One way is enough: how Slack reaches the bot does not matter here."""
    return labs("http")


def run(visitor: Visitor, text: str, **more: str) -> "subprocess.Popen[str]":
    """Type `clonebot run text`."""
    return subprocess.Popen(
        [sys.executable, "-m", "bot", "run", text],
        env=visitor.lab.environment | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def interrupt_while_it_awaits_approval(running: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C; what is said then."""
    assert running.stdout
    line = next(line for line in running.stdout if "awaits approval" in line)
    assert "clonebot run 'approve op-" in line
    assert re.search(r"awaits approval by somebody else, until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\. ", line)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=90)
    assert running.returncode == 1
    return said


def newest_plan(visitor: Visitor) -> str:
    """The operation that was planned last."""
    sql = "SELECT operation FROM audit WHERE kind = 'planned' ORDER BY seq DESC LIMIT 1"
    return str(visitor.audit(sql)[0][0])


def test_a_bot_that_runs_takes_what_is_typed_and_goes_on_after_ctrl_c(visitor: Visitor) -> None:
    said = interrupt_while_it_awaits_approval(run(visitor, "scale 3"))

    assert "goes on with the bot" in said
    operation = newest_plan(visitor)
    visitor.press(operation)
    assert visitor.end_of(operation).stage is Stage.DONE
    assert len(visitor.serving()) == 3

    running = run(visitor, "scale 0")
    said, trouble = running.communicate(timeout=60)

    assert (running.returncode, trouble) == (0, "")
    assert said.splitlines()[-1].startswith("Done: web: ")
    assert visitor.serving() == []


def test_without_bot_and_slack_it_is_carried_through_or_waits_for_the_next_start(visitor: Visitor) -> None:
    named = visitor.lab.folder / "named.toml"
    named.write_text(visitor.lab.fleet_file.read_text().replace('["S0OPS"]', '["S0OPS", "U0BOB"]'))
    outage = {"SLACK_API_URL": "http://127.0.0.1:9/", "CLONEBOT_CONFIG": str(named)}
    visitor.lab.stop_bot()

    running = run(visitor, "scale 1", **outage)
    said, remarks = running.communicate(timeout=60)

    assert running.returncode == 0, said + remarks
    assert "No bot serves from" in remarks
    assert said.count("cannot be shown in its channel: Slack cannot be reached") == 1
    assert len(visitor.serving()) == 1

    said = interrupt_while_it_awaits_approval(run(visitor, "scale 3", **outage | {"SLACK_BOT_TOKEN": ""}))

    assert "goes on when a bot starts here again" in said
    visitor.lab.start_bot()
    operation = newest_plan(visitor)
    assert "Nothing of it is done" in visitor.hear(f"deny {operation}", user=ADA)
    visitor.assert_audit_is_complete()
