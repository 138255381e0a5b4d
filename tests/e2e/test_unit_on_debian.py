"""The unit under a real systemd: the bot serves, stops, is started again, or stays down, as it should."""

import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus

import pytest

from bot.domain.operation import Stage
from bot.lab.tools import find_tools
from tests.e2e.base import NoDebian
from tests.e2e.debian import enclosed
from tests.e2e.deployed import Deployed, Lent, lend
from tests.patience import within
from tests.scenarios.visitor import BOB, Visitor

pytestmark = [pytest.mark.xdist_group("unit"), pytest.mark.timeout(300)]
MOST_SECONDS = within(10)
"""From the order to stop until it has ended."""
UNIT = "/etc/systemd/system/clonebot.service"
FLEET_FILE = "/etc/clonebot/clonebot.toml"
ENVIRONMENT = "/etc/clonebot/environment"
READY = "http://127.0.0.1:3000/readyz"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """Somebody has followed the runbook on the bot's server."""
    folder, data = tmp_path_factory.getbasetemp().parent / "lab", tmp_path_factory.mktemp("data")
    find_tools(folder)  # from within, nothing can be fetched
    try:
        with enclosed(Lent(), lend(data)) as hosts, Deployed(folder, hosts, data) as deployed:
            yield deployed
    except NoDebian as missing:
        pytest.skip(str(missing))


@pytest.fixture
def visitor(lab: Deployed) -> Visitor:
    """Somebody in its Slack."""
    return Visitor(lab)


def test_systemd_understands_every_line_of_it_and_nothing_that_it_names_is_missing(lab: Deployed) -> None:
    assert lab.says(f"systemd-analyze verify {UNIT} 2>&1") == ""


def test_what_the_bot_does_it_can_do_with_all_that_is_forbidden_to_it(
    lab: Deployed, visitor: Visitor
) -> None:
    assert visitor.scale(1).stage is Stage.DONE
    assert "2 of 2 servers serving" in lab.says("clonebot run status")

    status = dict(line.split(":\t", 1) for line in lab.says(f"cat /proc/{lab.bot}/status").splitlines())
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0
    assert lab.says(f"stat -c %U /proc/{lab.bot}") == "clonebot"
    written = lab.says(f"nsenter --target {lab.bot} --mount touch /etc/written /opt/written 2>&1 || :")
    assert written.count("Read-only file system") == 2
    assert lab.says(f"nsenter --target {lab.bot} --mount ls -A /home /root /tmp | grep -v :") == ""


def test_told_to_stop_it_answers_what_it_has_taken_and_ends_in_time(lab: Deployed, visitor: Visitor) -> None:
    before = len(visitor.answers(BOB))
    visitor.ask("status")
    began = time.monotonic()

    assert lab.stop_bot() == 0

    assert time.monotonic() - began < MOST_SECONDS
    assert len(visitor.answers(BOB)) == before + 1
    assert lab.shows("Result") == "success"
    assert '"level": "error"' not in lab.log.read_text()
    lab.start_bot()


def test_killed_it_is_started_again_and_goes_on_where_it_was(lab: Deployed, visitor: Visitor) -> None:
    first = lab.bot
    operation = visitor.open("scale web 2")
    visitor.until(lambda: visitor.ever_launched(operation), "nothing is launched")
    lab.kill_bot()

    assert visitor.end_of(operation).result == "web: 2 of 2 clones serve."

    assert lab.bot not in {0, first}
    assert lab.shows("NRestarts") == "1"
    visitor.assert_audit_is_complete()
    assert lab.says("clonebot audit verify") == "The audit log is whole."


def test_with_a_wrong_fleet_file_it_says_what_is_wrong_and_stays_down(lab: Deployed) -> None:
    lab.says(f"sed -i s/^subnets/subnetz/ {FLEET_FILE}; ! systemctl restart clonebot")
    assert (lab.shows("ActiveState"), lab.shows("SubState")) == ("failed", "failed")
    assert lab.shows("NRestarts") == "0"
    (told,) = [line for line in lab.log.read_text().splitlines() if "subnetz" in line]
    assert told.startswith(FLEET_FILE)
    assert "fleets.web.subnetz: unknown key. Did you mean `subnets`?" in told
    lab.says(f"sed -i s/^subnetz/subnets/ {FLEET_FILE}")
    lab.start_bot()


def test_while_slack_is_out_of_order_it_is_started_again_and_again(lab: Deployed) -> None:
    lab.slack.faults.error("auth.test", "internal_error", times=1000)
    lab.says("! systemctl restart clonebot")
    assert (lab.shows("ActiveState"), lab.shows("SubState")) == ("activating", "auto-restart")

    lab.slack.faults.clear()
    lab.stop_bot()  # or else it waits for its next turn
    lab.start_bot()
    assert lab.shows("ActiveState") == "active"


def test_without_a_token_for_socket_mode_it_serves_http_and_says_that_it_is_ready(
    lab: Deployed, visitor: Visitor
) -> None:
    lab.says(f"sed -i 's/^SLACK_APP_TOKEN/#&/' {ENVIRONMENT}; systemctl restart clonebot")
    visitor.until(lambda: answers(READY), "it is not ready")
    began = time.monotonic()

    assert lab.stop_bot() == 0

    assert time.monotonic() - began < MOST_SECONDS
    assert lab.shows("Result") == "success"
    lab.says(f"sed -i 's/^#//' {ENVIRONMENT}")
    lab.start_bot()


def answers(url: str) -> bool:
    """Whether somebody says 200 there."""
    with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == HTTPStatus.OK)
    return False
