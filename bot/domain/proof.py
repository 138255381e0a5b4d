"""The proof: what must be true of a clone before it may serve. Judges facts; collects none."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.domain.fleet import Recipe

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
    settings: frozenset[str]
    """Files of the recipe that hold each `replace` and no `find`."""
    content: str
    """Fingerprint of the content's manifest; empty if it could not be taken."""
    health: int
    """HTTP status of the health page; 0 if it did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was checked."""

    name: str
    ok: bool
    why: str = ""


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
        """Nothing is wrong but the content."""
        return {check.name for check in self.checks if not check.ok} == {CONTENT}

    @property
    def failures(self) -> str:
        """What is wrong, in one line."""
        return "; ".join(f"{check.name}: {check.why}" for check in self.checks if not check.ok)


def prove(server: str, clone: Facts, master: Facts, recipe: Recipe) -> Proof:
    """Judge one clone against its master."""
    return Proof(server=server, checks=tuple(_checks(clone, master, recipe)))


def _checks(clone: Facts, master: Facts, recipe: Recipe) -> Iterable[Check]:
    yield Check(
        name="health page",
        ok=200 <= clone.health < 400,  # noqa: PLR2004 (HTTP's own classes)
        why=f"it answered {clone.health}" if clone.health else "it did not answer",
    )
    yield Check(
        name=CONTENT,
        ok=bool(clone.content) and clone.content == master.content,
        why="it differs from the master's",
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
    for file in sorted({rewrite.file for rewrite in recipe.rewrite}):
        yield Check(name=file, ok=file in clone.settings, why="it does not hold the clone's settings")


def _own(name: str, mine: str, masters: str) -> Check:
    return Check(
        name=name,
        ok=bool(mine) and mine != masters,
        why="it is the master's" if mine else "there is none",
    )
