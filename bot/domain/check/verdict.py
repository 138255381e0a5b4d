"""What one check came to, in one line."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

GOOD, NOT_GOOD, MISCONFIGURED = 0, 1, 2


class Mark(StrEnum):
    """How it came out."""

    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"
    """Nobody can say without doing it, or there is nothing to try it on yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One line of the report."""

    about: str
    """What was looked at: "web: target group"."""
    mark: Mark
    says: str
    """What is so, in one sentence."""
    remedy: str = ""
    """What to do about it; every failure has one."""
    configuration: bool = False
    """It is the environment or the fleet file itself that is wrong."""


def passed(about: str, says: str) -> Verdict:
    """It is as it should be."""
    return Verdict(about=about, mark=Mark.PASSED, says=says)


def failed(about: str, says: str, remedy: str, *, configuration: bool = False) -> Verdict:
    """It is not, and this helps."""
    return Verdict(about=about, mark=Mark.FAILED, says=says, remedy=remedy, configuration=configuration)


def unproven(about: str, says: str) -> Verdict:
    """It may be so or not."""
    return Verdict(about=about, mark=Mark.UNPROVEN, says=says)


def exit_status(verdicts: Iterable[Verdict]) -> int:
    """0 if nothing failed, 2 if environment or fleet file are wrong, else 1."""
    wrong = [verdict for verdict in verdicts if verdict.mark is Mark.FAILED]
    if any(verdict.configuration for verdict in wrong):
        return MISCONFIGURED
    return NOT_GOOD if wrong else GOOD
