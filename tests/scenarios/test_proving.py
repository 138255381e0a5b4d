"""A clone that serves is broken by hand, found, mended, and serves again."""

import pytest

from bot.domain.operation import Stage
from bot.lab.lab import Lab
from tests.scenarios.conftest import Labs
from tests.scenarios.visitor import CHANNEL, DAN, Visitor

pytestmark = pytest.mark.xdist_group("socket")


@pytest.fixture
def lab(labs: Labs) -> Lab:
    """One way is enough: nothing of this depends on how Slack reaches the bot."""
    return labs("socket")


def test_what_breaks_while_it_serves_is_set_aside_until_it_is_mended(visitor: Visitor) -> None:
    visitor.scale(2)
    one, two = sorted(visitor.serving())

    found = visitor.spoil(one)

    assert found.stage is Stage.PARTLY_DONE
    assert f"1 of 2 clones are proved, because {one}: the proof failed: hostname" in found.result
    thread = visitor.lab.slack.messages(CHANNEL, thread=visitor.card(found.id).ts)
    assert any("✅ machine-id ❌ hostname: it is the master's" in message.text for message in thread)
    assert (visitor.serving(), visitor.quarantined()) == ([two], [one])
    assert "failed less than a minute ago" in visitor.hear("status", user=DAN)

    still = visitor.end_of(visitor.open(f"release {one}"))
    assert still.stage is Stage.FAILED
    assert f"{one} stays quarantined" in still.result

    visitor.give_name(one, "mended")
    mended = visitor.end_of(visitor.open(f"release {one}"))

    assert mended.stage is Stage.DONE, mended.result
    assert (sorted(visitor.serving()), visitor.quarantined()) == ([one, two], [])
    visitor.assert_audit_is_complete()
