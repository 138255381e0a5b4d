"""The generated parts of the README: what the code says of itself."""

import ast
import dataclasses
import inspect
import typing
from collections.abc import Iterator

from bot.catalog import find_commands
from bot.domain.fleet import FleetSpec
from bot.domain.policy import Policy
from bot.domain.schedule import Schedule


def command_table() -> str:
    """One row for each command."""
    rows = [
        f"| `/clone {each.usage}` | {each.roles} | {each.summary} |".replace("N|+N|-N", r"N\|+N\|-N")
        for each in find_commands()
    ]
    return "\n".join(["", "| type | role | what it does |", "|---|---|---|", *rows, "", ""])


def fleet_file_reference() -> str:
    """One row for each key of the fleet file."""
    rows = [*_rows("fleets.NAME", FleetSpec), *_rows("policy", Policy), *_rows("digest", Schedule)]
    return "\n".join(["", "| key | default | meaning |", "|---|---|---|", *rows, "", ""])


def _rows(prefix: str, table: type) -> Iterator[str]:
    meanings = _meanings(table)
    for field in dataclasses.fields(table):
        if field.name == "name":
            continue
        key = f"{prefix}.{field.name}"
        inner = _table_of(typing.get_type_hints(table)[field.name])
        meaning = meanings.get(field.name) or (inner and (inner.__doc__ or "").partition("\n")[0]) or ""
        yield f"| `{key}` | {_default(field, inner)} | {meaning} |"
        if inner:
            yield from _rows(key, inner)


def _table_of(hint: object) -> type | None:
    """The dataclass that a field holds, or a list of."""
    for part in (hint, *typing.get_args(hint)):
        if isinstance(part, type) and dataclasses.is_dataclass(part):
            return part
    return None


def _default(field: "dataclasses.Field[object]", inner: type | None) -> str:
    if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
        return "*required*"
    if inner or field.default in {None, ()} or field.default is dataclasses.MISSING:
        return ""
    value = list(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{str(value).lower() if isinstance(value, bool) else value}`".replace("'", '"')


def _meanings(table: type) -> dict[str, str]:
    """The strings below the fields of a dataclass."""
    (body,) = ast.parse(inspect.getsource(table)).body
    assert isinstance(body, ast.ClassDef)
    pairs = zip(body.body, body.body[1:], strict=False)
    return {
        field.target.id: inspect.cleandoc(text.value.value).partition("\n")[0]
        for field, text in pairs
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


__all__ = ["command_table", "fleet_file_reference"]
