"""How often Slack lets an app call: https://docs.slack.dev/apis/web-api/rate-limits/."""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls within any so many seconds."""

    calls: int
    seconds: float = 60
    per_channel: bool = False


TIER_2, TIER_3, TIER_4 = (Limit(20),), (Limit(50),), (Limit(100),)
# Tier 1 is "once a minute, and small bursts": an app may hold ten sockets, and each needs a call.
SOCKETS = (Limit(10),)
# "One message per second and channel; short bursts are allowed", and "several hundred per minute" in all.
POSTS = (Limit(30, seconds=30, per_channel=True), Limit(300))
MANY = (Limit(600),)
LIMITS: dict[str, tuple[Limit, ...]] = {
    "apps.connections.open": SOCKETS,
    "auth.test": MANY,
    "chat.delete": TIER_3,
    "chat.getPermalink": MANY,
    "chat.postEphemeral": TIER_4,
    "chat.postMessage": POSTS,
    "chat.update": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.list": TIER_2,
    "conversations.members": TIER_4,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "files.completeUploadExternal": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.info": TIER_4,
    "reactions.add": TIER_3,
    "usergroups.list": TIER_2,
    "usergroups.users.list": TIER_2,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "views.open": TIER_4,
    "views.publish": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
}


@dataclass(slots=True)
class Pace:
    """Counts calls, and says how long one that comes too early has to wait. Threads may share it."""

    enforced: bool = True
    now: Callable[[], float] = time.monotonic
    slowed: list[str] = field(default_factory=list)
    """The method of each call that was refused."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _calls: dict[tuple[str, str, Limit], deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def admit(self, method: str, channel: str = "") -> int:
        """Count a call; or, where it comes too early, say in how many whole seconds it may come."""
        if not self.enforced:
            return 0
        with self._lock:
            now = self.now()
            recent = [self._recent(method, channel, limit, now) for limit in LIMITS.get(method, TIER_3)]
            wait = max((wait for wait, _ in recent), default=0)
            if wait:
                self.slowed.append(method)
            else:
                for _, calls in recent:
                    calls.append(now)
            return wait

    def _recent(self, method: str, channel: str, limit: Limit, now: float) -> tuple[int, deque[float]]:
        calls = self._calls[method, channel if limit.per_channel else "", limit]
        while calls and calls[0] <= now - limit.seconds:
            calls.popleft()
        full = len(calls) >= limit.calls
        return (max(1, math.ceil(calls[0] + limit.seconds - now)) if full else 0), calls
