"""What the log says of our servers, row by row."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.domain.audit import Entry, Kind
from bot.domain.book import Book, concerned, effects, read_on
from bot.domain.plan import Boot, Launch, PutInService, TakeOut, Terminate
from bot.domain.tally import Tally

LAUNCH = Launch(image="ami-1", type="t3.small", subnet="subnet-a", security_groups=(), count=2)


def row(kind: Kind, seq: int, *, action: str = "op.1", attempt: int = 1, **detail: Any) -> Entry:
    return Entry(
        kind=kind,
        at=datetime(2026, 11, 22, tzinfo=UTC),
        key=f"{action}#{attempt}:{kind}",
        operation="op",
        action=action,
        attempt=attempt,
        fleet="web",
        text="",
        detail=detail,
        seq=seq,
    )


def read(*rows: Entry) -> Book:
    """The same, whether it is read at once or row by row."""
    book = Book()
    for each in rows:
        book = read_on(book, (each,))
    assert book == read_on(Book(), rows)
    return book


def test_a_launch_that_was_answered_started_what_it_says() -> None:
    book = read(row(Kind.INTENT, 1), row(Kind.OUTCOME, 2, launched=["i-1"]))
    assert book.launched == {"i-1": "op.1"}
    assert book.answered == {"op.1"}
    assert (book.begun, book.unknown, book.seq, book.touched) == ({}, {}, 2, {"web": 2})


def test_an_intent_is_open_until_its_outcome() -> None:
    intent = row(Kind.INTENT, 1)
    assert read(intent).begun == {"op.1#1:outcome": intent}


def test_an_outcome_stays_unknown_until_another_attempt_or_until_it_is_found_out() -> None:
    lost = (row(Kind.INTENT, 1), row(Kind.OUTCOME, 2, unknown=True))
    assert list(read(*lost).unknown) == ["op.1"]
    again = (row(Kind.INTENT, 3, attempt=2), row(Kind.OUTCOME, 4, attempt=2, launched=[]))
    assert read(*lost, *again).unknown == {}
    found = row(Kind.RECONCILED, 3, action="", answers={"op.1": "Found nothing."})
    assert read(*lost, found).unknown == {}


def test_a_clone_serves_until_it_is_taken_out_or_forgotten() -> None:
    put = row(Kind.INTENT, 1, serving=["i-1", "i-2"])
    out = row(Kind.INTENT, 2, action="op.1/take-out", resting=["i-2"])
    book = read(put, out, row(Kind.OUTCOME, 3))
    assert book.serving == {"i-1": "web"}
    assert book.resting == {"i-2"}
    assert read(put, row(Kind.RECONCILED, 2, forgotten=["i-1"])).serving == {"i-2": "web"}
    assert read(put, out, row(Kind.INTENT, 4, serving=["i-2"])).resting == frozenset()


def test_a_clone_is_proved_by_a_proof_and_not_by_a_stale_one() -> None:
    proved = row(Kind.OUTCOME, 1, action="op.1/i-1", result="proved: health page")
    stale = row(Kind.OUTCOME, 2, action="op.1/i-2", result="its content is older than the master's")
    assert read(proved, stale).proved == {"i-1"}


def test_actions_say_beforehand_what_servers_are_to_be() -> None:
    tally = Tally(launched=("i-1", "i-2"), failed={"i-2": "no"}, kept={"i-4": "it holds a file"})
    going = ("i-3", "i-4")
    cases: Mapping[Any, Mapping[str, Any]] = {
        PutInService(target_group="arn"): {"serving": ["i-1"]},
        TakeOut(target_group="arn", servers=going): {"resting": ["i-3"]},
        Terminate(servers=going, discard=False): {"resting": ["i-3"]},
        Boot(): {},
    }
    assert {action: concerned(action, tally) for action in cases} == cases


def test_a_launch_says_afterwards_what_it_started_or_that_nobody_knows() -> None:
    before, after = Tally(launched=("i-1",)), Tally(launched=("i-1", "i-2"))
    assert effects(LAUNCH, "op.2", before, after) == {"launched": ["i-2"]}
    assert effects(LAUNCH, "op.2", before, Tally(unanswered=("op.2",))) == {"unknown": True}
    assert effects(Boot(), "op.3", before, after) == {}
