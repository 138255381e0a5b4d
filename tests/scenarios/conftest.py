from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab, Transport
from tests.scenarios.visitor import Visitor

Labs = Callable[[Transport], Lab]
BOTH = [pytest.param(way, marks=pytest.mark.xdist_group(way)) for way in ("socket", "http")]
"""Each scenario runs over both ways in which Slack reaches the bot, unless its file says otherwise."""


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """A lab for each way, started when it is first asked for, and shared."""
    folder = tmp_path_factory.getbasetemp().parent / "lab"
    started: dict[Transport, Lab] = {}
    with ExitStack() as stack:

        def get(transport: Transport) -> Lab:
            if transport not in started:
                # These visitors type faster than people: more than twenty commands a minute.
                lab = Lab(folder, delays=NO_DELAYS, transport=transport, rate_limits=False)
                started[transport] = stack.enter_context(lab)
            return started[transport]

        yield get


@pytest.fixture(params=BOTH)
def lab(request: pytest.FixtureRequest, labs: Labs) -> Lab:
    return labs(request.param)


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Visitor]:
    """A visitor to a lab without clones, whose bot runs and where nothing is wrong."""
    visitor = Visitor(lab)
    lab.slack.problems.clear()
    yield visitor
    visitor.tidy()
