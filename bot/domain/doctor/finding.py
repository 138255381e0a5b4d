"""What the doctor found on a master, and what it could not look at."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding means for a clone image."""

    BLOCKS = "blocks"
    """No image is made until it is put right, or a named person waives it until a date."""
    WARNS = "warns"
    FIXED = "fixed"
    """Put right by the recipe or at a clone's first boot, and proved there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that would go wrong on a clone."""

    check: str
    """Which check found it: "cron-jobs"."""
    pitfall: int
    """Its number in the list of pitfalls."""
    severity: Severity
    what: str
    """What is so, and what it would do on a clone, in one sentence."""
    where: str
    """The unit, path, user or AWS id, exactly; the same at every look."""
    remedy: str
    """What to do, in one sentence."""

    @property
    def id(self) -> str:
        """What people type: "cron-jobs-3f2a"; the same as long as it is the same thing in the same place."""
        return f"{self.check}-{hashlib.sha256(self.where.encode(errors='surrogatepass')).hexdigest()[:4]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotChecked:
    """A check that could not look, so that nothing is known."""

    check: str
    pitfall: int
    why: str
    """What was missing, and what to allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """All that the doctor says of one master."""

    findings: tuple[Finding, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    whole: bool = True
    """The server was looked at to the end, whatever was not let be seen."""

    def __add__(self, other: "Examination") -> "Examination":
        return Examination(
            findings=self.findings + other.findings,
            not_checked=self.not_checked + other.not_checked,
            whole=self.whole and other.whole,
        )

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of this severity."""
        return tuple(finding for finding in self.findings if finding.severity is severity)
