"""While nothing can be recorded nothing is done, and who asks is told: what is wrong, and what helps.

A full disk is in test_over_http.py; missing triggers, and a log locked amid the work, in test_faults.py.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from bot.domain.operation import Operation, Stage
from bot.lab.slack.board import Message
from bot.records.schema import TRIGGERS
from tests.patience import within
from tests.scenarios.visitor import ADA, BOB, CAT, CHANNEL, DAN, Visitor, read

LOCKED_SECONDS = float(os.environ.get("LOCKED_SECONDS", "4"))
TOLD_WITHIN = within(5)
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def waiting(visitor: Visitor) -> Operation:
    """An operation that waits for Ada."""
    return visitor.operation(visitor.open("scale web 3"))


@pytest.mark.parametrize("lab", [pytest.param("http", marks=pytest.mark.xdist_group("http"))], indirect=True)
def test_while_the_log_is_locked_all_who_ask_are_told_and_nothing_is_done(
    visitor: Visitor, waiting: Operation
) -> None:
    until = time.monotonic() + LOCKED_SECONDS
    with nothing_done(visitor), somebody_writing(visitor):
        while time.monotonic() < until:
            told = everybody_tries(visitor, waiting.id)
            assert all("cannot be written" in each or "is busy" in each for each in told), told
            assert all("nothing was done" in each for each in told)
            assert all("Try again in a minute" in each for each in told)

    assert_it_goes_on(visitor, waiting)


@pytest.mark.parametrize(
    "lab", [pytest.param("socket", marks=pytest.mark.xdist_group("socket"))], indirect=True
)
def test_on_a_log_in_which_somebody_changed_a_row_nothing_is_done(
    visitor: Visitor, waiting: Operation
) -> None:
    visitor.lab.stop_bot()
    with changed_row(visitor, 1), nothing_done(visitor):
        visitor.lab.start_bot()
        for each in everybody_tries(visitor, waiting.id):
            assert "tampered with: row 1 was changed" in each
            assert "nothing is done any more" in each
            assert "put a whole copy in its place" in each
        visitor.lab.stop_bot()

    visitor.lab.start_bot()
    assert_it_goes_on(visitor, waiting)


# -- what the tests do


def everybody_tries(visitor: Visitor, operation: str) -> list[str]:
    """Several people ask and one approves, at once; what each is told within five seconds."""
    asking: list[tuple[str, Callable[[], object]]] = [
        (BOB, lambda: visitor.ask("scale web 1")),
        (CAT, lambda: visitor.ask("scale web 2", user=CAT)),
        (DAN, lambda: visitor.ask("status", user=DAN)),
        (ADA, lambda: visitor.try_to_press(operation)),
    ]
    before = {message.ts for user, _ in asking for message in visitor.answers(user)}
    began = time.monotonic()
    with ThreadPoolExecutor(len(asking)) as pool:
        for asked in [pool.submit(ask) for _, ask in asking]:
            asked.result()
        found = [
            visitor.lab.slack.wait_for(_new_for(user, before), TOLD_WITHIN - (time.monotonic() - began))
            for user, _ in asking
        ]
    assert time.monotonic() - began < TOLD_WITHIN
    return [read(message) for message in found]


def _new_for(user: str, before: set[str]) -> Callable[[Message], bool]:
    """Told to this person since, that nothing was or is done; what was asked long before is answered, too."""

    def is_it(message: Message) -> bool:
        new = message.channel == CHANNEL and message.ephemeral_for == user and message.ts not in before
        return new and "nothing " in read(message)

    return is_it


def assert_it_goes_on(visitor: Visitor, waiting: Operation) -> None:
    """What was waiting can be denied now, and nothing of what was refused comes back."""
    visitor.deny(waiting.id)
    assert visitor.end_of(waiting.id).stage is Stage.DENIED
    assert not visitor.clones()
    visitor.assert_audit_is_complete()


@contextmanager
def nothing_done(visitor: Visitor) -> Iterator[None]:
    """No change of AWS, and no row."""
    calls, rows = len(visitor.lab.aws.calls.mutating()), visitor.audit("SELECT count(*) FROM audit")
    yield
    assert len(visitor.lab.aws.calls.mutating()) == calls
    assert visitor.audit("SELECT count(*) FROM audit") == rows


@contextmanager
def somebody_writing(visitor: Visitor) -> Iterator[None]:
    with closing(sqlite3.connect(visitor.lab.records, isolation_level=None, timeout=5)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            db.execute("ROLLBACK")


@contextmanager
def changed_row(visitor: Visitor, seq: int) -> Iterator[None]:
    """Behind the bot's back somebody writes another text into a row; afterwards the old one is back."""
    ((text,),) = visitor.audit("SELECT text FROM audit WHERE seq = ?", seq)
    _write_text(visitor, seq, "nobody asked for anything")
    try:
        yield
    finally:
        _write_text(visitor, seq, text)


def _write_text(visitor: Visitor, seq: int, text: str) -> None:
    name = "audit_rows_never_change"
    with closing(sqlite3.connect(visitor.lab.records, isolation_level=None, timeout=5)) as db:
        db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE audit SET text = ? WHERE seq = ?", (text, seq))
        db.execute(TRIGGERS[name].strip())
