"""The proof: what must be true of a clone before it may serve. Judges facts; collects none."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from bot.domain.fleet import Recipe
from bot.domain.habits import Habits, judge
from bot.domain.machine import Machine
from bot.domain.relay import Relay

CONTENT = "content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What one server said of itself."""

    host_keys: frozenset[str]
    machine_id: str
    hostname: str
    running: frozenset[str]
    """Of the recipe's services, those that run."""
    masked: frozenset[str]
    """Of the recipe's services, those that cannot start."""
    jobs: frozenset[str] = frozenset()
    """Of the recipe's jobs, those that are there."""
    settings: frozenset[str]
    """Files of the recipe that hold each `replace` and no `find`."""
    content: str
    """Fingerprint of the content's manifest; empty if it could not be taken."""
    health: int
    """HTTP status of the health page; 0 if it did not answer."""
    later: frozenset[str] = frozenset()
    """Files of the content that its fingerprint leaves out, as they were written too late to be counted."""
    relays: bool = False
    """Its web server has a relay's rules."""
    astray: tuple[str, ...] = ()
    """Writes that its web server should pass on to the master, and does not: "POST to shop.example"."""
    machine: Machine = field(default=Machine(), compare=False)
    """Never twice the same."""
    habits: Habits = field(default_factory=Habits)
    """What it still has of that which the recipe takes away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked."""

    name: str
    ok: bool
    why: str = ""
    common: bool = False
    """If it fails, the master is as wrong, so that nobody knows whether anything is wrong with the clone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """All that was checked of one clone."""

    server: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """It may serve."""
        return all(check.ok for check in self.checks)

    @property
    def only_stale(self) -> bool:
        """Nothing is wrong with it but the content."""
        return {check.name for check in self.checks if not check.ok and not check.common} == {CONTENT}

    @property
    def only_common(self) -> bool:
        """Nothing is wrong but what is wrong with the master too."""
        return not self.ok and all(check.ok or check.common for check in self.checks)

    @property
    def failures(self) -> str:
        """What is wrong, in one line."""
        return "; ".join(f"{check.name}: {check.why}" for check in self.checks if not check.ok)


def prove(server: str, clone: Facts, master: Facts, recipe: Recipe, *, relay: Relay | None = None) -> Proof:
    """Judge one clone against its master."""
    habits = (Check(name=name, ok=ok, why=why) for name, ok, why in judge(clone.habits, recipe))
    checks = chain(_checks(clone, master, recipe), habits, _writes(clone, master) if relay else ())
    return Proof(server=server, checks=tuple(checks))


def _checks(clone: Facts, master: Facts, recipe: Recipe) -> Iterable[Check]:
    yield Check(
        name="health page",
        ok=_is_well(clone),
        why=f"it answered {clone.health}" if clone.health else "it did not answer",
        common=not _is_well(master),
    )
    yield Check(
        name=CONTENT,
        ok=bool(clone.content) and clone.content == master.content and clone.later <= master.later,
        why="it differs from the master's" if master.content else "the master's could not be read",
        common=not master.content,
    )
    shared = clone.host_keys & master.host_keys
    yield Check(
        name="SSH host keys",
        ok=bool(clone.host_keys) and not shared,
        why="they are the master's" if shared else "there are none",
    )
    yield _own("machine-id", clone.machine_id, master.machine_id)
    yield _own("hostname", clone.hostname, master.hostname)
    for service in recipe.services:
        yield Check(name=service, ok=service not in clone.running, why="it runs on the clone")
        yield Check(name=f"{service} masked", ok=service in clone.masked, why="it could start again")
    for job in recipe.jobs:
        yield Check(name=job, ok=job not in clone.jobs, why="it would run on the clone")
    for file in sorted({rewrite.file for rewrite in recipe.rewrite}):
        yield Check(name=file, ok=file in clone.settings, why="it does not hold the clone's settings")


def _writes(clone: Facts, master: Facts) -> Iterable[Check]:
    yield Check(
        name="writes",
        ok=clone.relays and not clone.astray,
        why=f"these do not reach the master: {', '.join(clone.astray)}"
        if clone.relays
        else "they stay on it",
    )
    yield Check(
        name="writes end at the master",
        ok=not master.relays,
        why="it passes them on itself, as a clone does; empty Clonebot's file among those of its web server",
        common=True,
    )


def _is_well(server: Facts) -> bool:
    return 200 <= server.health < 400  # noqa: PLR2004 (HTTP's own classes)


def _own(name: str, mine: str, masters: str) -> Check:
    return Check(
        name=name,
        ok=bool(mine) and mine != masters,
        why="it is the master's" if mine else "there is none",
    )
