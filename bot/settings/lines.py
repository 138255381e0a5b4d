"""On which line of a TOML file each key stands; tomllib does not say."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Key = tuple[str | int, ...]


def find_lines(text: str) -> Mapping[Key, int]:
    """Map each key and list item of a valid TOML text to the line where its statement begins, from 1."""
    lines: dict[Key, int] = {}
    table: Key = ()
    counts: dict[Key, int] = {}
    for number, statement in _statements(text):
        if statement.lstrip().startswith("["):
            table = _header(statement, counts)
            keys = [table[:size] for size in range(1, len(table) + 1)]
        else:
            keys = [table + key for key in _keys(tomllib.loads(statement))]
        for key in keys:
            lines.setdefault(key, number)
    return lines


def line_of(key: Key, lines: Mapping[Key, int]) -> int:
    """Where this key stands, or the nearest table around it."""
    around = (key[:size] for size in range(len(key), 0, -1))
    return next((lines[part] for part in around if part in lines), 1)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Group lines so that each group is TOML by itself."""
    begin, group = 1, ""
    for number, line in enumerate(text.split("\n"), start=1):
        begin = begin if group else number
        group += line + "\n"
        if _is_whole(group):
            yield begin, group
            group = ""


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _header(statement: str, counts: dict[Key, int]) -> Key:
    """Which table a `[header]` opens; `[[header]]` opens the next of a list."""
    path: Key = ()
    value: Any = tomllib.loads(statement)
    while value:
        if isinstance(value, list):
            counts[path] = counts.get(path, -1) + 1
            value = value[0]
            path = (*path, counts[path])
            continue
        if path in counts:
            path = (*path, counts[path])
        ((name, value),) = value.items()
        path = (*path, name)
    return path


def _keys(value: Any, at: Key = ()) -> Iterator[Key]:
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for name, inner in items:
        yield (*at, name)
        yield from _keys(inner, (*at, name))
