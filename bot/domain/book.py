"""The book: what the log says of the servers that we started, and of what nobody knows the outcome of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.domain.audit import Entry, Kind
from bot.domain.imaging import EndCanary
from bot.domain.plan import Action, Launch, PutInService, TakeOut, Terminate
from bot.domain.quarantine import Readmit, Remove
from bot.domain.tally import Tally

KINDS = frozenset({Kind.INTENT, Kind.OUTCOME, Kind.RECONCILED})
"""Rows of the log that the book is made of."""
LAUNCHED, SERVING, RESTING = "launched", "serving", "resting"
"""In the detail of a row: servers that an action started; that are to serve; that are not to, any more."""
FORGOTTEN, ANSWERS = "forgotten", "answers"
"""In the detail of a row: servers whose end people know of; actions, and what came of them after all."""
UNKNOWN = "unknown"
_PROVED = "proved:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """What the log says, up to the row `seq`."""

    seq: int = 0
    launched: Mapping[str, str] = field(default_factory=dict)
    """Every server that an action started, and the action."""
    answered: frozenset[str] = frozenset()
    """Launches of which AWS said what they started."""
    proved: frozenset[str] = frozenset()
    serving: Mapping[str, str] = field(default_factory=dict)
    """Servers that are to serve, and of which fleet."""
    resting: frozenset[str] = frozenset()
    """Servers that are not to serve any more: taken out, quarantined, ended."""
    begun: Mapping[str, Entry] = field(default_factory=dict)
    """Intents without an outcome, by the outcome's key."""
    unknown: Mapping[str, Entry] = field(default_factory=dict)
    """Outcomes that nobody knows, by action; a later attempt at the action may have had a known one."""
    touched: Mapping[str, int] = field(default_factory=dict)
    """The newest row of each fleet's actions."""


def concerned(action: Action, tally: Tally) -> Mapping[str, Any]:
    """What the log is to say of servers before this action begins."""
    match action:
        case PutInService():
            return {SERVING: list(tally.sound)}
        case Readmit():
            return {SERVING: list(action.servers)}
        case TakeOut() | Terminate() | Remove():
            return {RESTING: list(tally.leaving(action.servers))}
        case EndCanary():
            return {RESTING: list(tally.sound)}
        case _:
            return {}


def effects(action: Action, action_id: str, before: Tally, after: Tally) -> Mapping[str, Any]:
    """What the log is to say of servers after it."""
    if not isinstance(action, Launch):
        return {}
    if action_id in after.unanswered:
        return {UNKNOWN: True}
    return {LAUNCHED: [server for server in after.launched if server not in before.launched]}


def read_on(book: Book, rows: Iterable[Entry]) -> Book:
    """The book after these rows, which follow those that it was made of."""
    pages = _Pages(book)
    for row in rows:
        pages.add(row)
    return pages.bound()


def _outcome_key(row: Entry) -> str:
    """The key of the outcome of this attempt."""
    return f"{row.action}#{row.attempt}:{Kind.OUTCOME}"


class _Pages:
    """A book while rows are added to it."""

    def __init__(self, book: Book) -> None:
        self.seq = book.seq
        self.launched, self.serving = dict(book.launched), dict(book.serving)
        self.answered, self.proved, self.resting = set(book.answered), set(book.proved), set(book.resting)
        self.begun, self.unknown, self.touched = dict(book.begun), dict(book.unknown), dict(book.touched)

    def bound(self) -> Book:
        return Book(
            seq=self.seq,
            launched=self.launched,
            answered=frozenset(self.answered),
            proved=frozenset(self.proved),
            serving=self.serving,
            resting=frozenset(self.resting),
            begun=self.begun,
            unknown=self.unknown,
            touched=self.touched,
        )

    def add(self, row: Entry) -> None:
        self.seq = max(self.seq, row.seq)
        match row.kind:
            case Kind.INTENT:
                self._open(row)
                self._move(row)
            case Kind.OUTCOME:
                self.begun.pop(row.key, None)
                self._close(row)
            case Kind.RECONCILED:
                self._settle(row)

    def _open(self, row: Entry) -> None:
        self.begun[_outcome_key(row)] = row
        self.touched[row.fleet] = row.seq

    def _move(self, row: Entry) -> None:
        for server in row.detail.get(SERVING, ()):
            self.serving[server] = row.fleet
            self.resting.discard(server)
        for server in row.detail.get(RESTING, ()):
            self.serving.pop(server, None)
            self.resting.add(server)

    def _close(self, row: Entry) -> None:
        self.touched[row.fleet] = row.seq
        self.unknown.pop(row.action, None)
        if row.detail.get(UNKNOWN):
            self.unknown[row.action] = row
        if LAUNCHED in row.detail:
            self.launched |= dict.fromkeys(row.detail[LAUNCHED], row.action)
            self.answered.add(row.action)
        if str(row.detail.get("result", "")).startswith(_PROVED):
            self.proved.add(row.action.rpartition("/")[2])

    def _settle(self, row: Entry) -> None:
        for action in row.detail.get(ANSWERS, ()):
            self.unknown.pop(action, None)
        for server in row.detail.get(FORGOTTEN, ()):
            self.serving.pop(server, None)
