"""Scheduled digests of a running bot: one message for each tick, also when it is killed around one."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from bot.lab.slack.board import Message
from bot.lab.slack.team import Team
from tests.scenarios.visitor import CHANNEL, DAN, Visitor

EVERY = 4
"""Seconds from one digest to the next."""
pytestmark = pytest.mark.xdist_group("digests")


@pytest.fixture(scope="module")
def visitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    folder = tmp_path_factory.getbasetemp().parent / "lab"
    with Lab(folder, delays=NO_DELAYS, digest=f"*/{EVERY} * * * * *") as lab:
        yield Visitor(lab)


def digests(visitor: Visitor) -> dict[str, Message]:
    """The digests in the channel by their ids, each of them there once."""
    found = [m for m in visitor.lab.slack.messages(CHANNEL) if "digest" in _payload(m)]
    ids = Counter(str(_payload(message)["digest"]) for message in found)
    assert [name for name, number in ids.items() if number > 1] == []
    return {str(_payload(message)["digest"]): message for message in found}


def test_digests_come_by_themselves(visitor: Visitor) -> None:
    first = set(digests(visitor))
    visitor.until(lambda: len(_quiet(visitor).keys() - first) >= 2, "no two digests with nothing to tell", 30)
    assert all(
        "web: no clones, no image yet, and its master not examined" in m.text
        for m in _quiet(visitor).values()
    )


def test_digest_shows_it_now_and_privately(visitor: Visitor) -> None:
    assert "no clones, no image yet" in visitor.hear("digest", user=DAN)


def test_a_bot_that_was_down_sends_one_late_digest_that_says_so(visitor: Visitor) -> None:
    visitor.until(lambda: digests(visitor), "no digests", 30)
    visitor.lab.kill_bot()
    before = len(digests(visitor))
    time.sleep(3 * EVERY)
    rows = visitor.audit("SELECT max(seq) FROM audit")[0][0]
    visitor.lab.start_bot()
    visitor.until(lambda: len(digests(visitor)) > before, "no digest after the restart", 30)
    sql = "SELECT text, json_extract(detail, '$.missed') FROM audit WHERE kind = 'digest' AND seq > ? LIMIT 1"
    assert visitor.audit(sql, rows)[0][1] == 1
    assert len(digests(visitor)) <= before + 2


@pytest.mark.parametrize("kind", ["digest", "posted"])
def test_killed_around_a_tick_it_is_still_one_message(visitor: Visitor, kind: str) -> None:
    last = visitor.audit("SELECT coalesce(max(seq), 0) FROM audit")[0][0]
    sql = "SELECT key FROM audit WHERE kind = ? AND seq > ? LIMIT 1"
    killed = visitor.kill_when(lambda who: bool(who.audit(sql, kind, last)))
    visitor.until(killed.is_set, "no tick came", 30)
    (key,) = visitor.audit(sql, kind, last)[0]
    visitor.lab.start_bot()
    visitor.until(lambda: key.removesuffix(":posted") in digests(visitor), f"{key} is lost", 30)
    visitor.until(lambda: visitor.audit("SELECT 1 FROM audit WHERE key = ?", _posted(key)), "not posted", 30)
    posted = visitor.audit("SELECT key FROM audit WHERE kind = 'posted'")
    assert len(set(posted)) == len(posted)
    visitor.assert_audit_is_complete()


def test_killed_once_slack_has_it_and_we_do_not_know_it_is_not_posted_again(visitor: Visitor) -> None:
    known = len(digests(visitor))
    killed = visitor.kill_when(lambda who: len(digests(who)) > known)
    visitor.until(killed.is_set, "no digest came", 30)
    newest = list(digests(visitor))[-1]
    visitor.lab.start_bot()
    visitor.until(lambda: visitor.audit("SELECT 1 FROM audit WHERE key = ?", _posted(newest)), "lost", 30)
    visitor.until(lambda: list(digests(visitor))[-1] != newest, "no next digest", 30)


def test_a_channel_without_us_is_told_of_in_the_log_and_in_status(visitor: Visitor) -> None:
    team = visitor.lab.slack.team
    visitor.lab.slack.team = _without_bot(team, CHANNEL)
    try:
        sql = "SELECT text FROM audit WHERE kind = 'unposted'"
        visitor.until(lambda: visitor.audit(sql), "nothing said", 30)
    finally:
        visitor.lab.slack.team = team
    assert "/invite @clonebot" in visitor.lab.log.read_text()
    assert "/invite @clonebot" in visitor.audit(sql)[0][0]


def _quiet(visitor: Visitor) -> dict[str, Message]:
    """The digests with nothing to tell; after another test of this lab the next one tells what that did."""
    return {name: m for name, m in digests(visitor).items() if "Nothing else to tell since" in m.text}


def _without_bot(team: Team, channel: str) -> Team:
    channels = tuple(replace(c, bot_is_in=False) if c.id == channel else c for c in team.channels)
    return replace(team, channels=channels)


def _posted(key: str) -> str:
    return key.removesuffix(":posted") + ":posted"


def _payload(message: Message) -> dict[str, object]:
    return dict((message.metadata or {}).get("event_payload") or {})
