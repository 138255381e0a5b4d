"""Who is asking: a person of the team's Slack workspace, and what the fleet file lets them do."""

from dataclasses import dataclass
from enum import StrEnum


class Power(StrEnum):
    """A role of the policy. `ADMIN` may do everything; every role may look."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody, as Slack describes them now. Identity is team and user id, never a name."""

    team: str
    id: str
    name: str = ""
    active: bool = True
    bot: bool = False
    guest: bool = False
    groups: frozenset[str] = frozenset()
    """User group ids, of those that the policy names."""
    unasked: bool = False
    """Slack could not be asked, so that `groups` are none."""
