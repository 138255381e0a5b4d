"""The lab's Slack, and the bot's two ways to it: Chat and Socket Mode."""

from collections.abc import Iterator

import pytest

from bot.lab.slack.server import LocalSlack
from bot.slack.calls import Caller, web_client
from bot.slack.chat import SlackChat

MALFORMED = ("invalid_", "no_text", "too_long", "metadata")


@pytest.fixture
def slack() -> Iterator[LocalSlack]:
    """A workspace of the example team. At the end nothing was malformed of what was sent."""
    local = LocalSlack()
    local.start()
    yield local
    local.close()
    assert [problem for problem in local.problems if any(word in problem for word in MALFORMED)] == []


@pytest.fixture
def pauses() -> list[float]:
    """How long the bot waited, in seconds, each time."""
    return []


@pytest.fixture
def chat(slack: LocalSlack, pauses: list[float]) -> SlackChat:
    return SlackChat(web_client(slack.bot_token, slack.api_url), Caller(sleep=pauses.append))
