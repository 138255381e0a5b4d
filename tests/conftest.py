"""Skips are counted, and each needs its reason in `tests/skips.txt`; which files failed is written down."""

from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader

_ALLOWED = Path(__file__).parent / "skips.txt"
_FAILED = Path(__file__).parents[1] / ".pytest_cache" / "failed"
"""For `tests/all.sh`: the files whose tests failed."""


_LONGEST_NAME = 120

_read = lru_cache(maxsize=None)(JSONFileLoader().load_file)


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> None:
    """Each session of boto3 would read its models anew: megabytes of JSON, which are the same for all."""

    def load_file(_: JSONFileLoader, path: str) -> Any:
        return _read(path)

    JSONFileLoader.load_file = load_file  # type: ignore[assignment, method-assign]


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names of tests fit on a screen."""
    is_long = isinstance(val, str) and len(val) > _LONGEST_NAME
    return f"{str(val)[:_LONGEST_NAME]}... of {len(str(val))}" if is_long else None


def pytest_collection_finish(session: pytest.Session) -> None:
    """Labs are started once for each group: with some versions, xdist deals groups out without a word."""
    if getattr(session.config.option, "loadgroup", False):
        grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
        if not all("@" in item.nodeid for item in grouped):
            raise pytest.UsageError("With this pytest, pytest-xdist does not keep groups together.")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"Skipped tests: {len(skipped)}")
    for report in _unexplained(skipped):
        terminalreporter.write_line(f"  not in tests/skips.txt: {report.nodeid}", red=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not reporter or hasattr(session.config, "workerinput"):
        return
    stats = reporter.stats
    if _unexplained(stats.get("skipped", [])):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    failed = {
        report.nodeid.partition("::")[0] for report in (*stats.get("failed", []), *stats.get("error", []))
    }
    _FAILED.parent.mkdir(exist_ok=True)
    _FAILED.write_text("".join(f"{file}\n" for file in sorted(failed)))


def _unexplained(skipped: list[pytest.TestReport]) -> list[pytest.TestReport]:
    lines = _ALLOWED.read_text().splitlines()
    allowed = [line.split("  ")[0] for line in lines if line[:1] not in {"", "#"}]
    return [each for each in skipped if not any(fnmatchcase(_name(each), pattern) for pattern in allowed)]


def _name(report: pytest.TestReport) -> str:
    """Its id without the group that xdist adds."""
    return report.nodeid.partition("@")[0]
