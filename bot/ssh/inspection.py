"""Collects what the proof needs to know of one server."""

import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Recipe, Server
from bot.domain.proof import Facts
from bot.domain.recipe import job_files
from bot.domain.relay import Relay
from bot.domain.sweeping import AMONG
from bot.ssh import machine
from bot.ssh.asking import Asker
from bot.ssh.connections import Connections
from bot.ssh.habits import MASTERS, SEEK, look_calls, read_habits
from bot.ssh.manifest import fingerprinting, records
from bot.ssh.names import check_content, check_jobs, check_name, check_patterns, check_services, read_keys
from bot.ssh.preparation import READ, STATE, by_file, show_files
from bot.ssh.probing import LOOK, find_astray, virtual_hosts
from bot.ssh.rewriting import holds
from bot.ssh.shell import Script, Shell, shown_key

_AT_REST = {"inactive", "failed"}

_FACTS = r"""
mark=$R$state/first-boot

identity() {
    id=
    { read -r id <"$R/etc/machine-id"; } 2>/dev/null
    printf '%.100s\n' "$id"
    hostname 2>/dev/null || uname -n
}

# One word for each property; another one that starts it has a word of its own.
service() {
    set -f
    said=$(systemctl show --property LoadState,ActiveState,UnitFileState,TriggeredBy -- "$1" 2>/dev/null)
    printf '%s ' $said
    set +f
    printf '\n'
}

scheduled() {
    for place; do
        if [ -d "$R$place" ]; then set -- "$R$place"/*; else set -- "$R$place"; fi
        for file; do if [ -f "$file" ]; then printf 'there'; fi; done
    done
    printf '\n'
}

host_keys() {
    for file in "$R"/etc/ssh/ssh_host_*_key.pub; do
        if [ -f "$file" ]; then
            { read -r key || [ -n "$key" ]; } <"$file"
            printf '%.4096s\n' "$key"
        fi
    done
}
"""


def read_clock(shell: Shell, spec: FleetSpec, server: Server) -> int:
    """Ask a server what time it is, as Unix time."""
    script = Script(what="reading its clock", functions="", calls=[("date", "+%s")])
    said = shell.run(spec, server, script).strip()
    if not said.isdigit():
        raise RemoteFailed(f"{server.id}: it does not know what time it is.")
    return int(said)


def collect(  # noqa: PLR0913, PLR0917 (whom to ask, what, and over which connection)
    shell: Shell,
    connections: Connections,
    spec: FleetSpec,
    server: Server,
    recipe: Recipe,
    as_of: int,
    relay: Relay | None,
) -> Facts:
    """Look at a server; changes nothing there."""
    script = _script(spec, server, recipe, as_of, relay)
    printed = shell.run(spec, server, script)
    arrived = time.time()
    said = iter(printed.decode(errors="replace").split("\n"))
    machine_id, hostname, digest, trouble, later = islice(said, 5)
    services = {name: _properties(next(said)) for name in recipe.services}
    jobs = {job: next(said) for job in recipe.jobs}
    texts = {file: b64decode(next(said)) for file in by_file(recipe)}
    habits = read_habits(said, recipe)
    kind, _, hosts = next(said).partition(" ")
    names = virtual_hosts(kind, b64decode(hosts).decode(errors="replace"), spec.health.port)
    seen = machine.read(said, arrived)
    asker = Asker(shell, connections, spec, server)
    shown = _fingerprint(shown_key(connections, spec, server).asbytes())
    return Facts(
        host_keys=frozenset({shown, *_fingerprints(said)}),
        machine_id=machine_id,
        hostname=hostname,
        running=frozenset(name for name, unit in services.items() if unit["ActiveState"] not in _AT_REST),
        masked=frozenset(name for name, unit in services.items() if _cannot_start(unit)),
        jobs=frozenset(job for job, there in jobs.items() if there),
        settings=frozenset(f for f, rewrites in by_file(recipe).items() if holds(texts[f], rewrites)),
        content="" if trouble else digest.split(" ")[0],
        later=frozenset(record.decode(errors="backslashreplace") for record in records(b64decode(later))),
        health=asker.ask(spec.health.path).status,
        relays=bool(kind),
        habits=habits,
        astray=tuple(find_astray(asker, relay, names)) if relay and kind else (),
        machine=seen,
    )


def _script(spec: FleetSpec, server: Server, recipe: Recipe, as_of: int, relay: Relay | None) -> Script:
    check_services(recipe)
    check_jobs(recipe)
    check_patterns(recipe)
    paths = check_content(spec.content)
    calls: list[Sequence[str]] = [("identity",), ("fingerprint", *paths), ("later", *paths)]
    calls += [("service", name) for name in recipe.services]
    calls += [("scheduled", *job_files(job)) for job in recipe.jobs]
    calls += show_files(tuple(by_file(recipe)))
    calls += look_calls(recipe)
    calls += show_files(tuple(template.file for template in recipe.template))
    calls += [("relays", "names" if relay else ""), ("machine", *paths), ("host_keys",)]
    tools = READ + LOOK + AMONG + MASTERS + SEEK + machine.LOOK
    return Script(
        what="looking at it",
        functions=fingerprinting(spec.content.exclude) + tools + _FACTS,
        calls=calls,
        values={"as_of": str(as_of), "state": f"{STATE}/{check_name(server.id, 'id')}"},
        seconds=300,
    )


def _properties(line: str) -> Mapping[str, str]:
    """What `systemctl show` said of a unit; a server without systemd says nothing, and proves nothing."""
    words = line.split()
    pairs = (word.partition("=") for word in words if "=" in word)
    starters = " ".join(word for word in words if word.endswith(".socket"))
    return {"ActiveState": "", **{name: value for name, _, value in pairs}, "TriggeredBy": starters}


def _cannot_start(unit: Mapping[str, str]) -> bool:
    """It must be masked for good, not until a reboot; and a socket would start it when somebody knocks."""
    off = unit.get("UnitFileState") == "masked" or unit.get("LoadState") == "not-found"
    return off and not unit["TriggeredBy"]


def _fingerprints(lines: Iterator[str]) -> Iterator[str]:
    return (_fingerprint(b64decode(encoded)) for _kind, encoded in read_keys(lines))


def _fingerprint(key: bytes) -> str:
    return "SHA256:" + b64encode(sha256(key).digest()).decode().rstrip("=")
