"""Requests are acknowledged whatever hangs; how fast that is, `make bench` measures."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.naming import request_id
from bot.lab.lab import Lab
from bot.lab.slack.deliveries import send, word
from tests.benchmarks.hanging import everything_hanging
from tests.patience import within
from tests.scenarios.conftest import Labs
from tests.scenarios.test_forged import command, url
from tests.scenarios.visitor import Visitor

SLACKS_PATIENCE = within(3)
pytestmark = pytest.mark.xdist_group("http")


@pytest.fixture
def lab(labs: Labs) -> Lab:
    return labs("http")


def test_while_aws_and_servers_hang_and_two_others_write_each_request_is_acknowledged_and_recorded(
    visitor: Visitor,
) -> None:
    begun = time.time_ns()
    asked = [command(visitor, f"{begun}.{number}", "scale web 4 --dry-run") for number in range(24)]

    def ask(number: int) -> tuple[int, bytes]:
        delivery = word(visitor.lab.slack.signing_secret, "slash_commands", asked[number])
        return send(url(visitor), delivery, SLACKS_PATIENCE)

    with everything_hanging(visitor.lab, seconds=2 + SLACKS_PATIENCE), ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(len(asked)))) == {(200, b"")}

    requests = json.dumps([request_id(str(each["trigger_id"])) for each in asked])
    sql = """SELECT count(*) FROM audit
             WHERE kind = 'answered' AND operation IN (SELECT value FROM json_each(?))"""
    visitor.until(lambda: visitor.audit(sql, requests) == [(len(asked),)], "not all are answered")
