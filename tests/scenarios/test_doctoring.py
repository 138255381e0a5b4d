"""From a master that must not be cloned to the first image of it, as its people go that way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.domain.operation import Stage
from bot.lab.slack.board import Message
from tests.scenarios.visitor import ADA, BOB, CHANNEL, Visitor, read

HOSTILE = "kanarek`@U0CAT <!channel> $(touch /tmp/kanarek)"


@pytest.fixture(params=["billing"])
def job(visitor: Visitor, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A cron job on the master that the fleet file does not know."""
    path = visitor.lab.hosts.disk(visitor.lab.site.master) / "etc/cron.d" / request.param
    path.parent.mkdir(exist_ok=True)
    path.write_text("*/5 * * * * root /usr/local/bin/bill customers\n")
    yield path
    path.unlink(missing_ok=True)


def report(visitor: Visitor) -> Message:
    """The newest of the doctor's cards in the channel."""
    *_, newest = (m for m in visitor.lab.slack.messages(CHANNEL) if _is_report(m))
    return newest


def _is_report(message: Message) -> bool:
    return (message.metadata or {}).get("event_type") == "clonebot_report"


def the_finding(visitor: Visitor) -> str:
    """The id of the one thing that blocks, as the card names it."""
    lines = read(report(visitor)).splitlines()
    (line,) = (each for each in lines if each.startswith("• ") and "/etc/cron.d/billing" in each)
    return line.partition("`")[2].partition("`")[0]


def test_a_master_as_the_lab_brings_it_can_be_cloned(visitor: Visitor) -> None:
    assert "nothing blocks a clone image" in visitor.hear("doctor web")
    thread = visitor.lab.slack.messages(CHANNEL, thread=report(visitor).ts)
    assert [bool(message.files) for message in thread] == [False, True]


def test_what_blocks_is_found_waived_and_then_in_the_plan(visitor: Visitor, job: Path) -> None:
    visitor.forget_image_and_rules()
    refused = visitor.hear("scale web 1")
    assert "/etc/cron.d/billing" in refused
    assert "/clone waive web " in refused
    assert visitor.clones() == {}

    assert "1 thing blocks a clone image" in visitor.hear("doctor web")
    name = the_finding(visitor)
    waive = f"waive web {name} --until 2099-01-01 --reason '{HOSTILE}'"
    assert "a waiver lasts 180 days at most" in visitor.hear(waive, user=ADA)
    assert "needs the role" in visitor.hear(f"waive web {name} --until 2099-01-01 --reason x", user=BOB)

    until = refused.partition("--until ")[2].partition(" ")[0]
    said = visitor.hear(waive.replace("2099-01-01", until), user=ADA)
    assert f"Waived `{name}`" in said

    ended = visitor.scale(1)
    assert ended.stage is Stage.DONE
    shown = visitor.shows(ended.id, f"`{name}` is waived until {until}")
    assert "<!channel>" not in shown
    assert "<@U0CAT>" not in shown
    visitor.assert_audit_is_complete()
    assert job.exists()


@pytest.mark.parametrize("job", ["mailing"], indirect=True)  # the other one is waived by now
def test_what_was_put_right_blocks_no_more(visitor: Visitor, job: Path) -> None:
    assert "/etc/cron.d/mailing" in visitor.hear("bake web")
    job.unlink()
    assert visitor.end_of(visitor.open("bake web")).stage is Stage.DONE


def test_a_master_that_does_not_answer_is_named_and_nothing_is_done(visitor: Visitor) -> None:
    master, site = visitor.lab.site.master, visitor.lab.site
    visitor.lab.hosts.shut_down(master)
    try:
        said = visitor.hear("doctor web")
    finally:
        visitor.lab.hosts.boot(master)
    assert "Nothing was changed" in said
    assert master in said
    visitor.until(lambda: visitor.lab.aws.serving(site.target_group), "the master does not serve again")
