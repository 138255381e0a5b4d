"""The tally: what has come of an operation so far, as plain values that survive a crash."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What has come of the operation's actions so far."""

    image: str = ""
    """The image that this operation baked."""
    version: str = ""
    """Of the content that this image holds; empty if that is not known."""
    launched: tuple[str, ...] = ()
    missing: int = 0
    """How many servers AWS surely did not give for want of capacity."""
    short: Mapping[str, str] = field(default_factory=dict)
    """Where it had too few ("t3.small in subnet-a"), and what it said."""
    elsewhere: tuple[str, ...] = ()
    """What was started in their place: "2 × t3.small in subnet-b"."""
    refused: str = ""
    """Why AWS is asked for no more servers."""
    content: str = ""
    """Fingerprint of the content that every sound new clone was proved to hold; empty if there is none."""
    failed: Mapping[str, str] = field(default_factory=dict)
    """What did not work (a server, a subnet), and why."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Clones that were to go and stay, and why."""
    proved: tuple[str, ...] = ()
    """Servers that were there already and passed."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Servers that could not be judged, and why."""
    warnings: tuple[str, ...] = ()
    """What people should know although the job is done."""
    unanswered: tuple[str, ...] = ()
    """Actions of which AWS never said what came of them."""
    stopped: str = ""
    """Why the remaining actions are not carried out."""

    undo: bool = False
    """It failed, and what it made is of no use alone: all of it is to be undone."""

    cancelled: bool = False
    """Somebody cancelled it before its last action ended."""
    to_remove: tuple[str, ...] = ()
    """What a cancelled operation launched and does not serve."""
    to_drain: tuple[str, ...] = ()
    """Those of them that the load balancer knows already."""
    to_restore: tuple[str, ...] = ()
    """What a cancelled operation took out of service and is to serve again."""
    removed: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()

    @property
    def sound(self) -> tuple[str, ...]:
        """The launched servers with which nothing is wrong."""
        return tuple(server for server in self.launched if server not in self.failed)

    def leaving(self, servers: Iterable[str]) -> tuple[str, ...]:
        """Those of these servers that still may go."""
        return tuple(server for server in servers if server not in self.kept)

    def with_failed(self, failed: Mapping[str, str]) -> "Tally":
        """Remember more that did not work."""
        return replace(self, failed={**self.failed, **failed})

    def with_short(self, place: str, missing: int, why: str) -> "Tally":
        """Remember that AWS had too few there."""
        return replace(self, missing=self.missing + missing, short={**self.short, place: why})

    def with_kept(self, kept: Mapping[str, str]) -> "Tally":
        """Remember more clones that stay."""
        return replace(self, kept={**self.kept, **kept})

    def with_warning(self, text: str) -> "Tally":
        """Remember one more thing that people should know."""
        return replace(self, warnings=(*self.warnings, text))


_TALLY: TypeAdapter[Tally] = TypeAdapter(Tally)


def to_json(tally: Tally) -> dict[str, Any]:
    """The tally as plain JSON values."""
    return dict(_TALLY.dump_python(tally, mode="json"))


def from_json(value: Any) -> Tally:
    """The tally that `to_json` wrote."""
    return _TALLY.validate_python(value)
