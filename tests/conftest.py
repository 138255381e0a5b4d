"""Skips are counted, and each needs its reason in `tests/skips.txt`."""

from pathlib import Path

import pytest

_ALLOWED = Path(__file__).parent / "skips.txt"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"Skipped tests: {len(skipped)}")
    for report in _unexplained(skipped):
        terminalreporter.write_line(f"  not in tests/skips.txt: {report.nodeid}", red=True)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and _unexplained(reporter.stats.get("skipped", [])):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _unexplained(skipped: list[pytest.TestReport]) -> list[pytest.TestReport]:
    allowed = {line.split("  ")[0] for line in _ALLOWED.read_text().splitlines() if line[:1] not in {"", "#"}}
    return [report for report in skipped if report.nodeid not in allowed]
