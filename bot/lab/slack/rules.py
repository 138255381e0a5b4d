"""What Slack refuses in a message: sizes, shapes and duplicates of text and blocks."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from bot.lab.slack.board import Json

Faults = Iterator[tuple[str, str]]
"""Where in the block, and what is wrong there."""

MAX_TEXT = 40_000
MAX_BLOCKS = 50
MAX_FIELDS = 10
MAX_ELEMENTS = {"context": 10, "actions": 25}
BLOCK_TYPES = frozenset(("actions", "context", "divider", "header", "image", "input", "rich_text", "section"))
CONTEXT_ELEMENTS = frozenset(("mrkdwn", "plain_text", "image"))
# Valid, but looked at no closer than slack_sdk's models do.
SELECTS = frozenset(
    ("static_select", "users_select", "channels_select", "multi_static_select", "multi_users_select")
)
OTHER_ELEMENTS = SELECTS | {"overflow", "checkboxes", "radio_buttons", "datepicker", "timepicker"}


def text_error(text: str, blocks: Sequence[Json]) -> str | None:
    """Name Slack's error for the text of a message; beside blocks it is what notifications show."""
    if len(text) > MAX_TEXT:
        return "msg_too_long"
    if not text.strip():
        return "invalid_arguments" if blocks else "no_text"
    return None


def block_faults(blocks: Any) -> list[str]:
    """Say everything that is wrong with the blocks of a message, each with a JSON pointer."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        return ["must be a list of objects [json-pointer:/blocks]"]
    if len(blocks) > MAX_BLOCKS:
        return [f"no more than {MAX_BLOCKS} items allowed [json-pointer:/blocks]"]
    faults = [
        f"{fault} [json-pointer:/blocks/{index}{at}]"
        for index, block in enumerate(blocks)
        for at, fault in _block(block)
    ]
    return faults or [
        f"duplicate {kind} {name!r} [json-pointer:/blocks]" for kind, name in _duplicates(blocks)
    ]


def find_elements(blocks: Iterable[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield each interactive element together with the block that holds it."""
    for block in blocks:
        elements = block["elements"] if block["type"] == "actions" else [block.get("accessory")]
        yield from ((block, element) for element in elements if element and "action_id" in element)


def _duplicates(blocks: Sequence[Json]) -> Faults:
    names = [("block_id", block["block_id"]) for block in blocks if block.get("block_id")]
    names += [("action_id", element["action_id"]) for _, element in find_elements(blocks)]
    return (name for name, count in Counter(names).items() if count > 1)


def _block(block: Json) -> Faults:
    kind = str(block.get("type"))
    if kind not in BLOCK_TYPES:
        yield "/type", f"unsupported type: {kind}"
        return
    if not _fits(block.get("block_id", ""), 255):
        yield "/block_id", "must be less than 256 characters"
    details = list(_DETAILS[kind](block)) if kind in _DETAILS else []
    yield from details or _round_trip(block)


def _round_trip(block: Json) -> Faults:
    """Compare with what slack_sdk's models make of it: unknown and misplaced fields get lost there."""
    try:
        parsed = Block.parse(dict(block))
        same = parsed is not None and parsed.to_dict() == block
    except (SlackObjectFormationError, TypeError, AttributeError) as error:
        yield "", f"invalid block: {error}"
        return
    if not same:
        yield "", "holds a field or a value that this type of block does not have"


def _section(block: Json) -> Faults:
    fields = block.get("fields", [])
    if not isinstance(fields, list) or ("text" not in block and not fields):
        yield "", "needs text, or a list of fields"
        return
    if "text" in block:
        yield from _text(block["text"], "/text", 3000)
    if len(fields) > MAX_FIELDS:
        yield "/fields", f"no more than {MAX_FIELDS} items allowed"
    for index, field in enumerate(fields):
        yield from _text(field, f"/fields/{index}", 2000)
    if "accessory" in block:
        yield from _element(block["accessory"], "/accessory")


def _header(block: Json) -> Faults:
    yield from _text(block.get("text"), "/text", 150, plain=True)


def _elements(block: Json) -> Faults:
    elements, limit = block.get("elements"), MAX_ELEMENTS[block["type"]]
    if not isinstance(elements, list) or not 0 < len(elements) <= limit:
        yield "/elements", f"needs 1 to {limit} elements"
        return
    for index, element in enumerate(elements):
        at, kind = f"/elements/{index}", _kind(element)
        if (kind in CONTEXT_ELEMENTS) != (block["type"] == "context"):
            yield at, f"unsupported element in {block['type']}: {kind}"
        elif kind in {"mrkdwn", "plain_text"}:
            yield from _text(element, at, 3000)
        else:
            yield from _element(element, at)


def _element(element: Any, at: str) -> Faults:
    kind = _kind(element)
    if kind == "image":
        yield from _image(element, at)
    elif kind == "button":
        yield from _button(element, at)
    elif kind not in OTHER_ELEMENTS:
        yield at, f"unsupported element: {kind}"


def _image(block: Json, at: str = "") -> Faults:
    if not (block.get("image_url") or block.get("slack_file")):
        yield f"{at}/image_url", "missing required field"
    if not block.get("alt_text") or not _fits(block["alt_text"], 2000):
        yield f"{at}/alt_text", "needs 1 to 2000 characters"


def _button(button: Json, at: str) -> Faults:
    yield from _text(button.get("text"), f"{at}/text", 75, plain=True)
    for field, limit in (("action_id", 255), ("value", 2000), ("url", 3000)):
        if not _fits(button.get(field, ""), limit):
            yield f"{at}/{field}", f"must be less than {limit + 1} characters"
    if button.get("style", "primary") not in ("primary", "danger"):
        yield f"{at}/style", "must be primary or danger"
    if "confirm" in button:
        yield from _confirm(button["confirm"], f"{at}/confirm")


def _confirm(dialog: Any, at: str) -> Faults:
    parts = dialog if isinstance(dialog, dict) else {}
    for field, limit in (("title", 100), ("confirm", 30), ("deny", 30)):
        yield from _text(parts.get(field), f"{at}/{field}", limit, plain=True)
    yield from _text(parts.get("text"), f"{at}/text", 300)


def _text(text: Any, at: str, limit: int, *, plain: bool = False) -> Faults:
    kinds = ("plain_text",) if plain else ("mrkdwn", "plain_text")
    if _kind(text) not in kinds:
        yield at, f"needs a text object of type {' or '.join(kinds)}"
    elif not text.get("text") or not _fits(text["text"], limit):
        yield f"{at}/text", f"needs 1 to {limit} characters"


def _kind(part: Any) -> str:
    return str(part.get("type")) if isinstance(part, dict) else type(part).__name__


def _fits(value: Any, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit


_DETAILS: dict[str, Callable[[Json], Faults]] = {
    "section": _section,
    "header": _header,
    "context": _elements,
    "actions": _elements,
    "image": _image,
}
