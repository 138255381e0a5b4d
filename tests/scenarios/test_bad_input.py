"""What people type by mistake, or on purpose: each gets a clear answer, changes nothing and is recorded."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.domain.naming import request_id
from bot.domain.operation import Stage
from bot.lab.slack.board import Message
from bot.slack.views.card import APPROVE
from tests.scenarios.visitor import ADA, BOB, CAT, CHANNEL, DAN, EVE, Visitor, read

GIL, ZOE, BOT = "U0GIL", "U0ZOE", "U0CLONEBOT"
EVERYBODY = (ADA, BOB, CAT, DAN, EVE, GIL)
SECONDS = 90
TRACES = ("Traceback", "Exception", "Error:", " object at 0x", 'File "', "None")
CHANGES = """
    SELECT count(*) FROM audit
    WHERE kind NOT IN ('requested', 'answered', 'refused', 'posted', 'examined')"""
OF_NOBODY = {"chat.postEphemeral: user_not_in_channel", "users.info: user_not_found"}
"""How Slack refuses to tell something about, or to, an account that is nobody's or in no channel."""

USAGE = "`/clone scale [fleet] N|+N|-N"
EXAMPLE = '`/clone scale web 4 --reason "Black Friday"`'

MISTAKES = {
    "an unknown command": ("frobnicate", ["no command `frobnicate`", "`/clone help`"]),
    "a command with a slip": ("scal web 4", ["`scal`", "Did you mean `scale`?"]),
    "a fleet instead of a command": ("web 4", ["`web` is a fleet", "`/clone status web`"]),
    "an unknown fleet": ("scale shop 4", ["no fleet `shop`", "There are: `web`"]),
    "a fleet with a slip": ("scale wbe 4", ["`wbe`", "Did you mean `web`?"]),
    "an unknown fleet to look at": ("status shop", ["no fleet `shop`", "There are: `web`"]),
    "an unknown flag": ("scale web 4 --force", ["`--force`", USAGE]),
    "a flag with a slip": ("scale web 4 --resaon x", ["`--resaon`", "Did you mean `--reason`?"]),
    "a flag twice": ("scale web 4 --reason a --reason b", ["`--reason` is given twice"]),
    "a flag without its text": ("scale web 4 --reason", ["`--reason` needs a text after it"]),
    "a flag with a text it does not take": ("scale web 4 --dry-run=yes", ["`--dry-run` takes no value"]),
    "no number": ("scale web", ["how many clones there should be", USAGE, EXAMPLE]),
    "nothing at all after the command": ("scale", ["how many clones there should be", USAGE]),
    "two numbers": ("scale web 4 5", ["`5`", USAGE]),
    "a word for a number": ("scale web four", ["`four` is not a number of clones", "4, or +2, or -1"]),
    "half a clone": ("scale web 1.5", ["`1.5` is not a whole number", USAGE]),
    "half a clone as Europeans write it": ("scale web 1,5", ["`1,5` is not a whole number"]),
    "fewer than none": ("scale web -3", ["has 0 clones", "fewer than none", "`/clone scale web 0`"]),
    "fewer than none from a phone": ("scale web –3", ["fewer than none"]),  # noqa: RUF001 (phones write it)
    "more than the maximum": ("scale web 9", ["8 clones at most", "`/clone scale web 8`", "`max_clones`"]),
    "more than the maximum by one word": ("scale web +9", ["8 clones at most", "make 9"]),
    "a huge number": ("scale web 999999", ["8 clones at most"]),
    "an absurd number": ("scale web " + "9" * 40, ["No fleet is that large"]),
    "a number in scientific notation": ("scale web 1e3", ["`1e3` is not a number of clones"]),
    "a number in other digits": ("scale web ４", ["`４` is not a number of clones"]),  # noqa: RUF001 (the case)
    "an open quotation": ('scale web 4 --reason "why', ["A quotation does not end"]),
    "several lines": ("scale\nweb\r\n9", ["8 clones at most"]),
    "control characters": ("\x00\x07scal\x1b[31m", ["no command"]),
    "half a character": ("\ud800\udc00\ud800", ["no command"]),
    "ten thousand characters": ("x" * 10_000, ["too long"]),
    "a reason of ten thousand characters": ("scale web 4 --reason " + "y" * 10_000, ["too long"]),
    "a call to the whole channel": ("<!channel> <!here> <@U0CAT>", ["no command"]),
    "a link": ("<http://evil.example|web> 4", ["no command"]),
    "a command of the shell": ("$(reboot);`reboot`|reboot&&reboot", ["no command"]),
    "an SQL injection": ("help ' OR 1=1; DROP TABLE audit; --", ["`/clone help [command]`"]),
}


@pytest.mark.parametrize(("text", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_explained_to_who_made_it(visitor: Visitor, text: str, words: list[str]) -> None:
    with nothing_changing(visitor):
        request, answer = tell(visitor, text)

    assert said(answer, "Nothing was changed", *words)
    assert kinds(visitor, request) == ["requested", "refused"]


NOT_ALLOWED = {
    "an auditor who scales": (DAN, "scale web 4", ["role *operator*", "S0OPS"]),
    "a lead who scales": (ADA, "scale web 4", ["role *operator*", "S0OPS"]),
    "a colleague without a role who scales": (EVE, "scale web 4", ["role *operator*", "S0OPS"]),
    "a colleague without a role who looks": (EVE, "status", ["role *viewer*", "U0ADA"]),
    "a colleague without a role who guesses": (EVE, "audit", ["role *viewer*"]),
    "an operator who approves": (BOB, "approve op-00000000", ["role *approver*", "U0ADA"]),
    "an operator who denies": (BOB, "deny op-00000000", ["role *approver*", "U0ADA"]),
    "a guest": (GIL, "status", ["no commands from guests"]),
    "a lead who approves what there is not": (ADA, "approve op-00000000", ["op-00000000"]),
    "a lead who approves a path": (
        ADA,
        "approve ../../etc/passwd",
        ["no operation", "Nothing awaits approval"],
    ),
    "a lead who denies nothing": (ADA, "deny", ["`/clone deny"]),
}


@pytest.mark.parametrize(("user", "text", "words"), NOT_ALLOWED.values(), ids=NOT_ALLOWED.keys())
def test_who_may_not_is_told_the_rule_and_who_may(
    visitor: Visitor, user: str, text: str, words: list[str]
) -> None:
    with nothing_changing(visitor):
        request, answer = tell(visitor, text, user=user)

    assert said(answer, "Nothing was changed", *words)
    assert kinds(visitor, request) == ["requested", "refused"]


@pytest.mark.parametrize("user", [ZOE, BOT, "USLACKBOT", "U0NOBODY"])
@pytest.mark.parametrize("text", ["scale web 1", "status", "approve op-00000000"])
def test_accounts_of_nobody_get_nowhere(visitor: Visitor, user: str, text: str) -> None:
    with nothing_changing(visitor):
        request = forge(visitor, user=user, text=text)

    assert kinds(visitor, request) == ["requested", "refused"]


def test_people_of_another_workspace_get_nowhere(visitor: Visitor) -> None:
    with nothing_changing(visitor):
        request = forge(visitor, user=BOB, text="scale web 1", team_id="T0OTHER")

    assert kinds(visitor, request) == ["requested", "refused"]


def test_who_left_the_team_since_may_no_longer(visitor: Visitor) -> None:
    team = visitor.lab.slack.team
    visitor.lab.slack.team = team.with_group("S0OPS", CAT)
    try:
        with nothing_changing(visitor):
            _, answer = tell(visitor, "scale web 1")
    finally:
        visitor.lab.slack.team = team

    assert said(answer, "Nothing was changed", "role *operator*")


@pytest.mark.parametrize("text", ["scale web 0", "scale 0", "scale web +0", "SCALE WEB 0", "scale web -0"])
def test_the_number_it_has_already_is_said_and_nothing_done(visitor: Visitor, text: str) -> None:
    with nothing_changing(visitor):
        request, answer = tell(visitor, text)

    assert said(answer, "*web* has 0 clones already; nothing to do.")
    assert "**" not in read(answer)
    assert kinds(visitor, request) == ["requested", "answered"]


TYPOGRAPHY = {
    "a long dash": "scale web 4 —dry-run",
    "a short dash": "scale web 4 –dry-run",  # noqa: RUF001 (phones write it)
    "curly quotes": "scale web 4 --dry-run --reason “Black Friday”",
    "curly quotes and a dash": "Scale web 4 —reason “Black Friday” —dry-run",
    "an apostrophe": "scale web 4 --dry-run --reason “it’s on”",  # noqa: RUF001 (phones write it)
    "hard spaces": "scale\u00a0web\u00a04\u2003--dry-run",
    "invisible characters": "sc\u200bale web\ufeff 4 --dry\u00ad-run",
}


@pytest.mark.parametrize("text", TYPOGRAPHY.values(), ids=TYPOGRAPHY.keys())
def test_what_phones_make_of_it_is_understood(visitor: Visitor, text: str) -> None:
    with nothing_changing(visitor):
        request, answer = tell(visitor, text)

    assert said(answer, "Dry run: web: 0 → 4 clones", "Nothing was changed.")
    assert kinds(visitor, request) == ["requested", "answered"]


HOSTILE = {
    "a call to the channel": "<!channel> <!here> <!everyone> <@U0CAT> <!subteam^S0OPS>",
    "a link": "<https://evil.example|Approve> https://evil.example",
    "a shell": "$(touch pwned) `touch pwned`; touch pwned | touch pwned && touch pwned",
    "an option": "--discard -rf /",
    "control characters": "red \x1b[31m bell \x07 nul \x00 end",
    "several lines": "one\ntwo\r\nthree\u2028four",
    "changes of direction": "right \u202e tfel \u2066 both",
    "half a character": "half \ud83d of \ude00 it",
    "markup": "*bold* _it_ ~no~ ```code``` > quote :tada:",
    "a template": "{{ master.private_ip }} {% for x in y %} %(x)s {0} ${HOME}",
    "SQL": "'; DROP TABLE audit; --",
    "a formula": '=HYPERLINK("http://evil.example")',
    "nearly too long": "z" * 1500,
}


@pytest.mark.parametrize("reason", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_reason_is_only_shown(visitor: Visitor, reason: str) -> None:
    quoted = reason.replace('"', "'")
    operation = visitor.open(f'scale web 4 --reason "{quoted}"')
    card = visitor.until(lambda: visitor.card(operation), "no card", SECONDS)
    visitor.deny(operation)
    ended = visitor.end_of(operation, SECONDS)

    assert ended.stage is Stage.DENIED
    assert not live(read(card))
    assert not [line for line in visitor.lab.log.read_text().splitlines() if not line.startswith("{")]
    assert not visitor.clones()
    assert set(visitor.lab.slack.problems) <= OF_NOBODY


def test_a_button_of_a_plan_that_there_is_not_does_nothing(visitor: Visitor) -> None:
    operation = visitor.open("scale web 4")
    visitor.shows(operation, "Approve")
    value = f"{operation}:{'0' * 64}"

    with nothing_changing(visitor):
        forge_click(visitor, ADA, value)
        visitor.until(
            lambda: any("has changed since" in read(m) for m in visitor.answers(ADA)),
            "she is not told",
            SECONDS,
        )

    assert visitor.operation(operation).stage is Stage.AWAITING_APPROVAL
    visitor.deny(operation)


@pytest.mark.parametrize("value", ["", "op-1", "op-1:zz", "../..:" + "0" * 64, "x" * 3000])
def test_a_button_with_a_forged_value_does_nothing_and_shows_no_trace(visitor: Visitor, value: str) -> None:
    before = len(visitor.answers(ADA))
    with nothing_changing(visitor):
        forge_click(visitor, ADA, value)
        visitor.until(lambda: len(visitor.answers(ADA)) > before, "she is not told", SECONDS)

    assert said(visitor.answers(ADA)[-1], "reference")
    assert said(tell(visitor, "whoami")[1], "U0BOB")


def test_a_reason_never_becomes_a_command_on_any_machine(visitor: Visitor) -> None:
    proof = visitor.lab.folder / "pwned"
    operation = visitor.open(f'scale web 1 --reason "\'; touch {proof} #$(touch {proof})"')

    assert visitor.end_of(operation).stage is Stage.DONE
    assert not proof.exists()


# -- what the tests see


def tell(visitor: Visitor, text: str, *, user: str = BOB) -> tuple[str, Message]:
    """Type it; the request's id, and the one private answer to it."""
    before = {message.ts for message in visitor.lab.slack.seen_by(user, CHANNEL)}
    request = request_id(visitor.ask(text, user=user))
    answer = visitor.lab.slack.wait_for(lambda m: m.ephemeral_for == user and m.ts not in before, SECONDS)
    visitor.until(lambda: len(kinds(visitor, request)) > 1, "it is not recorded", SECONDS)
    return request, answer


def said(answer: Message, *words: str) -> bool:
    """Whether the answer says all this, and nothing that only programmers understand."""
    text = read(answer)
    for word in words:
        assert word in text
    for trace in TRACES:
        assert trace not in text
    return True


def kinds(visitor: Visitor, request: str) -> list[str]:
    """Which rows the log has of a request."""
    rows = visitor.audit("SELECT kind FROM audit WHERE operation = ? ORDER BY seq", request)
    return [kind for (kind,) in rows]


@contextmanager
def nothing_changing(visitor: Visitor) -> Iterator[None]:
    """Nothing in AWS or in our state changes, the others see nothing, and Slack takes all that was sent."""
    before = _changes(visitor)
    yield
    assert _changes(visitor) == before
    assert set(visitor.lab.slack.problems) <= OF_NOBODY


def _changes(visitor: Visitor) -> tuple[object, ...]:
    rows = visitor.audit(CHANGES)
    calls = len(visitor.lab.aws.calls.mutating())
    public = [m.ts for m in visitor.lab.slack.messages(CHANNEL) if m.ephemeral_for is None]
    return rows, calls, public


def live(text: str) -> list[str]:
    """What in a message would call people, link, or run away with the line."""
    people = ("<@U0CAT>", "<!subteam", "<!channel", "<!here", "<!everyone", "<https://evil", "<http://evil")
    marks = ("\x1b", "\x07", "\x00", "\r", "\u2028", "\u202e", "\u2066")
    halves = [char for char in text if 0xD800 <= ord(char) <= 0xDFFF]
    return [mark for mark in (*people, *marks) if mark in text] + halves


def forge(visitor: Visitor, *, user: str, text: str, team_id: str = "T0LAB") -> str:
    """Have the bot receive a command of somebody who cannot type one here; the request's id."""
    trigger = f"{time.time_ns()}.forged"
    payload = {
        "token": "lab",
        "team_id": team_id,
        "channel_id": CHANNEL,
        "user_id": user,
        "command": "/clone",
        "text": text,
        "trigger_id": trigger,
        "response_url": "",
    }
    visitor.lab.slack.deliver("slash_commands", payload)
    request = request_id(trigger)
    visitor.until(lambda: len(kinds(visitor, request)) > 1, "it is not decided", SECONDS)
    return request


def forge_click(visitor: Visitor, user: str, value: str) -> None:
    """Have the bot receive a click on a button that no message has."""
    action = {"action_id": APPROVE, "value": value, "action_ts": f"{time.time():.6f}", "type": "button"}
    payload = {
        "type": "block_actions",
        "user": {"id": user, "team_id": "T0LAB"},
        "team": {"id": "T0LAB"},
        "channel": {"id": CHANNEL},
        "actions": [{**action, "block_id": "forged"}],
        "trigger_id": f"{time.time_ns()}.forged",
    }
    visitor.lab.slack.deliver("interactive", payload)
