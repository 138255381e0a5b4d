"""What people chose or typed in the elements of blocks, as Slack words it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.lab.slack.block_kit import find_elements
from bot.lab.slack.block_kit.elements import find_options
from bot.lab.slack.board import Json

Values = Mapping[str, Mapping[str, Any]]
"""What the page knows, by block id and action id: a text, an id, an option's value, or a list of them."""
_ONE_OPTION = frozenset(("static_select", "external_select", "radio_buttons", "overflow"))
_OPTIONS = frozenset(("multi_static_select", "multi_external_select", "checkboxes"))
_FIELDS = {
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}
_INITIAL = {
    "users_select": "initial_user",
    "channels_select": "initial_channel",
    "conversations_select": "initial_conversation",
    "multi_users_select": "initial_users",
    "multi_channels_select": "initial_channels",
    "multi_conversations_select": "initial_conversations",
    "datepicker": "initial_date",
    "timepicker": "initial_time",
    "datetimepicker": "initial_date_time",
}
_WITHOUT_STATE = frozenset(("button", "overflow", "image"))


def choice(element: Json, value: Any) -> Json:
    """Word what was chosen in one element."""
    kind = element["type"]
    if kind == "button":
        return {name: element[name] for name in ("text", "value", "style") if name in element}
    if kind in _ONE_OPTION:
        return {"selected_option": next(iter(_options(element, [value])), None)}
    if kind in _OPTIONS:
        return {"selected_options": _options(element, value or [])}
    if kind in _FIELDS:
        return {_FIELDS[kind]: value or ([] if kind.startswith("multi_") else None)}
    return {"value": value or None}


def state(blocks: Sequence[Json], values: Values) -> Json:
    """Word what every element holds; what nobody touched holds what the bot put there."""
    worded: dict[str, Json] = {}
    for block, element in find_elements(blocks):
        if element["type"] in _WITHOUT_STATE:
            continue
        given = values.get(block["block_id"], {})
        value = given.get(element["action_id"], _initial(element))
        held = {"type": element["type"], **choice(element, value)}
        worded.setdefault(block["block_id"], {})[element["action_id"]] = held
    return {"values": worded}


def missing(blocks: Sequence[Json], held: Json) -> dict[str, str]:
    """Say, by block id, what Slack itself finds wrong before it asks the bot."""
    complaints: dict[str, str] = {}
    for block, element in find_elements(blocks):
        if block["type"] != "input":
            continue
        there = held["values"][block["block_id"]][element["action_id"]]
        given = next((value for name, value in there.items() if name != "type"), None)
        complaint = _complaint(block, element, given)
        if complaint:
            complaints[block["block_id"]] = complaint
    return complaints


def _complaint(block: Json, element: Json, given: Any) -> str:
    if not given:
        return "" if block.get("optional") else "Please complete this required field."
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if isinstance(given, str) and not least <= len(given) <= most:
        return f"Please write {least} to {most} characters."
    return ""


def _initial(element: Json) -> Any:
    kind = element["type"]
    if kind in _ONE_OPTION:
        return (element.get("initial_option") or {}).get("value")
    if kind in _OPTIONS:
        return [option["value"] for option in element.get("initial_options") or ()]
    return element.get(_INITIAL.get(kind, "initial_value"))


def _options(element: Json, values: Sequence[Any]) -> list[Json]:
    return [option for option in find_options(element) if option["value"] in values]
