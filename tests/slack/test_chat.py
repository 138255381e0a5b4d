"""Chat over Slack's protocol when Slack is slow, out of order, or says no."""

import socket
import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.errors import ChatError
from bot.domain.operation import Stage
from bot.lab.slack.board import Message
from bot.lab.slack.server import LocalSlack
from bot.slack.calls import Caller, NoAnswer, SlackRefused, web_client
from bot.slack.chat import SlackChat
from tests.slack.examples import operation, request


def cards(slack: LocalSlack) -> list[Message]:
    return [message for message in slack.messages("C0WEB") if message.metadata]


def whispers(slack: LocalSlack, user: str) -> list[Message]:
    return [message for message in slack.seen_by(user, "C0WEB") if message.ephemeral_for]


# -- waiting and trying again -------------------------------------------------------------------------


def test_it_waits_as_long_as_slack_asks(chat: SlackChat, slack: LocalSlack, pauses: list[float]) -> None:
    slack.faults.rate_limit("chat.postMessage", seconds=7, times=2)
    chat.show(operation())
    assert pauses == [7, 7]
    assert len(cards(slack)) == 1


def test_it_does_not_wait_for_ever(chat: SlackChat, slack: LocalSlack, pauses: list[float]) -> None:
    slack.faults.rate_limit("users.info", seconds=20, times=9)
    with pytest.raises(ChatError, match="slow down"):
        chat.person("T0LAB", "U0BOB", frozenset())
    assert pauses == [20]


def test_a_slack_that_is_out_of_order_is_asked_again(
    chat: SlackChat, slack: LocalSlack, pauses: list[float]
) -> None:
    slack.faults.error("users.info", "internal_error", times=2)
    assert chat.person("T0LAB", "U0BOB", frozenset()).name == "bob"
    assert len(pauses) == 2


def test_a_message_is_posted_once_though_slack_is_out_of_order(chat: SlackChat, slack: LocalSlack) -> None:
    slack.faults.error("chat.postMessage", "fatal_error", times=2)
    assert [chat.show(operation())] == [card.ts for card in cards(slack)]


def test_a_slack_that_is_gone_is_asked_three_times(pauses: list[float]) -> None:
    chat = SlackChat(web_client("xoxb-1", "http://127.0.0.1:9/api"), Caller(sleep=pauses.append))
    with pytest.raises(NoAnswer, match="cannot be reached"):
        chat.person("T0LAB", "U0BOB", frozenset())
    assert len(pauses) == 2


def test_the_workspace_is_asked_for_until_it_is_known(chat: SlackChat, slack: LocalSlack) -> None:
    slack.faults.error("auth.test", "invalid_auth")
    with pytest.raises(ChatError):
        chat.home_team()
    assert chat.home_team() == "T0LAB"
    slack.faults.error("auth.test", "invalid_auth")
    assert chat.home_team() == "T0LAB"


# -- one message per operation ------------------------------------------------------------------------


def test_a_message_whose_answer_was_lost_is_not_posted_again(slack: LocalSlack) -> None:
    client = web_client(slack.bot_token, slack.api_url)
    client.timeout = 1

    def wait_until_posted(_seconds: float) -> None:
        slack.wait_for(lambda message: message.metadata is not None, timeout=3)

    slack.faults.hang("chat.postMessage", 1.3)
    shown = SlackChat(client, Caller(sleep=wait_until_posted)).show(operation())
    assert [card.ts for card in cards(slack)] == [shown]


def test_two_threads_show_one_message(chat: SlackChat, slack: LocalSlack) -> None:
    threads = [threading.Thread(target=chat.show, args=(operation(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cards(slack)) == 1


def test_a_message_that_somebody_deleted_is_posted_again(chat: SlackChat, slack: LocalSlack) -> None:
    first = chat.show(operation())
    web_client(slack.bot_token, slack.api_url).chat_delete(channel="C0WEB", ts=first)
    second = chat.show(operation(message=first))
    assert second != first
    assert [card.ts for card in cards(slack)] == [second]


def test_a_card_is_found_behind_hundreds_of_other_messages(chat: SlackChat, slack: LocalSlack) -> None:
    first = chat.show(operation())
    for number in range(250):
        slack.say("U0BOB", "C0WEB", f"chatter {number}")
    assert chat.show(operation()) == first


def test_the_card_of_a_bot_whose_clock_is_ahead_is_found(chat: SlackChat) -> None:
    asked = operation()
    ahead = replace(asked, created=asked.created + timedelta(minutes=5))
    assert chat.show(ahead) == chat.show(ahead)


def test_a_card_is_known_by_its_metadata_and_its_author(chat: SlackChat, slack: LocalSlack) -> None:
    slack.say("U0EVE", "C0WEB", f"web: 0 → 4 clones {operation().id}")
    chat.show(operation(id="op-other"))
    chat.show(operation())
    assert len(cards(slack)) == 2


def test_an_update_takes_the_buttons_away(chat: SlackChat, slack: LocalSlack) -> None:
    shown = chat.show(operation())
    chat.show(operation(message=shown, stage=Stage.DONE))
    (card,) = cards(slack)
    assert [block["type"] for block in card.blocks if block["type"] == "actions"] == []
    assert card.edited


# -- private answers ----------------------------------------------------------------------------------


def test_an_answer_goes_where_slack_wants_it(chat: SlackChat, slack: LocalSlack) -> None:
    answers = slack._workspace.new_response_url(kind="commands", user="U0BOB", channel="C0WEB")  # noqa: SLF001
    chat.answer(request(reply_to=answers), "web", ["4 serve"])
    assert len(whispers(slack, "U0BOB")) == 1


def test_an_answer_leaves_the_clicked_card_as_it_is(chat: SlackChat, slack: LocalSlack) -> None:
    card = chat.show(operation())
    answers = slack._workspace.new_response_url(  # noqa: SLF001 (as a click would give it)
        kind="actions", user="U0BOB", channel="C0WEB", original=card
    )
    chat.answer(request(reply_to=answers), "Not you", ["somebody else must approve"])
    assert [message.ts for message in cards(slack)] == [card]
    assert len(whispers(slack, "U0BOB")) == 1


def test_an_answer_whose_address_is_used_up_arrives_all_the_same(chat: SlackChat, slack: LocalSlack) -> None:
    chat.answer(request(reply_to=f"{slack.url}/commands/T0LAB/gone"), "web", ["4 serve"])
    assert len(whispers(slack, "U0BOB")) == 1


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/steal",
        "https://hooks.slack.com.evil.example/x",
        "https://hooks.slack.com@127.0.0.1:{port}/x",
        "http://hooks.slack.com/x",
        "file:///etc/passwd",
        "//127.0.0.1:{port}/x",
        "not an address",
    ],
)
def test_nothing_is_sent_to_an_address_that_is_not_slacks(
    chat: SlackChat, slack: LocalSlack, address: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0)
        chat.answer(request(reply_to=address.format(port=trap.getsockname()[1])), "web", ["4 serve"])
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert len(whispers(slack, "U0BOB")) == 1


# -- what Slack says no to ----------------------------------------------------------------------------


def test_a_channel_without_the_bot_says_how_to_invite_it(chat: SlackChat) -> None:
    with pytest.raises(SlackRefused, match=r"`/invite @clonebot`"):
        chat.show(operation(channel="C0GENERAL"))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("invalid_auth", "SLACK_BOT_TOKEN"),
        ("missing_scope", "lacks the scope"),
        ("is_archived", "archived"),
        ("something_new", "`users.info`: something_new"),
    ],
)
def test_a_refusal_is_put_in_our_words(chat: SlackChat, slack: LocalSlack, code: str, words: str) -> None:
    slack.faults.error("users.info", code)
    with pytest.raises(SlackRefused, match=words):
        chat.person("T0LAB", "U0BOB", frozenset())


def test_a_group_that_cannot_be_read_for_lack_of_a_scope_is_an_error(
    chat: SlackChat, slack: LocalSlack
) -> None:
    slack.faults.error("usergroups.users.list", "missing_scope")
    with pytest.raises(SlackRefused, match="scope"):
        chat.person("T0LAB", "U0BOB", frozenset({"S0OPS"}))
