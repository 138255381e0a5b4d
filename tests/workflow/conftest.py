from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflow.bench import Bench


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Bench]:
    """A fleet of which there is nothing yet but the master."""
    bench = Bench(tmp_path)
    yield bench
    bench.assert_audit_is_whole()
    bench.records.close()


@pytest.fixture
def bench(empty: Bench) -> Bench:
    """A fleet that has an image and routed writes, and no clones."""
    empty.furnish()
    return empty
