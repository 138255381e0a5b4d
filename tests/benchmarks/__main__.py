"""`make bench`: one table; each figure beside what it is compared with, measured in the same run."""

import sys
import tempfile
from pathlib import Path

from tests.benchmarks import (
    acknowledgement,
    adopting,
    appends,
    fleets,
    hanging,
    harmless,
    long_log,
    looking,
    proving,
    standing,
)
from tests.benchmarks.table import HEAD, Row


def main() -> None:
    """Measure, and print each row as soon as it is known."""
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for measure in _MEASURES for row in _shown(measure(Path(folder)))]
    sys.exit(any(row.reached is False for row in rows))


def _shown(rows: list[Row]) -> list[Row]:
    for row in rows:
        print(row, flush=True)
    return rows


_MEASURES = (
    acknowledgement.measure,
    hanging.measure,
    fleets.measure,
    adopting.measure,
    standing.measure,
    lambda _: appends.measure(),
    long_log.measure,
    looking.measure,
    proving.measure,
    harmless.measure,
)

if __name__ == "__main__":
    main()
