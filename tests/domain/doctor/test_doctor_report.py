"""The doctor's report: a card, the whole, a file, and plain values."""

# ruff: noqa: E501 (what is told on one line stands on one line)

import json
from dataclasses import replace
from datetime import date, timedelta

import pytest
from inline_snapshot import snapshot

from bot.domain.doctor.diagnosis import SERVER, Diagnosis, notes, require_harmless
from bot.domain.doctor.finding import NotChecked, Severity
from bot.domain.doctor.report import as_json, card, headline, plain_text, report
from bot.domain.doctor.waiver import waive
from bot.domain.errors import BotError
from tests.commands.examples import ADA, MASTER, NOW, a_diagnosis, a_finding

CRON = a_finding()
OTHER = a_finding("/etc/cron.d/mail:1")
SHELL = a_finding("sg-1", check="open-port", pitfall=21, severity=Severity.WARNS, what="Anybody gets in.")
KEYS = a_finding("/etc/ssh", check="host-keys", pitfall=1, severity=Severity.FIXED, what="Shared keys.")
UNKNOWN = NotChecked(check="mail-queue", pitfall=7, why="No sudo. Allow it.")
UNTIL = date(2026, 12, 31)


def everything() -> Diagnosis:
    given = waive(OTHER, fleet="web", master=MASTER, until=UNTIL, reason="no mail is sent here")
    waivers = (replace(given, by=f"{ADA.team}/{ADA.id}"),)
    return a_diagnosis(CRON, OTHER, SHELL, KEYS, waivers=waivers, not_checked=(UNKNOWN,))


def test_a_card_counts_and_names_what_blocks_and_what_is_waived() -> None:
    assert (headline(everything()), *card(everything())) == snapshot(
        (
            "*web*: 1 thing blocks a clone image",
            "1 blocking · 1 waived · 1 warning · 1 fixed automatically · 1 not checked",
            "• `cron-jobs-d906` A cron job would run on every clone, too. Where: `/etc/cron.d/billing:3`",
            "• `cron-jobs-2e24` is waived until 2026-12-31 by @U0ADA: no mail is sent here",
        )
    )


def test_a_clean_master_takes_one_line() -> None:
    assert (headline(a_diagnosis()), *card(a_diagnosis())) == snapshot(
        ("*web*: nothing blocks a clone image", "0 blocking")
    )


def test_a_card_stays_short_however_much_is_found() -> None:
    many = a_diagnosis(*(a_finding(f"/etc/cron.d/job{number}:1") for number in range(200)))
    assert len(card(many)) == 12
    assert card(many)[-1] == "… and 190 more."


def test_the_whole_report_says_what_to_do_about_each() -> None:
    assert report(everything()) == snapshot(
        (
            "`i-0000000000000000a`, the master of *web*, as it was at 2026-11-22 12:00:00 UTC",
            "*Blocking, until put right or waived*",
            "• `cron-jobs-d906` (pitfall 6) A cron job would run on every clone, too. Where: `/etc/cron.d/billing:3`. To do: Name it in the fleet file.",
            "*Waived*",
            "• `cron-jobs-2e24` (pitfall 6) A cron job would run on every clone, too. Where: `/etc/cron.d/mail:1`. To do: Name it in the fleet file. Waived until 2026-12-31 by @U0ADA: no mail is sent here",
            "*Warnings*",
            "• `open-port-1336` (pitfall 21) Anybody gets in. Where: `sg-1`. To do: Name it in the fleet file.",
            "*Fixed automatically, and proved on each clone*",
            "• `host-keys-52ee` (pitfall 1) Shared keys. Where: `/etc/ssh`. To do: Name it in the fleet file.",
            "*Not checked*",
            "• `mail-queue` (pitfall 7): No sudo. Allow it.",
        )
    )


def test_a_waiver_shows_what_the_finding_said_when_it_was_given() -> None:
    seen = everything()
    changed = replace(seen.waivers[0], what="It was harmless.")
    told = "\n".join(report(replace(seen, waivers=(changed,))))
    assert "It said then: It was harmless." in told
    assert "It said then" not in "\n".join(report(seen))


def test_a_file_has_everything_in_plain_words() -> None:
    assert plain_text(everything()) == snapshot("""\
The doctor on i-0000000000000000a, the master of web, 2026-11-22 12:00:00 UTC
1 blocking · 1 waived · 1 warning · 1 fixed automatically · 1 not checked

BLOCKS cron-jobs-d906 (pitfall 6)
  what: A cron job would run on every clone, too.
  where: /etc/cron.d/billing:3
  remedy: Name it in the fleet file.

BLOCKS cron-jobs-2e24 (pitfall 6)
  what: A cron job would run on every clone, too.
  where: /etc/cron.d/mail:1
  remedy: Name it in the fleet file.
  waived: until 2026-12-31 by U0ADA: no mail is sent here

WARNS open-port-1336 (pitfall 21)
  what: Anybody gets in.
  where: sg-1
  remedy: Name it in the fleet file.

FIXED host-keys-52ee (pitfall 1)
  what: Shared keys.
  where: /etc/ssh
  remedy: Name it in the fleet file.

NOT CHECKED mail-queue (pitfall 7)
  why: No sudo. Allow it.
""")


def test_plain_values_are_exact_and_say_what_is_waived() -> None:
    hostile = a_finding("/srv/`x`\n@U0ADA\x1b[31m" + "y" * 5000)
    (found,) = json.loads(json.dumps(as_json(a_diagnosis(hostile))))["findings"]
    assert found["where"] == hostile.where
    assert as_json(everything()) == snapshot(
        {
            "fleet": "web",
            "master": "i-0000000000000000a",
            "at": "2026-11-22T12:00:00+00:00",
            "blocking": 1,
            "findings": [
                {
                    "id": "cron-jobs-d906",
                    "check": "cron-jobs",
                    "pitfall": 6,
                    "severity": "blocks",
                    "what": "A cron job would run on every clone, too.",
                    "where": "/etc/cron.d/billing:3",
                    "remedy": "Name it in the fleet file.",
                    "waived": None,
                },
                {
                    "id": "cron-jobs-2e24",
                    "check": "cron-jobs",
                    "pitfall": 6,
                    "severity": "blocks",
                    "what": "A cron job would run on every clone, too.",
                    "where": "/etc/cron.d/mail:1",
                    "remedy": "Name it in the fleet file.",
                    "waived": {"until": "2026-12-31", "by": "U0ADA", "reason": "no mail is sent here"},
                },
                {
                    "id": "open-port-1336",
                    "check": "open-port",
                    "pitfall": 21,
                    "severity": "warns",
                    "what": "Anybody gets in.",
                    "where": "sg-1",
                    "remedy": "Name it in the fleet file.",
                    "waived": None,
                },
                {
                    "id": "host-keys-52ee",
                    "check": "host-keys",
                    "pitfall": 1,
                    "severity": "fixed",
                    "what": "Shared keys.",
                    "where": "/etc/ssh",
                    "remedy": "Name it in the fleet file.",
                    "waived": None,
                },
            ],
            "whole": True,
            "not_checked": [{"check": "mail-queue", "pitfall": 7, "why": "No sudo. Allow it."}],
        }
    )


@pytest.mark.parametrize("word", ["@U0ADA", "`/clone approve op-1`", "a\nb\x1b[31m\u202e", "x" * 5000])
def test_hostile_names_neither_call_anybody_nor_break_a_line(word: str) -> None:
    seen = a_diagnosis(a_finding(word, what=f"A job {word} runs.", remedy=word))
    for line in (*card(seen), *report(seen)):
        assert "@U0ADA" not in line
        assert len(line) < 2900
        assert line.isprintable() or "\N{WORD JOINER}" in line
        assert line.count("`") % 2 == 0 or "`" in word


def test_what_blocks_is_told_with_what_to_type() -> None:
    with pytest.raises(BotError) as raised:
        require_harmless(everything(), "web")
    assert str(raised.value) == snapshot("""\
The doctor found 1 thing on the master of *web* that would go wrong on clones:
• `cron-jobs-d906` A cron job would run on every clone, too. Where: `/etc/cron.d/billing:3`
So no image is made of it. `/clone doctor web` shows what to do about each.
What is to be accepted for a time, an approver can waive: `/clone waive web cron-jobs-d906 --until 2026-12-22 --reason "…"`\
""")


def test_a_refusal_names_ten_and_counts_the_rest() -> None:
    many = a_diagnosis(*(a_finding(f"/etc/cron.d/job{number}:1") for number in range(12)))
    with pytest.raises(BotError, match=r"… and 2 more\."):
        require_harmless(many, "web")


def test_what_was_not_examined_is_not_harmless() -> None:
    with pytest.raises(BotError, match="was not examined, so no image is made"):
        require_harmless(None, "web")


def test_a_look_that_was_cut_off_is_no_leave_to_make_an_image() -> None:
    torn = a_diagnosis(whole=False)
    with pytest.raises(BotError, match=r"could not look at all .* so no image is made"):
        require_harmless(torn, "web")
    assert headline(torn) == "*web*: nothing seen so far blocks a clone image, but the look was cut off"


def test_a_master_that_was_not_looked_at_is_no_leave_either() -> None:
    unseen = a_diagnosis(
        not_checked=(NotChecked(check=SERVER, pitfall=0, why="It is stopped."),), whole=False
    )
    with pytest.raises(BotError, match=r"was not looked at, so no image is made of it\. Start it first\."):
        require_harmless(unseen, "web")


def test_a_plan_says_briefly_what_is_waived_warned_of_and_unknown() -> None:
    assert notes(everything()) == snapshot(
        (
            "`cron-jobs-2e24` is waived until 2026-12-31 by @U0ADA: no mail is sent here",
            "The doctor warns of 1 thing and could not check 1 thing: `/clone doctor web` shows which.",
        )
    )
    assert notes(a_diagnosis(KEYS)) == ()


def test_only_what_blocks_is_waived() -> None:
    given = waive(SHELL, fleet="web", master=MASTER, until=UNTIL, reason="-")
    assert a_diagnosis(SHELL, waivers=(given,)).waived == ()


def test_of_two_waivers_of_one_thing_the_newest_counts() -> None:
    old = waive(CRON, fleet="web", master=MASTER, until=date(2027, 1, 31), reason="first")
    new = replace(old, until=date(2026, 12, 1), reason="sooner")
    assert a_diagnosis(CRON, waivers=(new, old)).waiver(CRON) == new
    assert a_diagnosis(CRON, waivers=(new, old), at=NOW + timedelta(days=10)).waiver(CRON) is None
