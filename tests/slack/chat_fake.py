"""Chat in memory: remembers what was shown and answered. It keeps the promises of `test_chat_promises.py`."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.domain.digest import Digest
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.report import headline
from bot.domain.errors import ChatError
from bot.domain.notice import Notice
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.world import Request


@dataclass(frozen=True, slots=True)
class Answered:
    request: Request
    title: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join((self.title, *self.lines))


class FakeChat:
    """Threads may share it. `groups` are user group ids and the user ids in them."""

    def __init__(
        self, *people: Person, team: str = "T0LAB", groups: dict[str, set[str]] | None = None
    ) -> None:
        self.team = team
        self.people = {(person.team, person.id): person for person in people}
        self.groups = groups or {}
        self.answered: list[Answered] = []
        self.shown: list[Operation] = []
        """Every state shown, in order."""
        self.notes: list[tuple[str, str]] = []
        """Operation id and text."""
        self.digests: dict[str, tuple[str, Digest]] = {}
        """Channel and digest, by the digest's id."""
        self.notices: dict[str, tuple[str, Notice]] = {}
        """Channel and notice, by the notice's id."""
        self.reports: dict[str, tuple[str, Diagnosis]] = {}
        """Channel and what the doctor found, by the request's id."""
        self.outside: set[str] = set()
        """Channels that the bot is not in."""
        self.down: ChatError | None = None
        """Raised by every call while it is set."""
        self._messages: dict[str, str] = {}
        self._lock = threading.Lock()

    def home_team(self) -> str:
        self._answer_or_fail()
        return self.team

    def person(self, team: str, user: str, groups: frozenset[str]) -> Person:
        self._answer_or_fail()
        if (team, user) not in self.people:
            raise ChatError("Slack knows no such person.")
        held = frozenset(group for group in groups if user in self.groups.get(group, set()))
        return replace(self.people[team, user], groups=held)

    def answer(self, request: Request, title: str, lines: Sequence[str]) -> None:
        self._answer_or_fail()
        with self._lock:
            self.answered.append(Answered(request, title, tuple(lines)))

    def report(self, request: Request, channel: str, diagnosis: Diagnosis) -> None:
        self._answer_or_fail()
        with self._lock:
            if channel in self.outside:
                raise ChatError("I am not in that channel. Type `/invite @clonebot` there, then try again.")
            self.reports.setdefault(request.id, (channel, diagnosis))
            self.answered.append(Answered(request, headline(diagnosis), (f"The report is in <#{channel}>.",)))

    def show(self, operation: Operation) -> str:
        self._answer_or_fail()
        with self._lock:
            self.shown.append(operation)
            return self._messages.setdefault(operation.id, f"{len(self._messages) + 1}.000000")

    def note(self, operation: Operation, text: str) -> None:
        self._answer_or_fail()
        with self._lock:
            if operation.id not in self._messages:
                raise ChatError(f"`{operation.id}` has no message yet.")
            self.notes.append((operation.id, text))

    def post_digest(self, channel: str, digest: Digest) -> str:
        self._answer_or_fail()
        with self._lock:
            if channel in self.outside:
                raise ChatError("I am not in that channel. Type `/invite @clonebot` there, then try again.")
            self.digests.setdefault(digest.id, (channel, digest))
            return f"{list(self.digests).index(digest.id) + 1}.5"

    def post_notice(self, channel: str, notice: Notice) -> str:
        self._answer_or_fail()
        with self._lock:
            if channel in self.outside:
                raise ChatError("I am not in that channel. Type `/invite @clonebot` there, then try again.")
            self.notices.setdefault(notice.id, (channel, notice))
            return f"{list(self.notices).index(notice.id) + 1}.7"

    def cards(self) -> dict[str, Operation]:
        """What each live message shows now, by operation id."""
        return {operation.id: operation for operation in self.shown}

    def answers_to(self, user: str) -> list[str]:
        """Everything that this person alone was told."""
        return [answered.text for answered in self.answered if answered.request.user == user]

    def _answer_or_fail(self) -> None:
        if self.down is not None:
            raise self.down
