"""Our text as Slack's markup: the one place where it is cleaned and escaped."""

import re
import unicodedata
from collections.abc import Callable

_KEEP_OR_MENTION = re.compile(r"`[^`]*`|(?<![\w@.])@([UWS][A-Z0-9]{2,20})\b")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def clean(text: str) -> str:
    """One line, without control characters, changes of direction and halves of characters."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(" " if _is_control(char) else char for char in whole if char not in _BIDI).strip()


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Zl", "Zp"}


def quote(text: str) -> str:
    """Somebody's own words: nothing in them calls people, links or opens a tag."""
    return clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(text: str) -> str:
    """Our words: as `quote`, and @U0BOB and @S0OPS outside of code become mentions."""
    return _KEEP_OR_MENTION.sub(_mention, quote(text))


def _mention(found: re.Match[str]) -> str:
    name: str | None = found[1]
    if name is None:
        return found[0]
    return f"<!subteam^{name}>" if name.startswith("S") else f"<@{name}>"


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; an ellipsis says that some are missing."""
    return text if len(text) <= limit else (text[: limit - 1].rstrip() + "…" if limit > 0 else "")


def fit(text: str, limit: int, markup: Callable[[str], str] = mrkdwn) -> str:
    """Words as markup of at most `limit` characters, cut before escaping so that nothing is torn."""
    marked = markup(text)
    while len(marked) > limit:
        text = shorten(text, min(len(text) - 1, len(text) * limit // len(marked)))
        marked = markup(text)
    return marked
