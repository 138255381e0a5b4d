"""How `clonebot` starts and ends, as a process: what is wrong is said at once, before anything happens."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from bot.__main__ import main
from bot.domain.errors import BotError
from bot.lab.aws.network import claim_network
from bot.lab.slack.deliveries import send, sign
from bot.lab.slack.server import LocalSlack
from tests.scenarios.visitor import get

ROOT = Path(__file__).parents[2]
SECONDS = 90
WRONG, LATER = 2, 1
"""What it ends with if somebody must correct something, and if the same may work later."""
READY, WAIT = 200, 503

GOOD = """\
[fleets.web]
region = "eu-central-1"
channel = "C0WEB"
master = "i-0123456789abcdef0"
target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"
subnets = ["subnet-a"]
ssh = { user = "admin", key_file = "key" }
content = { paths = ["/var/www/html"] }

[fleets.web.writes]
target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/writes/2"

[policy.roles]
operator = ["U0BOB"]
approver = ["U0ADA"]
"""

FLEET_FILES = {
    "a key with a slip": (
        GOOD.replace("subnets =", "subnet ="),
        ["fleet.toml:6: fleets.web.subnet: unknown key. Did you mean `subnets`?", "fleets.web.subnets: is m"],
    ),
    "impatience": (
        GOOD.replace("subnets", "patience = { boot = 0 }\nsubnets"),
        ["fleet.toml:6: fleets.web.patience.boot: expected greater than or equal to 1"],
    ),
    "nobody who approves": (
        GOOD.replace('approver = ["U0ADA"]', "approver = []"),
        ["fleet.toml:15: policy.roles.approver is an empty list"],
    ),
    "a digest that never comes": (
        GOOD + '[digest]\ncron = "0 9 31 4 *"\n',
        ['fleet.toml:17: digest.cron: expected a time such as "0 9 * * 1-5" (Bad day-of-month)'],
    ),
    "a digest in no time zone": (
        GOOD + '[digest]\ncron = "0 9 * * *"\ntimezone = "Europe/Atlantis"\n',
        ['fleet.toml:18: digest.timezone: expected a zone such as "UTC" or "Europe/Berlin"'],
    ),
    "no TOML": (GOOD + "[policy", ["fleet.toml:16:1: not TOML"]),
}


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with LocalSlack() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("a key")
    (tmp_path / "fleet.toml").write_text(GOOD)
    return tmp_path


@pytest.mark.parametrize(("text", "says"), FLEET_FILES.values(), ids=FLEET_FILES.keys())
def test_a_wrong_fleet_file_ends_it_before_it_connects(
    folder: Path, slack: LocalSlack, text: str, says: list[str]
) -> None:
    (folder / "fleet.toml").write_text(text)

    assert_refused(serve(folder, slack), *says)
    assert not slack.connected
    assert not (folder / "data").exists()


def test_a_fleet_file_that_cannot_be_read_ends_it(folder: Path, slack: LocalSlack) -> None:
    assert_refused(serve(folder, slack, CLONEBOT_CONFIG="."), ".: the fleet file cannot be read")


def test_missing_tokens_are_named_with_where_they_come_from(folder: Path, slack: LocalSlack) -> None:
    ended = serve(folder, slack, SLACK_BOT_TOKEN="", SLACK_APP_TOKEN="", SLACK_SIGNING_SECRET="")

    assert_refused(ended, "SLACK_BOT_TOKEN is missing", "SLACK_APP_TOKEN is missing", "api.slack.com/apps")


def test_tokens_are_not_sent_where_anybody_could_read_them(folder: Path, slack: LocalSlack) -> None:
    ended = serve(folder, slack, SLACK_API_URL="http://slack.example/api/")

    assert_refused(ended, "SLACK_API_URL: expected https://")


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
def test_a_token_that_slack_refuses_ends_it(folder: Path, slack: LocalSlack, name: str) -> None:
    token = "xoxb-wrong" if name == "SLACK_BOT_TOKEN" else "xapp-wrong"

    assert_refused(serve(folder, slack, **{name: token}), name, "does not accept")


def test_a_slack_that_cannot_be_reached_ends_it(folder: Path, slack: LocalSlack) -> None:
    ended = serve(folder, slack, SLACK_API_URL=f"http://127.0.0.1:{_port_without_anybody()}/api/")

    assert_refused(ended, "Slack cannot be reached", status=LATER)


def test_a_slack_that_is_out_of_order_ends_it_for_now(folder: Path, slack: LocalSlack) -> None:
    slack.faults.error("apps.connections.open", "internal_error", times=100)
    ended = serve(folder, slack)
    slack.faults.clear()

    assert_refused(ended, "is out of order just now", status=LATER)


def test_a_data_folder_that_cannot_be_written_ends_it(folder: Path, slack: LocalSlack) -> None:
    ended = serve(folder, slack, CLONEBOT_DATA="key")

    assert_refused(ended, "key/records.db cannot be opened", "CLONEBOT_DATA", status=LATER)


@pytest.mark.parametrize("name", ["records.db", "workflow.db"])
def test_a_file_of_ours_that_is_damaged_ends_it(folder: Path, slack: LocalSlack, name: str) -> None:
    (folder / "data").mkdir()
    (folder / "data" / name).write_text("rubbish " * 1000)

    assert_refused(serve(folder, slack), name, "cannot be opened", status=LATER)


def test_a_second_bot_waits_until_the_first_has_ended_and_both_end_when_told(
    folder: Path, slack: LocalSlack
) -> None:
    first = begin(folder, slack)
    until(lambda: slack.connected == 1)
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(f"\0{folder}")
    second, third = begin(folder, slack, NOTIFY_SOCKET=f"@{folder}"), begin(folder, slack)
    for waiting in (second, third):
        until(lambda one=waiting: "another clonebot serves from" in log(one))  # type: ignore[misc]
    assert slack.connected == 1
    assert select.select([systemd], [], [], 0)[0] == [], "it does not serve yet"

    assert ends_within(third, 5) == 0
    assert ends_within(first, 10) == 0
    until(lambda: "serving" in log(second))
    until(lambda: slack.connected == 1)
    with systemd:
        systemd.settimeout(SECONDS)
        assert systemd.recv(100) == b"READY=1"
    assert ends_within(second, 10) == 0
    assert "Traceback" not in log(first) + log(second) + log(third)


def test_over_http_a_second_bot_says_that_it_is_not_ready_until_the_first_has_ended(
    folder: Path, slack: LocalSlack
) -> None:
    here, there = over_http(slack), over_http(slack)
    first = begin(folder, slack, **here)
    until(lambda: status(here, "/readyz") == READY)
    second = begin(folder, slack, **there)
    until(lambda: status(there, "/readyz") == WAIT)
    command = sign(slack.signing_secret, b"command=%2Fclone&trigger_id=1.2.3")
    assert send(f"http://127.0.0.1:{there['PORT']}/slack/events", command)[0] == WAIT
    assert status(there, "/healthz") == READY

    assert ends_within(first, 10) == 0
    until(lambda: status(there, "/readyz") == READY)
    assert ends_within(second, 10) == 0
    assert "Traceback" not in log(first) + log(second)
    for line in (log(first) + log(second)).splitlines():
        assert json.loads(line)["event"] in {"serving", "waiting"}


def test_over_http_a_bot_that_still_waits_ends_when_told(folder: Path, slack: LocalSlack) -> None:
    here, there = over_http(slack), over_http(slack)
    first, second = begin(folder, slack, **here), begin(folder, slack, **there)
    until(lambda: {status(here, "/readyz"), status(there, "/readyz")} == {READY, WAIT})

    assert ends_within(second, 10) == ends_within(first, 10) == 0


def test_over_http_ctrl_c_ends_it(folder: Path, slack: LocalSlack) -> None:
    here = over_http(slack)
    bot = begin(folder, slack, **here)
    until(lambda: status(here, "/readyz") == READY)
    os.killpg(bot.pid, signal.SIGINT)  # as a terminal does

    assert bot.wait(10) == 0
    assert "Traceback" not in log(bot)


def test_over_http_a_killed_worker_is_replaced(folder: Path, slack: LocalSlack) -> None:
    here = over_http(slack)
    bot = begin(folder, slack, **here)
    until(lambda: status(here, "/readyz") == READY)
    (worker,) = children(bot.pid)
    os.kill(worker, signal.SIGKILL)

    until(lambda: children(bot.pid) not in ([], [worker]) and status(here, "/readyz") == READY)
    assert ends_within(bot, 10) == 0


def test_over_http_a_worker_whose_parent_was_killed_leaves(folder: Path, slack: LocalSlack) -> None:
    here = over_http(slack)
    bot = begin(folder, slack, **here)
    until(lambda: status(here, "/readyz") == READY)
    bot.kill()
    bot.wait(SECONDS)

    until(lambda: status(here, "/healthz") == 0 and not processes(folder))


def test_over_http_what_is_wrong_ends_it_before_it_listens(folder: Path, slack: LocalSlack) -> None:
    here = over_http(slack)
    (folder / "data").mkdir()
    (folder / "data" / "workflow.db").write_text("rubbish " * 1000)
    (folder / "wrong.toml").write_text(GOOD.replace("subnets =", "subnet ="))

    assert_refused(serve(folder, slack, **here), "workflow.db, which cannot be opened", status=LATER)
    without_folder = serve(folder, slack, **here, CLONEBOT_DATA="key")
    assert_refused(without_folder, "key/records.db cannot be opened", status=LATER)
    wrong = {"SLACK_BOT_TOKEN": "xoxb-wrong", "CLONEBOT_DATA": "fresh"}
    assert_refused(serve(folder, slack, **here | wrong), "SLACK_BOT_TOKEN")
    assert_refused(
        serve(folder, slack, **here, CLONEBOT_CONFIG="wrong.toml"), "wrong.toml:6", "fleets.web.subnets"
    )


@pytest.mark.parametrize("bind", ["127.0.0.1", "192.0.2.1", "no.such.host.invalid"])
def test_over_http_an_address_that_cannot_be_used_is_named(
    folder: Path, slack: LocalSlack, bind: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        here = over_http(slack) | {"PORT": str(taken.getsockname()[1]), "BIND": bind}
        ended = serve(folder, slack, **here)
        assert_refused(ended, f"BIND and PORT: {bind}:{here['PORT']} cannot be used", status=LATER)


def test_the_labs_page_says_when_its_port_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = lab(tmp_path / "lab", "--port", str(port))

    assert_refused(ended, f"port {port} cannot be used", "--port")
    assert not list((tmp_path / "lab").glob("run-*"))


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["lab", "--folder", str(tmp_path), "--port", "65536"])

    assert ended.exit_code == WRONG
    assert "65536" in ended.output


def test_a_server_that_stands_alone_is_for_a_person(tmp_path: Path) -> None:
    ended = CliRunner().invoke(main, ["lab", "--folder", str(tmp_path), "--alone", "--run", "scale 1"])
    assert ended.exit_code == 2
    assert "--alone is for a person" in ended.output


def test_a_lab_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    assert_refused(lab(tmp_path / "file"), "file cannot be written", "--folder")


def test_a_person_whom_the_lab_does_not_know_is_refused_before_it_starts(tmp_path: Path) -> None:
    ended = lab(tmp_path / "lab", "--run", "status", "--as", "mallory")

    assert_refused(ended, "nobody called mallory", "ada, bob, cat")
    assert not (tmp_path / "lab").exists()


def test_when_every_network_is_taken_the_lab_says_so() -> None:
    network = claim_network()
    try:
        with pytest.raises(BotError, match="in use by other labs"):
            claim_network(network.number, network.number)
    finally:
        network.close()


def test_the_lab_leaves_nothing_when_ctrl_c_is_pressed_while_it_starts(tmp_path: Path) -> None:
    process = begin_lab(tmp_path / "lab")
    until(lambda: list((tmp_path / "lab").glob("run-*/hosts/*")))
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all that it started in the foreground

    assert process.wait(SECONDS) == 0, log(process)
    assert "Traceback" not in log(process)
    assert_nothing_is_left(tmp_path / "lab")


def test_a_job_in_the_lab_leaves_nothing_when_it_is_ended(tmp_path: Path) -> None:
    process = begin_lab(tmp_path / "lab", "--run", "scale 2")
    until(lambda: "> scale 2" in log(process))
    process.terminate()

    assert process.wait(SECONDS) == 128 + signal.SIGTERM
    assert "Traceback" not in log(process)
    assert_nothing_is_left(tmp_path / "lab")


def test_a_lab_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    process = begin_lab(tmp_path / "lab")
    until(lambda: "Ctrl-C ends it" in log(process))
    assert len(processes(tmp_path / "lab")) > 2
    process.kill()
    process.wait(SECONDS)

    until(lambda: not processes(tmp_path / "lab"))


# -- what the tests do and see


def serve(folder: Path, slack: LocalSlack, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `clonebot serve`, which is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "serve"],
        cwd=folder,
        env=environment(slack) | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def environment(slack: LocalSlack) -> dict[str, str]:
    """What the bot needs to start in this folder."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "PYTHONPATH": str(ROOT),
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "CLONEBOT_CONFIG": "fleet.toml",
        "CLONEBOT_DATA": "data",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{_port_without_anybody()}",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }


def lab(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `clonebot lab`, which is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "lab", "--folder", str(folder), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


_LOGS: dict[int, Path] = {}


def begin(folder: Path, slack: LocalSlack, **variables: str) -> subprocess.Popen[bytes]:
    """Start `clonebot serve`, which is expected to go on."""
    return _begin(folder, ["serve"], folder, environment(slack) | variables)


def over_http(slack: LocalSlack) -> dict[str, str]:
    """What makes the bot serve over HTTP, on a port of its own."""
    return {
        "SLACK_APP_TOKEN": "",
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "PORT": str(_port_without_anybody()),
    }


def status(variables: dict[str, str], path: str) -> int:
    """What it answers; 0 if nothing."""
    try:
        return get(f"http://127.0.0.1:{variables['PORT']}{path}")[0]
    except OSError:
        return 0


def begin_lab(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start `clonebot lab`, which is expected to go on."""
    command = ["lab", "--folder", str(folder), *arguments]
    return _begin(folder.parent, command, ROOT, {**os.environ, "PYTHONUNBUFFERED": "1"})


def _begin(
    logs: Path, command: list[str], folder: Path, variables: dict[str, str]
) -> subprocess.Popen[bytes]:
    file = logs / f"{time.monotonic_ns()}.log"
    with file.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bot", *command],
            cwd=folder,
            env=variables,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    _LOGS[process.pid] = file
    return process


def log(process: subprocess.Popen[bytes]) -> str:
    """What it has said so far."""
    return _LOGS[process.pid].read_text()


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Ask it to end; its exit status."""
    process.terminate()
    return process.wait(seconds)


def assert_refused(ended: subprocess.CompletedProcess[str], *says: str, status: int = WRONG) -> None:
    """It ended with this status and said just this, and nothing that only programmers understand."""
    assert ended.returncode == status, ended.stderr
    for words in says:
        assert words in ended.stderr
    assert ended.stderr.startswith("clonebot: ")
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) <= len(says) + 1


def assert_nothing_is_left(folder: Path) -> None:
    """No process, and of the folder only the tools."""
    until(lambda: not processes(folder))
    assert [each.name for each in folder.iterdir()] == ["tools"]


def children(process: int) -> list[int]:
    """The processes that this one started."""
    return [int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def processes(folder: Path) -> list[int]:
    """Every process whose command or environment names this folder."""
    others = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        int(entry.name) for entry in others if _names(entry, str(folder)) and int(entry.name) != os.getpid()
    ]


def _names(entry: Path, folder: str) -> bool:
    for part in ("cmdline", "environ"):
        try:
            if folder.encode() in (entry / part).read_bytes():
                return True
        except OSError:
            continue
    return False


def until(look: Callable[[], object]) -> None:
    """Wait until this is so."""
    deadline = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)


def _port_without_anybody() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
