"""One row of the audit log, and the kinds of row there are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a row tells."""

    REQUESTED = "requested"
    """Somebody asked for something."""
    ANSWERED = "answered"
    """They were told something, and nothing changed."""
    REFUSED = "refused"
    """They were told no, and nothing changed."""
    PLANNED = "planned"
    APPROVED = "approved"
    DENIED = "denied"
    CANCELLED = "cancelled"
    """It ends at once, or at the next safe point if it runs."""
    REMINDED = "reminded"
    """Those who may approve were told half-way that it waits for them still."""
    QUEUED = "queued"
    """It waits for another operation in its lane."""
    STARTED = "started"
    INTENT = "intent"
    """Written before an action reaches AWS or a server."""
    OUTCOME = "outcome"
    """Written after it, or when it is known that nobody will ever know."""
    FINISHED = "finished"
    POSTED = "posted"
    """The operation's live message, or the digest, now exists in chat."""
    DIGEST = "digest"
    """A digest is due, or digests begin."""
    UNPOSTED = "unposted"
    """Chat did not take a digest."""
    EXAMINED = "examined"
    """The doctor looked at a master."""
    PROVED = "proved"
    """Servers were judged, and this is what is known of each one's last proof."""
    WAIVED = "waived"
    """Something that the doctor found is accepted until a date."""
    FROZEN = "frozen"
    """Nothing of a fleet is changed by request until a moment."""
    THAWED = "thawed"
    """The freeze that somebody ordered is over before its time."""
    RECONCILED = "reconciled"
    """What AWS says was compared with the log, and this is what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row. `key` makes writing it safe to repeat: a second row with the same key is not written."""

    kind: Kind
    at: datetime
    key: str
    operation: str
    """The operation, or the request where it never became one."""
    text: str
    """One sentence for a reader."""
    action: str = ""
    attempt: int = 0
    fleet: str = ""
    person: str = ""
    via: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    """Plain JSON."""
    seq: int = 0
    hash: str = ""
    """Of this row and the one before it; both are given by the records."""
