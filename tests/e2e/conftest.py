from collections.abc import Iterator

import pytest

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.e2e.base import NoDebian
from tests.e2e.debian import Debian, Master, debian, lone_master
from tests.e2e.newcomer import draw_up
from tests.e2e.stacks import APACHE, NGINX, Stack

BOTH = [
    pytest.param(stack, id=stack.name, marks=pytest.mark.xdist_group(f"debian-{stack.name}"))
    for stack in (APACHE, NGINX)
]
"""A worker boots the servers of one stack only once."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What tells a story is told in its order, however all else is shuffled: going back costs minutes."""
    places = [place for place, item in enumerate(items) if item.get_closest_marker("in_order")]
    for place, item in zip(places, sorted((items[place] for place in places), key=_turn), strict=True):
        items[place] = item


def _turn(item: pytest.Item) -> tuple[str, int]:
    assert isinstance(item, pytest.Function)
    return item.callspec.id, item.function.__code__.co_firstlineno


@pytest.fixture(scope="module", params=BOTH)
def stack(request: pytest.FixtureRequest) -> Stack:
    """What is on the servers."""
    found: Stack = request.param
    return found


@pytest.fixture(scope="module")
def place(stack: Stack) -> Iterator[Debian]:
    """A place for Debian servers; this thread is in their network until the module's last test."""
    try:
        with debian(stack) as made:
            yield made
    except NoDebian as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def master(place: Debian) -> Iterator[Master]:
    """A lone master; what a test changes on it, it takes back."""
    with lone_master(place) as booted:
        yield booted


@pytest.fixture(scope="module")
def lab(place: Debian) -> Iterator[Lab]:
    """A lab with one Debian server, which stands alone, and a bot with the fleet file suggested for it."""
    premises = place.alone(lambda: draw_up(made, place))
    made = Lab(place.folder / "lab", premises=premises, delays=NO_DELAYS, rate_limits=False)
    with made as started:
        yield started
