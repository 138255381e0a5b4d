"""How soon a signed `/clone scale 4` is acknowledged over HTTP, against an app that only acknowledges."""

import json
import secrets
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from bot.lab.slack.server import LocalSlack
from tests.benchmarks.load import Met, Order
from tests.benchmarks.table import Row

_ONE_BY_ONE = 200
_CROWD = 16
_CROWD_SECONDS = 60.0
_REACH_MORE = 10.0
_REACH_SLOWEST = 1000.0


def measure(folder: Path) -> list[Row]:
    """One at a time, then a crowd; first the trivial app, then the bot in its lab."""
    secret = secrets.token_hex(16)
    with _slack() as slack, _trivial(secret, slack) as url:
        least = knock(Order(url, secret, 1, requests=_ONE_BY_ONE))
        least_crowded = knock(Order(url, secret, _CROWD, seconds=_CROWD_SECONDS / 6))
    with Lab(folder, delays=NO_DELAYS, transport="http", rate_limits=False) as lab:
        url = f"{lab.bot_url}/slack/events"
        ours = knock(Order(url, lab.slack.signing_secret, 1, requests=_ONE_BY_ONE))
    with Lab(folder, delays=NO_DELAYS, transport="http", rate_limits=False) as lab:
        url = f"{lab.bot_url}/slack/events"
        crowded = knock(Order(url, lab.slack.signing_secret, _CROWD, seconds=_CROWD_SECONDS))
    return [_one_by_one(ours, least), _crowded(crowded, least_crowded)]


def _one_by_one(ours: Met, least: Met) -> Row:
    one, two = statistics.median(ours.milliseconds), statistics.median(least.milliseconds)
    return Row(
        what="acknowledgement of a signed `/clone scale 4` over HTTP, p50, one at a time",
        ours=f"{one:.1f} ms (p99 {_p99(ours):.1f}; {ours.failed} failed)",
        against=f"{two:.1f} ms (trivial Bolt app, same server)",
        result=f"{one - two:+.1f} ms; {one / two:.2f} ×",
        reach=f"≤ +{_REACH_MORE:.0f} ms",
        reached=one - two <= _REACH_MORE and not ours.failed,
    )


def _crowded(ours: Met, least: Met) -> Row:
    slowest = max(ours.milliseconds)
    return Row(
        what=f"the same, {_CROWD} at a time for {_CROWD_SECONDS:.0f} s: slowest; failed",
        ours=f"{slowest:.0f} ms; {ours.failed} of {len(ours.milliseconds)} (p50 "
        f"{statistics.median(ours.milliseconds):.0f}, p99 {_p99(ours):.0f} ms)",
        against=f"{max(least.milliseconds):.0f} ms; {least.failed} of {len(least.milliseconds)} "
        f"(trivial Bolt app, {_CROWD_SECONDS / 6:.0f} s)",
        result=f"{slowest / max(least.milliseconds):.1f} ×",
        reach=f"< {_REACH_SLOWEST:.0f} ms; 0",
        reached=slowest < _REACH_SLOWEST and not ours.failed,
    )


def _p99(met: Met) -> float:
    return statistics.quantiles(met.milliseconds, n=100)[98]


def knock(order: Order) -> Met:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.load"],
        input=json.dumps(asdict(order)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Met(**json.loads(done.stdout))


@contextmanager
def _slack() -> Iterator[LocalSlack]:
    slack = LocalSlack(rate_limits=False)
    slack.start()
    yield slack
    slack.close()


@contextmanager
def _trivial(secret: str, slack: LocalSlack) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tests.benchmarks.trivial"]
    settings = [str(port), secret, slack.bot_token, slack.api_url]
    app = subprocess.Popen([*command, *settings], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/slack/events"
    finally:
        app.terminate()
        app.wait()
