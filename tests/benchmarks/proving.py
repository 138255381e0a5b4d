"""What the proof of one clone takes, from the first connection to the verdict, against a login alone."""

import time
from collections.abc import Callable
from pathlib import Path

from bot.domain.fleet import Recipe, Server
from bot.domain.identity import identity
from bot.domain.proof import prove
from bot.domain.wider import Beside, widen
from bot.lab.hosts import Hosts
from bot.lab.tools import find_tools
from bot.ssh.servers import SshServers
from tests.adapters.servers_worlds import PAGES, RealServers, recipe_for
from tests.benchmarks.table import Row

FILES = 5_000
_NETWORK = "127.201.8"
_SECONDS = 2.0
_ROUNDS = 5


def measure(folder: Path) -> list[Row]:
    """Prepare and sync a clone, and judge it again and again, each time over new connections."""
    hosts = Hosts(folder / "proving", find_tools(folder / "tools"))
    try:
        real = RealServers(hosts, _NETWORK)
        try:
            return _judged(real)
        finally:
            real.servers.close()
    finally:
        hosts.close()


def _judged(real: RealServers) -> list[Row]:
    recipe = recipe_for(real.master)
    for number in range(FILES):
        page = real.path(real.master, f"{PAGES}/{number // 50}/{number}.html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("<p>a page of the club</p>\n" * 20)
    real.servers.prepare(real.spec, real.clone, recipe)
    assert not real.servers.offer_content(real.spec, real.master, [real.clone], real.spec.content, sync="s1")
    real.servers.pull_content(real.spec, real.master, real.clone, real.spec.content, sync="s1")
    before = _logins(real, real.clone)
    whole = [_seconds(real, lambda servers: _prove(real, servers, recipe)) for _ in range(_ROUNDS)]
    logins = _logins(real, real.clone) - before
    alone = [_seconds(real, lambda servers: servers.reach(real.spec, real.clone)) for _ in range(_ROUNDS)]
    return [
        Row(
            what=f"proof of one clone with {FILES:,} files, the look at its master included",
            ours=f"{max(whole):.2f} s (slowest of {_ROUNDS}), {logins / _ROUNDS:g} connection to the clone",
            against=f"{max(alone):.2f} s (a login and `true`)",
            result=f"{max(whole) / max(alone):.1f} ×",
            reach=f"≤ {_SECONDS:.0f} s, 1 connection",
            reached=max(whole) <= _SECONDS and logins == _ROUNDS,
        )
    ]


def _prove(real: RealServers, servers: SshServers, recipe: Recipe) -> None:
    truth = servers.facts(real.spec, real.master, recipe)
    facts = servers.facts(real.spec, real.clone, recipe)
    proof = prove(real.clone.id, facts, truth, recipe)
    proof = widen(proof, facts, truth, Beside(others={real.clone.id: identity(facts)}))
    assert proof.ok, proof.failures


def _seconds(real: RealServers, do: Callable[[SshServers], None]) -> float:
    servers = SshServers(lambda _spec, server: real.keys[server.id])
    began = time.perf_counter()
    try:
        do(servers)
    finally:
        servers.close()
    return time.perf_counter() - began


def _logins(real: RealServers, server: Server) -> int:
    log = real.hosts.disk(server.id).parent / "sshd.log"
    return log.read_text(errors="replace").count("Accepted publickey")
