"""The lab's Slack slows an app down, breaks on demand, and has people of every kind."""

import http.client
from collections.abc import Iterator

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from bot.lab.slack import LocalSlack
from bot.lab.slack.pace import Pace


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    with LocalSlack() as slack:
        yield slack


@pytest.fixture
def web(slack: LocalSlack) -> WebClient:
    return WebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])


# -- how often -------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


CALLS = {"usergroups.users.list": 20, "chat.update": 50, "users.info": 100, "new.one": 50}


@pytest.mark.parametrize(("method", "calls"), CALLS.items())
def test_a_method_may_be_called_so_often_in_any_minute(method: str, calls: int) -> None:
    clock = Clock()
    pace = Pace(now=clock)
    assert [pace.admit(method) for _ in range(calls)] == [0] * calls
    clock.now = 12.5
    assert pace.admit(method) == 48
    clock.now = 59.9
    assert pace.admit(method) == 1
    clock.now = 60
    assert pace.admit(method) == 0
    assert pace.slowed == [method] * 2


def test_each_channel_takes_a_message_a_second_and_short_bursts() -> None:
    clock = Clock()
    pace = Pace(now=clock)
    assert not any(pace.admit("chat.postMessage", "C0WEB") for _ in range(30))
    assert pace.admit("chat.postMessage", "C0WEB") == 30
    assert pace.admit("chat.postMessage", "C0OTHER") == 0
    for clock.now in range(30, 330):
        assert pace.admit("chat.postMessage", "C0WEB") == 0


def test_all_channels_together_take_three_hundred_a_minute() -> None:
    pace = Pace(now=Clock())
    assert not any(pace.admit("chat.postMessage", f"C{number}") for number in range(300))
    assert pace.admit("chat.postMessage", "C300") == 60


def test_a_call_that_comes_too_early_gets_429_and_when_to_come_again(
    slack: LocalSlack, web: WebClient
) -> None:
    for _ in range(20):
        web.usergroups_users_list(usergroup="S0OPS")
    with pytest.raises(SlackApiError) as refused:
        web.usergroups_users_list(usergroup="S0OPS")
    response = refused.value.response
    assert (response.status_code, response.data) == (429, {"ok": False, "error": "ratelimited"})
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert (slack.slowed, slack.problems) == (["usergroups.users.list"], [])


def test_the_limits_can_be_lifted() -> None:
    with LocalSlack(rate_limits=False) as slack:
        web = WebClient(token=slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        for _ in range(25):
            web.usergroups_users_list(usergroup="S0OPS")
        assert slack.slowed == []


# -- what breaks -----------------------------------------------------------------------------------------


def test_slack_out_of_order_answers_with_a_page(slack: LocalSlack, web: WebClient) -> None:
    slack.faults.break_down("chat.postMessage", status=503)
    with pytest.raises(SlackApiError) as refused:
        web.chat_postMessage(channel="C0WEB", text="x")
    assert refused.value.response.status_code == 503
    assert slack.messages("C0WEB") == []


@pytest.mark.parametrize("done", [False, True])
def test_an_answer_may_be_lost_before_or_after_it_was_done(
    slack: LocalSlack, web: WebClient, *, done: bool
) -> None:
    slack.faults.hang_up("chat.postMessage", done=done)
    with pytest.raises((http.client.HTTPException, OSError)):
        web.chat_postMessage(channel="C0WEB", text="x")
    assert [message.text for message in slack.messages("C0WEB")] == ["x"] * done


def test_a_fault_may_be_for_every_method(slack: LocalSlack, web: WebClient) -> None:
    slack.faults.error("*", "service_unavailable", times=2)
    for call in (web.auth_test, web.usergroups_list):
        with pytest.raises(SlackApiError, match="service_unavailable"):
            call()
    assert web.auth_test()["ok"]


def test_an_address_for_answers_expires(slack: LocalSlack) -> None:
    address = slack.response_url("U0BOB", "C0WEB")
    assert WebhookClient(address).send(text="in time").status_code == 200
    slack.faults.expire_response_urls()
    late = WebhookClient(address).send(text="late")
    assert (late.status_code, late.body) == (404, "expired_url")
    assert [message.text for message in slack.messages("C0WEB")] == ["in time"]


# -- people ----------------------------------------------------------------------------------------------


def test_slack_says_of_each_person_what_they_are(web: WebClient) -> None:
    def marks(user: str) -> tuple[bool, ...]:
        told = web.users_info(user=user)["user"]
        names = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted")
        return tuple(bool(told.get(name)) for name in names)

    assert marks("U0BOB") == (False, False, False, False)
    assert marks("U0ZOE") == (True, False, False, False)
    assert marks("U0ROB") == (False, True, False, False)
    assert marks("U0GIL") == (False, False, True, False)
    assert marks("U0PIA") == (False, False, True, True)
    assert marks("USLACKBOT") == (False, False, False, False)
    assert web.users_info(user="U0WIM")["user"]["team_id"] == "T0PARTNER"
    assert web.usergroups_users_list(usergroup="S0EVERYBODY")["users"] == ["U0ADA", "U0EVE", "U0GIL", "U0ROB"]


def test_a_channel_says_with_whom_it_is_shared(web: WebClient) -> None:
    shared = web.conversations_info(channel="C0WEB")["channel"]
    assert (shared["is_ext_shared"], shared["shared_team_ids"]) == (True, ["T0LAB", "T0PARTNER"])
    assert web.conversations_info(channel="C0GENERAL")["channel"]["is_ext_shared"] is False


def test_somebody_of_another_workspace_has_no_commands_here(slack: LocalSlack) -> None:
    slack.command("U0WIM", "C0WEB", "scale 4")
    assert slack.seen_by("U0WIM", "C0WEB")[-1].text == "`/clone` is not a valid command."
