from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab, Transport
from tests.scenarios.visitor import Visitor

Labs = Callable[[Transport], Lab]
BOTH = [pytest.param(way, marks=pytest.mark.xdist_group(way)) for way in ("socket", "http")]
"""Each scenario runs over both ways in which Slack reaches the bot, unless its file says otherwise."""

_started: dict[Transport, Lab] = {}
_open = ExitStack()


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """A lab for each way, started when it is first asked for, and shared."""
    folder = tmp_path_factory.getbasetemp().parent / "lab"

    def get(transport: Transport) -> Lab:
        if transport not in _started:
            # These visitors type faster than people: more than twenty commands a minute.
            lab = Lab(folder, delays=NO_DELAYS, transport=transport, rate_limits=False)
            _started[transport] = _open.enter_context(lab)
        return _started[transport]

    yield get
    _close_labs()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """Close the labs with the last test of a group: one in which nobody is still checks its servers."""
    result = yield
    if _group(item) != _group(nextitem):
        _close_labs()
    return result


def _group(item: pytest.Item | None) -> str:
    """What xdist deals out as one; without it, a shared lab is closed only at the end."""
    marker = item.get_closest_marker("xdist_group") if item else None
    name = str(marker.args[0]) if marker else ""
    return name if item and item.nodeid.endswith(f"@{name}") else ""


def _close_labs() -> None:
    _started.clear()
    _open.close()


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
