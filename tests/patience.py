"""How long things may take in tests.

What a promise names holds on a machine that does nothing else, and is tried there by `make invariants`.
"""

import os

STRICT = bool(os.environ.get("STRICT"))
_LONGER = 6


def within(seconds: float) -> float:
    """As many seconds as are promised; more of them where other tests share the machine."""
    return seconds if STRICT else _LONGER * seconds
