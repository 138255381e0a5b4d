"""What every Chat promises, kept by the fake and by Slack's own protocol."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import pytest

from bot.domain.digest import headline
from bot.domain.doctor.report import headline as report_headline
from bot.domain.errors import ChatError
from bot.domain.notice import Notice
from bot.domain.operation import Stage
from bot.domain.people import Person
from bot.lab.slack.server import LocalSlack
from bot.slack.chat import SlackChat
from bot.world import Chat
from tests.commands.examples import a_diagnosis, a_finding
from tests.slack.chat_fake import FakeChat
from tests.slack.examples import digest, operation, request


class Room(Protocol):
    """A Chat, and what there is to see and change behind it."""

    @property
    def chat(self) -> Chat: ...
    def cards(self) -> list[str]: ...
    def digests(self) -> list[str]: ...
    def notices(self) -> list[str]: ...
    def reports(self) -> list[str]: ...
    def leave(self, channel: str) -> None: ...
    def told(self, user: str) -> list[str]: ...
    def thread(self) -> list[str]: ...
    def put_into_group(self, group: str, *users: str) -> None: ...
    def break_down(self) -> None: ...


@dataclass
class FakeRoom:
    chat: FakeChat

    def cards(self) -> list[str]:
        return [f"{card.plan.summary}: {card.stage}" for card in self.chat.cards().values()]

    def notices(self) -> list[str]:
        return [notice.title for _, notice in self.chat.notices.values()]

    def reports(self) -> list[str]:
        return [report_headline(diagnosis) for _, diagnosis in self.chat.reports.values()]

    def digests(self) -> list[str]:
        return [headline(digest) for _, digest in self.chat.digests.values()]

    def leave(self, channel: str) -> None:
        self.chat.outside.add(channel)

    def told(self, user: str) -> list[str]:
        return self.chat.answers_to(user)

    def thread(self) -> list[str]:
        return [text for _, text in self.chat.notes]

    def put_into_group(self, group: str, *users: str) -> None:
        self.chat.groups[group] = set(users)

    def break_down(self) -> None:
        self.chat.down = ChatError("Slack is out of order.")


@dataclass
class LabRoom:
    chat: SlackChat
    slack: LocalSlack

    def cards(self) -> list[str]:
        shown = [m for m in self.slack.messages("C0WEB") if not m.ephemeral_for and m.user == "U0CLONEBOT"]
        return [message.text for message in shown]

    def notices(self) -> list[str]:
        return self.digests()

    def reports(self) -> list[str]:
        return self.digests()

    def digests(self) -> list[str]:
        found = [m for m in self.slack.messages("C0WEB") if m.metadata]
        return [message.text.partition(" · ")[0] for message in found]

    def leave(self, channel: str) -> None:
        team = self.slack.team
        channels = tuple(replace(c, bot_is_in=False) if c.id == channel else c for c in team.channels)
        self.slack.team = replace(team, channels=channels)

    def told(self, user: str) -> list[str]:
        return [
            "\n".join(block["text"]["text"] for block in message.blocks)
            for message in self.slack.seen_by(user, "C0WEB")
            if message.ephemeral_for
        ]

    def thread(self) -> list[str]:
        (card,) = (m for m in self.slack.messages("C0WEB") if m.metadata)
        return [message.text for message in self.slack.messages("C0WEB", thread=card.ts)]

    def put_into_group(self, group: str, *users: str) -> None:
        self.slack.team = self.slack.team.with_group(group, *users)

    def break_down(self) -> None:
        for method in ("chat.postMessage", "chat.update", "users.info"):
            self.slack.faults.error(method, "internal_error", times=9)


NOTICE = Notice(
    id="reconcile/web/1", at=digest().at, title="web: something differs", lines=("`i-1` is gone.",)
)
PEOPLE = (
    Person(team="T0LAB", id="U0BOB", name="bob"),
    Person(team="T0LAB", id="U0GIL", name="gil", guest=True),
    Person(team="T0LAB", id="U0ZOE", name="zoe", active=False),
    Person(team="T0LAB", id="U0CLONEBOT", name="clonebot", bot=True),
)


@pytest.fixture
def fake_room() -> FakeRoom:
    return FakeRoom(FakeChat(*PEOPLE, groups={"S0OPS": {"U0BOB", "U0CAT"}}))


@pytest.fixture
def lab_room(slack: LocalSlack, chat: SlackChat) -> LabRoom:
    return LabRoom(chat, slack)


@pytest.fixture(params=["fake_room", "lab_room"])
def room(request: pytest.FixtureRequest) -> Room:
    found: Room = request.getfixturevalue(request.param)
    return found


def test_it_knows_its_workspace(room: Room) -> None:
    assert room.chat.home_team() == "T0LAB"


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)
def test_it_describes_a_person(room: Room, person: Person) -> None:
    assert room.chat.person("T0LAB", person.id, frozenset()) == person


def test_nobody_knows_a_person_that_does_not_exist(room: Room) -> None:
    with pytest.raises(ChatError, match="no such person"):
        room.chat.person("T0LAB", "U0NOBODY", frozenset())


def test_it_tells_only_the_groups_that_were_asked_for(room: Room) -> None:
    assert room.chat.person("T0LAB", "U0BOB", frozenset()).groups == frozenset()
    assert room.chat.person("T0LAB", "U0BOB", frozenset({"S0OPS"})).groups == {"S0OPS"}


def test_nobody_is_in_a_group_that_does_not_exist(room: Room) -> None:
    assert room.chat.person("T0LAB", "U0BOB", frozenset({"S0GONE"})).groups == frozenset()


def test_membership_is_read_afresh(room: Room) -> None:
    room.chat.person("T0LAB", "U0BOB", frozenset({"S0OPS"}))
    room.put_into_group("S0OPS", "U0CAT")
    assert room.chat.person("T0LAB", "U0BOB", frozenset({"S0OPS"})).groups == frozenset()


def test_an_answer_is_for_the_person_who_asked_alone(room: Room) -> None:
    room.chat.answer(request(user="U0BOB"), "Fleets", ["web serves"])
    (told,) = room.told("U0BOB")
    assert "Fleets" in told
    assert "web serves" in told
    assert room.told("U0ADA") == []
    assert room.cards() == []


def test_an_operation_has_one_live_message(room: Room) -> None:
    first = room.chat.show(operation())
    second = room.chat.show(operation(message=first, stage=Stage.WAITING))
    assert first == second
    assert room.cards() == ["web: 0 → 4 clones: waiting for its turn"]


def test_a_message_that_was_posted_but_not_remembered_is_found_again(room: Room) -> None:
    first = room.chat.show(operation())
    assert room.chat.show(operation(message="", stage=Stage.WAITING)) == first
    assert room.cards() == ["web: 0 → 4 clones: waiting for its turn"]


def test_two_operations_have_two_messages(room: Room) -> None:
    assert room.chat.show(operation()) != room.chat.show(operation(id="op-other"))
    assert len(room.cards()) == 2


def test_a_note_goes_to_the_thread(room: Room) -> None:
    shown = operation()
    room.chat.note(replace(shown, message=room.chat.show(shown)), "two servers run")
    assert room.thread() == ["two servers run"]
    assert len(room.cards()) == 1


def test_a_note_finds_a_message_that_was_not_remembered(room: Room) -> None:
    room.chat.show(operation())
    room.chat.note(operation(message=""), "two servers run")
    assert room.thread() == ["two servers run"]


def test_a_note_needs_a_message(room: Room) -> None:
    with pytest.raises(ChatError, match="no message yet"):
        room.chat.note(operation(), "two servers run")


def test_a_digest_is_posted_once_however_often_it_is_asked_for(room: Room) -> None:
    first = room.chat.post_digest("C0WEB", digest())
    assert room.chat.post_digest("C0WEB", digest()) == first
    assert room.digests() == ["Digest: could not read web; 0 of 1 fleet as wanted"]


def test_two_digests_are_two_messages(room: Room) -> None:
    first = room.chat.post_digest("C0WEB", digest())
    assert room.chat.post_digest("C0WEB", replace(digest(), id="digest/C0WEB/next")) != first
    assert len(room.digests()) == 2


def test_a_notice_is_posted_once_however_often_it_is_asked_for(room: Room) -> None:
    first = room.chat.post_notice("C0WEB", NOTICE)
    assert room.chat.post_notice("C0WEB", NOTICE) == first
    assert room.chat.post_notice("C0WEB", replace(NOTICE, id="another")) != first
    assert room.notices() == ["web: something differs"] * 2


def test_a_report_is_in_the_fleets_channel_once_and_who_asked_is_told(room: Room) -> None:
    seen = a_diagnosis(a_finding(), at=datetime.now(UTC))
    for _ in range(2):
        room.chat.report(request(user="U0BOB"), "C0WEB", seen)
    assert room.reports() == ["*web*: 1 thing blocks a clone image"]
    assert "<#C0WEB>" in room.told("U0BOB")[-1]
    room.chat.report(request(id="op-other"), "C0WEB", seen)
    assert len(room.reports()) == 2


def test_a_channel_that_we_are_not_in_is_refused_with_how_to_invite_us(room: Room) -> None:
    room.leave("C0WEB")
    with pytest.raises(ChatError, match="/invite @clonebot"):
        room.chat.post_digest("C0WEB", digest())
    with pytest.raises(ChatError, match="/invite @clonebot"):
        room.chat.post_notice("C0WEB", NOTICE)
    with pytest.raises(ChatError, match="/invite @clonebot"):
        room.chat.report(request(), "C0WEB", a_diagnosis(at=datetime.now(UTC)))


def test_what_slack_refuses_is_a_chat_error(room: Room) -> None:
    room.break_down()
    with pytest.raises(ChatError):
        room.chat.show(operation())
    with pytest.raises(ChatError):
        room.chat.person("T0LAB", "U0BOB", frozenset())
