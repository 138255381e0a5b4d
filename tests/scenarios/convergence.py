"""Once nothing goes wrong any more, a new request ends as it was wanted."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator

from bot.domain.naming import request_id
from tests.scenarios.visitor import BOB, CHANNEL, Visitor
from tests.scenarios.watcher import query

WITHIN = 300
ENDS = "SELECT kind, text FROM audit WHERE operation = ? AND kind IN ('finished', 'answered', 'refused')"


class Convergence:
    """Asks for a number of clones where nothing is wrong."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._numbers = itertools.count(1)
        self.counts: Counter[str] = Counter()

    def towards(self, wanted: int) -> Iterator[tuple[int, str]]:
        """Ask for this many; what is wrong with what came of it."""
        self._end_quarantined()
        trigger = f"{time.time_ns()}.{next(self._numbers)}"
        # Clones of former trials were spoilt with files that nobody needs.
        self._visitor.lab.slack.command(BOB, CHANNEL, f"scale web {wanted} --discard", trigger_id=trigger)
        try:
            said = self._visitor.until(lambda: self._said(trigger), "no end", WITHIN)
            self._visitor.until(lambda: len(self._visitor.clones()) == wanted, "other clones", 5)
            self._visitor.until(lambda: len(self._visitor.serving()) == wanted, "others serve", 5)
        except AssertionError as error:
            clones, serving = self._visitor.clones(), self._visitor.serving()
            yield (
                10,
                f"{wanted} wanted; {len(clones)} there, {len(serving)} serve: {self._said(trigger)} {error}",
            )
            return
        if said[0][0] == "refused":
            yield 10, f"{wanted} wanted, and refused: {said}"
        self.counts["10 fleets that became as wanted"] += 1

    def _said(self, trigger: str) -> list[tuple[str, str]]:
        return [(kind, text) for kind, text in query(self._visitor.lab, ENDS, request_id(trigger))]

    def _end_quarantined(self) -> None:
        """People do this by hand."""
        for server, instance in self._visitor.clones().items():
            if any(tag["Value"] == "quarantined" for tag in instance["Tags"]):
                self._visitor.lab.client("ec2").terminate_instances(InstanceIds=[server])
