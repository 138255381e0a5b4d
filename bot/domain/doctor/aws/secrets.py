"""Which kinds of secrets a text seems to hold. Never which secrets."""

import re
from collections.abc import Mapping

_KINDS: Mapping[str, re.Pattern[str]] = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a password or token": re.compile(
        r"(?i)(passw(or)?d|passwd|secret|token|api_?key)['\"]?\s*(=|:)\s*['\"]?(?!\$|\{\{|null\b|false\b|true\b)\S{4}"
    ),
    "a password in an address": re.compile(r"[a-z]+://[^/\s:@]+:[^/\s:@$]+@"),
}


def kinds_of_secrets(text: str) -> tuple[str, ...]:
    """What it seems to hold, in words, each kind once."""
    return tuple(kind for kind, pattern in _KINDS.items() if pattern.search(text))
