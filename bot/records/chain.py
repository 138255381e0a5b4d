"""The hash chain: each row's hash covers the row and the hash before it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

_NOT_HASHED = frozenset({"hash"})


def hash_of(row: Mapping[str, Any]) -> str:
    """SHA-256 of a row, its `prev_hash` included, in hexadecimal."""
    content = {name: value for name, value in row.items() if name not in _NOT_HASHED}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def first_fault(rows: Iterable[Mapping[str, Any]]) -> str:
    """Say where the chain is broken; empty if it is whole."""
    seq, head = 0, ""
    for row in rows:
        if row["seq"] != seq + 1:
            return f"row {seq + 1} is missing"
        if row["prev_hash"] != head:
            return f"row {row['seq']} does not follow the one before it"
        if row["hash"] != hash_of(row):
            return f"row {row['seq']} was changed"
        seq, head = row["seq"], row["hash"]
    return ""
