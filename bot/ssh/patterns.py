"""rsync's exclude patterns as regular expressions of find, so that both leave out the same files.

Follows `rule_matches` and `wildmatch` of rsync 3; a test compares it with rsync itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.errors import RemoteFailed

PARTIAL = ".~tmp~"
"""Where rsync keeps delayed updates; it neither sends nor deletes folders of this name."""

_TOKEN = re.compile(
    r"\*\*+|\*|\?|\[([!^]?)((?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_.,@%])+)\]|(?P<text>[^*?\[\\]+)"
)
_SPECIAL = re.compile(r"([][\\.^$*+?(){}|])")


@dataclass(frozen=True, slots=True)
class Pruned:
    """What find must leave out: a regular expression for its paths ("./a/b"), perhaps of folders only."""

    regex: str
    folders_only: bool


def understand(pattern: str) -> Pruned:
    """Translate one exclude pattern. Raises RemoteFailed if find could not judge it as rsync does."""
    _refuse_unclear(pattern)
    body = pattern.removesuffix("***") if pattern.endswith("/***") else pattern
    folders_only, body = body.endswith("/"), body.removesuffix("/")
    if not body.strip("/"):
        raise _not_understood(pattern)
    return Pruned(_front(body) + _translate(body.removeprefix("/"), pattern), folders_only)


def _refuse_unclear(pattern: str) -> None:
    if pattern.startswith(("- ", "+ ", "!")) or "//" in pattern or not pattern.isprintable():
        raise _not_understood(pattern)


def _front(body: str) -> str:
    if body.startswith("/"):
        return r"\./"
    return r"\." if body.startswith("**") else r"\./(.*/)?"


def _translate(body: str, pattern: str) -> str:
    made, place = [], 0
    while place < len(body):
        token = _TOKEN.match(body, place)
        if token is None:
            raise _not_understood(pattern)
        made.append(_piece(token))
        place = token.end()
    return "".join(made)


def _piece(token: re.Match[str]) -> str:
    text = token[0]
    if text.startswith("**"):
        return ".*"
    if text in {"*", "?"}:
        return "[^/]" + text.replace("?", "")
    if token["text"]:
        return _SPECIAL.sub(r"\\\1", text)
    return f"[^{token[2]}/]" if token[1] else f"[{token[2]}]"


def find_conditions(exclude: Sequence[str]) -> tuple[str, ...]:
    """Arguments of find that are true for what is left out."""
    made = ["-name", PARTIAL]
    for pruned in map(understand, exclude):
        only = ("-type", "d") if pruned.folders_only else ()
        made += ["-o", *only, "-regex", pruned.regex]
    return tuple(made)


def _not_understood(pattern: str) -> RemoteFailed:
    return RemoteFailed(
        f"The exclude pattern {pattern!r} cannot be used: it may hold names, /, *, **, ? and simple [abc]. "
        "Correct content.exclude in the fleet file."
    )
