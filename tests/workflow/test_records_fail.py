"""The audit log cannot be written or read for a while, in the middle of an operation."""

from collections.abc import Callable

import pytest

from bot.domain.audit import Entry, Kind
from bot.domain.errors import ChatError, RecordsError
from bot.domain.operation import Stage
from tests.workflow.bench import Bench

Concerns = Callable[[Entry], bool]


def about(kind: Kind, words: str) -> Concerns:
    return lambda entry: entry.kind is kind and words in entry.text


ROWS = [
    about(Kind.INTENT, "launch"),
    about(Kind.OUTCOME, "launch"),
    about(Kind.INTENT, "prepare i-"),
    about(Kind.OUTCOME, "prove i-"),
    about(Kind.INTENT, "put the proved ones"),
]


class Outage:
    """Refuses these rows until the clock was waited for so often; nothing may happen while it lasts."""

    def __init__(self, bench: Bench, concerns: Concerns, waits: int) -> None:
        self.bench, self.concerns, self.left = bench, concerns, waits
        self.seen: list[tuple[str, int]] = []
        bench.records.refuse = self.refuses
        bench.clock.passing = self.wait

    def wait(self) -> None:
        if self.seen:
            self.left -= 1

    def refuses(self, entry: Entry) -> bool:
        if self.left <= 0 or not self.concerns(entry):
            return False
        self.seen.append((entry.text, len(self.bench.cloud.calls)))
        return True


@pytest.mark.parametrize("concerns", ROWS)
@pytest.mark.parametrize("readable", [True, False])
def test_the_work_waits_and_goes_on(bench: Bench, concerns: Concerns, readable: bool) -> None:  # noqa: FBT001 (a case)
    operation = bench.ask("scale web 1")
    outage = Outage(bench, concerns, 5)
    refuses = outage.refuses

    def refuse(entry: Entry) -> bool:
        refused = refuses(entry)
        bench.records.unreadable = refused and not readable
        return refused

    bench.records.refuse = refuse
    ended = bench.end_of(operation)
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 1 of 1 clones serve.")
    assert len(outage.seen) == 5
    assert len({calls for _, calls in outage.seen}) == 1, "something was done meanwhile"
    assert bench.notes(operation).count("Paused: ") == 1


def test_chat_that_is_down_as_well_changes_nothing(bench: Bench) -> None:
    operation = bench.ask("scale web 1")
    bench.carrier.look_again(operation, 1)
    bench.chat.down = ChatError("Slack did not answer.")
    Outage(bench, ROWS[0], 5)
    assert bench.end_of(operation).stage is Stage.DONE


def test_a_request_that_cannot_be_written_is_not_taken(bench: Bench) -> None:
    bench.records.refuse = lambda _: True
    with pytest.raises(RecordsError, match="nothing was done"):
        bench.ask("scale web 1")
    bench.records.refuse = lambda _: False
    assert not bench.done()


def test_a_plan_that_cannot_be_written_is_refused_and_the_person_told(bench: Bench) -> None:
    bench.records.refuse = about(Kind.PLANNED, "")
    assert bench.ask("scale web 1") == ""
    assert "Nothing was changed" in bench.chat.answered[-1].text


def test_an_operation_whose_start_cannot_be_written_does_not_end_by_that(bench: Bench) -> None:
    operation = bench.ask("scale web 1")
    bench.records.refuse = about(Kind.STARTED, "")
    with pytest.raises(RecordsError):
        bench.end_of(operation)
    bench.records.refuse = lambda _: False
    assert not bench.done()
    assert bench.end_of(operation).stage is Stage.DONE
