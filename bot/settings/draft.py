"""Writes a draft of a fleet file as TOML, with the reasons as comments."""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator

from bot.domain.suggestion.draft import Draft, Item, Part, Setting, Standing
from bot.domain.words import one_line

_WIDTH = 110
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def write(draft: Draft, *, made_by: str) -> str:
    """The TOML text. Whatever a server said stays within strings and comments."""
    head = (
        f"Written by `{made_by}` from what it found. Read it, correct it, put something in each place that "
        "says FILL IN, then type `clonebot config check FILE`."
    )
    lines = [
        *_comment(head),
        *(("#", *_listed("What was seen:", draft.seen)) if draft.seen else ()),
        *(line for part in draft.parts for line in ("", *_part(part))),
    ]
    if draft.left:
        lines += ["", *_listed("What the doctor would still say of the server:", draft.left)]
    return "\n".join(lines) + "\n"


def _listed(title: str, texts: Iterable[str]) -> Iterator[str]:
    yield f"# {title}"
    for text in texts:
        yield from _wrap(text, "# - ", "#   ")


def _part(part: Part) -> Iterator[str]:
    yield from _comment(part.note)
    name = ".".join(each if _BARE.fullmatch(each) else _text(each) for each in part.name)
    yield f"[[{name}]]" if part.repeated else f"[{name}]"
    for setting in part.settings:
        yield from _setting(setting)


def _setting(setting: Setting) -> Iterator[str]:
    off = "# " if setting.standing is Standing.OFFERED else ""
    if not isinstance(setting.value, tuple):
        yield from _explained(f"{off}{setting.key} = {_text(setting.value)}", setting.why)
        return
    # A list with nothing but remarks in it would be an empty one.
    if not any(item.standing is not Standing.OFFERED for item in setting.value):
        off = "# "
    yield from _explained(f"{off}{setting.key} = [", setting.why)
    for item in setting.value:
        yield from _item(item, off)
    yield f"{off}]"


def _item(item: Item, off: str) -> Iterator[str]:
    offered = "# " if item.standing is Standing.OFFERED and not off else ""
    yield from _explained(f"{off}    {offered}{_text(item.value)},", item.why)


def _explained(line: str, why: str) -> Iterator[str]:
    """The line with its reason behind it, or above it if that gets too long."""
    why = one_line(why)
    if len(line) + len(why) + len("  # ") <= _WIDTH:
        yield f"{line}  # {why}" if why else line
        return
    indent = " " * (len(line) - len(line.lstrip()))
    yield from _wrap(why, f"{indent}# ", f"{indent}# ")
    yield line


def _comment(text: str) -> Iterator[str]:
    for paragraph in text.splitlines():
        yield from _wrap(paragraph, "# ", "# ")


def _wrap(text: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        one_line(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _text(value: str | float | bool) -> str:  # noqa: FBT001 (a value, not a switch)
    """As TOML writes it: JSON's strings are TOML's, but for a control character that JSON leaves bare."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
