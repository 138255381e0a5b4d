"""Cancelling and freezing, as people do it: from the card or by typing, also around a crash."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.operation import Operation, Stage
from bot.slack.views.card import CANCEL
from tests.scenarios.visitor import ADA, BOB, CHANNEL, EVE, Visitor, read

AWAY = "SELECT count(*) FROM audit WHERE operation = ? AND kind = ? AND text LIKE ?"


def has_row(operation: str, kind: str, text: str = "%") -> Callable[[Visitor], bool]:
    return lambda visitor: visitor.audit(AWAY, operation, kind, text)[0][0] > 0


def begin(visitor: Visitor) -> str:
    """Two more clones, whose boot is under way."""
    operation = visitor.open("scale web 2")
    visitor.until(lambda: has_row(operation, "intent", "wait until each%")(visitor), "it does not boot")
    return operation


def is_undone(visitor: Visitor, ended: Operation) -> None:
    assert ended.stage is Stage.CANCELLED
    launched = visitor.ever_launched(ended.id)
    assert len(launched) == 2
    assert all(server in ended.result for server in launched)
    assert visitor.serving() == []
    assert not visitor.clones()
    visitor.assert_audit_is_complete()


def test_pressed_while_servers_start_it_removes_them_and_says_so(visitor: Visitor) -> None:
    operation = begin(visitor)

    visitor.press(operation, user=BOB, button=CANCEL)

    ended = visitor.end_of(operation)
    is_undone(visitor, ended)
    assert ended.cancelled_by.endswith(BOB)
    visitor.shows(operation, "Undone:")
    assert "has ended already" in visitor.hear(f"cancel {operation}")


def test_what_awaits_approval_is_cancelled_at_once_and_cannot_be_approved(visitor: Visitor) -> None:
    operation = visitor.open("scale web 4")

    said = visitor.hear(f"cancel {operation} wrong day")

    assert "Nothing of it is done." in said
    assert visitor.operation(operation).stage is Stage.CANCELLED
    assert "cancelled" in visitor.hear(f"approve {operation}", user=ADA)
    visitor.shows(operation, "wrong day")
    assert not visitor.clones()


@pytest.mark.parametrize(
    ("kind", "text"),
    [("cancelled", "%"), ("intent", "terminate %"), ("outcome", "%terminate %")],
    ids=["cancelled", "removing", "removed"],
)
def test_killed_while_it_is_cancelled_it_is_undone_all_the_same(
    visitor: Visitor, kind: str, text: str
) -> None:
    operation = begin(visitor)
    killed = visitor.kill_when(has_row(operation, kind, text))

    visitor.ask(f"cancel {operation}", user=ADA)

    visitor.until(killed.is_set, "the bot was not killed")
    visitor.lab.start_bot()
    is_undone(visitor, visitor.end_of(operation))


def test_stop_all_stops_what_runs_and_what_waits_and_a_viewer_may_not(visitor: Visitor) -> None:
    waiting = visitor.open("scale web 4")
    assert "stop-all" in visitor.hear("stop-all", user=EVE)
    assert visitor.operation(waiting).stage is Stage.AWAITING_APPROVAL
    running = begin(visitor)

    said = visitor.hear("stop-all wrong day", user=ADA)

    assert "Cancelled 2 operations" in said
    assert f"{running}` (web: 0 → 2 clones): it stops at the next safe point." in said
    assert f"{waiting}` (web: 0 → 4 clones): nothing of it was done." in said
    is_undone(visitor, visitor.end_of(running))
    assert visitor.end_of(waiting).stage is Stage.CANCELLED
    visitor.shows(waiting, "wrong day")
    assert "Nothing is open" in visitor.hear("stop-all", user=ADA)


def test_a_frozen_fleet_is_left_as_it_is_until_it_is_thawed(visitor: Visitor) -> None:
    until = datetime.now(UTC).date() + timedelta(days=2)
    waiting = visitor.open("scale web 4")
    try:
        said = visitor.hear(f'freeze web --until {until} --reason "big sale"', user=ADA)
        assert "*web* is frozen until" in said
        assert "by <@U0ADA>: big sale. Nothing of it is changed by request." in visitor.hear("scale web 1")
        visitor.press(waiting)
        assert visitor.end_of(waiting).result.startswith("Nothing was changed: *web* is frozen until")
        visitor.until(lambda: _told(visitor, "*web* is frozen until"), "the channel was not told")
    finally:
        visitor.hear("thaw web", user=ADA)
    visitor.until(lambda: _told(visitor, "<@U0ADA> ended it"), "the channel was not told")
    assert visitor.scale(1).stage is Stage.DONE


def _told(visitor: Visitor, text: str) -> bool:
    return any(text in read(message) for message in visitor.lab.slack.messages(CHANNEL))
