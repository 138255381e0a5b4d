from collections.abc import Iterator

import pytest

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.scenarios.visitor import Visitor


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.getbasetemp().parent / "lab", delays=NO_DELAYS) as started:
        yield started


@pytest.fixture
def visitor(lab: Lab) -> Iterator[Visitor]:
    """A visitor to a lab without clones, whose bot runs and where nothing is wrong."""
    visitor = Visitor(lab)
    yield visitor
    visitor.tidy()
