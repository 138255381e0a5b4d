"""What goes wrong on demand: refusals, delays, lost and broken answers, no capacity, servers that never boot.

A test calls the methods of `Faults`. Anybody else POSTs one wish at a time, as JSON, to `/_lab/faults` of the
local AWS; DELETE takes back all, GET shows what is in force:

========================================================== ============================================
{"action": "RunInstances", "kind": "lost", "times": 2}     a `Fault`, for calls of one action or of `*`
{"capacity": 1, "subnet": "subnet-a", "type": "t3.small"}  so many servers left there; without a subnet,
                                                           in any; without a type, of all together
{"quota": 2, "code": "VcpuLimitExceeded"}                  so many servers more, then a refusal
{"fate": "stays pending", "times": 1}                      what becomes of the next servers: a `Fate`
{"not_found_for": 10}                                      seconds until what is new is known
========================================================== ============================================
"""

import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

ANY = "*"
STATUS = {
    "RequestLimitExceeded": 503,
    "Unavailable": 503,
    "InternalError": 500,
    "InsufficientInstanceCapacity": 500,
    "UnauthorizedOperation": 403,
}


class Kind(StrEnum):
    """What happens to a call."""

    ERROR = "error"
    """Refused with a code; nothing is carried out."""
    DELAY = "delay"
    """Carried out, later."""
    UNAVAILABLE = "unavailable"
    """503 from the front end, without an error code; nothing is carried out."""
    RESET = "reset"
    """The connection is reset; nothing is carried out."""
    LOST = "lost"
    """Carried out; the connection is reset instead of an answer."""
    TRUNCATED = "truncated"
    """Carried out; half of the answer's XML arrives, as if it were whole."""


class Fate(StrEnum):
    """What becomes of a new server that does not boot."""

    PENDING = "stays pending"
    SILENT = "runs, and nothing on it ever answers"
    ENDED = "is terminated at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doom:
    """The fate of a new server, and what AWS says of one that ended."""

    fate: Fate
    reason: str = "Client.VolumeLimitExceeded: Volume limit exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong with calls of one action."""

    action: str
    kind: Kind
    times: int | None = 1
    """How often; None: until cleared."""
    share: float = 1.0
    """Which part of the calls, drawn by the seeded dice."""
    code: str = ""
    message: str = "A fault of the lab."
    status: int = 400
    seconds: float = 0.0


VCPUS = 256
"""What the lab's account may run when nobody says otherwise: room for every fleet of a test."""


class Faults:
    """The faults in force. Thread-safe; the dice are seeded, so that a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self._guard = threading.Lock()
        self._dice = random.Random(seed)
        self._faults: list[Fault] = []
        self._capacity: dict[str, int] = {}
        self._quotas: dict[str, int] = {}
        self._dooms: list[Doom] = []
        self._invisible = 0.0
        self.vcpus = VCPUS
        """How many the account may run."""

    def add(self, fault: Fault) -> None:
        """Put a fault in force, after those already there."""
        with self._guard:
            self._faults.append(fault)

    def error(
        self, action: str, code: str, *, times: int | None = 1, status: int | None = None, share: float = 1.0
    ) -> None:
        """Refuse calls with an AWS error code (the status follows from the code unless given)."""
        known = STATUS.get(code, 400) if status is None else status
        self.add(Fault(action=action, kind=Kind.ERROR, code=code, times=times, status=known, share=share))

    def delay(self, action: str, seconds: float, *, times: int | None = 1) -> None:
        """Carry calls out late."""
        self.add(Fault(action=action, kind=Kind.DELAY, seconds=seconds, times=times))

    def unavailable(self, action: str, *, times: int | None = 1) -> None:
        """Answer 503 as a broken front end does."""
        self.add(Fault(action=action, kind=Kind.UNAVAILABLE, times=times, status=503))

    def reset(self, action: str, *, times: int | None = 1) -> None:
        """Reset the connection before anything is carried out."""
        self.add(Fault(action=action, kind=Kind.RESET, times=times))

    def lose_answer(self, action: str, *, times: int | None = 1) -> None:
        """Carry calls out and lose the answer."""
        self.add(Fault(action=action, kind=Kind.LOST, times=times))

    def truncate(self, action: str, *, times: int | None = 1) -> None:
        """Carry calls out and cut the answer's XML."""
        self.add(Fault(action=action, kind=Kind.TRUNCATED, times=times))

    def no_capacity(self, subnet: str = ANY, *, kind: str = ANY, free: int = 0) -> None:
        """Leave only `free` servers of a type in a subnet (`*`: of all together) until cleared."""
        with self._guard:
            self._capacity[f"{kind} in {subnet}"] = free

    def quota(self, free: int, code: str = "VcpuLimitExceeded") -> None:
        """Let the account launch only `free` servers more, until cleared."""
        with self._guard:
            self._quotas[code] = free

    def doom(self, fate: Fate, *, times: int = 1, reason: str = "") -> None:
        """Let the next `times` servers not boot."""
        doom = Doom(fate=fate, reason=reason) if reason else Doom(fate=fate)
        with self._guard:
            self._dooms += [doom] * times

    def not_found_for(self, seconds: float) -> None:
        """Let new instances and images be unknown for a while after they are made."""
        with self._guard:
            self._invisible = seconds

    def clear(self) -> None:
        """All is well again."""
        with self._guard:
            self._faults.clear()
            self._capacity.clear()
            self._quotas.clear()
            self._dooms.clear()
            self._invisible = 0.0
            self.vcpus = VCPUS

    @property
    def invisible_seconds(self) -> float:
        """How long a new thing is unknown."""
        return self._invisible

    def take(self, action: str) -> Fault | None:
        """The fault that befalls this call, used up by it."""
        with self._guard:
            for position, fault in enumerate(self._faults):
                if fault.action in (action, ANY) and self._dice.random() < fault.share:
                    self._use(position, fault)
                    return fault
        return None

    def _use(self, position: int, fault: Fault) -> None:
        if fault.times is None:
            return
        if fault.times > 1:
            self._faults[position] = replace(fault, times=fault.times - 1)
        else:
            del self._faults[position]

    def next_doom(self) -> Doom | None:
        """What is to become of a new server, if it is not to boot."""
        with self._guard:
            return self._dooms.pop(0) if self._dooms else None

    def exceeded(self, count: int) -> str:
        """The code of the quota that keeps the account from launching so many, or ""."""
        with self._guard:
            return next((code for code, free in self._quotas.items() if free < count), "")

    def grant(self, subnet: str, kind: str, least: int, most: int) -> int:
        """How many of `most` servers of a type a subnet has to give: at least `least`, or 0."""
        places = [f"{one} in {where}" for one in (kind, ANY) for where in (subnet, ANY)]
        with self._guard:
            limits = [place for place in places if place in self._capacity]
            granted = min([most, *(self._capacity[key] for key in limits)])
            if granted < least:
                return 0
            for key in limits:
                self._capacity[key] -= granted
            for code in self._quotas:
                self._quotas[code] -= granted
            return granted

    def describe(self) -> dict[str, Any]:
        """What is in force, as JSON has it."""
        with self._guard:
            return {
                "faults": [asdict(fault) for fault in self._faults],
                "capacity": dict(self._capacity),
                "quotas": dict(self._quotas),
                "dooms": [asdict(doom) for doom in self._dooms],
                "not_found_for": self._invisible,
            }

    def apply(self, wish: Mapping[str, Any]) -> None:
        """Put in force what the control URL was sent."""
        if "not_found_for" in wish:
            self.not_found_for(float(wish["not_found_for"]))
        elif "capacity" in wish:
            where, kind = str(wish.get("subnet", ANY)), str(wish.get("type", ANY))
            self.no_capacity(where, kind=kind, free=int(wish["capacity"]))
        elif "quota" in wish:
            self.quota(int(wish["quota"]), str(wish.get("code", "VcpuLimitExceeded")))
        elif "fate" in wish:
            times, reason = int(wish.get("times", 1)), str(wish.get("reason", ""))
            self.doom(Fate(wish["fate"]), times=times, reason=reason)
        else:
            given = {**wish, "kind": Kind(wish["kind"])}
            if given["kind"] is Kind.ERROR and "status" not in given:
                given["status"] = STATUS.get(str(given.get("code")), 400)
            self.add(Fault(**given))
