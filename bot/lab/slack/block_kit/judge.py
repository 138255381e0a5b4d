"""What Slack refuses in a message or a view."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from bot.lab.slack.block_kit.elements import find_elements, find_options
from bot.lab.slack.block_kit.limits import number_faults, size_faults
from bot.lab.slack.block_kit.shapes import Fault, block_shape, round_trip, view_shape
from bot.lab.slack.board import Json

MAX_TEXT = 40_000
MAX_BLOCKS = 50
MAX_VIEW_BLOCKS = 100


def text_error(text: str, blocks: Sequence[Json]) -> str | None:
    """Name Slack's error for the text of a message; beside blocks it is what notifications show."""
    if len(text) > MAX_TEXT:
        return "msg_too_long"
    if not text.strip():
        return "invalid_arguments" if blocks else "no_text"
    return None


def block_faults(blocks: Any) -> list[str]:
    """Say everything that is wrong with the blocks of a message, each with a JSON pointer."""
    return _pointed(_blocks(blocks, "/blocks", MAX_BLOCKS))


def view_faults(view: Any) -> list[str]:
    """Say everything that is wrong with a modal or a home tab, each with a JSON pointer."""
    if not isinstance(view, dict):
        return ["missing required field: view"]
    return _pointed(_view(view))


def _pointed(faults: Iterator[Fault]) -> list[str]:
    return [f"{fault} [json-pointer:{at or '/'}]" for at, fault in faults]


def _view(view: Json) -> Iterator[Fault]:
    faults = [(f"/view{at}", fault) for at, fault in view_shape(view)]
    faults += [(f"/view{at}", fault) for at, fault in size_faults(view | {"blocks": []})]
    faults += _blocks(view.get("blocks"), "/view/blocks", MAX_VIEW_BLOCKS)
    yield from faults
    if not faults and view["type"] == "modal" and "submit" not in view and _has_input(view):
        yield "/view/submit", "missing required field: submit (the view holds an input)"


def _has_input(view: Json) -> bool:
    return any(block["type"] == "input" for block in view["blocks"])


def _blocks(blocks: Any, at: str, most: int) -> Iterator[Fault]:
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        yield at, "must be a list of objects"
        return
    if len(blocks) > most:
        yield at, f"no more than {most} items allowed"
        return
    faults = [
        (f"{at}/{index}{where}", fault)
        for index, block in enumerate(blocks)
        for where, fault in _block(block)
    ]
    yield from faults or ((at, fault) for fault in _duplicates(blocks))


def _block(block: Json) -> list[Fault]:
    return block_shape(block) or _rules(block) or round_trip(block)


def _rules(block: Json) -> list[Fault]:
    return [*size_faults(block), *number_faults(block), *_sense(block)]


def _sense(block: Json) -> Iterator[Fault]:
    """What is well formed and means nothing."""
    if block["type"] == "section" and not (block.get("text") or block.get("fields")):
        yield "", "must provide text or fields"
    for _, element in find_elements([block]):
        options = list(find_options(element))
        values = Counter(option["value"] for option in options)
        if any(count > 1 for count in values.values()):
            yield "", f"duplicate option value in {element['action_id']!r}"
        for chosen in (element.get("initial_option"), *(element.get("initial_options") or ())):
            if chosen and chosen not in options:
                yield "", f"the initial option of {element['action_id']!r} must be one of its options"


def _duplicates(blocks: Sequence[Json]) -> Iterator[str]:
    block_ids = Counter(block["block_id"] for block in blocks if block.get("block_id"))
    yield from (f"`block_id` {name!r} already exists" for name, count in block_ids.items() if count > 1)
    action_ids = Counter(element["action_id"] for _, element in find_elements(blocks))
    yield from (f"`action_id` {name!r} already exists" for name, count in action_ids.items() if count > 1)
