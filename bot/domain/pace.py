"""How often chat may be written to; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Limits that stay below Slack's own.

    Those are about 50 `chat.update` a minute, and one `chat.postMessage` a second and channel
    (docs.slack.dev, "Rate limits").
    """

    gap: float = 2.0
    """Seconds between two changes of one message, or two lines in one thread."""
    per_minute: int = 40
    """Changes of all messages together."""
    for_ends: int = 10
    """How many of these are kept for operations that have ended."""

    def wait(self, now: float, last: float | None) -> float:
        """Seconds until the same message may change, or the same thread grow, again; 0 if now."""
        return 0.0 if last is None else max(0.0, last + self.gap - now)

    def wait_for_all(self, now: float, changed: Sequence[float], *, ended: bool) -> float:
        """Seconds until any message may change; `changed` is when others did, oldest first."""
        allowed = self.per_minute if ended else self.per_minute - self.for_ends
        recent = [moment for moment in changed if moment > now - MINUTE]
        return recent[-allowed] + MINUTE - now if len(recent) >= allowed else 0.0
