"""SSH host keys in a console's output, as cloud-init prints them."""

import base64
import binascii
import re

BEGIN = "-----BEGIN SSH HOST KEY KEYS-----"
END = "-----END SSH HOST KEY KEYS-----"

# The kernel and cloud-init put times and names in front, so a key may begin anywhere in its line.
_KEY = re.compile(
    r"(?P<algorithm>ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|ssh-rsa)"
    r" (?P<blob>[A-Za-z0-9+/]{40,}={0,2})(?=\s|$)"
)
_LENGTH = 4
_FEWEST_FIELDS = 2


def read_host_keys(output: str) -> tuple[str, ...]:
    """The keys of the last complete block; lines that are no whole key are left out."""
    blocks: list[list[str]] = []
    block: list[str] | None = None
    for line in output.splitlines():
        if BEGIN in line:
            block = []
        elif block is not None and END in line:
            blocks.append(block)
            block = None
        elif block is not None:
            block.append(line)
    found = (_read_key(line) for line in (blocks[-1] if blocks else ()))
    return tuple(dict.fromkeys(key for key in found if key))


def _read_key(line: str) -> str:
    match = _KEY.search(line)
    if not match or not _is_whole(match["algorithm"], match["blob"]):
        return ""
    return f"{match['algorithm']} {match['blob']}"


def _is_whole(algorithm: str, blob: str) -> bool:
    """Whether the key names its own algorithm and none of its fields is cut (RFC 4253, section 6.6)."""
    try:
        rest = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return False
    fields = []
    while len(rest) >= _LENGTH:
        length = int.from_bytes(rest[:_LENGTH], "big")
        if len(rest) < _LENGTH + length:
            return False
        fields.append(rest[_LENGTH : _LENGTH + length])
        rest = rest[_LENGTH + length :]
    return not rest and len(fields) >= _FEWEST_FIELDS and fields[0] == algorithm.encode()
