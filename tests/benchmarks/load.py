"""Slack as a crowd: signed `/clone scale 4` requests from a process of its own; prints what they met."""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from urllib.parse import urlencode

from bot.lab.slack.deliveries import Delivery, send, sign
from bot.lab.slack.sockets import BotSilentError


@dataclass(frozen=True, slots=True)
class Order:
    """Where to send requests, so many at a time, for so long or so many in all."""

    url: str
    secret: str
    at_a_time: int
    seconds: float = 3600.0
    requests: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Met:
    """What the requests met: milliseconds of those that were acknowledged, and how many were not."""

    milliseconds: list[float]
    failed: int


def main() -> None:
    """Read an order from standard input, carry it out, print what came of it."""
    order = Order(**json.load(sys.stdin))
    deadline = time.monotonic() + order.seconds
    numbers = count()

    def knock(_: int) -> list[float | None]:
        seen: list[float | None] = []
        while time.monotonic() < deadline and next(numbers) < order.requests:
            seen.append(_ask(order))
        return seen

    with ThreadPoolExecutor(order.at_a_time) as crowd:
        every = [one for seen in crowd.map(knock, range(order.at_a_time)) for one in seen]
    answered = [one for one in every if one is not None]
    json.dump({"milliseconds": answered, "failed": len(every) - len(answered)}, sys.stdout)


def _ask(order: Order) -> float | None:
    """Send one request; milliseconds until it was acknowledged, None if it was not."""
    delivery = _command(order.secret)
    began = time.perf_counter()
    try:
        status, _ = send(order.url, delivery, 10)
    except BotSilentError:
        return None
    return (time.perf_counter() - began) * 1000 if status == 200 else None  # HTTP's own


def _command(secret: str) -> Delivery:
    form = {
        "command": "/clone",
        "text": "scale 4",
        "team_id": "T0LAB",
        "user_id": "U0BOB",
        "channel_id": "C0WEB",
        "trigger_id": f"bench.{time.perf_counter_ns()}",
    }
    return sign(secret, urlencode(form).encode())


if __name__ == "__main__":
    main()
