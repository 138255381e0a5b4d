"""What the lab's Slack takes and refuses, and where it says the fault is."""

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.lab.slack.block_kit import block_faults, view_faults

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def options(count: int = 2, *, text: str = "x", value: str = "") -> list[Json]:
    return [{"text": plain(text), "value": value or str(number)} for number in range(count)]


def menu(kind: str = "static_select", **more: Any) -> Json:
    return {"type": kind, "action_id": "menu", "options": options(), **more}


def beside(element: Json) -> Json:
    return {"type": "section", "text": mrkdwn("x"), "accessory": element}


def ask(element: Json | None = None, **more: Any) -> Json:
    typed = {"type": "plain_text_input", "action_id": "typed"}
    return {"type": "input", "label": plain("Why?"), "element": element or typed, **more}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("Scale"), "blocks": list(blocks), **more}


DIVIDER: Json = {"type": "divider"}
GOOD: dict[str, Json] = {
    "a question": ask(hint=plain("short"), optional=True, block_id="why"),
    "a menu": beside(menu(placeholder=plain("which"), initial_option=options()[1])),
    "a menu in groups": beside(
        {
            "type": "multi_static_select",
            "action_id": "m",
            "option_groups": [{"label": plain("g"), "options": options()}],
        }
    ),
    "an overflow menu": beside(menu("overflow")),
    "choices": {"type": "actions", "elements": [menu("checkboxes"), menu("radio_buttons", action_id="r")]},
    "days and people": {
        "type": "actions",
        "elements": [
            {"type": "datepicker", "action_id": "d", "initial_date": "2026-11-22"},
            {"type": "timepicker", "action_id": "t"},
            {"type": "users_select", "action_id": "u", "placeholder": plain("who")},
        ],
    },
    "a picture": {
        "type": "image",
        "image_url": "https://example.org/x.png",
        "alt_text": "x",
        "title": plain("t"),
    },
    "a picture that was uploaded": {"type": "image", "slack_file": {"id": "F1"}, "alt_text": "x"},
    "markdown": {"type": "markdown", "text": "**x**"},
    "rich text": {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}],
    },
}


@pytest.mark.parametrize("block", GOOD.values(), ids=GOOD.keys())
def test_what_slack_takes_is_taken(block: Json) -> None:
    assert block_faults([block]) == []
    assert view_faults(modal(block, submit=plain("Send"))) == []


BAD: dict[str, tuple[Json, str]] = {
    "a value that is a number": (
        beside({"type": "button", "action_id": "b", "text": plain("x"), "value": 7}),
        "must provide a string [json-pointer:/blocks/0/accessory/value]",
    ),
    "a style of our own": (
        beside({"type": "button", "action_id": "b", "text": plain("x"), "style": "green"}),
        "must be a valid enum value [json-pointer:/blocks/0/accessory/style]",
    ),
    "a colour": (DIVIDER | {"color": "red"}, "invalid additional property: color [json-pointer:/blocks/0]"),
    "an image for sighted people": (
        {"type": "image", "image_url": "https://example.org/x.png"},
        "missing required field: alt_text [json-pointer:/blocks/0]",
    ),
    "a button to type into": (
        ask({"type": "button", "action_id": "b", "text": plain("x")}),
        "unsupported element: button [json-pointer:/blocks/0/element]",
    ),
    "a long option": (
        beside(menu(options=options(text="x" * 76))),
        "must be less than 76 characters [json-pointer:/blocks/0/accessory/options/0/text/text]",
    ),
    "too many options": (
        beside(menu(options=options(101))),
        "no more than 100 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    "an overflow menu of six": (
        beside(menu("overflow", options=options(6))),
        "no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]",
    ),
    "two options of one value": (
        beside(menu(options=options(value="same"))),
        "duplicate option value in 'menu' [json-pointer:/blocks/0]",
    ),
    "an initial option from elsewhere": (
        beside(menu(initial_option={"text": plain("y"), "value": "y"})),
        "the initial option of 'menu' must be one of its options [json-pointer:/blocks/0]",
    ),
    "a long label": (
        ask(label=plain("x" * 2001)),
        "must be less than 2001 characters [json-pointer:/blocks/0/label/text]",
    ),
    "more letters than fit": (
        ask({"type": "plain_text_input", "action_id": "t", "max_length": 3001}),
        "must be between 1 and 3000, and not below min_length [json-pointer:/blocks/0/element/max_length]",
    ),
    "a button without a name": (
        beside({"type": "button", "action_id": "", "text": plain("x")}),
        "must be more than 0 characters [json-pointer:/blocks/0/accessory/action_id]",
    ),
}


@pytest.mark.parametrize(("block", "fault"), BAD.values(), ids=BAD.keys())
def test_what_slack_refuses_is_refused_with_the_place(block: Json, fault: str) -> None:
    assert fault in block_faults([block])


BAD_VIEWS: dict[str, tuple[Any, str]] = {
    "no view": (None, "missing required field: view"),
    "a message": ({"type": "message"}, "unsupported type: message [json-pointer:/view/type]"),
    "no title": ({"type": "modal", "blocks": []}, "missing required field: title [json-pointer:/view]"),
    "a long title": (
        modal(title=plain("x" * 25)),
        "must be less than 25 characters [json-pointer:/view/title/text]",
    ),
    "questions and no button": (
        modal(ask()),
        "missing required field: submit (the view holds an input) [json-pointer:/view/submit]",
    ),
    "too many blocks": (
        modal(*[DIVIDER] * 101),
        "no more than 100 items allowed [json-pointer:/view/blocks]",
    ),
    "an unknown block": (modal({"type": "foo"}), "unsupported type: foo [json-pointer:/view/blocks/0/type]"),
    "much to remember": (
        modal(private_metadata="x" * 3001),
        "must be less than 3001 characters [json-pointer:/view/private_metadata]",
    ),
    "two blocks of one name": (
        modal(DIVIDER | {"block_id": "b"}, DIVIDER | {"block_id": "b"}),
        "`block_id` 'b' already exists [json-pointer:/view/blocks]",
    ),
    "a home with a title": (
        {"type": "home", "title": plain("x"), "blocks": []},
        "invalid additional property: title [json-pointer:/view]",
    ),
}


@pytest.mark.parametrize(("view", "fault"), BAD_VIEWS.values(), ids=BAD_VIEWS.keys())
def test_a_view_is_refused_with_the_place(view: Any, fault: str) -> None:
    assert fault in view_faults(view)


def test_a_view_may_hold_a_hundred_blocks_and_a_message_fifty() -> None:
    assert view_faults(modal(*[DIVIDER] * 100)) == []
    assert block_faults([DIVIDER] * 50) == []
    assert block_faults([DIVIDER] * 51) == ["no more than 50 items allowed [json-pointer:/blocks]"]


def test_fifty_blocks_are_fifty_times_the_work_of_one() -> None:
    one, fifty = ([beside(menu(action_id=str(number))) for number in range(count)] for count in (1, 50))
    block_faults(one)
    assert calls_of(lambda: block_faults(fifty)) < 60 * calls_of(lambda: block_faults(one))


def calls_of(work: Callable[[], object]) -> int:
    """How many functions of Python's are called for it."""
    seen = Counter[str]()
    sys.setprofile(lambda _frame, event, _what: seen.update([event]))
    try:
        work()
    finally:
        sys.setprofile(None)
    return seen["call"]


def test_the_schema_says_where_it_comes_from_and_under_which_licence() -> None:
    folder = Path(__file__).parents[2] / "bot/lab/slack/block_kit"
    schema = json.loads((folder / "schema.json").read_text(encoding="utf-8"))
    source = "@slack/types 3.2.0"
    assert f"{source}, licence MIT" in schema["$comment"]
    assert "Copyright (c) 2014- Slack Technologies, LLC" in schema["$comment"]
    assert source.replace(" ", "@") in (folder / "regenerate.sh").read_text(encoding="utf-8")
