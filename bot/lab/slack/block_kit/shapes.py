"""The shape of blocks and views: Slack's own types as a JSON Schema, and slack_sdk's models."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from bot.lab.slack.board import Json

Fault = tuple[str, str]
"""Where, as a JSON pointer from the part that is judged, and what is wrong there."""
_NOUNS = {"string": "a string", "object": "an object", "array": "an array", "boolean": "a boolean"}


def block_shape(block: Json) -> list[Fault]:
    """Say what is wrong with the shape of one block."""
    kind = block.get("type")
    if not isinstance(kind, str) or kind not in _blocks():
        return [("/type", f"unsupported type: {kind}")]
    return _faults(_blocks()[kind], block)


def view_shape(view: Json) -> list[Fault]:
    """Say what is wrong with a view; its blocks are judged one by one."""
    name = {"modal": "ModalView", "home": "HomeView"}.get(str(view.get("type")))
    if name is None:
        return [("/type", f"unsupported type: {view.get('type')}")]
    bare = view | {"blocks": []} if isinstance(view.get("blocks"), list) else view
    return _faults(_validator(name), bare)


@cache
def _definitions() -> Json:
    text = Path(__file__).with_name("schema.json").read_text(encoding="utf-8")
    definitions: Json = json.loads(text)["definitions"]
    return definitions


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator({"$ref": f"#/definitions/{name}", "definitions": _definitions()})


@cache
def _blocks() -> dict[str, Draft7Validator]:
    """The validator of each type of block: a far quicker choice than trying them all."""
    names = [each["$ref"].rpartition("/")[2] for each in _definitions()["KnownBlock"]["anyOf"]]
    return {_type(_definitions()[name]): _validator(name) for name in names}


def _type(definition: Json) -> str:
    one_form = definition.get("anyOf", [definition])[0]
    return str(one_form["properties"]["type"]["const"])


def _faults(validator: Draft7Validator, part: Json) -> list[Fault]:
    return [fault for error in validator.iter_errors(part) for fault in _word(error)]


def _word(error: ValidationError) -> Iterator[Fault]:
    """Word it as Slack does."""
    if error.validator == "anyOf":
        yield from _word_choice(error)
        return
    at = "".join(f"/{step}" for step in error.absolute_path)
    match error.validator:
        case "required":
            # One error for each that is missing; only its message says which.
            missing = error.message.split("'")[1]
            yield at, f"missing required field: {missing}"
        case "additionalProperties":
            yield at, f"invalid additional property: {_surplus(error)}"
        case "type":
            yield at, f"must provide {_NOUNS.get(str(error.validator_value), 'a number')}"
        case _:
            yield at, "must be a valid enum value"


def _surplus(error: ValidationError) -> str:
    known = error.schema["properties"] if isinstance(error.schema, dict) else {}
    there = error.instance if isinstance(error.instance, dict) else {}
    return str(next(name for name in there if name not in known))


def _word_choice(error: ValidationError) -> Iterator[Fault]:
    """Of several allowed shapes, complain about the one whose type it says to be."""
    meant = [branch for branch in _branches(error) if not _is_of_another_type(branch, error)]
    if meant:
        yield from (fault for each in min(meant, key=len) for fault in _word(each))
        return
    kind = error.instance.get("type") if isinstance(error.instance, dict) else type(error.instance).__name__
    at = "".join(f"/{step}" for step in error.absolute_path)
    yield at, f"unsupported element: {kind}"


def _branches(choice: ValidationError) -> list[list[ValidationError]]:
    """What each of the allowed shapes says against it."""
    branches: dict[Any, list[ValidationError]] = {}
    for each in choice.context or ():
        branches.setdefault(each.relative_schema_path[0], []).append(each)
    return list(branches.values())


def _is_of_another_type(branch: Iterable[ValidationError], whole: ValidationError) -> bool:
    return any(_is_about_type(each, list(whole.absolute_path)) for each in branch)


def _is_about_type(error: ValidationError, here: list[str | int]) -> bool:
    at = list(error.absolute_path)
    if at == [*here, "type"]:
        return True
    if error.validator == "anyOf" and at == here:
        return all(any(_is_about_type(each, here) for each in branch) for branch in _branches(error))
    return at == here and error.validator == "type"


def round_trip(block: Json) -> list[Fault]:
    """Compare with what slack_sdk's models make of it: unknown and misplaced fields get lost there."""
    try:
        parsed = Block.parse(dict(block))
        same = parsed is None or parsed.to_dict() == block
    except (SlackObjectFormationError, TypeError, AttributeError, ValueError) as error:
        return [("", f"invalid block: {error}")]
    return [] if same else [("", "holds a field or a value that this type of block does not have")]
