"""What people see, within Slack's limits and with nothing live in people's words."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from inline_snapshot import snapshot
from slack_sdk.models.blocks import Block

from bot.domain.audit import Entry, Kind
from bot.domain.digest import Digest, Past, Unread
from bot.domain.fleet import Content
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.plan import CheckStrays, Launch, Sync, TakeOut, Terminate
from bot.domain.words import one_line
from bot.lab.slack.block_kit import block_faults
from bot.slack.views.answer import show_answer, show_note
from bot.slack.views.card import APPROVE, CANCEL, DENY, button_value, show_operation
from bot.slack.views.digest import show_digest
from bot.slack.views.markup import fit, mrkdwn, quote, shorten
from bot.slack.views.message import Message
from tests.slack.examples import PLAN, TO_DO, operation

HOSTILE = (
    "<!channel>",
    "<!here|here>",
    "<@U0ADA>",
    "<https://evil.example|click>",
    "a & b < c > d",
    "&lt;!channel&gt;",
    "`code` *bold* _it_ ~no~",
    "line\nbreak\r\n\x00\x1b[31mred",
    "\u202egnp.exe\u2066",
    "\ud83d",
    "🦔" * 3000,
    "<" * 4000,
    "x" * 40_000,
    "",
)


def words(message: Message) -> str:
    return json.dumps([message.text, message.blocks], ensure_ascii=False)


def buttons(message: Message) -> list[str]:
    rows = [block["elements"] for block in message.blocks if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


def plain(message: Message) -> list[dict[str, Any]]:
    """The blocks, with the plan's hash left out: it changes whenever a plan says more."""
    text = json.dumps(message.blocks).replace(PLAN.hash, "HASH").replace(PLAN.short_hash, "SHORT")
    blocks: list[dict[str, Any]] = json.loads(text)
    return blocks


def require_valid(message: Message) -> None:
    blocks = list(message.blocks)
    assert block_faults(blocks) == []
    assert [parsed.to_dict() for parsed in Block.parse_all(blocks)] == blocks
    assert 0 < len(message.text) <= 3000
    assert sum(len(json.dumps(block, ensure_ascii=False)) for block in blocks) < 13_000


# -- markup -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "markup"),
    [
        ("asked by @U0BOB", "asked by <@U0BOB>"),
        ("those who may: @U0ADA, @S0OPS.", "those who may: <@U0ADA>, <!subteam^S0OPS>."),
        ("type `deny @U0BOB`", "type `deny @U0BOB`"),
        ("mail bob@U0BOB.example", "mail bob@U0BOB.example"),
        ("see #C0WEB, `#C0WEB` and /#C0WEB", "see <#C0WEB>, `#C0WEB` and /#C0WEB"),
        ("@channel @here @everyone", "@channel @here @everyone"),
        ("<@U0BOB>", "&lt;<@U0BOB>&gt;"),
        ("<!channel> & <http://x|y>", "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"),
        ("*bold* stays", "*bold* stays"),
        ("one `unclosed @U0BOB", "one `unclosed <@U0BOB>"),
    ],
)
def test_our_words_become_markup(ours: str, markup: str) -> None:
    assert mrkdwn(ours) == markup


def test_other_peoples_words_mention_nobody() -> None:
    assert quote("@U0ADA <@U0ADA> @S0OPS") == "@U0ADA &lt;@U0ADA&gt; @S0OPS"


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cleaned_text_is_one_visible_line(text: str) -> None:
    cleaned = one_line(text)
    assert not set(cleaned) & set("\n\r\x00\x1b\u202e\u2066\u2028")
    assert cleaned.encode().decode() == cleaned


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("limit", [1, 5, 100, 2900])
def test_markup_that_is_cut_fits_and_is_not_torn(text: str, limit: int) -> None:
    cut = fit(text, limit)
    assert len(cut) <= limit
    assert cut.count("&") == cut.count("&amp;") + cut.count("&lt;") + cut.count("&gt;")


def test_what_was_cut_says_so() -> None:
    assert shorten("a long sentence", 7) == "a long…"
    assert shorten("short", 7) == "short"


# -- the card -----------------------------------------------------------------------------------------


def test_the_card_tells_an_approver_everything() -> None:
    shown = show_operation(operation(id="op-1"))
    require_valid(shown)
    assert shown.text == snapshot("web: 0 → 4 clones: awaiting approval")
    assert plain(shown) == snapshot(
        [
            {"text": {"emoji": False, "text": "web: 0 → 4 clones", "type": "plain_text"}, "type": "header"},
            {
                "text": {
                    "text": "✋ *Awaiting approval* by somebody else than <@U0BOB>",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
            {
                "text": {
                    "text": "*+0.0832 USD* per hour · takes about 7 min · back with `/clone scale web 0`",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
            {
                "text": {
                    "text": "*Reason:* sale on &lt;friday&gt; &amp; saturday",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
            {
                "text": {
                    "text": "⚠️ This is the first clone image of web.",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
            {
                "text": {
                    "text": """\
1. send writes (POST) to the master only
2. bake a clone image from i-master (no reboot)
3. launch 2 × t3.small in subnet-a from the new image
4. launch 2 × t3.small in subnet-b
5. wait until each answers over SSH with its own host key
6. prepare each: stop and mask guestbook-db; renew its identity
7. copy /var/www/html from the master to each
8. prove each: health page, content, identity, database off, settings
9. put the proved ones in service and wait until they are healthy
10. bring every clone up to date with /var/www/html\
""",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
            {
                "elements": [
                    {"text": "`op-1` · asked by <@U0BOB> · plan `SHORT`", "type": "mrkdwn", "verbatim": True}
                ],
                "type": "context",
            },
            {
                "block_id": "operation.decision",
                "elements": [
                    {
                        "action_id": "operation.approve",
                        "style": "primary",
                        "text": {"emoji": True, "text": "Approve", "type": "plain_text"},
                        "type": "button",
                        "value": "op-1:HASH",
                    },
                    {
                        "action_id": "operation.deny",
                        "style": "danger",
                        "text": {"emoji": True, "text": "Deny", "type": "plain_text"},
                        "type": "button",
                        "value": "op-1:HASH",
                    },
                ],
                "type": "actions",
            },
        ]
    )


def test_a_running_card_shows_how_far_it_is() -> None:
    marks = (Progress.DONE, Progress.DONE, Progress.DOING) + (Progress.TO_DO,) * 7
    shown = show_operation(operation(stage=Stage.RUNNING, progress=marks, approvers=("T0LAB/U0ADA",)))
    require_valid(shown)
    assert shown.text == snapshot("web: 0 → 4 clones: running, 2 of 10 steps done")
    assert plain(shown)[4:] == snapshot(
        [
            {
                "text": {
                    "text": "⚠️ This is the first clone image of web.",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
            {
                "text": {
                    "text": """\
✅ 1. send writes (POST) to the master only
✅ 2. bake a clone image from i-master (no reboot)
⏳ 3. launch 2 × t3.small in subnet-a from the new image
▫️ 4. launch 2 × t3.small in subnet-b
▫️ 5. wait until each answers over SSH with its own host key
▫️ 6. prepare each: stop and mask guestbook-db; renew its identity
▫️ 7. copy /var/www/html from the master to each
▫️ 8. prove each: health page, content, identity, database off, settings
▫️ 9. put the proved ones in service and wait until they are healthy
▫️ 10. bring every clone up to date with /var/www/html\
""",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
            {
                "elements": [
                    {
                        "text": "`op-7k2m9qx4` · asked by <@U0BOB> · approved by <@U0ADA> · plan `SHORT`",
                        "type": "mrkdwn",
                        "verbatim": True,
                    }
                ],
                "type": "context",
            },
            {
                "block_id": "operation.decision",
                "elements": [
                    {
                        "action_id": "operation.cancel",
                        "confirm": {
                            "title": {"emoji": True, "text": "Cancel this operation?", "type": "plain_text"},
                            "text": {
                                "text": "What it started and does not serve yet is removed; the rest stays.",
                                "type": "plain_text",
                            },
                            "confirm": {"emoji": True, "text": "Cancel it", "type": "plain_text"},
                            "deny": {"emoji": True, "text": "Let it go on", "type": "plain_text"},
                        },
                        "text": {"emoji": True, "text": "Cancel", "type": "plain_text"},
                        "type": "button",
                        "value": "op-7k2m9qx4:HASH",
                    }
                ],
                "type": "actions",
            },
        ]
    )


def test_a_card_shows_what_failed_and_what_really_is() -> None:
    marks = (Progress.DONE,) * 4 + (Progress.FAILED,) + (Progress.TO_DO,) * 5
    result = "2 of 4 serve, because i-3 did not answer. Type `/clone scale web 4`."
    shown = show_operation(operation(stage=Stage.PARTLY_DONE, progress=marks, result=result))
    require_valid(shown)
    assert shown.text == f"web: 0 → 4 clones: {result}"
    assert "❌ 5. wait until" in words(shown)
    assert result in words(shown)


def test_a_denied_card_says_who_and_why() -> None:
    shown = show_operation(operation(stage=Stage.DENIED, denied_by="T0LAB/U0ADA", result="too <dear>"))
    require_valid(shown)
    assert "*Denied* by <@U0ADA>: too &lt;dear&gt;" in words(shown)


def test_a_denied_card_without_a_reason_says_who() -> None:
    shown = show_operation(operation(stage=Stage.DENIED, denied_by="T0LAB/U0ADA", result="denied"))
    assert '"🚫 *Denied* by <@U0ADA>"' in words(shown)


def test_a_card_that_awaits_approval_says_until_when() -> None:
    shown = show_operation(operation(expires=datetime(2026, 11, 23, 12, tzinfo=UTC)))
    assert "by somebody else than <@U0BOB>, until 2026-11-23 12:00:00 UTC" in words(shown)


def test_an_expired_card_has_no_buttons_and_says_what_to_type() -> None:
    result = "Nobody approved it within 1 day. To ask again, type `/clone scale web 4`."
    shown = show_operation(operation(stage=Stage.EXPIRED, result=result))
    require_valid(shown)
    assert f"⌛ *Expired*: {result}" in words(shown)
    assert buttons(shown) == []


def test_a_waiting_card_says_behind_whom() -> None:
    shown = show_operation(operation(stage=Stage.WAITING, behind="`op-2` (scale web 2, @U0CAT)"))
    require_valid(shown)
    assert "*Waiting for its turn*, behind `op-2` (scale web 2, <@U0CAT>)" in words(shown)


@pytest.mark.parametrize("stage", Stage)
def test_a_card_has_the_buttons_that_still_do_something(stage: Stage) -> None:
    shown = show_operation(operation(stage=stage, denied_by="T0LAB/U0ADA", result="so it is"))
    require_valid(shown)
    expected = {
        Stage.AWAITING_APPROVAL: [APPROVE, DENY],
        Stage.WAITING: [CANCEL],
        Stage.RUNNING: [CANCEL],
    }
    assert buttons(shown) == expected.get(stage, [])


def test_a_running_card_that_is_being_cancelled_says_by_whom_and_why_and_has_no_button() -> None:
    shown = show_operation(
        operation(stage=Stage.RUNNING, cancelled_by="T0LAB/U0ADA", cancel_reason="too <dear> @U0EVE")
    )
    require_valid(shown)
    assert buttons(shown) == []
    told = "cancelled by <@U0ADA>; it stops at the next safe point: too &lt;dear&gt; @U0EVE"
    assert told in words(shown)


def test_a_cancelled_card_says_who_and_what_came_of_it() -> None:
    shown = show_operation(
        operation(
            stage=Stage.CANCELLED,
            cancelled_by="T0LAB/U0ADA",
            result="Nothing of it was done.",
            progress=TO_DO,
        )
    )
    require_valid(shown)
    assert "🛑 *Cancelled*: Nothing of it was done. · cancelled by <@U0ADA>" in words(shown)
    assert "1. send writes" in words(shown)
    assert "▫️" not in words(shown)


def test_the_buttons_carry_the_whole_hash() -> None:
    asked = operation()
    assert words(show_operation(asked)).count(f'"{asked.id}:{PLAN.hash}"') == 2
    assert button_value(asked) == f"{asked.id}:{PLAN.hash}"


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_peoples_words_is_live_in_a_card(text: str) -> None:
    plan = replace(PLAN, reason=text, notes=(text,), summary=f"web {text}", inverse=f"scale {text}")
    for stage in (Stage.AWAITING_APPROVAL, Stage.DENIED, Stage.FAILED):
        shown = show_operation(operation(plan=plan, stage=stage, result=text, denied_by="T0LAB/U0ADA"))
        require_valid(shown)
        marked = [block for block in shown.blocks if block["type"] != "header"]
        assert not any(live in json.dumps(marked) for live in ("<!", "<http"))
        assert set(_mentions(shown)) <= {"<@U0BOB>", "<@U0ADA>"}


def _mentions(message: Message) -> list[str]:
    marked = json.dumps([block for block in message.blocks if block["type"] != "header"])
    return [f"<@{part.partition('>')[0]}>" for part in marked.split("<@")[1:]]


def crowd(prefix: str, size: int) -> tuple[str, ...]:
    return tuple(f"{prefix}-{number:017x}" for number in range(size))


@pytest.mark.parametrize("stage", [Stage.AWAITING_APPROVAL, Stage.RUNNING, Stage.DONE])
def test_a_plan_of_two_hundred_steps_is_shortened_kindly(stage: Stage) -> None:
    launches = tuple(
        Launch(
            image="ami-0123456789abcdef0",
            type="m7i-flex.large",
            subnet=subnet,
            security_groups=(),
            count=100,
        )
        for subnet in crowd("subnet", 196)
    )
    sync = Sync(master="i-1", content=Content(paths=crowd("/var/www/html", 100)))
    servers = crowd("i", 500)
    removal = (
        CheckStrays(servers=servers, discard=True),
        TakeOut(target_group="arn", servers=servers),
        Terminate(servers=servers, discard=True),
    )
    shown = _shown(stage, *launches, sync, *removal)
    require_valid(shown)
    assert "1. launch 100" in words(shown)
    assert "more. The whole plan is in the records: type `/clone audit op-7k2m9qx4`." in words(shown)


def test_a_plan_that_is_only_long_is_shown_whole() -> None:
    servers = crowd("i", 100)
    shown = _shown(Stage.AWAITING_APPROVAL, TakeOut(target_group="arn", servers=servers))
    require_valid(shown)
    assert all(server in words(shown) for server in servers)


def _shown(stage: Stage, *actions: Launch | Sync | CheckStrays | TakeOut | Terminate) -> Message:
    plan = replace(PLAN, actions=actions)
    shown: Operation = operation(plan=plan, stage=stage, progress=(Progress.TO_DO,) * len(actions))
    return show_operation(shown)


@pytest.mark.parametrize(
    ("cost", "seconds", "said"),
    [
        (None, 0, '"back with `/clone scale web 0`"'),
        (0.0832, 90, '"*+0.0832 USD* per hour · takes about 90 s · back with `/clone scale web 0`"'),
        (-1234.5, 420, '"*-1,234.50 USD* per hour · takes about 7 min · back with `/clone scale web 0`"'),
        (0.2, 9000, '"*+0.20 USD* per hour · takes about 2.5 h · back with `/clone scale web 0`"'),
    ],
)
def test_cost_and_duration_read_well(cost: float | None, seconds: int, said: str) -> None:
    shown = show_operation(operation(plan=replace(PLAN, cost_per_hour=cost, seconds=seconds)))
    require_valid(shown)
    assert said in words(shown)


def test_a_card_whose_operation_ended_no_longer_says_how_long_it_takes() -> None:
    assert "takes about" not in words(
        show_operation(operation(stage=Stage.DONE, result="web: 4 of 4 serve."))
    )


def test_a_second_approval_is_counted_only_where_two_are_needed() -> None:
    asked = operation(needed=2, approvers=("T0LAB/U0ADA",))
    assert "*Awaiting approval* (1 of 2) by somebody else" in words(show_operation(asked))
    assert "*Awaiting approval* by somebody else" in words(show_operation(operation(needed=1)))


# -- answers ------------------------------------------------------------------------------------------


def test_an_answer_is_a_title_and_lines() -> None:
    shown = show_answer("web", ["4 of 5 serve", "", "Type `/clone status` & see @U0BOB"])
    require_valid(shown)
    assert shown.text == "web · 4 of 5 serve · Type `/clone status` &amp; see <@U0BOB>"
    assert [block["text"]["text"] for block in shown.blocks] == snapshot(
        [
            """\
*web*
4 of 5 serve

Type `/clone status` &amp; see <@U0BOB>\
"""
        ]
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_an_answer_is_live(text: str) -> None:
    shown = show_answer("Unknown", [text, f"Did you mean {text}?"])
    require_valid(shown)
    assert not any(live in json.dumps(shown.blocks) + shown.text for live in ("<!", "<http"))


def test_a_long_answer_says_what_is_missing() -> None:
    shown = show_answer("Audit", [f"row {number}: {'x' * 100}" for number in range(500)])
    require_valid(shown)
    assert "row 0:" in words(shown)
    assert "more. Ask for less" in words(shown)


def test_a_note_is_one_paragraph() -> None:
    shown = show_note("i-1 runs <now>")
    require_valid(shown)
    assert (shown.text, len(shown.blocks)) == ("i-1 runs &lt;now&gt;", 1)


def test_notes_put_together_stay_lines_of_their_own() -> None:
    shown = show_note("two servers run\nboth are proved")
    require_valid(shown)
    assert shown.text == "two servers run · both are proved"
    assert shown.blocks[0]["text"]["text"] == "two servers run\nboth are proved"


def test_a_message_is_never_without_a_text() -> None:
    assert show_note("").text


def of_web(*rows: Entry) -> Digest:
    """A digest of the example's fleet, an hour after it was scaled, with AWS out of reach."""
    now = datetime(2026, 11, 22, 9, tzinfo=UTC)
    lost = Unread(fleet="web", since=now, why="AWS did not answer.")
    known = operation(stage=Stage.DONE, created=now - timedelta(hours=1))
    past = Past(since=now - timedelta(days=1), rows=rows)
    return Digest(id="digest/C0WEB/now", at=now, due=now, past=past, unread=(lost,), operations=(known,))


def finished(text: str) -> Entry:
    return Entry(kind=Kind.FINISHED, at=datetime.now(UTC), key="", operation="op-7k2m9qx4", text=text)


def test_a_digest_shows_a_headline_and_a_line_for_each_thing() -> None:
    shown = show_digest(of_web(finished("web: 4 of 4 clones serve.")))
    require_valid(shown)
    assert list(shown.blocks) == snapshot(
        [
            {
                "text": {
                    "emoji": False,
                    "text": "Digest: could not read web; 0 of 1 fleet as wanted",
                    "type": "plain_text",
                },
                "type": "header",
            },
            {
                "text": {
                    "text": """\
Could not read web since 2026-11-22 09:00 UTC (less than a minute): AWS did not answer.
Done since 2026-11-21 09:00 UTC:
• `op-7k2m9qx4` web: 0 → 4 clones, done. web: 4 of 4 clones serve.\
""",
                    "type": "mrkdwn",
                    "verbatim": True,
                },
                "type": "section",
            },
        ]
    )
    assert shown.text == snapshot(
        "Digest: could not read web; 0 of 1 fleet as wanted"
        " · Could not read web since 2026-11-22 09:00 UTC (less than a minute): AWS did not answer."
        " · Done since 2026-11-21 09:00 UTC:"
        " · • `op-7k2m9qx4` web: 0 → 4 clones, done. web: 4 of 4 clones serve."
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_digest_is_live(text: str) -> None:
    shown = show_digest(of_web(finished(text), *(finished(text) for _ in range(60))))
    require_valid(shown)
    assert "<!" not in words(shown)
    assert "<http" not in words(shown)


def test_a_digest_with_too_much_to_tell_says_how_much_more() -> None:
    shown = show_digest(of_web(*(finished(f"{number} " + "x" * 300) for number in range(200))))
    require_valid(shown)
    assert re.search(r"… and \d+ more\. `/clone status` and `/clone audit` show them\.", words(shown))
