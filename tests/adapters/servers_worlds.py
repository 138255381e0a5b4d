"""The worlds in which servers must keep their promises: one in memory, one of real hosts over real SSH."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.fleet import (
    Content,
    FleetSpec,
    Health,
    Recipe,
    Rewrite,
    Role,
    Server,
    Ssh,
    State,
    Writes,
)
from bot.domain.reach import Place
from bot.lab.hosts import PORT, Hosts
from bot.ssh.servers import SshServers
from bot.world import Servers
from tests.adapters.servers_fake import FakeServers

PAGES = "/var/www/html"
BEGIN, END = "-----BEGIN SSH HOST KEY KEYS-----\n", "-----END"


def server(server_id: str, address: str, role: Role = Role.CLONE) -> Server:
    return Server(
        id=server_id,
        role=role,
        state=State.RUNNING,
        address=address,
        type="t3.small",
        subnet="subnet-a",
        image="ami-1",
        launched=datetime(2026, 1, 1, tzinfo=UTC),
    )


def fleet_spec(*, user: str = "admin", key_file: str = "key", health_port: int = 8080) -> FleetSpec:
    return FleetSpec(
        name="web",
        region="eu-central-1",
        channel="C0WEB",
        master="i-master",
        target_group="arn:tg",
        subnets=("subnet-a",),
        ssh=Ssh(user=user, key_file=key_file, port=PORT, root=".", sudo=False),
        content=Content(paths=(PAGES,), exclude=("cache/", "*.pid")),
        writes=Writes(target_group="arn:writes"),
        health=Health(port=health_port, path="/healthz"),
    )


def recipe_for(master: Server) -> Recipe:
    return Recipe(
        services=("sitedb",),
        rewrite=(
            Rewrite(file="/etc/site.conf", find="db_host = localhost", replace=f"db_host = {master.address}"),
        ),
        restart=("site",),
    )


@dataclass
class World:
    """A master and two clones that were started from its image, and ways to meddle with them."""

    servers: Servers
    spec: FleetSpec
    master: Server
    clone: Server
    other: Server
    write: Callable[[Server, str, str], None]
    read: Callable[[Server, str], str | None]
    remove: Callable[[Server, str], None]
    lose: Callable[[Server], None]
    impersonate: Callable[[Server], None]
    """Let another server answer at its address."""
    close: Callable[[Server, Place], None]
    """Let nobody take a connection there from this server."""

    @property
    def content(self) -> Content:
        return self.spec.content

    def sync(self, *clones: Server, sync: str = "s1") -> None:
        """Sync once, from the offer to the withdrawal."""
        wanted = clones or (self.clone,)
        assert not self.servers.offer_content(self.spec, self.master, wanted, self.content, sync=sync)
        for clone in wanted:
            self.servers.pull_content(self.spec, self.master, clone, self.content, sync=sync)
        self.servers.withdraw_content(self.spec, self.master, wanted, sync=sync)

    def strays(self, clone: Server | None = None) -> tuple[str, ...]:
        return self.servers.strays(self.spec, self.master, clone or self.clone, self.content)


@contextmanager
def in_memory() -> Iterator[World]:
    fake = FakeServers()
    fake.add_master(
        "i-master",
        files={f"{PAGES}/index.html": "welcome", f"{PAGES}/css/site.css": "body {}"},
        settings={"/etc/site.conf": "db_host = localhost\n"},
        running=("site", "sitedb"),
    )
    spec = fleet_spec()
    master, clone, other = _servers("10.0.0")
    for copy in (clone, other):
        fake.host(spec, copy)

    def read(server: Server, path: str) -> str | None:
        file = fake.hosts[server.id].files.get(path)
        return file[0] if file else None

    def remove(server: Server, path: str) -> None:
        files = fake.hosts[server.id].files
        for name in [name for name in files if f"{name}/".startswith(f"{path}/")]:
            del files[name]

    def lose(server: Server) -> None:
        fake.hosts[server.id].reachable = False

    def impersonate(server: Server) -> None:
        fake.hosts[server.id].trusted = False

    yield World(
        servers=fake,
        spec=spec,
        master=master,
        clone=clone,
        other=other,
        write=lambda server, path, text: fake.write(server.id, path, text),
        read=read,
        remove=remove,
        lose=lose,
        impersonate=impersonate,
        close=lambda server, place: fake.hosts[server.id].cut_off.add(place),
    )


class RealServers:
    """Hosts of the lab, and the adapter that reaches them over SSH."""

    def __init__(self, hosts: Hosts, network: str) -> None:
        self.hosts = hosts
        self.network = network
        self.master, self.clone, self.other = _servers(network)
        self.spec = fleet_spec(user=hosts.user, key_file=str(hosts.key_file))
        self.keys: dict[str, tuple[str, ...]] = {}
        self.servers = SshServers(lambda _spec, server: self.keys[server.id])
        self._boot()

    def _boot(self) -> None:
        self.hosts.create(self.master.id, self.master.address)
        self.hosts.boot(self.master.id)
        self.hosts.snapshot(self.master.id, "ami-1")
        self.keys[self.master.id] = self.shown_keys(self.master)
        for clone in (self.clone, self.other):
            self.hosts.clone_disk(clone.id, clone.address, "ami-1")
            self.hosts.boot(clone.id)
            self.keys[clone.id] = self.shown_keys(clone)

    def shown_keys(self, server: Server) -> tuple[str, ...]:
        shown = self.hosts.console_output(server.id).rpartition(BEGIN)[2]
        return tuple(shown.partition(END)[0].strip().splitlines())

    def path(self, server: Server, path: str) -> Path:
        return self.hosts.disk(server.id) / path.lstrip("/")

    def write(self, server: Server, path: str, text: str) -> None:
        place = self.path(server, path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def read(self, server: Server, path: str) -> str | None:
        place = self.path(server, path)
        return place.read_text() if place.exists() else None

    def remove(self, server: Server, path: str) -> None:
        place = self.path(server, path)
        for below in sorted(place.rglob("*"), reverse=True):
            below.rmdir() if below.is_dir() and not below.is_symlink() else below.unlink()
        place.rmdir() if place.is_dir() else place.unlink()

    def impersonate(self, server: Server) -> None:
        self.keys[server.id] = self.keys[self.master.id]

    def world(self) -> World:
        return World(
            servers=self.servers,
            spec=self.spec,
            master=self.master,
            clone=self.clone,
            other=self.other,
            write=self.write,
            read=self.read,
            remove=self.remove,
            lose=lambda server: self.hosts.shut_down(server.id),
            impersonate=self.impersonate,
            close=lambda *_: None,  # nobody listens there
        )


def over_ssh(hosts: Hosts, network: str) -> AbstractContextManager[World]:
    @contextmanager
    def opened() -> Iterator[World]:
        real = RealServers(hosts, network)
        try:
            yield real.world()
        finally:
            real.servers.close()

    return opened()


def _servers(network: str) -> tuple[Server, Server, Server]:
    return (
        server("i-master", f"{network}.1", Role.MASTER),
        server("i-0c1", f"{network}.2"),
        server("i-0c2", f"{network}.3"),
    )
