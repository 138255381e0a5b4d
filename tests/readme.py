"""The generated parts of the README: what the code says of itself."""

import ast
import dataclasses
import inspect
import typing
from collections.abc import Iterator

import click

from bot.__main__ import main
from bot.catalog import find_commands
from bot.domain import presets
from bot.domain.agents import AGENTS, Agent
from bot.domain.doctor import server
from bot.domain.doctor.aws import examine
from bot.domain.fleet import FleetSpec
from bot.domain.policy import Policy
from bot.domain.schedule import Schedule
from bot.domain.terminal import Terminal


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
    rows += _rows("terminal", Terminal)
    return "\n".join(["", "| key | default | meaning |", "|---|---|---|", *rows, "", ""])


def command_line() -> str:
    """One row for each command of `clonebot`."""
    rows = [f"| `clonebot {usage}` | {short} |" for usage, short in _commands(main, ())]
    return "\n".join(["", "| type | what it does |", "|---|---|", *rows, "", ""])


def doctors_checks() -> str:
    """One row for each check of the doctor, by the number of its pitfall."""
    on_server = [(each.pitfall, each.name, "server", each.look) for each in server.CHECKS]
    in_aws = [
        (each.pitfall, ", ".join((each.name, *each.also)), "AWS", each.judge) for each in examine.CHECKS
    ]
    found = sorted((*on_server, *in_aws), key=lambda row: row[:3])
    rows = [f"| {number} | {name} | {seen} | {_first_line(look)} |" for number, name, seen, look in found]
    return "\n".join(
        ["", "| pitfall | check | seen from | what it looks at |", "|---|---|---|---|", *rows, "", ""]
    )


def presets_and_agents() -> str:
    """What each preset adds to a recipe, and what each known agent forgets."""
    added = [f"| `{name}` | {presets.says(name)} |" for name in presets.PRESETS]
    forgotten = [
        f"| `{name}` | {', '.join(f'`{unit}`' for unit in agent.units)} | {_forgotten(agent)} |"
        for name, agent in AGENTS.items()
    ]
    head = ["", "| preset | adds |", "|---|---|", *added, ""]
    return "\n".join([*head, "| agent | unit | forgets |", "|---|---|---|", *forgotten, "", ""])


def _forgotten(agent: Agent) -> str:
    lines = (f"in `{file}` the line `{begins}`".replace("|", "\\|") for file, begins in agent.lines)
    return ", ".join((*(f"`{file}`" for file in agent.files), *lines))


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _commands(group: click.Group, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name, each in sorted(group.commands.items()):
        if isinstance(each, click.Group):
            yield from _commands(each, (*names, name))
        else:
            context = click.Context(each, info_name=name)
            pieces = [piece for piece in each.collect_usage_pieces(context) if piece != "[OPTIONS]"]
            summary = (each.help or "").partition("\n")[0].replace("|", "\\|")
            yield " ".join([*names, name, *pieces]), summary


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
    if inner or field.default in {None, (), ""} or field.default is dataclasses.MISSING:
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


__all__ = [
    "command_line",
    "command_table",
    "doctors_checks",
    "fleet_file_reference",
    "presets_and_agents",
]
