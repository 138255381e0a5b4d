from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.browser.chromium import NoChromium, browser
from tests.browser.screen import Screen
from tests.scenarios.visitor import Visitor

Open = Callable[..., Screen]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    try:
        with browser() as running:
            yield running
    except NoChromium as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    assert chromium.is_connected()
    folder = tmp_path_factory.getbasetemp().parent / "lab"
    with Lab(folder, delays=NO_DELAYS, rate_limits=False) as lab:
        yield lab


@pytest.fixture
def visitor(lab: Lab) -> Visitor:
    return Visitor(lab)


@pytest.fixture
def open_page(chromium: Browser, lab: Lab) -> Iterator[Open]:
    """Opens the page; at the end the browser must have had nothing to complain of."""
    screens: list[Screen] = []

    def open_one(**size: int) -> Screen:
        screens.append(Screen(chromium, lab.slack.url, **size))
        return screens[-1]

    yield open_one
    for screen in screens:
        screen.close()
    assert [complaint for screen in screens for complaint in screen.complaints] == []


@pytest.fixture
def screen(open_page: Open) -> Screen:
    return open_page()
