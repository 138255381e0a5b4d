"""Scheduled digests: each exactly once, however often the power fails, and never better than known."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.audit import Kind
from bot.domain.digest import Digest, headline, lines
from bot.domain.errors import ChatError, CloudUnreachable
from bot.domain.schedule import Schedule
from tests.workflow.bench import BOB, EVE, SPEC, Bench, PowerCut

DAILY = Schedule(cron="0 9 * * *")
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)
NOT_IN = ChatError("I am not in that channel. Type `/invite @clonebot` there, then try again.")


@pytest.fixture
def kept(bench: Bench) -> Bench:
    """A bot that has just learned of its schedule, at noon."""
    bench.keep(DAILY)
    bench.digests.begin()
    return bench


def tick(bench: Bench, at: datetime) -> list[str]:
    """Let time come to this moment, and do what the engine does then; the ticks that were due."""
    bench.clock.at = at
    due = bench.digests.due()
    for channel, moment in due:
        bench.step(bench.digests.post, channel, moment)
    return [moment for _, moment in due]


def posted(bench: Bench) -> list[Digest]:
    return [digest for _, digest in bench.chat.digests.values()]


def text(digest: Digest) -> str:
    return "\n".join((headline(digest), *lines(digest)))


def test_nothing_is_due_before_the_first_tick(kept: Bench) -> None:
    assert tick(kept, NINE - timedelta(seconds=1)) == []
    assert posted(kept) == []


def test_a_digest_comes_at_its_tick_and_once(kept: Bench) -> None:
    assert tick(kept, NINE) == [NINE.isoformat()]
    assert tick(kept, NINE + timedelta(hours=1)) == []
    (digest,) = posted(kept)
    (line,) = lines(digest)
    assert line == "*web*: no clones, image 326 days old. Nothing else to tell since 2026-11-22 12:00 UTC."


def test_a_bot_without_a_schedule_has_no_digests(bench: Bench) -> None:
    bench.digests.begin()
    assert tick(bench, NINE) == []
    assert bench.digests.seconds_to_next() is None
    assert not bench.rows(Kind.DIGEST)


def test_it_knows_how_long_until_the_next(kept: Bench) -> None:
    kept.clock.at = NINE - timedelta(minutes=5)
    assert kept.digests.seconds_to_next() == pytest.approx(300, abs=1)


def test_it_tells_what_was_done_since_the_last_one_and_no_more(kept: Bench) -> None:
    kept.scale(2)
    tick(kept, NINE)
    kept.scale(1)
    tick(kept, NINE + DAY)
    tick(kept, NINE + 2 * DAY)
    first, second, third = (text(digest) for digest in posted(kept))
    assert "web: 0 → 2 clones, done. web: 2 of 2 clones serve." in first
    assert "web: 2 → 1 clone, done. web: 1 clone left." in second
    assert "0 → 2" not in second
    assert "Nothing else to tell since 2026-11-24 09:00 UTC." in third


def test_what_happens_while_it_is_posted_belongs_to_the_next(kept: Bench) -> None:
    kept.chat.down = ChatError("Slack is out of order.")
    tick(kept, NINE)
    kept.chat.down = None
    kept.scale(2)
    assert kept.digests.post("C0WEB", NINE.isoformat())
    tick(kept, NINE + DAY)
    first, second = (text(digest) for digest in posted(kept))
    assert "→" not in first
    assert "0 → 2" in second


def test_it_says_what_waits_and_what_serves_no_more(kept: Bench) -> None:
    kept.scale(2)
    lost = kept.clones()[0]
    kept.cloud.take_out(SPEC, [lost], action="by hand")
    waiting = kept.ask("scale web 5")
    tick(kept, NINE)
    told = text(posted(kept)[0])
    assert headline(posted(kept)[0]) == "Digest: 0 of 1 fleet as wanted"
    assert "*web*: 1 of 2 clones serving" in told
    assert f"Clone `{lost}` of web is " in told
    assert f"Awaits approval for 20 hours: `{waiting}` web: 2 → 5 clones, asked by @U0BOB." in told
    assert f"Type `/clone approve {waiting}`" in told


def test_a_fleet_that_cannot_be_read_is_said_to_be_so_and_since_when(kept: Bench) -> None:
    kept.cloud.failures["look"] = [CloudUnreachable("AWS did not answer.")] * 2
    tick(kept, NINE)
    tick(kept, NINE + DAY)
    tick(kept, NINE + 2 * DAY)
    first, second, third = (text(digest) for digest in posted(kept))
    assert headline(posted(kept)[0]) == "Digest: could not read web; 0 of 1 fleet as wanted"
    assert "Could not read web since 2026-11-23 09:00 UTC (less than a minute): AWS did not answer." in first
    assert "Could not read web since 2026-11-23 09:00 UTC (1 day): AWS did not answer." in second
    assert "Could not read" not in third


def test_it_tells_how_old_the_content_of_the_clones_is(kept: Bench) -> None:
    kept.scale(1)
    kept.scale(2)
    tick(kept, NINE)
    tick(kept, NINE + DAY)
    assert "2 of 2 clones serving, image 326 days old, content 20 hours old" in text(posted(kept)[0])
    assert "2 of 2 clones serving, image 327 days old, content 1 day old" in text(posted(kept)[1])


def test_after_a_long_sleep_one_late_digest_stands_for_all(kept: Bench) -> None:
    tick(kept, NINE)
    kept.scale(2)
    assert tick(kept, NINE + 4 * DAY + timedelta(hours=3)) == [(NINE + 4 * DAY).isoformat()]
    late = posted(kept)[-1]
    assert "This digest is 3 hours late" in text(late)
    assert "It stands for those missed before it, too." in text(late)
    assert "0 → 2" in text(late)
    assert len(posted(kept)) == 2


def test_a_channel_that_we_are_not_in_is_told_of_in_status_until_it_works(kept: Bench) -> None:
    kept.chat.outside = {"C0WEB"}
    tick(kept, NINE)
    for asked in ("status", "digest"):
        kept.ask(asked, EVE)
        assert (
            "The digest due at 2026-11-23 09:00:00 UTC could not be posted in #C0WEB: I am not in that "
            "channel. Type `/invite @clonebot` there" in kept.chat.answers_to(EVE.id)[-1]
        )
    kept.chat.outside.clear()
    assert kept.digests.post("C0WEB", NINE.isoformat())
    kept.ask("status", EVE)
    assert "could not be posted" not in kept.chat.answers_to(EVE.id)[-1]
    assert len(posted(kept)) == 1
    assert "could not be posted" not in text(posted(kept)[0])


def test_it_is_tried_for_an_hour_and_then_told_with_the_next(kept: Bench) -> None:
    kept.chat.down = NOT_IN
    tick(kept, NINE)
    assert not kept.digests.post("C0WEB", NINE.isoformat())
    kept.clock.at += timedelta(minutes=61)
    assert kept.digests.post("C0WEB", NINE.isoformat())
    assert len(kept.rows(Kind.UNPOSTED)) == 1
    kept.chat.down = None
    tick(kept, NINE + DAY)
    assert "The digest due at 2026-11-23 09:00:00 UTC could not be posted" in text(posted(kept)[0])


def test_once_the_next_is_due_the_one_before_is_given_up(bench: Bench) -> None:
    bench.keep(Schedule(cron="*/10 * * * *"))
    bench.digests.begin()
    bench.chat.down = NOT_IN
    tick(bench, NINE)
    bench.clock.at += timedelta(minutes=11)
    assert bench.digests.post("C0WEB", NINE.isoformat())


def test_something_unexpected_is_told_with_the_next(kept: Bench) -> None:
    kept.cloud.failures["look"] = [ZeroDivisionError()]
    with pytest.raises(ZeroDivisionError):
        tick(kept, NINE)
    for _ in range(2):
        kept.digests.give_up("C0WEB", NINE.isoformat(), "Something unexpected; reference `1a2b`.")
    tick(kept, NINE + DAY)
    assert "could not be posted in #C0WEB: Something unexpected; reference `1a2b`." in text(posted(kept)[0])


def test_each_channel_is_told_of_its_own_fleets(bench: Bench) -> None:
    shop = replace(SPEC, name="shop", channel="C0SHOP")
    bench.keep(DAILY, SPEC, shop)
    bench.digests.begin()
    tick(bench, NINE)
    told = {channel: [f.name for f in digest.fleets] for channel, digest in bench.chat.digests.values()}
    assert told == {"C0WEB": ["web"], "C0SHOP": ["shop"]}


def test_one_channel_may_be_told_of_all(bench: Bench) -> None:
    shop = replace(SPEC, name="shop", channel="C0SHOP")
    bench.keep(replace(DAILY, channel="C0OPS"), SPEC, shop)
    bench.digests.begin()
    tick(bench, NINE)
    ((channel, digest),) = bench.chat.digests.values()
    assert (channel, [fleet.name for fleet in digest.fleets]) == ("C0OPS", ["web", "shop"])


def test_digest_shows_it_now_to_the_one_who_asked(kept: Bench) -> None:
    kept.scale(2)
    kept.ask("digest", EVE)
    (answer,) = kept.chat.answers_to(EVE.id)
    assert "*web*: 2 of 2 clones serving" in answer
    assert "web: 0 → 2 clones, done" in answer
    assert posted(kept) == []


def test_digest_now_says_which_fleet_could_not_be_read(kept: Bench) -> None:
    kept.cloud.failures["look"] = [CloudUnreachable("AWS did not answer.")]
    kept.ask("digest web", BOB)
    (answer,) = kept.chat.answers_to(BOB.id)
    assert "Could not read web" in answer
    assert "AWS did not answer." in answer


def test_a_digest_that_was_asked_for_takes_nothing_from_the_scheduled_one(kept: Bench) -> None:
    kept.scale(2)
    kept.ask("digest", EVE)
    tick(kept, NINE)
    assert "0 → 2" in text(posted(kept)[0])


@contextmanager
def a_kept_bench(folder: Path) -> Iterator[Bench]:
    bench = Bench(folder)
    bench.furnish()
    bench.keep(DAILY)
    bench.digests.begin()
    yield bench
    bench.assert_audit_is_whole()
    bench.records.close()


@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
@pytest.mark.parametrize("number", range(1, 16))
def test_cut_off_around_any_call_a_digest_is_posted_once(tmp_path: Path, cut: str, number: int) -> None:
    with a_kept_bench(tmp_path) as bench:
        bench.clock.at = NINE
        ((channel, moment),) = bench.digests.due()
        setattr(bench.supply, cut, bench.supply.calls + number)
        try:
            bench.digests.post(channel, moment)
        except PowerCut:
            bench.supply.restore()
            assert bench.digests.post(channel, moment)
        bench.supply.restore()
        assert len(posted(bench)) == 1
        assert len(bench.rows(Kind.POSTED)) == 1
        assert tick(bench, NINE + timedelta(minutes=1)) == []
