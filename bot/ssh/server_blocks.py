"""Puts a line of ours at the beginning of each part of a web server's configuration that is a site. Pure."""

import re

_TOKENS = re.compile(
    rb"""\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\$\{|\\.|[^\s{};\\])+""", re.DOTALL
)
_NOT_OF_THE_WEB = {b"stream", b"mail"}


_HOST = re.compile(rb"^[ \t]*<VirtualHost\b[^>\n]*>[^\n]*\n", re.MULTILINE | re.IGNORECASE)


def in_virtual_hosts(text: bytes, line: bytes) -> bytes:
    """Begin each of Apache's virtual hosts with the line, once. Nothing changes the second time."""
    return _HOST.sub(lambda host: host[0] + line + b"\n", text.replace(line + b"\n", b""))


def in_server_blocks(text: bytes, line: bytes) -> bytes:
    """Begin each of nginx's `server` blocks with the line, once. Nothing changes the second time."""
    text, added = text.replace(b" " + line, b""), b" " + line
    pieces, done = [], 0
    for place in _beginnings(text):
        pieces += [text[done:place], added]
        done = place
    return b"".join([*pieces, text[done:]])


def _beginnings(text: bytes) -> list[int]:
    """Where the blocks' own text begins."""
    found: list[int] = []
    words: list[bytes] = []
    blocks: list[bytes] = []
    for token in _TOKENS.finditer(text):
        match token[0]:
            case b"{":
                if words == [b"server"] and not _NOT_OF_THE_WEB & set(blocks):
                    found.append(token.end())
                blocks.append(words[0] if words else b"")
                words = []
            case b"}":
                del blocks[-1:]
                words = []
            case b";":
                words = []
            case word if not word.startswith(b"#"):
                words.append(word)
    return found
