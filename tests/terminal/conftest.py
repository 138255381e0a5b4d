from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.terminal.room import Terminals
from tests.workflow.bench import Bench
from tests.workflow.conftest import bench, empty

__all__ = ["bench", "empty"]


@pytest.fixture
def terminals(bench: Bench, tmp_path: Path) -> Iterator[Terminals]:
    with closing(Terminals(bench, tmp_path)) as made:
        yield made
