"""The rules by which the balancer forwards, as an Application Load Balancer has them."""

import re
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Target:
    """A server to forward to."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The targets of one target group that may get requests now."""

    name: str
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Forward:
    """Send the request to one of these pools, by weight."""

    pools: tuple[tuple[Pool, int], ...]


@dataclass(frozen=True, slots=True)
class FixedAnswer:
    """Answer without asking a target."""

    status: int
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """An action that this balancer does not know (a redirect, say)."""


Action = Forward | FixedAnswer | NoAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions, each a choice of values or None for any, and what to do."""

    action: Action
    methods: tuple[str, ...] | None = None
    paths: tuple[str, ...] | None = None
    """Patterns with * and ?, matched against the whole path, case-sensitive."""
    hosts: tuple[str, ...] | None = None
    never: bool = False
    """It has a condition that this balancer does not know."""

    def matches(self, method: str, path: str, host: str) -> bool:
        """Whether a request meets every condition."""
        if self.never or (self.methods is not None and method not in self.methods):
            return False
        if self.paths is not None and not any(like(pattern, path) for pattern in self.paths):
            return False
        return self.hosts is None or any(like(pattern.lower(), host.lower()) for pattern in self.hosts)


@dataclass(frozen=True, slots=True)
class Routes:
    """The rules in order of priority; the last one is the default."""

    rules: tuple[Rule, ...] = ()

    def action_for(self, method: str, target: str, host: str) -> Action:
        """What to do with a request."""
        path = target.partition("?")[0]
        for rule in self.rules:
            if rule.matches(method, path, host.partition(":")[0]):
                return rule.action
        return FixedAnswer(HTTPStatus.SERVICE_UNAVAILABLE)


def like(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern in which * is any text and ? any character."""
    parts = ({"*": ".*", "?": "."}.get(char) or re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None
