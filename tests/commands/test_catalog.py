"""What people type, and what is understood."""

# ruff: noqa: RUF001 (what phones make of punctuation is what these tests are about)

import importlib
import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import catalog
from bot.command import Command
from bot.domain.errors import BotError, ConfigError, UsageError
from bot.domain.words import as_typed, quote, split
from bot.slack.views.markup import mrkdwn
from tests.commands.examples import COMMANDS, a_spec

WEB, SHOP = a_spec("web"), a_spec("shop")


def understood(text: str, *, channel: str = "C0WEB") -> str:
    return catalog.parse(text, COMMANDS, [WEB, SHOP], channel).understood


def refused(text: str, *, channel: str = "C0WEB") -> str:
    with pytest.raises(UsageError) as raised:
        understood(text, channel=channel)
    return str(raised.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", "help"),
        ("  ", "help"),
        ("scale 4", "scale web 4"),
        ("scale shop 4", "scale shop 4"),
        ("Scale Web 4", "scale web 4"),
        ("scale +2", "scale web +2"),
        ("scale -1", "scale web -1"),
        ("scale 0", "scale web 0"),
        ("scale 007", "scale web 7"),
        ("scale 4 --reason busy", "scale web 4 --reason busy"),
        ('scale --reason "Black Friday" 4', 'scale web 4 --reason "Black Friday"'),
        ('scale 4 --reason="Black Friday"', 'scale web 4 --reason "Black Friday"'),
        ('scale 4 --reason "--discard"', 'scale web 4 --reason "--discard"'),
        ("scale 4 --discard --dry-run", "scale web 4 --discard --dry-run"),
        ("scale web -- -1", "scale web -1"),
        ("deny OP-1 don't do it; it's late", "deny op-1 don't do it; it's late"),
        ("approve `op-1`", "approve op-1"),
        ("audit a b", "audit a b"),
        ("audit '--x' b", 'audit "--x" b'),
        ("status", "status"),
        ("status shop", "status shop"),
        # what phones make of it
        ("scale 4 —reason “Black Friday”", 'scale web 4 --reason "Black Friday"'),
        ("scale 4 —Reason=“it’s late”", 'scale web 4 --reason "it\'s late"'),
        ("scale 4 –discard", "scale web 4 --discard"),
        ("scale –1", "scale web -1"),
        ("scale −1", "scale web -1"),
        ("scale\u00a04", "scale web 4"),
        ("scale\u200b 4\u202e", "scale web 4"),
        ("scale 4 --reason a\ud800b", "scale web 4 --reason a\ufffdb"),
        ("scale\n4\x00", "scale web 4"),
    ],
)
def test_what_is_typed_is_understood(typed: str, meant: str) -> None:
    assert understood(typed) == meant


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("sacle 4", "I know no command `sacle`. Did you mean `scale`?"),
        ("frobnicate", "I know no command `frobnicate`. Type `/clone help`"),
        ("web 4", "`web` is a fleet; first say what to do. For instance: `/clone status web`"),
        ("scale", "Something is missing: how many clones"),
        ("scale web", "Something is missing: how many clones"),
        ("scale wbe 4", "There is no fleet `wbe`. Did you mean `web`? There are: `web`, `shop`."),
        ("scale wbe", "There is no fleet `wbe`. Did you mean `web`?"),
        ("status xyz", "There is no fleet `xyz`. There are: `web`, `shop`."),
        ("scale four", "`four` is not a number of clones."),
        ("scale 2.5", "`2.5` is not a whole number"),
        ("scale 2,5", "`2,5` is not a whole number"),
        ("scale 1e9", "`1e9` is not a number of clones."),
        ("scale +", "`+` is not a number of clones."),
        ("scale 4²", "`4²` is not a number of clones."),
        ("scale " + "9" * 1000, "No fleet is that large."),
        ("scale 4 5", "I do not understand `5`."),
        ("scale 4 --reason", "`--reason` needs a text"),
        ("scale 4 --reason --discard", "`--reason` needs a text"),
        ("scale 4 --reason ' '", "`--reason` needs a text"),
        ("scale 4 --reason a --reason b", "`--reason` is given twice"),
        ("scale 4 --reason black friday", "I do not understand `friday`. A text of several words needs quot"),
        ('scale 4 --reason "black', 'A quotation does not end: `"black`'),
        ('scale 4 --reason="black', "A quotation does not end"),
        ("scale 4 --resaon x", "I know no option `--resaon` here. Did you mean `--reason`?"),
        ("scale 4 -discard", "I know no option `-discard` here. Did you mean `--discard`?"),
        ("scale 4 --discard=yes", "`--discard` takes no value"),
        ("status --dry-run", "I know no option `--dry-run` here."),
        ('scale "" 4', "I do not understand `4`."),
        ('""', "I know no command ``."),
        ("x" * 2001, "That is too long: 2001 characters, and I read at most 2000."),
    ],
)
def test_what_cannot_be_understood_is_said_kindly(typed: str, said: str) -> None:
    assert refused(typed).startswith(said)


def test_a_mistake_in_a_command_shows_what_to_type() -> None:
    assert refused("scale").splitlines()[1:] == [
        "Type: `/clone scale [fleet] N|+N|-N [--reason TEXT] [--discard] [--dry-run]`",
        'For instance: `/clone scale web 4 --reason "Black Friday"`',
    ]


def test_the_fleet_is_the_channels_or_the_only_one_or_must_be_named() -> None:
    assert understood("scale 4", channel="C0SHOP") == "scale shop 4"
    assert catalog.parse("scale 4", COMMANDS, [SHOP], "C0OTHER").fleets == (SHOP,)
    assert refused("scale 4", channel="C0OTHER").startswith("Which fleet? There are: `web`, `shop`.")


def test_two_fleets_in_one_channel_must_be_named() -> None:
    twin = a_spec("twin", channel=WEB.channel)
    with pytest.raises(UsageError, match="Which fleet"):
        catalog.parse("scale 4", COMMANDS, [WEB, twin], WEB.channel)


def test_status_without_a_fleet_is_about_all() -> None:
    assert catalog.parse("status", COMMANDS, [WEB, SHOP], "C0WEB").fleets == (WEB, SHOP)


def test_suggestions_never_reveal_what_this_person_may_not_run() -> None:
    may_run = [each for each in COMMANDS if each.name in {"help", "status"}]
    for typed in ("sacle", "scale 4", "aprove"):
        with pytest.raises(UsageError) as raised:
            catalog.parse(typed, may_run, [WEB], "")
        assert "Did you mean" not in str(raised.value)


@pytest.mark.parametrize(("text", "word"), [("", "help"), ("Scale 4", "scale"), ("nonsense", "nonsense")])
def test_the_first_word_is_known_before_anything_is_understood(text: str, word: str) -> None:
    assert catalog.first_word(text) == word


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_and_an_example_that_it_understands(command: Command) -> None:
    assert command.summary.endswith(".")
    parsed = catalog.parse(command.example, COMMANDS, [WEB], "")
    assert parsed.command is command
    assert parsed.understood == command.example


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("from commands.help import *\nfrom commands.status import *", 2)]
)
def test_a_module_without_exactly_one_command_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, count: int
) -> None:
    package = tmp_path / f"strange{count}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "module.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=f"defines {count} commands"):
        catalog.find_commands(importlib.import_module(package.name))


@given(st.text())
def test_no_text_ends_in_anything_but_an_answer_or_an_explanation(text: str) -> None:
    for typed in (text, f"scale {text}", f"scale 4 {text}", f"deny op-1 {text}", f"audit {text}"):
        try:
            parsed = catalog.parse(typed, COMMANDS, [WEB, SHOP], "C0WEB")
        except BotError:
            continue
        again = catalog.parse(parsed.understood, COMMANDS, [WEB, SHOP], "C0WEB")
        assert again.args == parsed.args


@given(st.text(alphabet=string.printable.replace('"', "").replace("\n", "")[:-5]))
def test_what_is_quoted_is_one_word_again(text: str) -> None:
    assert [word.text for word in split(quote(text))] == [as_typed(text)]


@pytest.mark.parametrize("typed", ["@U0CAT", "x@S0OPS", "`@U0CAT`", "@@U0CAT", '"@U0CAT and @S0OPS"'])
def test_what_somebody_typed_calls_nobody(typed: str) -> None:
    (*_, word) = split(f"deny {typed}")

    assert not re.search(r"@[USW]", word.text)
    assert "<" not in mrkdwn(word.text)
