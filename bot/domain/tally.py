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
    launched: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    """What did not work (a server, a subnet), and why."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Clones that were to go and stay, and why."""
    warnings: tuple[str, ...] = ()
    """What people should know although the job is done."""
    stopped: str = ""
    """Why the remaining actions are not carried out."""

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
