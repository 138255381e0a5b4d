"""Servers in memory: they keep the promises of `bot.world.Servers`, and fail on demand."""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePosixPath

from bot.domain.errors import HostKeyMismatch, RemoteFailed, ServerError, ServerUnreachable, UnsafeSource
from bot.domain.fleet import Content, FleetSpec, Recipe, Server
from bot.domain.proof import Facts
from bot.ssh.names import check_content, host_name
from bot.ssh.patterns import understand
from bot.ssh.preparation import by_file
from bot.ssh.rewriting import holds, rewritten

File = tuple[str, int]
"""What is in it, and which write made it."""


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
    reachable: bool = True
    trusted: bool = True
    prepared: bool = False
    keys: set[str] = field(default_factory=set)
    """Syncs that it has a key for."""
    synced: dict[str, File] | None = None


@dataclass
class _Fault:
    method: str
    server: str
    error: ServerError
    times: int


class FakeServers:
    """Keeps the promises of `Servers`. A server seen for the first time is a copy of its fleet's master."""

    def __init__(self) -> None:
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
        copy.id, copy.host_key, copy.reachable, copy.health = server_id, f"key of {server_id}", True, 200
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

    def prepare(self, spec: FleetSpec, server: Server, recipe: Recipe) -> None:
        """Apply a recipe and renew the identity."""
        with self._on("prepare", spec, server) as host:
            for file, rewrites in by_file(recipe).items():
                if file not in host.settings:
                    raise RemoteFailed(f"{server.id}: {file} is missing.")
                host.settings[file] = rewritten(host.settings[file].encode(), rewrites).decode()
            host.running -= set(recipe.services)
            host.masked |= set(recipe.services)
            host.machine_id = f"machine of {server.id}"
            host.hostname = host_name(spec.name, server)
            host.restarted += recipe.restart
            host.prepared = True

    def clock(self, spec: FleetSpec, server: Server) -> int:
        """Read the server's own clock: each write is one tick."""
        with self._on("clock", spec, server):
            return next(self._writes)

    def facts(self, spec: FleetSpec, server: Server, recipe: Recipe, *, as_of: int = 0) -> Facts:
        """Collect what the proof needs."""
        with self._on("facts", spec, server) as host:
            content = {
                path: file
                for path, file in _content(host, spec.content).items()
                if not as_of or file[1] <= as_of
            }
            return Facts(
                host_keys=frozenset({host.host_key}),
                machine_id=host.machine_id,
                hostname=host.hostname,
                running=frozenset(host.running & set(recipe.services)),
                masked=frozenset(host.masked & set(recipe.services)),
                settings=frozenset(
                    file
                    for file, rewrites in by_file(recipe).items()
                    if holds(host.settings.get(file, "").encode(), rewrites)
                ),
                content=repr(sorted(content.items())),
                health=host.health,
            )

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


def _check_source(host: FakeHost, content: Content) -> None:
    for folder in check_content(content):
        if not any(path.startswith(f"{folder}/") for path in _content(host, content)):
            raise UnsafeSource(f"{host.id}: {folder} is empty on the master.")


def _strays(host: FakeHost, source: Mapping[str, File], content: Content) -> tuple[str, ...]:
    if host.synced is None:
        return ()
    now = _content(host, content)
    return tuple(sorted(p for p, file in now.items() if host.synced.get(p) != file != source.get(p)))
