"""Turns moto's listeners, rules and target health into what the balancer follows."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from moto.elbv2.models import FakeListener

from bot.lab.aws.answers import Refusal
from bot.lab.aws.elbv2 import order
from bot.lab.aws.health import HealthChecks
from bot.lab.balancer import Balancer
from bot.lab.routes import FixedAnswer, Forward, NoAnswer, Pool, Routes, Rule, Target

FIRST_ADDRESS = 10
CONFIGS = {
    "path-pattern": "PathPatternConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "host-header": "HostHeaderConfig",
}


class Doors:
    """The balancers of all listeners: implements `Front`. Every method runs under moto's guard."""

    def __init__(self, prefix: str, guard: threading.RLock) -> None:
        self._prefix = prefix
        self._guard = guard
        self._addresses: dict[str, str] = {}
        self._balancers: dict[str, tuple[FakeListener, Balancer]] = {}
        self._checks: HealthChecks | None = None

    def follow(self, checks: HealthChecks) -> None:
        """Forward to the targets that these checks find healthy."""
        self._checks = checks

    def address_for(self, load_balancer: str) -> str:
        """PREFIX.255.10 for the first load balancer, and so on."""
        number = FIRST_ADDRESS + len(self._addresses)
        return self._addresses.setdefault(load_balancer, f"{self._prefix}.255.{number}")

    def open(self, listener: FakeListener, address: str) -> None:
        """Forward what arrives at a listener's port."""
        try:
            balancer = Balancer(address, int(listener.port))
        except OSError as error:
            raise Refusal(
                "PortNotFree", f"Nothing can listen on {address}:{listener.port}: {error}"
            ) from error
        balancer.start()
        self._balancers[listener.arn] = (listener, balancer)
        self.refresh()

    def shut(self, listener: str) -> None:
        """Forward no more."""
        if known := self._balancers.pop(listener, None):
            known[1].close()

    def refresh(self) -> None:
        """Let every balancer follow the rules, targets and health as they are now."""
        with self._guard:
            for listener, balancer in self._balancers.values():
                balancer.routes = self._routes(listener)

    def close(self) -> None:
        """Forward nothing more."""
        with self._guard:
            for listener in list(self._balancers):
                self.shut(listener)

    def _routes(self, listener: FakeListener) -> Routes:
        rules = sorted(listener.rules.values(), key=order)
        return Routes(tuple(self._rule(rule.conditions, rule.actions) for rule in rules))

    def _rule(self, conditions: Iterable[Mapping[str, Any]], actions: Iterable[Any]) -> Rule:
        found = {field: _values(conditions, field) for field in CONFIGS}
        return Rule(
            methods=found["http-request-method"],
            paths=found["path-pattern"],
            hosts=found["host-header"],
            never=any(condition.get("Field") not in CONFIGS for condition in conditions),
            action=self._action([action.data for action in actions]),
        )

    def _action(self, actions: list[Mapping[str, Any]]) -> Forward | FixedAnswer | NoAnswer:
        for action in actions:
            if action.get("Type") == "forward":
                return Forward(tuple(self._pools(action)))
            if action.get("Type") == "fixed-response":
                return _fixed(action.get("FixedResponseConfig", {}))
        return NoAnswer()

    def _pools(self, action: Mapping[str, Any]) -> Iterable[tuple[Pool, int]]:
        groups = action.get("ForwardConfig", {}).get("TargetGroups") or [action]
        for group in groups:
            yield self._pool(str(group["TargetGroupArn"])), int(group.get("Weight", 1))

    def _pool(self, arn: str) -> Pool:
        """The healthy targets; if there is none, all that are registered (AWS "fails open")."""
        known = self._checks.known(arn) if self._checks else []
        registered = [watched for watched in known if not watched.draining and not watched.stopped]
        healthy = [watched for watched in registered if watched.status[0] == "healthy"]
        targets = tuple(Target(w.target, w.address, w.port) for w in healthy or registered)
        return Pool(arn, targets)


def _values(conditions: Iterable[Mapping[str, Any]], field: str) -> tuple[str, ...] | None:
    """The values a request's field must match one of; None if no condition asks for it."""
    for condition in conditions:
        if condition.get("Field") == field:
            config = condition.get(CONFIGS[field]) or condition
            return tuple(config.get("Values", ()))
    return None


def _fixed(config: Mapping[str, Any]) -> FixedAnswer:
    return FixedAnswer(
        status=int(config.get("StatusCode", 200)),
        content_type=str(config.get("ContentType", "text/plain")),
        body=str(config.get("MessageBody", "")),
    )
