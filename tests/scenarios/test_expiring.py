"""Nobody approves: the running bot reminds, and lets it end."""

from collections.abc import Iterator

import pytest

from bot.domain.operation import Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.scenarios.visitor import ADA, CHANNEL, Visitor, read

SECONDS = 20
pytestmark = pytest.mark.xdist_group("digests")


@pytest.fixture
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    with Lab(tmp_path_factory.getbasetemp().parent / "lab", delays=NO_DELAYS) as lab:
        lab.stop_bot()
        text = lab.fleet_file.read_text()
        assert "[policy.approval]\n" in text
        lab.fleet_file.write_text(
            text.replace("[policy.approval]\n", f"[policy.approval]\nexpires_after = {SECONDS}\n")
        )
        lab.start_bot()
        yield Visitor(lab)


def reminders(visitor: Visitor, operation: str) -> int:
    thread = visitor.lab.slack.messages(CHANNEL, thread=visitor.card(operation).ts)
    return sum("still awaits approval until" in read(message) for message in thread)


def test_approvers_are_reminded_and_then_it_ends_also_after_a_crash(visitor: Visitor) -> None:
    operation = visitor.open("scale web 4")
    visitor.until(lambda: reminders(visitor, operation), "nobody is reminded")
    visitor.lab.kill_bot()
    visitor.lab.start_bot()

    assert visitor.end_of(operation).stage is Stage.EXPIRED

    visitor.shows(operation, f"Nobody approved it within {SECONDS} seconds")
    assert reminders(visitor, operation) == 1
    assert "needs no decision any more: it is expired" in visitor.hear(f"approve {operation}", user=ADA)
    assert not visitor.clones()
    visitor.assert_audit_is_complete()
