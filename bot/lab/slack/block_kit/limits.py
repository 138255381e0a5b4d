"""How long and how many, by type of block and element: https://docs.slack.dev/reference/block-kit/."""

from collections.abc import Iterator
from typing import Any

from bot.lab.slack.block_kit.shapes import Fault
from bot.lab.slack.board import Json

# Of a text, its characters; of a list, its items; `*` stands for each item.
_Sizes = dict[str, tuple[int, int]]
_ANYTHING: _Sizes = {
    "block_id": (0, 255),
    "action_id": (1, 255),
    "placeholder": (1, 150),
    "confirm/title": (1, 100),
    "confirm/text": (1, 300),
    "confirm/confirm": (1, 30),
    "confirm/deny": (1, 30),
    "options/*/text": (1, 75),
    "options/*/value": (1, 150),
    "options/*/description": (1, 75),
    "option_groups": (1, 100),
    "option_groups/*/label": (1, 75),
    "option_groups/*/options": (1, 100),
    "option_groups/*/options/*/text": (1, 75),
    "option_groups/*/options/*/value": (1, 150),
}
_MENU: _Sizes = {"options": (1, 100)}
_FEW: _Sizes = {"options": (1, 10)}
_SIZES: dict[str, _Sizes] = {
    "actions": {"elements": (1, 25)},
    "button": {"text": (1, 75), "value": (0, 2000), "url": (1, 3000), "accessibility_label": (1, 75)},
    "checkboxes": _FEW,
    "context": {"elements": (1, 10)},
    "header": {"text": (1, 150)},
    "home": {"blocks": (0, 100), "callback_id": (0, 255), "private_metadata": (0, 3000)},
    "image": {"alt_text": (1, 2000), "image_url": (1, 3000), "title": (1, 2000)},
    "input": {"label": (1, 2000), "hint": (1, 2000)},
    "markdown": {"text": (1, 12_000)},
    "modal": {
        "blocks": (0, 100),
        "title": (1, 24),
        "submit": (1, 24),
        "close": (1, 24),
        "callback_id": (0, 255),
        "external_id": (0, 255),
        "private_metadata": (0, 3000),
    },
    "mrkdwn": {"text": (1, 3000)},
    "multi_static_select": _MENU,
    "overflow": {"options": (1, 5)},
    "plain_text": {"text": (1, 3000)},
    "plain_text_input": {"initial_value": (0, 3000)},
    "radio_buttons": _FEW,
    "section": {"text": (1, 3000), "fields": (1, 10), "fields/*": (1, 2000)},
    "static_select": _MENU,
    "video": {"alt_text": (1, 2000), "title": (1, 199), "author_name": (1, 49)},
}


def size_faults(part: Any, at: str = "") -> Iterator[Fault]:
    """Say what is too long, too short, too many or too few, here and below."""
    if isinstance(part, list):
        for index, each in enumerate(part):
            yield from size_faults(each, f"{at}/{index}")
    elif isinstance(part, dict):
        for path, bounds in (_ANYTHING | _SIZES.get(str(part.get("type")), {})).items():
            yield from _measure(part, at, path.split("/"), bounds)
        for name, each in part.items():
            yield from size_faults(each, f"{at}/{name}")


def _measure(part: Any, at: str, path: list[str], bounds: tuple[int, int]) -> Iterator[Fault]:
    if not path:
        yield from _compare(part, at, *bounds)
    elif path[0] == "*" and isinstance(part, list):
        for index, each in enumerate(part):
            yield from _measure(each, f"{at}/{index}", path[1:], bounds)
    elif isinstance(part, dict) and path[0] in part:
        yield from _measure(part[path[0]], f"{at}/{path[0]}", path[1:], bounds)


def _compare(part: Any, at: str, least: int, most: int) -> Iterator[Fault]:
    if isinstance(part, dict):
        # The text object itself says where it is empty, so that nothing is said twice.
        part, at, least = part.get("text"), f"{at}/text", 0
    if isinstance(part, list):
        if len(part) > most:
            yield at, f"no more than {most} items allowed"
        if len(part) < least:
            yield at, f"no fewer than {least} items required"
    elif isinstance(part, str):
        if len(part) > most:
            yield at, f"must be less than {most + 1} characters"
        if len(part) < least:
            yield at, f"must be more than {least - 1} characters"


def number_faults(block: Json) -> Iterator[Fault]:
    """Say which numbers of an input are out of bounds."""
    element = block.get("element") or {}
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if not 0 <= least <= 3000:  # noqa: PLR2004 (Slack's, as below)
        yield "/element/min_length", "must be between 0 and 3000"
    elif not max(1, least) <= most <= 3000:  # noqa: PLR2004
        yield "/element/max_length", "must be between 1 and 3000, and not below min_length"
    if element.get("max_selected_items", 1) < 1:
        yield "/element/max_selected_items", "must be more than 0"
