"""What people see comes at the pace that Slack takes: nothing too often, nothing lost, the end always."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import BotError, ChatError, ChatUnavailable, RecordsError
from bot.domain.pace import Pace
from bot.workflow.outbox import Outbox

PACE = Pace()
TICK = 0.25


@dataclass
class Room:
    """Where letters arrive, with a clock of its own; `state` is what the records say of each operation."""

    now: float = 0.0
    state: dict[str, int] = field(default_factory=dict)
    cards: list[tuple[float, str, int]] = field(default_factory=list)
    lines: list[tuple[float, str, str]] = field(default_factory=list)
    trouble: BotError | None = None
    tries: int = 0

    def __post_init__(self) -> None:
        self.outbox = Outbox(self, PACE, lambda: self.now)

    def card(self, operation_id: str) -> None:
        self._receive()
        self.cards.append((self.now, operation_id, self.state.get(operation_id, 0)))

    def line(self, operation_id: str, text: str) -> None:
        self._receive()
        self.lines.append((self.now, operation_id, text))

    def _receive(self) -> None:
        self.tries += 1
        if self.trouble:
            raise self.trouble

    def change(self, operation: str) -> None:
        self.state[operation] = self.state.get(operation, 0) + 1
        self.outbox.show(operation)

    def let_pass(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            for _ in range(9):
                self.outbox.work(0)
            self.now += TICK

    def told(self, operation: str) -> str:
        return "\n".join(text for _, concerned, text in self.lines if concerned == operation)

    def shown(self, operation: str) -> list[int]:
        return [state for _, concerned, state in self.cards if concerned == operation]


STORM = st.lists(
    st.tuples(st.floats(0, 3), st.sampled_from(["op-a", "op-b", "op-c"]), st.booleans()), max_size=120
)


@given(STORM)
def test_no_storm_of_news_exceeds_the_pace_or_loses_anything(storm: list[tuple[float, str, bool]]) -> None:
    room = Room()
    said: dict[str, list[str]] = {}
    for number, (pause, operation, is_line) in enumerate(storm):
        room.let_pass(pause)
        if is_line:
            said.setdefault(operation, []).append(str(number))
            room.outbox.note(operation, str(number))
        else:
            room.change(operation)
    room.let_pass(120)
    moments = [at for at, *_ in room.cards]
    for sent in (room.cards, room.lines):
        for operation in ("op-a", "op-b", "op-c"):
            times = [at for at, concerned, _ in sent if concerned == operation]
            assert all(later - earlier >= PACE.gap for earlier, later in pairwise(times))
    assert all(
        later - earlier >= 60 for earlier, later in zip(moments, moments[PACE.per_minute :], strict=False)
    )
    for operation, count in room.state.items():
        assert room.shown(operation) == sorted(room.shown(operation))
        assert room.shown(operation)[-1] == count
    for operation, lines in said.items():
        assert room.told(operation).split("\n") == lines


def test_the_first_news_comes_at_once() -> None:
    room = Room()
    room.change("op-a")
    room.outbox.note("op-a", "it began")
    room.let_pass(TICK)
    assert [at for at, *_ in (*room.cards, *room.lines)] == [0, 0]


def test_a_minute_in_which_slack_takes_nothing_loses_nothing() -> None:
    room = Room(trouble=ChatUnavailable("Slack asks me to slow down."))
    for second in range(60):
        room.change("op-a")
        room.outbox.note("op-a", f"line {second}")
        room.let_pass(1)
    assert room.tries < 12, "it does not hammer at a closed door"
    room.trouble = None
    room.let_pass(40)
    assert room.shown("op-a") == [60]
    assert room.told("op-a") == "\n".join(f"line {second}" for second in range(60))


def test_records_that_cannot_be_read_just_now_only_delay_it() -> None:
    room = Room(trouble=RecordsError("The audit log cannot be read."))
    room.change("op-a")
    room.let_pass(5)
    room.trouble = None
    room.let_pass(20)
    assert room.shown("op-a") == [1]


def test_what_slack_refuses_is_not_tried_again() -> None:
    room = Room(trouble=ChatError("I am not in that channel."))
    room.change("op-a")
    room.let_pass(30)
    assert room.tries == 1


def test_what_slack_did_not_take_for_an_hour_is_dropped() -> None:
    room = Room(trouble=ChatUnavailable("Slack cannot be reached."))
    room.outbox.note("op-a", "long ago")
    room.let_pass(3700)
    room.trouble = None
    room.outbox.note("op-a", "now")
    room.let_pass(40)
    assert room.told("op-a") == "now"


def test_an_end_that_somebody_waits_for_goes_before_what_can_wait() -> None:
    room = Room()
    early = PACE.per_minute - PACE.for_ends
    for number in range(early):
        room.change(f"op-{number}")
    room.let_pass(2)
    for number in range(5):
        room.change(f"op-{number}")
    room.change("op-ended")
    waiting = threading.Thread(target=room.outbox.settle, args=("op-ended",), daemon=True)
    waiting.start()
    while not room.outbox._urgent:  # noqa: SLF001 (until the other thread waits)
        pass
    room.let_pass(2)
    waiting.join(5)
    assert not waiting.is_alive()
    assert [operation for _, operation, _ in room.cards[early:]] == ["op-ended"]


def test_at_the_end_everything_is_said_whatever_the_pace() -> None:
    room = Room()
    for number in range(5):
        room.change("op-a")
        room.outbox.note("op-a", str(number))
        room.outbox.flush()
    assert room.shown("op-a") == [1, 2, 3, 4, 5]
    assert room.told("op-a") == "0\n1\n2\n3\n4"
