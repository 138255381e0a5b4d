"""Real Debian servers for a test: a lone master to look at, or a whole lab.

A lone master, changed by hand and inspected over SSH as the bot does it:

    with debian(APACHE) as place, lone_master(place) as master:
        master.shell("systemctl enable --now apt-daily.timer")   # as root, past its sshd; returns stdout
        master.shell("crontab -u www-data -", text="* * * * * /usr/local/bin/bill\\n")
        (master.disk / "etc/cron.d/report").write_text("…")        # its root folder, seen from outside
        master.servers.reach(master.spec, master.server)           # an SshServers with its host key pinned

It boots in two or three seconds. In tests, the fixtures `stack`, `place`, `master` and `lab` of this folder
do that once for a module, for each stack; whatever a test changes on the master, it takes back.
Everything happens in network, process and mount namespaces that end with the test, however that ends.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bot.aws.console import read_host_keys
from bot.domain.errors import ServerError
from bot.domain.fleet import FleetSpec, Role, Server, State
from bot.lab.aws.furnish import Furnished, Site
from bot.lab.folders import run_folder
from bot.lab.lab import Premises
from bot.ssh.servers import SshServers
from tests.e2e.base import base, cache, nspawn
from tests.e2e.cgroups import forget_dead_runs, remove_cgroups
from tests.e2e.enclosure import Enclosure
from tests.e2e.hosts import DebianHosts, Outfit
from tests.e2e.stacks import Stack

PREFIX = "10.64"
_NUMBERS = count(10)
_ARN = "arn:aws:elasticloadbalancing:eu-central-1:010064000000"
_READY_SECONDS = 90
_GLANCE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Debian:
    """Where Debian servers can be made. This thread, and what it starts, is in their network."""

    hosts: DebianHosts
    stack: Stack
    folder: Path
    """Of this run; it goes with it."""

    def alone(self, fleet_file: Callable[[], str]) -> Premises:
        """What a lab needs to know, so that its servers are Debian's, and the first stands alone."""
        return Premises(
            hosts=self.hosts,
            prefix=PREFIX,
            site=Site(
                port=80, health_path=self.stack.health_path, ready_seconds=_READY_SECONDS, balanced=False
            ),
            fleet_file=lambda _: fleet_file(),
        )


@contextmanager
def debian(stack: Stack, runs: Path | None = None) -> Iterator[Debian]:
    """Make a place for servers of this stack, and take it away. Raises NoDebian where that is impossible.

    Their disks are below `runs`, which is otherwise beside their base.
    """
    with enclosed(stack, runs=runs) as hosts:
        yield Debian(hosts, stack, hosts.folder)


@contextmanager
def enclosed(outfit: Outfit, binds: Sequence[str] = (), *, runs: Path | None = None) -> Iterator[DebianHosts]:
    """Have servers in a network of their own, this thread in it, for a while. Raises NoDebian, too."""
    disk = base(print)
    runs = runs or cache() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        folder = opened.enter_context(run_folder(runs))
        forget_dead_runs(runs)
        opened.callback(remove_cgroups, folder.name)
        enclosure = Enclosure()
        opened.callback(enclosure.close)
        hosts = DebianHosts(
            folder=folder,
            base=disk,
            nspawn=nspawn(),
            outfit=outfit,
            enclosure=enclosure,
            network=PREFIX,
            binds=binds,
        )
        opened.callback(hosts.close)
        opened.enter_context(enclosure.network())
        yield hosts


@dataclass(frozen=True, slots=True)
class Master:
    """A running server that nobody cloned yet."""

    hosts: DebianHosts
    spec: FleetSpec
    server: Server
    servers: SshServers

    def shell(self, command: str, *, text: str = "", seconds: float = 60) -> str:
        """Run a shell command as root, `text` its input; RuntimeError with what it said if it fails."""
        return self.hosts.shell(self.server.id, command, text=text, seconds=seconds)

    @property
    def disk(self) -> Path:
        """Its root folder, seen from outside."""
        return self.hosts.disk(self.server.id)


@contextmanager
def lone_master(place: Debian) -> Iterator[Master]:
    """Boot a hand-built server of the place's stack; it is up when this yields, and ends with it."""
    number = next(_NUMBERS)
    server = _server(f"i-0a5{number:014x}", f"{PREFIX}.1.{number}")
    spec = place.stack.spec(_furnished(server), place.hosts.key_file)
    place.hosts.create(server.id, server.address)
    place.hosts.boot(server.id)
    servers = SshServers(lambda _spec, it: read_host_keys(place.hosts.console_output(it.id)))
    master = Master(place.hosts, spec, server, servers)
    try:
        _await_ready(master)
        yield master
    finally:
        servers.close()
        place.hosts.destroy(server.id)


def _await_ready(master: Master) -> None:
    """Wait until it lets the bot in and has finished booting."""
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            master.servers.reach(master.spec, master.server)
        except ServerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_GLANCE_SECONDS)
        else:
            break
    master.shell("systemctl is-system-running --wait || :")


def _server(name: str, address: str) -> Server:
    return Server(
        id=name,
        role=Role.MASTER,
        state=State.RUNNING,
        address=address,
        type="t3.small",
        subnet="subnet-a",
        image="ami-1",
        launched=datetime.now(UTC),
    )


def _furnished(master: Server) -> Furnished:
    """An account of which nothing exists but this server."""
    return Furnished(
        region="eu-central-1",
        account="010064000000",
        vpc="vpc-a",
        subnets=("subnet-a",),
        security_group="sg-a",
        image=master.image,
        master=master.id,
        master_address=master.address,
        load_balancer=f"{_ARN}:loadbalancer/app/site/0123456789abcdef",
        target_group=f"{_ARN}:targetgroup/web/0123456789abcdef",
        writes_target_group=f"{_ARN}:targetgroup/web-writes/0123456789abcdef",
        listener=f"{_ARN}:listener/app/site/0123456789abcdef/0123456789abcdef",
        site_url="",
    )
