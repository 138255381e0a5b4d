"""How requests, the operations that come of them, and servers are named."""

import hashlib
import re

from bot.domain.errors import UsageError

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's: nothing that people mistake for something else."""


def request_id(*parts: str) -> str:
    """A short id that is the same for the same parts."""
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:5], "big")
    return "op-" + "".join(_ALPHABET[number >> shift & 31] for shift in range(35, -1, -5))


def parse_server(text: str) -> str:
    """Read "i-0123456789abcdef0" as people copy it; raises UsageError on anything else."""
    server = text.strip("`.,").lower()
    if re.fullmatch(r"i-[0-9a-z]+", server):
        return server
    raise UsageError(f"`{text}` is not an instance id, which looks like i-0123456789abcdef0.")
