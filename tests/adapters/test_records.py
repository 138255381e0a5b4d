"""The audit log: durable, append-only, and the source of our own state."""

import resource
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain import plan as plans
from bot.domain.audit import Entry, Kind
from bot.domain.errors import Conflict, RecordsError
from bot.domain.operation import Stage
from bot.domain.plan import Boot, Lane, Plan
from bot.records.log import SqliteRecords
from bot.records.schema import TRIGGERS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PLAN = Plan(
    fleet="web",
    lane=Lane.CAPACITY,
    command="scale web 4",
    summary="web: 2 → 4 clones",
    actions=(Boot(),),
    before=2,
    after=4,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "records.db"


@pytest.fixture
def records(file: Path) -> Iterator[SqliteRecords]:
    with closing(SqliteRecords(file)) as opened:
        yield opened


def entry(kind: Kind, key: str = "", **values: object) -> Entry:
    base = Entry(kind=kind, at=NOW, key=key or f"op-1:{kind}", operation="op-1", text=f"{kind} it")
    return replace(base, **values)  # type: ignore[arg-type]  # names are checked by replace itself


def planned(approvals: int = 1) -> Entry:
    detail = {"plan": plans.to_json(PLAN), "approvals": approvals, "channel": "C0WEB"}
    return entry(Kind.PLANNED, person="T0LAB/U0BOB", detail=detail)


def approved(user: str) -> Entry:
    return entry(Kind.APPROVED, f"{user}:approved", person=f"T0LAB/{user}", detail={"plan": PLAN.hash})


def test_rows_are_numbered_and_chained(records: SqliteRecords) -> None:
    rows = [records.append(entry(Kind.REQUESTED, f"key-{number}")) for number in range(5)]

    assert [row.seq for row in rows] == [1, 2, 3, 4, 5]
    assert not records.first_fault()


def test_a_row_with_a_known_key_is_not_written_again(records: SqliteRecords) -> None:
    first = records.append(entry(Kind.REQUESTED))

    again = records.append(entry(Kind.REQUESTED, text="something else"))

    assert (again.seq, again.text) == (first.seq, first.text)
    assert len(records.search("")) == 1


@pytest.mark.parametrize("sql", ["DELETE FROM audit", "UPDATE audit SET text = 'x'"])
def test_rows_are_neither_changed_nor_deleted(records: SqliteRecords, file: Path, sql: str) -> None:
    records.append(entry(Kind.REQUESTED))

    with (
        closing(sqlite3.connect(file)) as other,
        pytest.raises(sqlite3.IntegrityError, match="the audit log"),
    ):
        other.execute(sql)


def test_a_row_cannot_take_the_place_of_another(records: SqliteRecords, file: Path) -> None:
    records.append(entry(Kind.REQUESTED))

    with (
        closing(sqlite3.connect(file)) as other,
        pytest.raises(sqlite3.IntegrityError, match="follow the last"),
    ):
        other.execute("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 1")


def test_a_changed_row_is_found_though_the_triggers_were_dropped(records: SqliteRecords, file: Path) -> None:
    for number in range(3):
        records.append(entry(Kind.REQUESTED, f"key-{number}"))
    with closing(sqlite3.connect(file)) as other:
        other.execute("DROP TRIGGER audit_rows_never_change")
        other.execute("UPDATE audit SET person = 'T0LAB/U0EVE' WHERE seq = 2")
        other.commit()

    assert records.first_fault() == "row 2 was changed"


def test_without_its_triggers_nothing_is_written(records: SqliteRecords, file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("DROP TRIGGER audit_rows_stay")
        other.commit()

    with pytest.raises(RecordsError, match="audit_rows_stay"):
        records.append(entry(Kind.REQUESTED))
    with pytest.raises(RecordsError, match="audit_rows_stay"):
        SqliteRecords(file)


def test_while_another_writer_holds_the_file_an_append_gives_up_in_time(
    records: SqliteRecords, file: Path
) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RecordsError, match="nothing was done"):
            records.append(entry(Kind.REQUESTED))
        other.execute("ROLLBACK")

    assert records.append(entry(Kind.REQUESTED)).seq == 1


@pytest.fixture
def full(records: SqliteRecords, file: Path) -> Iterator[Callable[[], None]]:
    """No page more may be written, as when the disk is full; calling it makes room again."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def make_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    records.append(entry(Kind.REQUESTED))
    size = file.with_name("records.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield make_room
    make_room()


def test_while_the_disk_is_full_nothing_is_written_and_then_it_goes_on(
    records: SqliteRecords, full: Callable[[], None]
) -> None:
    for _ in range(2):
        with pytest.raises(RecordsError, match=r"nothing was done\. Make room on its disk\."):
            records.append(replace(entry(Kind.REQUESTED), key="other"))
        with pytest.raises(RecordsError, match="Make room"):
            records.check()
    full()

    records.check()
    assert records.append(replace(entry(Kind.REQUESTED), key="other")).seq == 2
    assert records.first_fault() == ""


def test_a_file_that_reached_its_largest_size_is_told_and_left_whole(records: SqliteRecords) -> None:
    largest = "PRAGMA max_page_count"
    ((pages,),) = records._db.execute("PRAGMA page_count").fetchall()  # noqa: SLF001 (the limit belongs to its connection)
    records._db.execute(f"{largest} = {pages}")  # noqa: SLF001 (the same)
    first = entry(Kind.REQUESTED, text="long " * 10_000)
    with pytest.raises(RecordsError, match=r"disk is full\), so nothing was done\. Make room"):
        records.append(first)
    records._db.execute(f"{largest} = 100000")  # noqa: SLF001 (the same)

    assert records.append(first).seq == 1
    assert records.first_fault() == ""


def test_a_file_that_may_only_be_read_is_told(records: SqliteRecords) -> None:
    records._db.execute("PRAGMA query_only = 1")  # noqa: SLF001 (root may write whatever a file's mode says)
    with pytest.raises(RecordsError, match=r"readonly database\), so nothing was done\. Let the user"):
        records.append(entry(Kind.REQUESTED))
    records._db.execute("PRAGMA query_only = 0")  # noqa: SLF001 (the same)
    assert records.append(entry(Kind.REQUESTED)).seq == 1


def test_many_who_wait_for_another_program_are_all_told_within_slacks_three_seconds(
    records: SqliteRecords, file: Path
) -> None:
    def refused(number: int) -> float:
        began = time.monotonic()
        with pytest.raises(RecordsError, match=r"so nothing was done\. Try again in a minute"):
            records.append(entry(Kind.REQUESTED, f"key-{number}"))
        return time.monotonic() - began

    with closing(sqlite3.connect(file, isolation_level=None)) as other, ThreadPoolExecutor(8) as pool:
        other.execute("BEGIN IMMEDIATE")
        waited = list(pool.map(refused, range(8)))
        other.execute("ROLLBACK")

    assert max(waited) < 3
    assert records.append(entry(Kind.REQUESTED)).seq == 1


def test_to_a_log_that_was_tampered_with_nothing_is_written_any_more(
    records: SqliteRecords, file: Path
) -> None:
    for number in range(3):
        records.append(entry(Kind.REQUESTED, f"key-{number}"))
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("DROP TRIGGER audit_rows_never_change")
        other.execute("UPDATE audit SET text = 'nothing' WHERE seq = 2")
        other.execute(TRIGGERS["audit_rows_never_change"].strip())

    records.trust()

    for use in (lambda: records.append(entry(Kind.ANSWERED)), records.check):
        with pytest.raises(RecordsError, match=r"tampered with: row 2 was changed\. So nothing is done"):
            use()
    assert len(records.search("")) == 3


def test_neither_a_check_nor_a_look_waits_for_who_writes_or_changes_anything(records: SqliteRecords) -> None:
    written = records.append(entry(Kind.REQUESTED))
    with records._write():  # noqa: SLF001 (somebody writes)
        records._append(entry(Kind.ANSWERED))  # noqa: SLF001
        assert records.search("") == (written,)
        assert records.find(written.key) == written
    with records._writing:  # noqa: SLF001 (somebody is about to)
        records.check()
        assert len(records.search("")) == 2


def test_who_records_does_not_wait_for_who_reads(records: SqliteRecords) -> None:
    with records._reading:  # noqa: SLF001 (somebody reads the whole log)
        records.append(entry(Kind.REQUESTED))
    assert len(records.search("")) == 1


def test_a_file_that_is_gone_is_not_made_anew_by_a_check(records: SqliteRecords, file: Path) -> None:
    file.unlink()
    with pytest.raises(RecordsError, match="unable to open"):
        records.check()
    assert not file.exists()


def test_the_file_is_its_owners_alone(records: SqliteRecords, file: Path) -> None:
    records.check()

    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_operation_is_what_the_log_tells_of_it(records: SqliteRecords) -> None:
    records.append(planned())
    records.append(approved("U0ADA"))

    operation = records.operation("op-1")

    assert operation is not None
    assert (operation.stage, operation.approvers) == (Stage.WAITING, ("T0LAB/U0ADA",))
    assert records.replayed() == {"op-1": operation}


def test_of_two_approvers_at_once_one_is_told_that_it_is_decided(records: SqliteRecords) -> None:
    records.append(planned())
    told: list[str] = []

    def approve(user: str) -> None:
        try:
            records.append(approved(user))
        except Conflict as error:
            told.append(str(error))

    threads = [threading.Thread(target=approve, args=(user,)) for user in ("U0ADA", "U0ZED")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 1
    assert "needs no decision any more" in told[0]
    assert len([row for row in records.search("") if row.kind is Kind.APPROVED]) == 1


def test_the_requester_cannot_approve(records: SqliteRecords) -> None:
    records.append(planned())

    with pytest.raises(Conflict, match="your own request"):
        records.append(approved("U0BOB"))


def test_an_approval_of_another_plan_does_not_count(records: SqliteRecords) -> None:
    records.append(planned())

    with pytest.raises(Conflict, match="has changed"):
        records.append(replace(approved("U0ADA"), detail={"plan": "0" * 64}))
    operation = records.operation("op-1")
    assert operation is not None
    assert operation.stage is Stage.AWAITING_APPROVAL


def test_an_attempt_that_was_cut_off_has_an_unknown_outcome_before_the_next_begins(
    records: SqliteRecords,
) -> None:
    intent = entry(Kind.INTENT, action="op-1.1")
    records.begin(intent)

    second = records.begin(intent)

    assert second.attempt == 2
    rows = [(row.kind, row.attempt) for row in reversed(records.search(""))]
    assert rows == [(Kind.INTENT, 1), (Kind.OUTCOME, 1), (Kind.INTENT, 2)]


def test_search_finds_rows_by_any_words_whatever_they_hold(records: SqliteRecords) -> None:
    records.append(entry(Kind.REQUESTED, "a", text='scale web 4 --reason "TV * spot"', person="T0LAB/U0BOB"))
    records.append(entry(Kind.REQUESTED, "b", text="status"))

    assert [row.text for row in records.search("scale U0BOB")] == ['scale web 4 --reason "TV * spot"']
    assert records.search('"* OR NEAR(') == ()
    assert len(records.search("")) == 2


def test_who_did_what_is_told_without_the_steps(records: SqliteRecords) -> None:
    records.append(entry(Kind.REQUESTED, "a", text="scale web 4"))
    records.begin(entry(Kind.INTENT, action="op-1.1"))
    records.append(entry(Kind.ANSWERED, "b", text="approved"))

    assert [row.text for row in records.search("", steps=False)] == ["scale web 4"]


def test_the_newest_row_of_a_kind_is_found(records: SqliteRecords) -> None:
    for number in range(3):
        records.append(entry(Kind.DIGEST, f"a{number}", operation="digest/C0WEB"))
    records.append(entry(Kind.POSTED, "b", operation="digest/C0WEB", detail={"message": "1.0"}))
    records.append(entry(Kind.DIGEST, "c", operation="digest/C0SHOP"))

    newest = records.newest("digest/C0WEB", Kind.DIGEST)
    assert newest
    assert newest.key == "a2"
    assert records.newest("digest/C0WEB", Kind.UNPOSTED) is None


def test_rows_filed_under_one_thing_are_told_oldest_first(records: SqliteRecords) -> None:
    for key, fleet in (("1", "web"), ("2", "shop"), ("3", "web")):
        records.append(entry(Kind.WAIVED, key, operation=f"doctor/{fleet}"))
    records.append(entry(Kind.ANSWERED, "4", operation="doctor/web"))
    assert [row.key for row in records.filed("doctor/web", Kind.WAIVED)] == ["1", "3"]
    assert records.filed("doctor/none", Kind.WAIVED) == ()


def test_rows_of_some_kinds_are_told_from_a_row_on(records: SqliteRecords) -> None:
    first = records.append(entry(Kind.REQUESTED, "a"))
    for key, kind in (("b", Kind.DIGEST), ("c", Kind.UNPOSTED), ("d", Kind.ANSWERED), ("e", Kind.DIGEST)):
        records.append(entry(kind, key))

    assert [row.key for row in records.after(first.seq, {Kind.DIGEST, Kind.UNPOSTED})] == ["b", "c", "e"]
    assert [row.key for row in records.after(first.seq + 1, {Kind.DIGEST})] == ["e"]
    assert records.after(0, set()) == ()


def test_a_request_that_nothing_followed_is_found_again(records: SqliteRecords) -> None:
    now = datetime.now(UTC)
    records.append(entry(Kind.REQUESTED, "a", operation="op-a", at=now))
    records.append(entry(Kind.REQUESTED, "b", operation="op-b", at=now))
    records.append(entry(Kind.ANSWERED, "c", operation="op-b", at=now))

    assert [row.operation for row in records.unanswered()] == ["op-a"]


def test_a_row_is_one_line_whatever_was_typed(records: SqliteRecords, file: Path) -> None:
    typed = "one\ntwo\r\x1b[31mthree\u2028four \u202e five"
    records.append(entry(Kind.REQUESTED, text=typed, detail={"text": typed}))

    with closing(sqlite3.connect(file)) as other:
        ((text,),) = other.execute("SELECT text FROM audit").fetchall()
    assert text == "one two  [31mthree four  five"
    assert records.search("")[0].detail["text"] == typed
