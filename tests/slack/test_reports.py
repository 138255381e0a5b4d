"""What the doctor found, in Slack: a card in the fleet's channel, the report in its thread and as a file."""

# ruff: noqa: E501 (what is told on one line stands on one line)

import json
import urllib.request
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from inline_snapshot import snapshot
from slack_sdk.models.blocks import Block

from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.finding import Finding, NotChecked, Severity
from bot.domain.doctor.waiver import waive
from bot.domain.errors import ChatError
from bot.lab.slack.block_kit import block_faults
from bot.lab.slack.board import Message as Posted
from bot.lab.slack.server import LocalSlack
from bot.slack.chat import SlackChat
from bot.slack.views.doctor import show_diagnosis, show_report
from bot.slack.views.message import Message
from tests.commands.examples import MASTER, a_diagnosis, a_finding
from tests.slack.examples import request

OTHER = a_finding("/etc/cron.d/mail:1", what="Mail would go out twice.")
WAIVER = waive(OTHER, fleet="web", master=MASTER, until=date(2026, 12, 31), reason="no mail is sent here")
SEEN = a_diagnosis(
    a_finding(),
    OTHER,
    a_finding("sg-1", check="open-port", pitfall=21, severity=Severity.WARNS, what="Anybody gets in."),
    waivers=(replace(WAIVER, by="T0LAB/U0ADA"),),
    not_checked=(NotChecked(check="mail-queue", pitfall=7, why="No sudo. Allow it."),),
)
HOSTILE = (
    "<!channel>",
    "<https://evil.example|click>",
    "@U0ADA @S0OPS @channel",
    "`code` *bold* _it_",
    "line\nbreak\r\n\x00\x1b[31mred",
    "\u202egnp.exe\u2066",
    "\ud83d",
    "<" * 4000,
    "🦔" * 3000,
)


def now(seen: Diagnosis = SEEN) -> Diagnosis:
    return replace(seen, at=datetime.now(UTC))


def a_long_one(number: int) -> Diagnosis:
    findings = [a_finding(f"/etc/cron.d/job{each}:1", what="It would run. " * 30) for each in range(number)]
    return a_diagnosis(*findings)


def card(slack: LocalSlack) -> Posted:
    (found,) = (message for message in slack.messages("C0WEB") if message.metadata)
    return found


def thread(slack: LocalSlack) -> list[Posted]:
    return list(slack.messages("C0WEB", thread=card(slack).ts))


def whispers(slack: LocalSlack, user: str) -> list[str]:
    return [message.text for message in slack.seen_by(user, "C0WEB") if message.ephemeral_for]


def require_valid(message: Message) -> None:
    blocks = list(message.blocks)
    assert block_faults(blocks) == []
    assert [parsed.to_dict() for parsed in Block.parse_all(blocks)] == blocks
    assert len(blocks) <= 50
    assert 0 < len(message.text) <= 3000
    assert sum(len(json.dumps(block, ensure_ascii=False)) for block in blocks) < 13_000


# -- what it looks like -------------------------------------------------------------------------------


def test_a_card_is_short() -> None:
    assert [block["text"]["text"] for block in show_diagnosis(SEEN).blocks] == snapshot(
        [
            """\
*web*: 1 thing blocks a clone image
1 blocking · 1 waived · 1 warning · 1 not checked
• `cron-jobs-d906` A cron job would run on every clone, too. Where: `/etc/cron.d/billing:3`
• `cron-jobs-2e24` is waived until 2026-12-31 by <@U0ADA>: no mail is sent here
`i-0000000000000000a` as it was at 2026-11-22 12:00:00 UTC; what to do about it stands in the thread.\
"""
        ]
    )


def test_the_thread_has_it_whole() -> None:
    assert [block["text"]["text"] for page in show_report(SEEN) for block in page.blocks] == snapshot(
        [
            """\
`i-0000000000000000a`, the master of *web*, as it was at 2026-11-22 12:00:00 UTC
*Blocking, until put right or waived*
• `cron-jobs-d906` (pitfall 6) A cron job would run on every clone, too. Where: `/etc/cron.d/billing:3`. To do: Name it in the fleet file.
*Waived*
• `cron-jobs-2e24` (pitfall 6) Mail would go out twice. Where: `/etc/cron.d/mail:1`. To do: Name it in the fleet file. Waived until 2026-12-31 by <@U0ADA>: no mail is sent here
*Warnings*
• `open-port-1336` (pitfall 21) Anybody gets in. Where: `sg-1`. To do: Name it in the fleet file.
*Not checked*
• `mail-queue` (pitfall 7): No sudo. Allow it.\
"""
        ]
    )


@pytest.mark.parametrize("number", [0, 1, 12, 40, 400])
def test_however_much_is_found_slack_takes_it(number: int) -> None:
    seen = a_long_one(number)
    pages = show_report(seen)
    for message in (show_diagnosis(seen), *pages):
        require_valid(message)
    assert len(pages) <= 4
    assert ("lines more, which the file has" in pages[-1].blocks[-1]["text"]["text"]) == (number == 400)


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_that_came_from_the_server_is_live(word: str) -> None:
    seen = a_diagnosis(
        Finding(check="x", pitfall=6, severity=Severity.BLOCKS, what=word, where=word, remedy=word),
        not_checked=(NotChecked(check="x", pitfall=6, why=word),),
    )
    for message in (show_diagnosis(seen), *show_report(seen)):
        require_valid(message)
        shown = json.dumps([message.text, message.blocks], ensure_ascii=False)
        assert "<!" not in shown
        assert "<@" not in shown
        assert "<http" not in shown
        assert "\\u001b" not in shown


# -- where it goes ------------------------------------------------------------------------------------


def test_the_report_is_in_the_cards_thread_and_a_file(chat: SlackChat, slack: LocalSlack) -> None:
    chat.report(request(), "C0WEB", now())
    assert card(slack).text.startswith("*web*: 1 thing blocks a clone image")
    page, file = thread(slack)
    assert "Name it in the fleet file." in page.text
    (described,) = file.files
    with urllib.request.urlopen(described["url_private"]) as answer:
        told = answer.read().decode()
    assert "BLOCKS cron-jobs-" in told
    assert "where: /etc/cron.d/billing:3" in told
    assert whispers(slack, "U0BOB") == [
        "*web*: 1 thing blocks a clone image · The report is in <#C0WEB>, in a thread."
    ]


def test_a_report_asked_for_again_is_the_same_one(chat: SlackChat, slack: LocalSlack) -> None:
    for _ in range(2):
        chat.report(request(), "C0WEB", now())
    assert len(thread(slack)) == 2


def test_a_report_that_was_cut_off_is_completed(chat: SlackChat, slack: LocalSlack) -> None:
    seen = now(a_long_one(40))
    whole = len(show_report(seen)) + 1
    assert whole > 3
    slack.faults.error("files.getUploadURLExternal", "internal_error", times=9)
    with pytest.raises(ChatError):
        chat.report(request(), "C0WEB", seen)
    assert len(thread(slack)) == whole - 1
    slack.faults.clear()
    chat.report(request(), "C0WEB", seen)
    assert len(thread(slack)) == whole


def test_two_reports_are_two_cards(chat: SlackChat, slack: LocalSlack) -> None:
    chat.report(request(id="op-1"), "C0WEB", now())
    chat.report(request(id="op-2"), "C0WEB", now())
    assert len([message for message in slack.messages("C0WEB") if message.metadata]) == 2


def test_where_slack_takes_no_file_the_thread_says_why(chat: SlackChat, slack: LocalSlack) -> None:
    slack.faults.error("files.getUploadURLExternal", "missing_scope")
    chat.report(request(), "C0WEB", now())
    page, note = thread(slack)
    assert "Name it in the fleet file." in page.text
    assert note.text.startswith("The report as a file could not be added: My Slack app lacks the scope")
    assert len(whispers(slack, "U0BOB")) == 1


def test_a_channel_that_we_are_not_in_is_an_error(chat: SlackChat, slack: LocalSlack) -> None:
    slack.faults.error("conversations.history", "not_in_channel")
    with pytest.raises(ChatError, match="/invite @clonebot"):
        chat.report(request(), "C0WEB", now())
