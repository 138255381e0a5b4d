"""By what a server is told apart from all others."""

from collections.abc import Iterator
from hashlib import sha256

from bot.domain.proof import Facts

Identity = frozenset[str]
"""Each name that it has and no other may have: its kind and a digest, "hostname 0123456789abcdef"."""
_DIGITS = 16


def identity(facts: Facts) -> Identity:
    """Who it is. What it has no name for is left out."""
    return frozenset(
        f"{kind} {sha256(name.encode()).hexdigest()[:_DIGITS]}" for kind, name in _names(facts) if name
    )


def shared(one: Identity, other: Identity) -> list[str]:
    """The kinds of names that two servers have in common."""
    return sorted({name.rpartition(" ")[0] for name in one & other})


def _names(facts: Facts) -> Iterator[tuple[str, str]]:
    yield from (("SSH host key", key) for key in facts.host_keys)
    yield "machine-id", facts.machine_id
    yield "hostname", facts.hostname
    yield from ((f"{agent} agent", name) for agent, name in facts.habits.agents.items())
