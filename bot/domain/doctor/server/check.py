"""What a check of a server is."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bot.domain.doctor.facts import ServerFacts
from bot.domain.doctor.finding import Finding, NotChecked, Severity
from bot.domain.fleet import FleetSpec

BLOCKS, WARNS, FIXED = Severity.BLOCKS, Severity.WARNS, Severity.FIXED


_NAMED = 2
_MOST = 20
"""So many places that only warn are told of one check."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What a check saw: a finding, but for the check's own name and number."""

    severity: Severity
    where: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Check:
    """One pitfall, looked for in one way."""

    name: str
    pitfall: int
    look: Callable[[ServerFacts, FleetSpec], Iterable[Sign]]
    needs: tuple[str, ...]
    """The parts of the facts that it looks at, by their names."""

    def findings(self, facts: ServerFacts, spec: FleetSpec) -> Iterator[Finding]:
        """What it found, each thing once: all that blocks, and of the rest as much as people read."""
        worst: dict[str, Sign] = {}
        for sign in sorted(self.look(facts, spec), key=lambda sign: sign.severity is not BLOCKS):
            worst.setdefault(sign.where, sign)
        told = [sign for sign in worst.values() if sign.severity is BLOCKS]
        others = [sign for sign in worst.values() if sign.severity is not BLOCKS]
        yield from map(self._finding, (*told, *others[:_MOST]))
        if len(others) > _MOST:
            what = f"There are {len(others) - _MOST} more places like these."
            yield self._finding(Sign(WARNS, "more places", what, "Put these right, then look again."))

    def _finding(self, sign: Sign) -> Finding:
        return Finding(
            check=self.name,
            pitfall=self.pitfall,
            severity=sign.severity,
            what=sign.what,
            where=sign.where,
            remedy=sign.remedy,
        )

    def not_checked(self, facts: ServerFacts) -> Iterator[NotChecked]:
        """Which of what it needs could not be read."""
        missing = tuple(each for part in self.needs for each in facts.missing(part))
        closed = [each for each in missing if each.path]
        for each in (*(each for each in missing if not each.path), *closed[:_NAMED]):
            more = len(closed) - _NAMED
            also = f", nor {more} more places" if more > 0 and each is closed[_NAMED - 1] else ""
            yield NotChecked(check=self.name, pitfall=self.pitfall, why=f"{each.why}{also}.")
