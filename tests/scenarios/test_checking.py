"""`clonebot check` in the lab: a process that is told what any bot is told, and changes nothing."""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bot.lab.lab import Lab
from tests.patience import within
from tests.scenarios.conftest import Labs
from tests.scenarios.visitor import Visitor

pytestmark = pytest.mark.xdist_group("socket")


@pytest.fixture
def lab(labs: Labs) -> Lab:
    return labs("socket")


def check(lab: Lab, *more: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bot", "check", *more],
        env=lab.environment | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def found(lab: Lab, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and what is said of each thing."""
    done = check(lab, "--json", **environment)
    *lines, last = map(json.loads, done.stdout.splitlines())
    assert last["exit"] == done.returncode, done.stdout + done.stderr
    return done.returncode, {line["about"]: line for line in lines}


def wrong(lab: Lab, **environment: str) -> dict[str, str]:
    """What is wrong, and why; each with a remedy."""
    _, lines = found(lab, **environment)
    failures = {about: line for about, line in lines.items() if line["mark"] == "failed"}
    assert all(line["remedy"] for line in failures.values())
    return {about: line["says"] for about, line in failures.items()}


def test_in_a_lab_with_clones_nothing_is_wrong_and_nothing_is_changed(visitor: Visitor) -> None:
    visitor.scale(2)
    lab = visitor.lab
    rows = visitor.audit("SELECT count(*) FROM audit")
    before = {path: path.stat().st_mtime_ns for path in lab.data.iterdir() if "db" not in path.name}
    lab.aws.calls.clear()

    done = check(lab)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert lab.aws.calls.mutating() == ()
    assert visitor.audit("SELECT count(*) FROM audit") == rows
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_whatever_is_wrong_is_told_at_once_each_with_a_remedy(lab: Lab, tmp_path: Path) -> None:
    text = lab.fleet_file.read_text()
    for right, made_wrong in {
        '"C0WEB"': '"C0GENERAL"',
        '"/healthz"': '"/health"',
        '"S0OPS"': '"S0GONE"',
        lab.site.writes_target_group: lab.site.writes_target_group[:-1] + "x",
        'team = "T0LAB"': 'team = "T0OTHER"',
        'ssh = { user = "': 'ssh = { user = "un',
    }.items():
        assert right in text
        text = text.replace(right, made_wrong)
    (tmp_path / "clonebot.toml").write_text(text)
    lab.slack.scopes -= {"users:read"}
    try:
        failures = wrong(lab, CLONEBOT_CONFIG=str(tmp_path / "clonebot.toml"))
    finally:
        lab.slack.scopes |= {"users:read"}

    assert failures.keys() == {
        "Slack: scopes",
        "Slack: workspace",
        "Slack: channel C0GENERAL",
        "Slack: user group S0GONE",
        "web: target group",
        "web: target group for writes",
        f"web: master {lab.site.master}",
    }
    assert failures["Slack: scopes"] == "the token lacks users:read"
    assert "asks for /healthz on port 8080, and the fleet file says /health" in failures["web: target group"]
    assert "does not let un" in failures[f"web: master {lab.site.master}"]


def test_tokens_that_slack_refuses_are_told_and_not_shown(lab: Lab) -> None:
    done = check(lab, SLACK_BOT_TOKEN="xoxb-secret-1", SLACK_APP_TOKEN="xapp-secret-2")

    assert done.returncode == 1
    assert "✗ Slack: SLACK_BOT_TOKEN: Slack does not accept my token" in done.stdout
    assert "✗ Slack: the way in: Slack does not accept SLACK_APP_TOKEN (invalid_auth)." in done.stdout
    assert "secret" not in done.stdout + done.stderr
    assert f"✓ web: master {lab.site.master}" in done.stdout


def test_where_neither_slack_nor_aws_answers_it_ends_all_the_same(lab: Lab) -> None:
    nowhere = f"http://127.0.0.1:{_port_without_anybody()}"
    began = time.monotonic()
    failures = wrong(lab, AWS_ENDPOINT_URL=nowhere, SLACK_API_URL=f"{nowhere}/api/")

    assert time.monotonic() - began < within(60)
    assert {"Slack: SLACK_BOT_TOKEN", "AWS: identity", "web: servers"} <= failures.keys()


def _port_without_anybody() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def test_whoever_visits_the_lab_can_check_as_the_bot_would(lab: Lab) -> None:
    typed = f'set -a; . {lab.environment_file}; exec "{sys.executable}" -m bot check'
    kept = {"PATH": lab.environment["PATH"]}
    done = subprocess.run(
        ["sh", "-c", typed], env=kept, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.environment_file.stat().st_mode & 0o777 == 0o600
