"""The whole check, on an outside in memory: what is looked at, what is said, and that it always ends."""

import json
import threading
import time
from pathlib import Path

import pytest

from bot.check.report import check, find_all
from bot.domain.check.verdict import Mark, Verdict
from bot.domain.errors import CloudDenied, CloudUnreachable
from bot.domain.fleet import State
from bot.settings import Environment
from tests.check.fakes import Outside

FLEET = """\
[fleets.{name}]
region = "eu-central-1"
channel = "C0WEB"
master = "{master}"
target_group = "{arn}/{name}/1"
subnets = ["subnet-a"]
ssh = {{ user = "admin", key_file = "key" }}
content = {{ paths = ["/var/www/html"] }}
writes = {{ target_group = "{arn}/{name}-writes/2" }}
"""
MASTER = "i-0123456789abcdef0"


def fleet(name: str, master: str = MASTER) -> str:
    """A table of the fleet file."""
    arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup"
    return FLEET.format(name=name, master=master, arn=arn)


PEOPLE = """\
[policy.roles]
operator = ["S0OPS"]
approver = ["U0ADA"]
"""
SECRETS = {"SLACK_BOT_TOKEN": "xoxb-0123456789", "SLACK_APP_TOKEN": "xapp-good"}


@pytest.fixture
def fleet_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "key").write_text("a key")
    file = tmp_path / "clonebot.toml"
    file.write_text(fleet("web") + PEOPLE)
    for name, value in {**SECRETS, "CLONEBOT_CONFIG": str(file)}.items():
        monkeypatch.setenv(name, value)
    return file


@pytest.fixture
def outside() -> Outside:
    return Outside()


def verdicts(outside: Outside, *, seconds: float = 20) -> list[Verdict]:
    return list(find_all(lambda _: outside.probes(), seconds=seconds))


def wrong(outside: Outside, *, seconds: float = 20) -> dict[str, str]:
    found = verdicts(outside, seconds=seconds)
    return {each.about: each.says for each in found if each.mark is Mark.FAILED}


@pytest.mark.usefixtures("fleet_file")
def test_where_all_is_well_every_thing_is_one_line_in_a_fixed_order(outside: Outside) -> None:
    assert [each.about for each in verdicts(outside)] == [
        "environment",
        "fleet file",
        "data folder",
        "Slack: SLACK_BOT_TOKEN",
        "Slack: scopes",
        "Slack: clock",
        "Slack: the way in",
        "Slack: channel C0WEB",
        "Slack: user group S0OPS",
        "AWS: identity",
        "AWS: clock",
        "web: target group",
        "web: target group for writes",
        "web: ec2:RunInstances",
        "web: ec2:CreateImage",
        "web: master",
        "web: host keys of the master",
        f"web: master {MASTER}",
    ]
    assert wrong(outside) == {}


@pytest.mark.usefixtures("fleet_file")
def test_only_servers_that_run_are_looked_at(outside: Outside) -> None:
    verdicts(outside)
    assert outside.servers.looked_at == [MASTER]


def test_clones_that_pass_writes_on_are_asked_whether_they_reach_the_master(
    outside: Outside, fleet_file: Path
) -> None:
    outside.cloud.clones = State.RUNNING
    verdicts(outside)
    assert outside.servers.ways == []
    file = fleet_file.read_text()
    fleet_file.write_text(file.replace("writes = {", 'health = { port = 8080 }\nwrites = { by = "proxy", '))
    verdicts(outside)
    assert outside.servers.ways == ["i-clone → 10.0.0.1:8080"]


def test_a_channel_that_fleets_and_digests_share_is_asked_for_once(
    outside: Outside, fleet_file: Path
) -> None:
    digest = '[digest]\ncron = "0 9 * * *"\nchannel = "C0OPS"\n'
    fleet_file.write_text(fleet("web") + fleet("shop", "i-00000000000000000") + PEOPLE + digest)
    found = wrong(outside)
    assert outside.chat.asked == ["C0WEB", "C0OPS"]
    assert found == {"Slack: channel C0OPS": "I am not in that channel. (digests)"}


def test_with_a_wrong_fleet_file_what_needs_none_is_looked_at_all_the_same(
    outside: Outside, fleet_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet_file.write_text("[fleets.web]\n" + PEOPLE)
    assert check(lambda _: outside.probes(), as_json=False) == 2
    said = capsys.readouterr().out
    assert f"✗ fleet file: {fleet_file}:1: fleets.web.region: is missing\n    → " in said
    assert "✓ Slack: SLACK_BOT_TOKEN" in said
    assert "web:" not in said


@pytest.mark.usefixtures("fleet_file")
def test_a_variable_that_is_missing_is_named_and_the_rest_is_looked_at(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    found = verdicts(outside)
    assert found[0].says.startswith("SLACK_BOT_TOKEN is missing")
    assert (found[0].mark, found[0].configuration) == (Mark.FAILED, True)
    assert "AWS: identity" in [each.about for each in found]


@pytest.mark.usefixtures("fleet_file")
def test_a_variable_that_makes_no_sense_ends_it(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_API_URL", "http://example.com")
    (only,) = verdicts(outside)
    assert only.says.startswith("SLACK_API_URL: expected https://")


@pytest.mark.usefixtures("fleet_file")
def test_without_an_app_token_slacks_own_call_is_awaited(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_APP_TOKEN")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "a secret")
    (way_in,) = [each for each in verdicts(outside) if each.about == "Slack: the way in"]
    assert way_in.mark is Mark.UNPROVEN


@pytest.mark.usefixtures("fleet_file")
def test_a_fleet_that_cannot_be_read_is_told_once_and_its_permissions_are_tried_still(
    outside: Outside,
) -> None:
    outside.cloud.error = CloudDenied("Our AWS credentials may not do this: DescribeInstances.")
    found = verdicts(outside)
    assert {each.about: each.says for each in found if each.mark is Mark.FAILED} == {
        "web: servers": "Our AWS credentials may not do this: DescribeInstances."
    }
    assert [each.about for each in found if each.mark is Mark.UNPROVEN] == [
        "web: ec2:RunInstances",
        "web: ec2:CreateImage",
    ]


@pytest.mark.usefixtures("fleet_file")
def test_credentials_that_nobody_can_use_are_told(outside: Outside) -> None:
    def build(_: Environment) -> None:
        raise CloudUnreachable("AWS_PROFILE names none.")

    last = list(find_all(build))[-1]  # type: ignore[arg-type]  # it never returns
    assert (last.mark, last.says, last.configuration) == (Mark.FAILED, "AWS_PROFILE names none.", True)
    assert outside.chat.asked == []


@pytest.mark.usefixtures("fleet_file")
def test_what_hangs_is_given_up_and_all_else_is_told(outside: Outside) -> None:
    hung = threading.Event()

    class Hanging:
        def token(self) -> None:
            hung.wait(30)

    chat, outside.chat.token = outside.chat, Hanging().token  # type: ignore[assignment,method-assign]
    began = time.monotonic()
    found = wrong(outside, seconds=0.5)
    hung.set()
    assert time.monotonic() - began < 5
    assert found == {"Slack: SLACK_BOT_TOKEN": "did not end within 0 s"}
    assert chat.asked == ["C0WEB"]


@pytest.mark.usefixtures("fleet_file")
def test_an_error_that_nobody_foresaw_is_not_taken_for_a_verdict(outside: Outside) -> None:
    outside.cloud.error = ZeroDivisionError("really")  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        verdicts(outside)


@pytest.mark.parametrize("as_json", [False, True])
def test_no_secret_is_ever_printed(
    outside: Outside, fleet_file: Path, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    outside.chat.refusal = "Slack does not accept my token."
    outside.chat.app_token = "xapp-another"
    assert fleet_file.exists()
    assert check(lambda _: outside.probes(), as_json=as_json) == 1
    said = capsys.readouterr().out
    assert not [name for name, value in SECRETS.items() if value in said]


@pytest.mark.usefixtures("fleet_file")
def test_as_json_each_line_is_an_object_and_the_last_has_the_exit_status(
    outside: Outside, capsys: pytest.CaptureFixture[str]
) -> None:
    outside.cloud.denied = frozenset({"ec2:RunInstances"})
    assert check(lambda _: outside.probes(), as_json=True) == 1
    *lines, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert last == {"exit": 1, "passed": len(lines) - 1, "failed": 1, "unproven": 0}
    (denied,) = [line for line in lines if line["mark"] == "failed"]
    assert denied.keys() == {"about", "mark", "says", "remedy"}
    assert denied["about"] == "web: ec2:RunInstances"


@pytest.fixture(autouse=True)
def nothing_of_whoever_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_SIGNING_SECRET", "SLACK_API_URL", "CLONEBOT_DATA"):
        monkeypatch.delenv(name, raising=False)
