"""What the check is promised of Slack, kept alike in memory and by Slack as the lab plays it."""

from collections.abc import Callable, Iterator

import pytest

from bot.check.probes import ChatProbe
from bot.domain.errors import ChatError
from bot.lab.slack.server import LocalSlack
from bot.slack.calls import web_client
from bot.slack.inspection import SCOPES, SlackInspection
from tests.check.fakes import FakeChat

Open = Callable[..., ChatProbe]


@pytest.fixture(scope="module")
def slack() -> Iterator[LocalSlack]:
    with LocalSlack() as started:
        yield started


@pytest.fixture(params=["memory", "slack"])
def probe(request: pytest.FixtureRequest, slack: LocalSlack) -> ChatProbe:
    if request.param == "memory":
        return FakeChat(scopes=frozenset(SCOPES), app_token=slack.app_token)
    return SlackInspection(web_client(slack.bot_token, slack.api_url))


def test_a_token_tells_whose_it_is_what_it_may_and_what_time_it_is(probe: ChatProbe) -> None:
    token = probe.token()
    assert (token.team, token.user, token.scopes) == ("T0LAB", "clonebot", frozenset(SCOPES))
    assert token.clock is not None
    assert abs(token.clock) < 5


def test_an_app_token_opens_a_connection_or_is_refused(probe: ChatProbe, slack: LocalSlack) -> None:
    probe.open_connection(slack.app_token)
    with pytest.raises(ChatError):
        probe.open_connection("xapp-wrong")


@pytest.mark.parametrize(("channel", "is_in"), [("C0WEB", True), ("C0GENERAL", False), ("C0NOBODY", False)])
def test_the_bot_is_in_a_channel_or_it_is_said_that_it_is_not(
    probe: ChatProbe, channel: str, *, is_in: bool
) -> None:
    assert (probe.channel(channel) == "") is is_in


@pytest.mark.parametrize(("group", "known"), [("S0OPS", True), ("S0NOBODY", False)])
def test_a_user_group_is_known_or_it_is_said_that_it_is_not(
    probe: ChatProbe, group: str, *, known: bool
) -> None:
    assert (probe.group(group) == "") is known


def test_a_token_that_slack_refuses_is_not_shown(slack: LocalSlack) -> None:
    with pytest.raises(ChatError, match="SLACK_BOT_TOKEN") as refused:
        SlackInspection(web_client("xoxb-wrong-and-secret", slack.api_url)).token()
    assert "secret" not in str(refused.value)


def test_scopes_are_what_slack_says_now(slack: LocalSlack) -> None:
    before = slack.scopes
    slack.scopes = frozenset({"commands"})
    try:
        token = SlackInspection(web_client(slack.bot_token, slack.api_url)).token()
    finally:
        slack.scopes = before
    assert token.scopes == frozenset({"commands"})
