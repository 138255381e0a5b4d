"""Proofs in words, and as the log remembers them: when each server was judged last, and what was wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.domain.identity import Identity
from bot.domain.moment import span
from bot.domain.proof import Check, Proof

_MOST_KEPT = 1000
"""Servers that a row of the log remembers: more than a fleet can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastProof:
    """When a server was judged last, and what was wrong."""

    at: datetime
    why: str = ""
    """Empty if it was proved."""
    identity: Identity = frozenset()
    """Who it was."""


def subject(fleet: str) -> str:
    """What rows about the proofs of a fleet are filed under."""
    return f"proof/{fleet}"


def write_proofs(proofs: Mapping[str, LastProof]) -> dict[str, Any]:
    """As a row keeps them, the newest last."""
    kept = sorted(proofs.items(), key=lambda each: each[1].at)[-_MOST_KEPT:]
    return {"servers": {server: _written(last) for server, last in kept}}


def _written(last: LastProof) -> dict[str, Any]:
    return {"at": last.at.isoformat(), "why": last.why, "identity": sorted(last.identity)}


def read_proofs(detail: Mapping[str, Any]) -> dict[str, LastProof]:
    """The other way round."""
    return {
        server: LastProof(
            at=datetime.fromisoformat(last["at"]),
            why=last["why"],
            identity=frozenset(last.get("identity", ())),
        )
        for server, last in detail.get("servers", {}).items()
    }


def summed_up(proofs: Mapping[str, LastProof]) -> str:
    """Who was proved and who failed, in one line."""
    proved = [server for server, last in proofs.items() if not last.why]
    failed = [f"{server}: {last.why}" for server, last in proofs.items() if last.why]
    parts = ([f"proved {', '.join(proved)}"] if proved else []) + failed
    return "; ".join(parts)


def judged(last: LastProof | None, now: datetime) -> str:
    """When it was judged last, and what came of that, as `status` shows it."""
    if last is None:
        return "no proof in the log"
    ago = f"{span(now - last.at)} ago"
    return f"failed {ago} ({last.why})" if last.why else f"proved {ago}"


def ticks(proofs: Mapping[str, Proof], failed: Mapping[str, str], unknown: Mapping[str, str]) -> str:
    """Each check with a tick or a cross; servers that came out alike share a line."""
    return "\n".join(_lines(proofs, failed, unknown))


def _lines(
    proofs: Mapping[str, Proof], failed: Mapping[str, str], unknown: Mapping[str, str]
) -> Iterator[str]:
    alike: dict[str, list[str]] = {}
    for server, proof in sorted(proofs.items()):
        alike.setdefault(" ".join(map(_tick, proof.checks)), []).append(server)
    for checks, servers in alike.items():
        yield f"{', '.join(f'`{server}`' for server in servers)}: {checks}"
    for server, why in failed.items():
        if server not in proofs:
            yield f"`{server}`: ❌ {why}"
    for server, why in unknown.items():
        yield f"`{server}`: ⚠️ not judged: {why}"


def _tick(check: Check) -> str:
    return f"✅ {check.name}" if check.ok else f"❌ {check.name}: {check.why}"
