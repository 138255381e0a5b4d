"""The Slack app asks for what the bot needs, and the check for the same."""

import re
from pathlib import Path

from bot.lab.slack.workspace import SCOPES as OF_THE_LAB
from bot.slack.inspection import SCOPES

MANIFEST = (Path(__file__).parents[2] / "deploy" / "slack-manifest.yaml").read_text()


def test_the_manifest_asks_for_exactly_the_scopes_that_the_check_wants() -> None:
    asked = MANIFEST.partition("    bot:\n")[2].partition("settings:")[0]
    scopes = re.findall(r"^ +- (\S+)", asked, flags=re.MULTILINE)
    assert sorted(scopes) == sorted(SCOPES)


def test_the_labs_slack_gives_exactly_these_scopes() -> None:
    assert frozenset(SCOPES) == OF_THE_LAB
