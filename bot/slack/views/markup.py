"""Our text as Slack's markup: the one place where it is escaped."""

import re
from collections.abc import Callable

from bot.domain.words import one_line

_KEEP_OR_MENTION = re.compile(
    r"`[^`]*`|(?<![\w@.])@([UWS][A-Z0-9]{2,20})\b|(?<![\w#/])#([CG][A-Z0-9]{2,20})\b"
)


def quote(text: str) -> str:
    """Somebody's own words: nothing in them calls people, links or opens a tag."""
    return one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mrkdwn(text: str) -> str:
    """Our words: as `quote`, and @U0BOB, @S0OPS and #C0WEB outside of code become mentions."""
    return _KEEP_OR_MENTION.sub(_mention, quote(text))


def _mention(found: re.Match[str]) -> str:
    name, channel = found.groups()
    if channel:
        return f"<#{channel}>"
    if not name:
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
