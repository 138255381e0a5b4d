"""Words as people type them, on keyboards and on phones."""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.errors import UsageError

LONGEST = 2000
"""Characters of one request."""
_MOST_KEPT = 2 * LONGEST
"""Enough to see, and to say, that it is too long."""

_CURLY = {'"': "“”„‟″", "'": "‘’‚‛′"}  # noqa: RUF001 (what phones make of quotation marks)
_QUOTES = str.maketrans({curly: straight for straight, all_curly in _CURLY.items() for curly in all_curly})
_DASHES = "–—―−‒"  # noqa: RUF001 (the same, of hyphens)
_DASH_AT_START = re.compile(f"^[{_DASHES}]+(?=[^\\W_])")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_CALL = re.compile(r"@(?=[A-Z])|#(?=[CG][A-Z0-9])")
_WORD = re.compile(
    rf"""\s*(?: (?P<name>[-{_DASHES}]+[^\s="']+=)?
                (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' ) (?=\s|$)
              | (?P<plain>\S+) )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """One word; a quoted one is never an option."""

    text: str
    quoted: bool = False


def storable(text: str) -> str:
    """What was typed, as it can be kept: halves of characters, which come alone at times, cannot."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", " ")
    return whole[:_MOST_KEPT]


def one_line(text: str) -> str:
    """One line, without control characters, changes of direction and halves of characters."""
    if text.isascii() and text.isprintable():
        return text.strip()
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(" " if _is_control(char) else char for char in whole if char not in _BIDI).strip()


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Zl", "Zp"}


def as_typed(text: str) -> str:
    """Somebody's words within ours, where @U0BOB and #C0WEB are links: an invisible joiner prevents that."""
    return _CALL.sub("\\g<0>\N{WORD JOINER}", text)


def quoted(text: str, longest: int) -> str:
    """Words that came from outside within ours: on one line, no call and no link, not too many."""
    line = as_typed(one_line(text))
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def in_code(text: str, longest: int) -> str:
    """The same as code: nothing in it ends the code."""
    whole = text.replace("`", "'")
    return f"`{quoted(whole, longest) or ' '}`"


def split(text: str) -> tuple[Word, ...]:
    """Split what was typed into words. Raises UsageError if it is too long or a quotation does not end."""
    if len(text) > LONGEST:
        raise UsageError(f"That is too long: {len(text)} characters, and I read at most {LONGEST}.")
    return tuple(_word(found) for found in _WORD.finditer(_plain(text).rstrip()))


def _word(found: re.Match[str]) -> Word:
    quoted = next((found[kind] for kind in ("double", "single") if found[kind] is not None), None)
    if quoted is None:
        return Word(_hyphens(_require_closed(found["plain"])))
    if found["name"] is None:
        return Word(quoted, quoted=True)
    return Word(_hyphens(found["name"]) + quoted)


def _require_closed(word: str) -> str:
    if word.lstrip("-").partition("=")[2].startswith('"') or word.startswith('"'):
        raise UsageError(f'A quotation does not end: `{word}`. Put one `"` before it and one after it.')
    return word


def _hyphens(word: str) -> str:
    """Undo what phones make of `--reason` and `-2`."""
    dashes = _DASH_AT_START.match(word)
    if dashes is None:
        return word
    rest = word[dashes.end() :]
    return ("-" if rest[0].isdigit() else "--") + rest


def _plain(text: str) -> str:
    return as_typed("".join(map(_visible, text)).translate(_QUOTES))


def _visible(char: str) -> str:
    match unicodedata.category(char):
        case "Cf":  # zero-width, bidirectional and soft hyphens
            return ""
        case "Cs":  # half a character, which nothing can store
            return "\N{REPLACEMENT CHARACTER}"
        case "Cc" | "Zs" | "Zl" | "Zp":
            return " "
        case _:
            return char


def quote(word: str) -> str:
    """Write one word so that `split` reads it as one again."""
    if word and not re.search(r"\s", word) and not word.startswith(('"', "'", "-")):
        return word
    return f"'{word}'" if '"' in word else f'"{word}"'


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """A sentence that suggests the nearest name, or nothing."""
    near = difflib.get_close_matches(word.lower(), list(names), n=1)
    return f" Did you mean `{near[0]}`?" if near else ""


def plural(count: int, noun: str) -> str:
    """Say "1 clone" or "2 clones"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
