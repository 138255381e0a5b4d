"""The wider proof: what else must be true of a clone, of the machine and of all of them together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bot.domain.identity import Identity, identity, shared
from bot.domain.machine import Machine
from bot.domain.proof import Check, Facts, Proof
from bot.domain.reach import Place

_MB = 1024 * 1024
MOST_SECONDS = 5.0
"""A clone's clock may differ by so much from the master's: sessions and locks live by it."""
LEAST_FREE = 100 * _MB
"""A clone with less space left than this may fail at its next log line."""
LEAST_SHARE, ENOUGH_FREE = 0.05, 1024 * _MB
"""With less than this share left it fails, too, unless that is as much as this all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What else is known when a clone is judged."""

    others: Mapping[str, Identity]
    """Who else there is: those that are judged with it, itself included, and those proved before."""
    reach: tuple[Place, ...] = ()
    """Where the master's database answers, as far as the recipe tells."""
    reached: frozenset[Place] = frozenset()
    """Those of these places that took a connection from the clone."""
    closed: frozenset[Place] = frozenset()
    """Those that took none from the master itself either."""
    guarded: bool | None = None
    """As `Server.guarded`."""
    routed: bool | None = None
    """Listener rules send every write to the master alone; None where they are not what does that."""


def widen(proof: Proof, clone: Facts, master: Facts, beside: Beside) -> Proof:
    """The proof with what else was checked."""
    return replace(proof, checks=(*proof.checks, *_checks(proof.server, clone, master, beside)))


def _checks(server: str, clone: Facts, master: Facts, beside: Beside) -> Iterator[Check]:
    yield _unique(server, clone, beside.others)
    yield _clock(clone.machine, master.machine)
    yield Check(
        name="time zone",
        ok=bool(clone.machine.zone) and clone.machine.zone == master.machine.zone,
        why=f"it is {clone.machine.zone or 'unknown'}, and the master's {master.machine.zone or 'unknown'}",
        common=not master.machine.zone,
    )
    yield _space(clone.machine)
    for place in beside.reach:
        yield Check(
            name="{}:{}".format(*place),
            ok=place in beside.reached,
            why="the master takes no connection from it there",
            common=place in beside.closed,
        )
    if beside.guarded is not None:
        yield Check(
            name="metadata service",
            ok=beside.guarded,
            why="it answers without a token, or through containers: "
            "require IMDSv2 with a hop limit of 1 in EC2",
        )
    if beside.routed is not None:
        yield Check(
            name="writes",
            ok=beside.routed,
            why="the load balancer's rules do not send every write to the master",
        )


def _unique(server: str, clone: Facts, others: Mapping[str, Identity]) -> Check:
    mine = identity(clone)
    same = [
        f"{other}'s {kind}"
        for other, theirs in sorted(others.items())
        if other != server
        for kind in shared(mine, theirs)
    ]
    return Check(name="no other's identity", ok=not same, why=f"it has {', '.join(same)}")


def _clock(clone: Machine, master: Machine) -> Check:
    if clone.ahead is None or master.ahead is None:
        return Check(name="clock", ok=False, why="it could not be read", common=master.ahead is None)
    off = clone.ahead - master.ahead
    which = "ahead of" if off > 0 else "behind"
    why = f"it is {abs(off):.0f} s {which} the master's"
    return Check(name="clock", ok=abs(off) <= MOST_SECONDS, why=why)


def _space(clone: Machine) -> Check:
    if clone.free is None:
        return Check(name="disk space", ok=False, why="it could not be read")
    enough = clone.free >= LEAST_FREE
    share = clone.free >= min(LEAST_SHARE * clone.size, ENOUGH_FREE)
    why = f"{clone.free // _MB} MB of {clone.size // _MB} MB are left where its content is"
    return Check(name="disk space", ok=enough and share, why=why)
