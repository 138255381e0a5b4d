"""What differs between AWS and the log, and what is told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.book import Book
from bot.domain.fleet import Service, Sighting, State
from bot.domain.reconcile import (
    Around,
    Difference,
    Facts,
    add_unread,
    cannot_read,
    compare,
    counted_clones,
    judge,
    line,
    serving_clones,
    title,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLONE = Sighting(
    id="i-1",
    tagged=True,
    role="clone",
    state=State.RUNNING,
    service=Service.HEALTHY,
    operation="op-1",
    action="op-1.1",
)
PROVED = Book(
    launched={"i-1": "op-1.1"},
    answered=frozenset({"op-1.1"}),
    proved=frozenset({"i-1"}),
    serving={"i-1": "web"},
)
STARTED = replace(PROVED, proved=frozenset(), serving={})
TAKEN_OUT = replace(PROVED, serving={}, resting=frozenset({"i-1"}))
LOST = Book()
OUT = replace(CLONE, service=Service.OUT)
UNTAGGED = Sighting(id="i-1", tagged=False, service=Service.HEALTHY)
FOUND = Difference(key="i-1", what="`i-1` is strange", hint="Type something.")
KNOWN = replace(FOUND, since=NOON)
GONE = replace(KNOWN, gone=True)


def found(sighting: Sighting, book: Book, *, begun: frozenset[str] = frozenset()) -> list[str]:
    facts = Facts(fleet="web", sightings=(sighting,), book=book, begun=begun)
    return [each.what for each in judge(facts).values()]


@pytest.mark.parametrize(
    ("sighting", "book"),
    [
        pytest.param(CLONE, PROVED, id="it serves as recorded"),
        pytest.param(replace(CLONE, service=Service.UNHEALTHY), PROVED, id="its health is another matter"),
        pytest.param(OUT, TAKEN_OUT, id="it was taken out"),
        pytest.param(CLONE, Book(proved=frozenset({"i-1"})), id="an older log tells only of its proof"),
        pytest.param(replace(CLONE, service=Service.DRAINING), TAKEN_OUT, id="it drains"),
        pytest.param(replace(OUT, role="quarantined"), STARTED, id="it was set aside"),
        pytest.param(replace(OUT, state=State.TERMINATED), TAKEN_OUT, id="it was ended"),
        pytest.param(replace(UNTAGGED, service=Service.OUT), Book(), id="a stranger that gets no requests"),
        pytest.param(replace(CLONE, state=State.SHUTTING_DOWN), Book(), id="a stranger that goes"),
    ],
)
def test_it_is_as_recorded(sighting: Sighting, book: Book) -> None:
    assert found(sighting, book) == []


@pytest.mark.parametrize(
    ("sighting", "book", "what"),
    [
        (
            OUT,
            Book(),
            "Unknown server `i-1` carries this fleet's tag (role `clone`; running, out of service)",
        ),
        (replace(OUT, role=""), Book(), "Unknown server `i-1` carries this fleet's tag (no role; running,"),
        (replace(CLONE, action="op-1.2"), Book(), "Unknown server"),
        (UNTAGGED, Book(), "`i-1` is registered in the target group, and neither the master nor a clone"),
        (UNTAGGED, PROVED, "`i-1`, which I started, is registered and has lost its tag"),
        (CLONE, STARTED, "`i-1` is registered in the target group (healthy), and was never proved"),
        (replace(CLONE, role="quarantined"), TAKEN_OUT, "`i-1` is quarantined, and yet registered"),
        (OUT, PROVED, "`i-1` should serve, but nobody sends it requests: it was deregistered"),
        (replace(OUT, state=State.STOPPED), PROVED, "`i-1` should serve, but it is stopped"),
        (OUT, STARTED, "`i-1` was started by `op-1` and never served (running)"),
        (replace(OUT, state=State.TERMINATED), PROVED, "`i-1` should serve, but was terminated, and not by"),
        (replace(UNTAGGED, id="i-2", service=Service.OUT), PROVED, "`i-1` should serve, but is gone, or has"),
    ],
)
def test_it_differs(sighting: Sighting, book: Book, what: str) -> None:
    (said,) = found(sighting, book)
    assert said.startswith(what)


def test_a_server_of_a_launch_without_an_answer_is_ours_by_its_tag() -> None:
    assert found(OUT, LOST, begun=frozenset({"op-1.1"})) == [
        "`i-1` was started by `op-1` and never served (running)"
    ]


def test_nothing_is_strange_about_what_is_being_worked_on() -> None:
    for sightings in ((OUT,), (replace(OUT, state=State.TERMINATED),), ()):
        assert judge(Facts(fleet="web", sightings=sightings, book=PROVED, busy={"i-1"})) == {}


def test_clones_of_another_fleet_are_not_missed() -> None:
    assert judge(Facts(fleet="shop", sightings=(), book=PROVED)) == {}


def test_it_counts_as_scale_does() -> None:
    seen = (CLONE, replace(OUT, id="i-2"), replace(OUT, state=State.TERMINATED), replace(OUT, role="master"))
    assert counted_clones(seen) == 2
    assert serving_clones(seen, PROVED) == 1


def test_what_is_seen_once_is_only_a_doubt() -> None:
    change = compare((), {"i-1": FOUND}, {}, Around(at=NOON))
    assert (change.known, change.news, change.doubts) == ((), (), {"i-1": "`i-1` is strange"})


def test_what_is_seen_twice_is_told_with_what_to_type() -> None:
    change = compare((), {"i-1": FOUND}, {"i-1": FOUND.what}, Around(at=NOON))
    assert change.known == (KNOWN,)
    assert change.news == ("⚠️ `i-1` is strange. Type something.",)


@pytest.mark.parametrize("busy", [frozenset(), frozenset({"i-1"})])
def test_what_is_known_is_not_told_again(busy: frozenset[str]) -> None:
    now = {} if busy else {"i-1": replace(FOUND, hint="Type something else.")}
    change = compare((KNOWN,), now, {"i-1": ""}, Around(at=NOON, busy=busy))
    assert (change.known, change.news, change.doubts) == ((KNOWN,), (), {})


def test_what_was_another_the_time_before_is_still_a_doubt() -> None:
    now = {"i-1": replace(FOUND, what="`i-1` is stranger")}
    first = compare((KNOWN,), now, {}, Around(at=NOON))
    assert (first.known, first.news) == ((KNOWN,), ())
    second = compare((KNOWN,), now, first.doubts, Around(at=NOON))
    assert second.news == ("⚠️ `i-1` is stranger. Type something.",)


def test_what_is_settled_is_told_at_the_second_look() -> None:
    first = compare((KNOWN,), {}, {}, Around(at=NOON))
    assert (first.known, first.news) == ((KNOWN,), ())
    second = compare((KNOWN,), {}, first.doubts, Around(at=NOON))
    assert (second.known, second.news) == ((), ("✅ Settled, it is so no more: `i-1` is strange",))


@pytest.mark.parametrize(
    ("hours", "enough", "known", "news"), [(23, False, 1, 0), (25, False, 0, 0), (1, True, 0, 1)]
)
def test_a_clone_that_is_gone_is_mentioned_until_there_are_enough_or_a_day_has_passed(
    *, hours: int, enough: bool, known: int, news: int
) -> None:
    around = Around(at=NOON + timedelta(hours=hours), enough=enough)
    change = compare((GONE,), {"i-1": replace(FOUND, what="in other words", gone=True)}, {}, around)
    assert (len(change.known), len(change.news)) == (known, news)
    assert change.forgotten == (() if known else ("i-1",))


def test_aws_that_cannot_be_read_is_told_once_and_what_was_known_stays() -> None:
    unread = cannot_read("AWS does not answer.", NOON)
    first = add_unread((KNOWN,), unread)
    assert first.known == (KNOWN, unread)
    assert len(first.news) == 1
    assert add_unread(first.known, unread).news == ()
    again = compare(first.known, {"i-1": FOUND}, {}, Around(at=NOON))
    assert again.known == (KNOWN,)
    assert again.news[0].startswith("✅ AWS can be read again.")


@pytest.mark.parametrize(
    ("known", "answers", "said"),
    [
        ((KNOWN, cannot_read("no", NOON)), (), "AWS cannot be read, so I do not know how the fleet is"),
        ((KNOWN,), ("op-1.1",), "AWS and what I recorded differ"),
        ((), ("op-1.1",), "I know now what came of a request that AWS did not answer"),
        ((), (), "AWS and what I recorded agree again"),
    ],
)
def test_the_headline_is_never_better_than_is_known(
    known: tuple[Difference, ...], answers: tuple[str, ...], said: str
) -> None:
    assert title("web", known, answers) == f"*web*: {said}"


def test_a_line_says_since_when() -> None:
    assert line("web", KNOWN) == "⚠️ web: `i-1` is strange (found 2026-11-22 12:00 UTC)"
    assert line("web", cannot_read("no", NOON)) == "⚠️ web: Could not read AWS since 2026-11-22 12:00 UTC: no"
