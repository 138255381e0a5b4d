"""What the tests of the adapters share: the lab's tools and hosts."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.lab.hosts import Hosts
from bot.lab.tools import Tools, find_tools

NETWORK = f"127.{28 + (os.getpid() >> 8) % 100}.{os.getpid() % 256}"
"""Each process of a test run has loopback addresses of its own."""


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config) -> Tools:
    assert pytestconfig.cache
    return find_tools(pytestconfig.cache.mkdir("lab"))


@pytest.fixture
def hosts(tools: Tools, tmp_path: Path) -> Iterator[Hosts]:
    running = Hosts(tmp_path / "lab", tools)
    yield running
    running.close()
