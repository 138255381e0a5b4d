"""Settings of the recipe, applied to a file's bytes and judged. Pure."""

from collections.abc import Iterable

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import Rewrite


def rewritten(text: bytes, rewrites: Iterable[Rewrite]) -> bytes:
    """Apply the rewrites of one file. Nothing changes the second time. RemoteFailed if one has no place."""
    for rewrite in rewrites:
        text = _once(text, rewrite)
        if rewrite.replace.encode() not in text:
            raise RemoteFailed(
                f"{rewrite.file} holds neither {rewrite.find!r} nor {rewrite.replace!r}: "
                "correct recipe.rewrite in the fleet file."
            )
    return text


def holds(text: bytes, rewrites: Iterable[Rewrite]) -> bool:
    """Whether the text has each `replace` and no `find` outside of one."""
    return all(_once(text, rewrite) == text and rewrite.replace.encode() in text for rewrite in rewrites)


def _once(text: bytes, rewrite: Rewrite) -> bytes:
    find, replace = rewrite.find.encode(), rewrite.replace.encode()
    if find not in replace:
        return text.replace(find, replace)
    # "localhost" in "localhost.master" was put there by us.
    return replace.join(part.replace(find, replace) for part in text.split(replace))
