"""Servers in memory: they keep the promises of `bot.world.Servers`, and fail on demand."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import PurePosixPath

from bot.domain.doctor.facts import File as Seen
from bot.domain.doctor.facts import Kind, ServerFacts
from bot.domain.errors import HostKeyMismatch, RemoteFailed, ServerError, ServerUnreachable, UnsafeSource
from bot.domain.fleet import Content, FleetSpec, Recipe, Server
from bot.domain.habits import Habits
from bot.domain.machine import Machine
from bot.domain.proof import Facts
from bot.domain.quiesce import Quiesce
from bot.domain.reach import Place
from bot.domain.recipe import host_name, job_files, left_overs, matches, told_apart_by
from bot.domain.relay import Relay, probes
from bot.ssh.names import check_content
from bot.ssh.patterns import understand
from bot.ssh.preparation import by_file
from bot.ssh.rewriting import holds, rewritten

File = tuple[str, int]
"""What is in it, and which write made it."""


SOUND = Machine(ahead=0.0, zone="Europe/Berlin", free=10**10, size=10**11)


@dataclass
class FakeHost:
    """What is on one server. Tests read and change it as they like."""

    id: str
    files: dict[str, File] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    masked: set[str] = field(default_factory=set)
    restarted: list[str] = field(default_factory=list)
    machine_id: str = ""
    hostname: str = ""
    host_key: str = ""
    health: int = 200
    machine: Machine = field(default_factory=lambda: SOUND)
    cut_off: set[Place] = field(default_factory=set)
    """Places that take no connection from it."""
    reachable: bool = True
    trusted: bool = True
    prepared: bool = False
    mark: int = 0
    """The last write before it was prepared: what is as old came with the image."""
    web_server: str = ""
    """One that can relay, if there is any."""
    relay: Relay | None = None
    keys: set[str] = field(default_factory=set)
    """Syncs that it has a key for."""
    synced: dict[str, File] | None = None
    held: set[str] = field(default_factory=set)
    """For which it is quiesced."""
    seen: ServerFacts = field(default_factory=ServerFacts)
    """What the doctor sees of it, beyond its names."""


@dataclass
class _Fault:
    method: str
    server: str
    error: ServerError
    times: int


class FakeServers:
    """Keeps the promises of `Servers`. A server seen for the first time is a copy of its fleet's master."""

    def __init__(self, *, busy: bool = False) -> None:
        """The content of a `busy` master is another one each time that somebody looks."""
        self.busy = busy
        self.clone_health = 200
        """What the health page answers of whatever is started from now on."""
        self.hosts: dict[str, FakeHost] = {}
        self.calls: list[tuple[str, str]] = []
        """(method, server id), in order."""
        self.offered: dict[str, set[str]] = {}
        """Which clones may read, for each sync."""
        self._faults: list[_Fault] = []
        self._writes = count(1)
        self._lock = threading.RLock()

    def add_master(
        self,
        server_id: str,
        *,
        files: Mapping[str, str],
        settings: Mapping[str, str] = {},
        running: Sequence[str] = (),
    ) -> FakeHost:
        """Make the hand-built server."""
        host = FakeHost(
            server_id,
            settings=dict(settings),
            running=set(running),
            machine_id=f"machine of {server_id}",
            hostname=server_id,
            host_key=f"key of {server_id}",
        )
        self.hosts[server_id] = host
        for path, text in files.items():
            self.write(server_id, path, text)
        return host

    def write(self, server_id: str, path: str, text: str) -> None:
        """Write a file, as an upload does."""
        self.hosts[server_id].files[path] = (text, next(self._writes))

    def fail(self, method: str, error: ServerError, *, server: str = "", times: int = 1) -> None:
        """Let the next calls of a method fail; of one server's, or of all servers'."""
        self._faults.append(_Fault(method, server, error, times))

    def host(self, spec: FleetSpec, server: Server) -> FakeHost:
        """What is on this server."""
        with self._lock:
            if server.id not in self.hosts:
                self.hosts[server.id] = self._started_from(self.hosts[spec.master], server.id)
            return self.hosts[server.id]

    def _started_from(self, master: FakeHost, server_id: str) -> FakeHost:
        copy = deepcopy(master)
        copy.id, copy.host_key, copy.reachable = server_id, f"key of {server_id}", True
        copy.health, copy.mark = self.clone_health, 0
        return copy

    @contextmanager
    def _on(self, method: str, spec: FleetSpec, server: Server) -> Iterator[FakeHost]:
        with self._lock:
            host = self.host(spec, server)
            self.calls.append((method, server.id))
            self._stumble(method, server.id)
            if not host.reachable:
                raise ServerUnreachable(f"{server.id} cannot be reached over SSH.")
            if not host.trusted:
                raise HostKeyMismatch(f"{server.id} shows another SSH host key.")
            yield host

    def _stumble(self, method: str, server_id: str) -> None:
        for fault in self._faults:
            if fault.method == method and fault.server in {"", server_id} and fault.times > 0:
                fault.times -= 1
                raise fault.error

    def reach(self, spec: FleetSpec, server: Server) -> None:
        """Connect."""
        with self._on("reach", spec, server):
            pass

    def hold_still(self, spec: FleetSpec, master: Server, quiesce: Quiesce, *, key: str) -> None:
        """Run `before`, and undo it if it fails."""
        with self._on("hold_still", spec, master) as host:
            for command in quiesce.before:
                if not self._obey(host, command):
                    self._obey_all(host, quiesce.after)
                    raise RemoteFailed(f"{master.id}: quiescing it failed: {command}:  (exit status 1)")
            host.held.add(key)

    def let_go(self, spec: FleetSpec, master: Server, quiesce: Quiesce, *, key: str) -> bool:
        """Run `after`, once."""
        with self._on("let_go", spec, master) as host:
            held = key in host.held
            if held:
                host.held.discard(key)
                self._obey_all(host, quiesce.after)
            return held

    def _obey_all(self, host: FakeHost, commands: Sequence[str]) -> None:
        for command in commands:
            self._obey(host, command)

    def _obey(self, host: FakeHost, command: str) -> bool:
        """The one command of its shell that works: "echo WORD >>FILE", from the root folder."""
        said = re.fullmatch(r"echo (\w+) >>(\S+)", command)
        if said:
            path = f"/{said[2]}"
            before = host.files[path][0] if path in host.files else ""
            host.files[path] = (f"{before}{said[1]}\n", next(self._writes))
        return bool(said)

    def prepare(self, spec: FleetSpec, server: Server, recipe: Recipe, *, relay: Relay | None = None) -> None:
        """Apply a recipe, renew the identity, relay or not."""
        with self._on("prepare", spec, server) as host:
            if relay and not host.web_server:
                raise RemoteFailed(f"{server.id}: neither Apache nor nginx serves its site.")
            for file, rewrites in by_file(recipe).items():
                if file not in host.settings:
                    raise RemoteFailed(f"{server.id}: {file} is missing.")
                host.settings[file] = rewritten(host.settings[file].encode(), rewrites).decode()
            for path in _jobs(host, recipe):
                del host.files[path]
            _sweep(host, recipe)
            host.mark = host.mark or next(self._writes)
            for each in recipe.template:
                host.files[each.file] = (each.text, next(self._writes))
            host.running -= set(recipe.services)
            host.masked |= set(recipe.services)
            host.machine_id = f"machine of {server.id}"
            host.hostname = host_name(spec.name, server.id)
            host.restarted += recipe.restart
            host.relay = relay
            host.prepared = True

    def clock(self, spec: FleetSpec, server: Server) -> int:
        """Read the server's own clock: each write is one tick."""
        with self._on("clock", spec, server):
            return next(self._writes)

    def facts(
        self,
        spec: FleetSpec,
        server: Server,
        recipe: Recipe,
        *,
        as_of: int = 0,
        relay: Relay | None = None,
    ) -> Facts:
        """Collect what the proof needs."""
        with self._on("facts", spec, server) as host:
            there = _content(host, spec.content)
            later = {path for path, file in there.items() if as_of and file[1] > as_of}
            return Facts(
                host_keys=frozenset({host.host_key}),
                machine_id=host.machine_id,
                hostname=host.hostname,
                running=frozenset(host.running & set(recipe.services)),
                masked=frozenset(host.masked & set(recipe.services)),
                jobs=frozenset(_jobs(host, recipe).values()),
                settings=frozenset(
                    file
                    for file, rewrites in by_file(recipe).items()
                    if holds(host.settings.get(file, "").encode(), rewrites)
                ),
                content=repr(sorted((path, file) for path, file in there.items() if path not in later)),
                health=host.health,
                later=frozenset(later),
                relays=host.relay is not None,
                astray=tuple(_astray(host, relay)) if relay and host.relay else (),
                machine=host.machine,
                habits=_habits(host, recipe),
            )

    def reaches(self, spec: FleetSpec, server: Server, places: Sequence[Place]) -> frozenset[Place]:
        """Which of these places take a connection from there."""
        with self._on("reaches", spec, server) as host:
            return frozenset(place for place in places if place not in host.cut_off)

    def inspect(self, spec: FleetSpec, master: Server) -> ServerFacts:
        """Look at a master for the doctor."""
        with self._on("inspect", spec, master) as host:
            return replace(
                host.seen,
                hostname=host.hostname,
                machine_id=host.machine_id,
                content=host.seen.content or tuple(_folders(host)),
            )

    def content_version(self, spec: FleetSpec, master: Server, content: Content) -> str:
        """A word for what is there; an image of a busy site is always behind."""
        with self._on("content_version", spec, master) as host:
            there = _content(host, content)
            busy = next(self._writes) if self.busy else 0
            return f"{busy} {sorted(there.items())!r}" if there else ""

    def remember_content(self, spec: FleetSpec, clone: Server, content: Content) -> None:
        """Let count as copied what is there."""
        with self._on("remember_content", spec, clone) as host:
            if host.synced is None:
                host.synced = _content(host, content)

    def offer_content(
        self, spec: FleetSpec, master: Server, clones: Sequence[Server], content: Content, *, sync: str
    ) -> Mapping[str, str]:
        """Let these clones read the content for one sync."""
        with self._on("offer_content", spec, master) as host:
            _check_source(host, content)
        return dict(self._offer(spec, clones, sync))

    def _offer(self, spec: FleetSpec, clones: Sequence[Server], sync: str) -> Iterator[tuple[str, str]]:
        for clone in clones:
            try:
                with self._on("make_key", spec, clone) as host:
                    host.keys.add(sync)
                    self.offered.setdefault(sync, set()).add(clone.id)
            except ServerError as error:
                yield clone.id, str(error)

    def pull_content(
        self, spec: FleetSpec, master: Server, clone: Server, content: Content, *, sync: str
    ) -> None:
        """Copy what differs; keep stray writes."""
        with self._on("pull_content", spec, clone) as host:
            if sync not in host.keys or clone.id not in self.offered.get(sync, set()):
                raise RemoteFailed(f"{clone.id}: copying the content failed: it has no key for this sync.")
            source = _content(self.host(spec, master), content)
            kept = {path: host.files[path] for path in _strays(host, source, content)}
            for path in _content(host, content):
                del host.files[path]
            host.files.update(source | kept)
            host.synced = {path: file for path, file in source.items() if path not in kept}

    def withdraw_content(
        self, spec: FleetSpec, master: Server, clones: Sequence[Server], *, sync: str
    ) -> None:
        """Remove the keys of a sync."""
        with self._on("withdraw_content", spec, master):
            self.offered.pop(sync, None)
            for clone in clones:
                self.host(spec, clone).keys.discard(sync)

    def strays(self, spec: FleetSpec, master: Server, clone: Server, content: Content) -> tuple[str, ...]:
        """Files that only the clone has."""
        with self._on("strays", spec, clone) as host:
            return _strays(host, _content(self.host(spec, master), content), content)


def _jobs(host: FakeHost, recipe: Recipe) -> dict[str, str]:
    """Which files hold jobs of the recipe."""
    places = {place: job for job in recipe.jobs for place in job_files(job)}
    return {path: places[path] for path in host.files if path in places}


def _folders(host: FakeHost) -> Iterator[Seen]:
    """Whatever holds files, as a look at it shows."""
    above = {str(folder) for path in host.files for folder in PurePosixPath(path).parents}
    return (Seen(path=folder, kind=Kind.FOLDER) for folder in sorted(above))


def _content(host: FakeHost, content: Content) -> dict[str, File]:
    return {path: file for path, file in host.files.items() if _belongs(path, content)}


def _belongs(path: str, content: Content) -> bool:
    for folder in check_content(content):
        if path.startswith(f"{folder}/"):
            below = PurePosixPath(path.removeprefix(f"{folder}/"))
            return not any(_left_out(place, place != below, content) for place in (below, *below.parents))
    return False


def _left_out(place: PurePosixPath, is_folder: bool, content: Content) -> bool:  # noqa: FBT001 (a fact of a path)
    pruned = map(understand, content.exclude)
    return any(re.fullmatch(p.regex, f"./{place}") and (is_folder or not p.folders_only) for p in pruned)


def _astray(host: FakeHost, relay: Relay) -> Iterator[str]:
    kept = set(probes(host.relay)) if host.relay and host.relay.master == relay.master else set()
    return (f"{probe.shown} sent to {host.id}" for probe in probes(relay) if probe not in kept)


def _check_source(host: FakeHost, content: Content) -> None:
    for folder in check_content(content):
        if not any(path.startswith(f"{folder}/") for path in _content(host, content)):
            raise UnsafeSource(f"{host.id}: {folder} is empty on the master.")


def _strays(host: FakeHost, source: Mapping[str, File], content: Content) -> tuple[str, ...]:
    if host.synced is None:
        return ()
    now = _content(host, content)
    return tuple(sorted(p for p, file in now.items() if host.synced.get(p) != file != source.get(p)))


def _meant(host: FakeHost, patterns: Sequence[str], *, masters: bool = False) -> list[str]:
    """The files that these patterns mean; of those, the ones that came with the image."""
    return [
        path
        for path, (_, written) in host.files.items()
        if any(matches(pattern, path) for pattern in patterns)
        and (not masters or not host.mark or written <= host.mark)
    ]


def _sweep(host: FakeHost, recipe: Recipe) -> None:
    gone = _meant(host, recipe.remove)
    for patterns in left_overs(recipe).values():
        gone += _meant(host, patterns, masters=True)
    for path in set(gone):
        del host.files[path]
    for path in _meant(host, recipe.truncate):
        host.files[path] = ("", host.files[path][1])


def _habits(host: FakeHost, recipe: Recipe) -> Habits:
    there = {pattern: _meant(host, [pattern]) for pattern in recipe.remove}
    full = {
        pattern: [path for path in _meant(host, [pattern]) if host.files[path][0]]
        for pattern in recipe.truncate
    }
    left = {name: _meant(host, patterns, masters=True) for name, patterns in left_overs(recipe).items()}
    own = {
        agent: "".join(host.files[path][0] for path in _meant(host, patterns))
        for agent, patterns in told_apart_by(recipe).items()
    }
    found = [{key: paths[0] for key, paths in each.items() if paths} for each in (there, full, left)]
    written = {each.file for each in recipe.template if host.files.get(each.file, ("", 0))[0] == each.text}
    return Habits(
        there=found[0],
        full=found[1],
        left=found[2],
        agents={agent: text for agent, text in own.items() if text},
        written=frozenset(written),
    )
