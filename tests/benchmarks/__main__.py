"""`make bench`: one table; each figure beside what it is compared with, measured in the same run."""

import sys
import tempfile
from argparse import ArgumentParser
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
    """Measure what is named, or everything, and print each row as soon as it is known."""
    parser = ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"{', '.join(_MEASURES)}; default: everything")
    names = parser.parse_args().name or list(_MEASURES)
    if unknown := [name for name in names if name not in _MEASURES]:
        parser.error(f"nothing is called {', '.join(unknown)}; there are {', '.join(_MEASURES)}")
    print(HEAD)
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for name in names for row in _shown(_MEASURES[name](Path(folder)))]
    sys.exit(any(row.reached is False for row in rows))


def _shown(rows: list[Row]) -> list[Row]:
    for row in rows:
        print(row, flush=True)
    return rows


_MEASURES = {
    "acknowledgement": acknowledgement.measure,
    "hanging": hanging.measure,
    "fleets": fleets.measure,
    "adopting": adopting.measure,
    "standing": standing.measure,
    "appends": lambda _: appends.measure(),
    "long-log": long_log.measure,
    "looking": looking.measure,
    "proving": proving.measure,
    "harmless": harmless.measure,
}

if __name__ == "__main__":
    main()
