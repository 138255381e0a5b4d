"""The verdict on one trial: every invariant that it broke, and how often each was put to the test."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

from bot.domain.book import KINDS, Book, read_on
from bot.domain.operation import Operation, Stage
from bot.lab.lab import Lab
from bot.records.log import SqliteRecords
from tests.patience import within
from tests.scenarios.adversity import LOSES_ANSWERS, SLUGGISH
from tests.scenarios.eavesdrop import heard, unannounced
from tests.scenarios.trial import Way
from tests.scenarios.trial_run import ENDS_WITHIN, ENDS_WITHIN_AFTER_RESTART, Story
from tests.scenarios.visitor import Visitor, read
from tests.scenarios.watcher import query, sample

Wrong = Iterator[tuple[int, str]]
SAYS = re.compile(r"web: (\d+) of (\d+) clones serve")
LOOKED = 1.5
"""Seconds before an end is written in which the fleet was looked at."""
RECORDED_WITHIN = within(20)
TOLD_WITHIN = within(15)
ENDS = "SELECT count(*), max(at) FROM audit WHERE operation = ? AND kind IN ('finished', 'denied')"
STEPS = "SELECT action, attempt, kind, at FROM audit WHERE seq > ? AND kind IN ('intent', 'outcome')"
SPAN = """
    SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM audit
    WHERE operation = ? AND kind IN ('intent', 'outcome')
"""


class Verdict:
    """Judges the stories of one lab, one after the other."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self._lab: Lab = visitor.lab
        self._book = Book()
        self.counts: Counter[str] = Counter()

    def on(self, story: Story) -> list[tuple[int, str]]:
        """What was wrong."""
        wrong = [*story.seen.wrong, *self._chain()]
        known = self._operations()
        ended = [known[each] for each in story.requests if each in known]
        checks = (self._commands, self._rows, self._intents, self._orphans, self._launches, self._service)
        for check in (*checks, self._words, self._order):
            wrong += check(story, ended)
        self._count(story, ended)
        return wrong

    def ends(self, story: Story) -> list[str]:
        """What became of the requests, for the log."""
        sql = "SELECT text FROM audit WHERE operation = ? AND kind IN ('finished', 'answered', 'refused')"
        told = [text for each in story.requests for (text,) in query(self._lab, sql, each)]
        return [*told, f"killed {story.killed}, spoilt {story.struck}"]

    def _count(self, story: Story, ended: list[Operation]) -> None:
        failed = [each for each in ended if each.stage in {Stage.FAILED, Stage.PARTLY_DONE}]
        lost = len(LOSES_ANSWERS.intersection(story.trial.troubles))
        self.counts += Counter(
            {
                "1 intents before calls to AWS": story.seen.announced,
                "4 kills while it worked": int(story.killed_at_work),
                "5 fleets without orphans": 1,
                "6 repetitions that started nothing more": story.repeated + story.killed + lost,
                "7 failed scale-outs, and nobody stopped serving": len(failed) if _only_grew(ended) else 0,
                "8 unfit clones that did not serve": sum(each != SLUGGISH for each in story.struck.values()),
                "11 two operations one after the other": int(len(ended) > 1),
                "17 logs without a false alarm": 1,
                "18 ends that were told as they were": len(ended),
            }
        )

    def _operations(self) -> dict[str, Operation]:
        with closing(SqliteRecords(self._lab.records)) as records:
            self._book = read_on(self._book, records.after(self._book.seq, KINDS))
            return {each.id: each for each in records.operations(limit=100_000)}

    def _chain(self) -> Wrong:
        with closing(SqliteRecords(self._lab.records)) as records:
            fault, told = records.first_fault(), records.replayed()
            kept = {each.id: each for each in records.operations(limit=100_000)}
        if fault:
            yield 17, f"the chain is broken: {fault}"
        if told != kept:
            yield 4, "the log and the operations differ"

    def _commands(self, story: Story, _: list[Operation]) -> Wrong:
        scripts = list(heard(self._lab, story.began))
        self.counts["1 intents before changes over SSH"] += len(scripts)
        yield from ((1, why) for why in unannounced(self._lab, scripts))

    def _rows(self, story: Story, ended: list[Operation]) -> Wrong:
        """Nothing acknowledged is lost; each operation ends once."""
        yield from ((4, f"{each} has not ended") for each in story.timed_out)
        heads = dict(each.head for each in story.seen.samples if each.head[0])
        there = dict(query(self._lab, "SELECT seq, hash FROM audit WHERE seq >= ?", min(heads, default=0)))
        if lost := [seq for seq, digest in heads.items() if there.get(seq) != digest]:
            yield 4, f"rows {lost} were there and are not any more"
        for each in ended:
            ((number, _),) = query(self._lab, ENDS, each.id)
            if number != 1 and each.id not in story.timed_out:
                yield 4, f"{each.id} ended {number} times"
        for request in story.acknowledged:
            if not query(self._lab, "SELECT 1 FROM audit WHERE operation = ?", request):
                yield 4, f"{request} was acknowledged and is not in the log"

    def _intents(self, story: Story, _: list[Operation]) -> Wrong:
        begun: dict[tuple[str, int], float] = {}
        closed: Counter[tuple[str, int]] = Counter()
        limit = ENDS_WITHIN_AFTER_RESTART if story.killed else ENDS_WITHIN
        for action, attempt, kind, at in query(self._lab, STEPS, story.rows):
            moment = datetime.fromisoformat(at).timestamp()
            if kind == "intent":
                begun[action, attempt] = moment
                continue
            closed[action, attempt] += 1
            took = moment - begun.get((action, attempt), 0)
            if took > limit:
                yield 2, f"the outcome of {action}#{attempt} came after {took:.0f} s"
        self.counts["2 one outcome for each intent"] += len(begun)
        for one in begun.keys() | closed.keys():
            if closed[one] != 1 or one not in begun:
                yield 2, f"{one[0]}#{one[1]} has {closed[one]} outcomes"

    def _orphans(self, _: Story, __: list[Operation]) -> Wrong:
        clones = self._visitor.clones()
        due = time.monotonic() + RECORDED_WITHIN
        for each in clones:
            while not self._is_recorded(each) and time.monotonic() < due:
                time.sleep(0.1)
            if not self._is_recorded(each):
                yield 5, f"{each} runs and is in no row of the log"
        for each in self._book.serving.keys() - clones.keys():
            yield 5, f"{each} is to serve, says the log, and there is no such server"

    def _is_recorded(self, server: str) -> bool:
        return bool(query(self._lab, "SELECT 1 FROM audit WHERE instr(detail || text, ?)", server))

    def _launches(self, story: Story, ended: list[Operation]) -> Wrong:
        sql = "SELECT DISTINCT operation FROM audit WHERE kind = 'planned' AND seq > ?"
        if strange := {one for (one,) in query(self._lab, sql, story.rows)} - set(story.requests):
            yield 6, f"operations that nobody asked for: {strange}"
        for each in ended:
            launched = len(self._visitor.ever_launched(each.id))
            most = max(0, each.plan.after - each.plan.before)
            if launched > most:
                yield 6, f"{each.id} started {launched} servers instead of {most}"

    def _service(self, story: Story, ended: list[Operation]) -> Wrong:
        samples = story.seen.samples
        first, least = samples[0], min(samples, key=lambda each: len(each.serving))
        if _only_grew(ended) and len(least.serving) < len(first.serving):
            yield 7, f"{len(first.serving)} served at the start, and {len(least.serving)} at {least.at}"
        served = frozenset[str]().union(*(each.serving for each in samples))
        for each in served & story.struck.keys():
            yield 8, f"{each} served, and {story.struck[each]}"
        for each in served - first.serving - story.seen.registered:
            yield 8, f"{each} served, and was never registered"

    def _words(self, story: Story, ended: list[Operation]) -> Wrong:
        for each in ended:
            said = SAYS.match(each.result)
            if said:
                yield from self._numbers(story, each, int(said[1]), int(said[2]))
            elif each.stage is not Stage.DONE and len(ended) == 1 and each.plan.after == self._serving():
                yield 18, f"{each.id} is {each.stage} ({each.result!r}), and as many serve as asked"
            if each.stage.ended and not self._is_on_the_card(each):
                yield 18, f"the card of {each.id} does not say {each.result!r}"

    def _numbers(self, story: Story, ended: Operation, said: int, wanted: int) -> Wrong:
        real = self._served_when_it_ended(story, ended)
        if said not in real:
            yield 18, f"{ended.id} says {ended.result!r}, and {real} served then"
        if (ended.stage is Stage.DONE) != (said >= wanted):
            yield 18, f"{ended.id} is {ended.stage} and says {ended.result!r}"
        if said < wanted and not all(word in ended.result for word in ("because", "`/clone scale web")):
            yield 18, f"{ended.id} does not say why, and what next: {ended.result!r}"

    def _served_when_it_ended(self, story: Story, ended: Operation) -> set[int]:
        ((_, at),) = query(self._lab, ENDS, ended.id)
        moment = datetime.fromisoformat(at).timestamp()
        master = self._lab.site.master
        return {len(each.serving - {master}) for each in story.seen.about(moment - LOOKED, moment)}

    def _serving(self) -> int:
        return len(sample(self._lab).serving - {self._lab.site.master})

    def _is_on_the_card(self, ended: Operation) -> bool:
        due = time.monotonic() + TOLD_WITHIN
        while time.monotonic() < due:
            if any(ended.result[:40] in read(card) for card in self._visitor.cards(ended.id)):
                return True
            time.sleep(0.05)
        return False

    def _order(self, story: Story, ended: list[Operation]) -> Wrong:
        """Two operations at once end as if one ran after the other."""
        if story.trial.way is not Way.TOGETHER or len(ended) < len(story.trial.targets):
            return
        (first, last), (then, end) = sorted(self._span(each.id) for each in ended)
        if first and then < last:
            yield 11, f"they overlap: rows {first} to {last}, and {then} to {end}"
        if all(each.stage is Stage.DONE for each in ended) and self._serving() not in story.trial.targets:
            yield 11, f"{self._serving()} serve, and {story.trial.targets} were asked for"

    def _span(self, operation: str) -> tuple[int, int]:
        """The rows of what it did."""
        ((first, last),) = query(self._lab, SPAN, operation)
        return int(first), int(last)


def _only_grew(ended: list[Operation]) -> bool:
    """Whether nothing was to be taken out of service."""
    return bool(ended) and all(each.plan.after > each.plan.before for each in ended)
