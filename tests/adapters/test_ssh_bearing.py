"""How the check finds a server, over real SSH."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.fleet import Server
from bot.domain.relay import Relay
from bot.lab.hosts import Hosts
from bot.ssh.bearing import SshInspection
from tests.adapters.conftest import NETWORK
from tests.adapters.servers_worlds import RealServers


class Bench(RealServers):
    """One real server, and what looks at it, with little patience."""

    def _boot(self) -> None:
        self.hosts.create(self.master.id, self.master.address)
        self.hosts.boot(self.master.id)
        self.keys[self.master.id] = self.shown_keys(self.master)
        self.inspection = SshInspection(lambda _spec, server: self.keys[server.id], patience=1.0)

    def install(self, name: str, script: str) -> None:
        """Put a program on the server's PATH."""
        program = self.path(self.master, f"usr/local/bin/{name}")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def use_sudo(self) -> None:
        self.spec = replace(self.spec, ssh=replace(self.spec.ssh, sudo=True))


@pytest.fixture
def bench(hosts: Hosts) -> Iterator[Bench]:
    made = Bench(hosts, NETWORK)
    yield made
    made.servers.close()


def test_a_server_tells_its_rsync_and_what_time_it_is(bench: Bench) -> None:
    found = bench.inspection.look(bench.spec, bench.master)
    assert (found.trouble, found.sudo, found.root) == ("", "", False)
    assert found.rsync.startswith("rsync  version ")
    assert found.clock is not None
    assert abs(found.clock) < 5


def test_a_server_whose_clock_is_wrong_and_that_has_no_rsync_is_found_so(bench: Bench) -> None:
    bench.install("date", "echo 1000000000")
    bench.install("rsync", "exit 127")
    found = bench.inspection.look(bench.spec, bench.master)
    assert found.rsync == ""
    assert found.clock is not None
    assert found.clock < -(10**8)


def test_a_server_that_does_not_know_the_time_or_chatters_is_no_error(bench: Bench) -> None:
    bench.install("date", "echo tomorrow")
    bench.install("rsync", "yes rubbish | head -n 100000")
    found = bench.inspection.look(bench.spec, bench.master)
    assert (found.clock, found.rsync) == (None, "rubbish")


def test_sudo_is_tried_where_the_fleet_file_has_it_used(bench: Bench) -> None:
    bench.use_sudo()
    bench.install("sudo", '[ "$1" = -n ] || exit 9\nshift\nAS=root exec "$@"')
    bench.install("id", 'if [ "$AS" = root ]; then echo 0; else echo 1000; fi')
    found = bench.inspection.look(bench.spec, bench.master)
    assert (found.root, found.sudo) == (True, "")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo sudo: a password is required >&2; exit 1", "a password is required"),
        ('shift; exec "$@"', "did not make us root"),
    ],
)
def test_a_sudo_that_does_not_work_is_told_and_the_rest_is_found_still(
    bench: Bench, script: str, why: str
) -> None:
    bench.use_sudo()
    bench.install("sudo", script)
    bench.install("id", "echo 1000")
    found = bench.inspection.look(bench.spec, bench.master)
    assert not found.root
    assert why in found.sudo
    assert found.rsync


def test_whether_a_clone_reaches_the_master_where_it_passes_writes_on_is_tried_from_there(
    bench: Bench,
) -> None:
    way = Relay(master=f"{NETWORK}.251", port=8099, health="/", methods=("POST",), prefixes=())
    assert bench.inspection.look(bench.spec, bench.master, way).cut_off == f"{NETWORK}.251:8099"
    with socket.create_server((way.master, way.port)):
        assert bench.inspection.look(bench.spec, bench.master, way).cut_off == ""
    assert bench.inspection.look(bench.spec, bench.master).cut_off == ""


def test_a_server_without_known_host_keys_is_not_looked_at(bench: Bench) -> None:
    bench.keys[bench.master.id] = ()
    assert "no host key seen yet" in bench.inspection.look(bench.spec, bench.master).trouble


def test_a_server_that_takes_connections_and_says_nothing_is_given_up(bench: Bench) -> None:
    silent: Server = replace(bench.master, address=f"{NETWORK}.250")
    with socket.create_server((silent.address, bench.spec.ssh.port)):
        began = time.monotonic()
        found = bench.inspection.look(bench.spec, silent)
    assert found.trouble
    assert time.monotonic() - began < 10
