"""Target health from real HTTP requests to the targets' hosts."""

import http.client
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from moto.ec2.models.instances import Instance
from moto.elbv2.models import FakeHealthStatus, FakeTargetGroup

GONE = ("shutting-down", "terminated")
SHORTEST_TIMEOUT = 1.0
FIRST_CHECK = 0.3
"""The first check comes after this part of an interval."""
SHORTEST_INTERVAL = 0.25
"""Seconds. To be checked ten times a second would take each server a thirtieth of a core."""

REGISTERING = ("initial", "Elb.RegistrationInProgress", "Target registration is in progress")
CHECKING = ("initial", "Elb.InitialHealthChecking", "Initial health checks in progress")
HEALTHY = ("healthy", None, None)
DRAINING = ("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress")
NOT_REGISTERED = ("unused", "Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = (
    "unused",
    "Target.NotInUse",
    "Target group is not configured to receive traffic from the load balancer",
)
STOPPED = ("unused", "Target.InvalidState", "Target is in the stopped state")

Status = tuple[str, str | None, str | None]


@dataclass(slots=True, eq=False)
class Watched:
    """One registered target, as the load balancer knows it."""

    group: FakeTargetGroup
    target: str
    port: int
    address: str
    instance: Instance | None
    status: Status = REGISTERING
    streak: int = 0
    leaving: threading.Event = field(default_factory=threading.Event)

    @property
    def draining(self) -> bool:
        """Whether it was deregistered."""
        return self.leaving.is_set()

    @property
    def stopped(self) -> bool:
        """Whether its instance was stopped on purpose."""
        return self.instance is not None and self.instance.state in ("stopping", "stopped")

    @property
    def healthy(self) -> bool:
        """Whether requests are sent to it because it is well."""
        return self.status[0] == "healthy" and not self.draining and not self.stopped

    @property
    def gone(self) -> bool:
        """Whether its instance was terminated."""
        return self.instance is not None and self.instance.state in GONE


class HealthChecks:
    """Checks every registered target in a thread of its own: a slow one must not delay another."""

    def __init__(
        self,
        guard: threading.RLock,
        pace: float,
        in_use: Callable[[str], bool],
        changed: Callable[[], None],
    ) -> None:
        self._guard = guard
        self._pace = pace
        self._in_use = in_use
        self._changed = changed
        self._targets: dict[tuple[str, str], Watched] = {}
        self._closing = threading.Event()

    def watch(self, group: FakeTargetGroup, target: str, port: int, instance: Instance | None) -> None:
        """Begin to check a target; one already registered at this port is left as it is."""
        known = self._targets.get((group.arn, target))
        if known and not known.draining and known.port == port:
            return
        address = str(instance.private_ip) if instance else target
        watched = Watched(group, target, port, address, instance)
        self._targets[group.arn, target] = watched
        if known:
            known.leaving.set()
        threading.Thread(target=self._follow, args=[watched], name=f"health {target}", daemon=True).start()

    def drain(self, group: str, target: str) -> None:
        """Deregister a target: it drains for the group's deregistration delay, then is forgotten."""
        if watched := self._targets.get((group, target)):
            watched.status = DRAINING
            watched.leaving.set()

    def known(self, group: str) -> list[Watched]:
        """The registered and the draining targets of a group."""
        return [watched for (arn, _), watched in self._targets.items() if arn == group]

    def describe(self, group: FakeTargetGroup, target: str, port: int) -> FakeHealthStatus:
        """A target's health, as DescribeTargetHealth has it."""
        watched = self._targets.get((group.arn, target))
        state, reason, description = self._status(watched)
        shown = watched.port if watched else port
        check_port = str(shown if group.health_check_port == "traffic-port" else group.health_check_port)
        return FakeHealthStatus(target, str(shown), check_port, state, reason, description)

    def _status(self, watched: Watched | None) -> Status:
        if watched is None:
            return NOT_REGISTERED
        if watched.draining:
            return DRAINING
        if watched.stopped:
            return STOPPED
        return watched.status if self._in_use(watched.group.arn) else NOT_IN_USE

    def close(self) -> None:
        """End every check."""
        self._closing.set()
        with self._guard:
            for watched in self._targets.values():
                watched.leaving.set()

    def _follow(self, watched: Watched) -> None:
        pause = self._interval(watched) * FIRST_CHECK
        while not watched.leaving.wait(pause):
            self._check(watched)
            pause = self._interval(watched) * random.uniform(0.9, 1.1)
        self._closing.wait(self._drain_seconds(watched.group))
        with self._guard:
            if self._targets.get((watched.group.arn, watched.target)) is watched:
                del self._targets[watched.group.arn, watched.target]
                self._changed()

    def _interval(self, watched: Watched) -> float:
        return max(SHORTEST_INTERVAL, float(watched.group.health_check_interval_seconds) * self._pace)

    def _drain_seconds(self, group: FakeTargetGroup) -> float:
        return float(str(group.attributes["deregistration_delay.timeout_seconds"])) * self._pace

    def _check(self, watched: Watched) -> None:
        with self._guard:
            if watched.stopped or not self._in_use(watched.group.arn):
                watched.status, watched.streak = REGISTERING, 0
                return
        failure = probe(watched)
        with self._guard:
            if not watched.draining:
                self._judge(watched, failure)

    def _judge(self, watched: Watched, failure: Status | None) -> None:
        before = watched.status
        watched.streak = _streak(watched.streak, passed=failure is None)
        watched.status = _judged(watched, failure)
        if watched.status != before:
            self._changed()
        if watched.status[0] == "unhealthy" and watched.gone:
            watched.group.targets.pop(watched.target, None)
            self.drain(watched.group.arn, watched.target)
            self._changed()


def _streak(streak: int, *, passed: bool) -> int:
    """Passes in a row count up from 0, failures down."""
    if passed:
        return max(streak, 0) + 1
    return min(streak, 0) - 1


def _judged(watched: Watched, failure: Status | None) -> Status:
    """The first pass makes a new target healthy; after that the group's thresholds count."""
    state = watched.status[0]
    if failure is None:
        enough = state == "initial" or watched.streak >= int(watched.group.healthy_threshold_count)
        return HEALTHY if enough else watched.status
    if -watched.streak >= int(watched.group.unhealthy_threshold_count):
        return failure
    return CHECKING if state == "initial" else watched.status


def probe(watched: Watched) -> Status | None:
    """Ask the target's health page; None if it passes, else why not."""
    group = watched.group
    port = watched.port if group.health_check_port == "traffic-port" else int(str(group.health_check_port))
    timeout = max(SHORTEST_TIMEOUT, min(float(group.health_check_timeout_seconds), 5.0))
    try:
        status = _get(watched.address, port, group.health_check_path or "/", timeout)
    except TimeoutError:
        return ("unhealthy", "Target.Timeout", "Request timed out")
    except (OSError, http.client.HTTPException):
        return ("unhealthy", "Target.FailedHealthChecks", "Health checks failed")
    if passes(status, str(group.matcher.get("HttpCode", "200"))):
        return None
    return (
        "unhealthy",
        "Target.ResponseCodeMismatch",
        f"Health checks failed with these codes: [{status}]",
    )


def _get(address: str, port: int, path: str, timeout: float) -> int:
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    due = time.monotonic() + timeout
    try:
        connection.request(
            "GET", path, headers={"User-Agent": "ELB-HealthChecker/2.0", "Connection": "close"}
        )
        answer = connection.getresponse()
        answer.read(64 * 1024)
        if time.monotonic() > due:
            raise TimeoutError
        return answer.status
    finally:
        connection.close()


def passes(status: int, matcher: str) -> bool:
    """Whether a status is one of "200", "200,302" or "200-299"."""
    parts = (part.partition("-") for part in matcher.split(","))
    return any(int(low) <= status <= int(high or low) for low, _, high in parts)
