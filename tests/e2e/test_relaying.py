"""Writes that a clone's own web server passes on to the master, on real Debian servers."""

import json
import pickle
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import pytest

from bot.aws.console import read_host_keys
from bot.domain.errors import RemoteFailed, ServerError
from bot.domain.fleet import Recipe, Role, Server, Writes
from bot.domain.proof import Facts, prove
from bot.domain.recipe import filled
from bot.domain.relay import RELAYED, Relay, relay_to
from tests.adapters.cloud_worlds import eventually
from tests.e2e.debian import Debian, Master

pytestmark = pytest.mark.timeout(600)

WRITES = Writes(by="proxy", prefixes=("/inbox", "/.well"))
BALANCER = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "Host": "club.example"}
"""What a load balancer adds to a request."""
CHUNK = bytes(range(256)) * 4096
CHUNKS = 100
IN_A_ROW = 10
DEAF = {
    "apache": (
        "/etc/apache2/sites-enabled/deaf.conf",
        "<VirtualHost *:80>\nServerName deaf.example\n</VirtualHost>",
    ),
    "nginx": ("/etc/nginx/sites-enabled/deaf", "server { listen 80; server_name deaf.example; return 204; }"),
}
"""A virtual host that somebody adds, and that does not include the rules."""
CLASH = {
    "apache": (
        "/etc/apache2/conf-enabled/clash.conf",
        "<IfModule mod_headers.c>\nNonsense\n</IfModule>",
        "a2dismod --quiet --force headers",
    ),
    "nginx": (
        "/etc/nginx/sites-enabled/clash",
        "server { listen 81; location = /.clonebot/probe { return 204; } }",
        "true",
    ),
}
"""A configuration that is right without the rules and wrong with them, once this was done."""
NOTHING_ELSE = Recipe()
UNITS = {"apache": "apache2", "nginx": "nginx"}
ROOT = Path(__file__).parents[2]
_DISK = "ls -R /etc/apache2 /etc/nginx; grep -r . /etc/apache2 /etc/nginx | sort | sha256sum"


@dataclass(frozen=True, slots=True)
class Pair:
    """A master, and a clone of it."""

    master: Master
    clone: Server
    unit: str

    @property
    def relay(self) -> Relay:
        relay = relay_to(self.master.server.address, WRITES, self.master.spec.health)
        assert relay
        return relay

    @property
    def recipe(self) -> Recipe:
        spec = self.master.spec
        return filled(spec.recipe, spec, self.master.server, self.clone)

    def prepare(self, *, relays: bool = True, recipe: Recipe = NOTHING_ELSE) -> None:
        relay = self.relay if relays else None
        self.master.servers.prepare(self.master.spec, self.clone, recipe, relay=relay)
        self._await_reload(relays=relays)

    def _await_reload(self, *, relays: bool) -> None:
        """Wait until the workers that follow the old rules are gone; they take some connections yet."""
        master, clone = self.names()
        answered, deadline = 0, time.monotonic() + 30
        while answered < IN_A_ROW:
            assert time.monotonic() < deadline
            _, body = self.ask("POST", "/mirror")
            answered = answered + 1 if f'"{master if relays else clone}"'.encode() in body else 0
            time.sleep(0.02)

    def await_login(self) -> None:
        deadline = time.monotonic() + 90
        while True:
            try:
                self.master.servers.reach(self.master.spec, self.clone)
            except ServerError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            else:
                return

    def facts(self) -> Facts:
        return self.master.servers.facts(self.master.spec, self.clone, self.recipe, relay=self.relay)

    def shell(self, command: str, text: str = "") -> str:
        return self.master.hosts.shell(self.clone.id, command, text=text)

    def names(self) -> tuple[str, str]:
        return self.master.shell("hostname").strip(), self.shell("hostname").strip()

    def connect(self) -> HTTPConnection:
        return HTTPConnection(self.clone.address, timeout=60)

    def ask(self, method: str, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, b"a=b" if method == "POST" else None, BALANCER | named)
        answer = connection.getresponse()
        return answer, answer.read()

    def mirrored(self, method: str, path: str, **headers: str) -> dict[str, Any]:
        answer, body = self.ask(method, path, **headers)
        assert answer.status == 200, (answer.status, body)
        found: dict[str, Any] = json.loads(body)
        return found


@pytest.fixture(scope="module")
def pair(place: Debian, master: Master) -> Iterator[Pair]:
    """A clone that was prepared to relay."""
    master.shell("sh -s", text=(Path(__file__).parent / "mirror" / f"{place.stack.name}.sh").read_text())
    hosts = place.hosts
    clone = replace(master.server, id="i-0c10e", address="10.64.2.77", role=Role.CLONE)
    hosts.snapshot(master.server.id, "ami-relay")
    hosts.clone_disk(clone.id, clone.address, "ami-relay")
    hosts.boot(clone.id)
    try:
        made = Pair(master, clone, UNITS[place.stack.name])
        made.await_login()
        made.prepare(recipe=made.recipe)
        yield made
    finally:
        hosts.destroy(clone.id)
        hosts.delete_image("ami-relay")


def test_a_clone_that_relays_is_proved_and_preparing_it_again_changes_nothing(pair: Pair) -> None:
    before = pair.shell(_DISK)
    pair.prepare()
    truth = pair.master.servers.facts(pair.master.spec, pair.master.server, pair.recipe)
    facts = pair.facts()

    assert prove(pair.clone.id, facts, truth, pair.recipe, relay=pair.relay).failures == ""
    assert (facts.relays, truth.relays) == (True, False)
    assert pair.shell(_DISK) == before


@pytest.mark.parametrize("host", ["club.example", "shop.example"])
def test_reads_are_answered_by_the_clone_and_writes_by_the_master_in_every_virtual_host(
    pair: Pair, host: str
) -> None:
    master, clone = pair.names()
    asked = [("GET", "/mirror"), ("GET", "/inboxes"), ("POST", "/mirror"), ("PUT", "/mirror/1")]
    asked += [("DELETE", "/mirror/1"), ("GET", "/inbox"), ("GET", "/inbox/1"), ("GET", "/in%62ox")]
    servers = [pair.mirrored(method, path, Host=host)["server"] for method, path in asked]
    assert servers == [clone, clone, *[master] * 6]


def test_the_application_sees_what_the_client_sent(pair: Pair) -> None:
    seen = pair.mirrored("POST", "/mirror/caf%C3%A9%20x?q=%26+%2F&r", Cookie="basket=full")
    headers = seen["headers"]

    assert seen["uri"] == "/mirror/caf%C3%A9%20x?q=%26+%2F&r"
    assert headers["host"] == "club.example"
    assert headers["cookie"] == "basket=full"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"].split(", ")[0] == "203.0.113.7"
    assert headers["x-forwarded-for"].split(", ")[1] == "10.64.255.254"


def test_a_cookie_is_set_and_a_redirect_leads_through_the_clone(pair: Pair) -> None:
    answer, _ = pair.ask("POST", "/mirror?to=/inbox/1")

    assert answer.status == 303
    assert answer.getheader("Set-Cookie") == "basket=full"
    assert answer.getheader("Location") == "https://club.example/inbox/1"
    assert pair.mirrored("GET", "/inbox/1")["uri"] == "/inbox/1"


def test_one_connection_takes_reads_and_writes(pair: Pair) -> None:
    master, clone = pair.names()
    connection = pair.connect()
    servers = []
    for method in ("GET", "POST", "GET", "POST"):
        connection.request(method, "/mirror", b"x" if method == "POST" else None, BALANCER)
        servers.append(json.loads(connection.getresponse().read())["server"])
        assert connection.sock
    assert servers == [clone, master, clone, master]


def test_an_upload_of_100_mb_streams_through_the_clone(pair: Pair) -> None:
    digest = sha256()
    connection = pair.connect()
    connection.putrequest("POST", "/mirror")
    size = len(CHUNK) * CHUNKS
    for name, value in {"Content-Length": str(size), "Content-Type": "application/octet-stream"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for number in range(CHUNKS):
        connection.send(CHUNK)
        digest.update(CHUNK)
        if number == CHUNKS // 2:
            assert (
                pair.shell("ls -l /proc/*/fd 2>/dev/null | grep -c '/body/\\|modproxy' || :").strip() == "0"
            )
    seen = json.loads(connection.getresponse().read())

    assert (seen["server"], seen["length"]) == (pair.names()[0], size)
    assert seen["sha256"] == digest.hexdigest()


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(pair: Pair) -> None:
    with socket.create_connection((pair.clone.address, 80), timeout=10) as client:
        head = "POST /mirror HTTP/1.1\r\nHost: club.example\r\nContent-Length: 5\r\n"
        client.sendall(f"{head}Connection: close\r\nExpect: 100-continue\r\n\r\n".encode())
        assert client.recv(1024).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"hello")
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert sha256(b"hello").hexdigest().encode() in answer


def test_what_came_from_a_relay_is_not_relayed_again(pair: Pair) -> None:
    answer, _ = pair.ask("POST", "/mirror", **{RELAYED: "yes"})
    assert answer.status == 508


def test_without_the_master_writes_fail_at_once_and_reads_go_on(pair: Pair) -> None:
    pair.master.shell(f"systemctl stop {pair.unit}")
    try:
        began = time.monotonic()
        answer, _ = pair.ask("POST", "/mirror")
        assert answer.status in {502, 503}
        assert time.monotonic() - began < 5
        assert pair.mirrored("GET", "/mirror")["server"] == pair.names()[1]
        assert any("the master's health page answered 50" in each for each in pair.facts().astray)
    finally:
        pair.master.shell(f"systemctl start {pair.unit}")
    assert pair.mirrored("POST", "/mirror")["server"] == pair.names()[0]


def test_a_virtual_host_that_does_not_follow_the_rules_is_named(pair: Pair, place: Debian) -> None:
    file, text = DEAF[place.stack.name]
    pair.shell(f"cat >{file} && systemctl reload {pair.unit}", text)
    try:
        # Workers that were there before the reload go on for a moment.
        eventually(lambda: {each.split(" sent to ")[1] for each in pair.facts().astray} == {"deaf.example"})
    finally:
        pair.shell(f"rm {file} && systemctl reload {pair.unit}")


def test_rules_that_the_web_server_refuses_are_taken_back(pair: Pair, place: Debian) -> None:
    file, text, before = CLASH[place.stack.name]
    pair.prepare(relays=False)
    pair.shell(f"{before} && cat >{file}", text + "\n")
    try:
        disk = pair.shell(_DISK)
        with pytest.raises(
            RemoteFailed, match="does not take the rules for writes, and goes on without them"
        ):
            pair.prepare()
        assert pair.shell(_DISK) == disk
        assert not pair.facts().relays
    finally:
        pair.shell(f"rm {file}")
        pair.prepare()
    assert pair.facts().astray == ()


PREPARE = """
import pickle, sys
from bot.ssh.servers import SshServers
spec, server, recipe, relay, keys = pickle.load(sys.stdin.buffer)
servers = SshServers(lambda *_: keys)
servers.reach(spec, server)
print("connected", flush=True)
servers.prepare(spec, server, recipe, relay=relay)
"""


def test_killed_while_it_prepares_a_clone_the_bot_prepares_it_again_and_it_relays(pair: Pair) -> None:
    keys = read_host_keys(pair.master.hosts.console_output(pair.clone.id))
    asked = pickle.dumps((pair.master.spec, pair.clone, NOTHING_ELSE, pair.relay, keys))
    for seconds in (0.1, 0.4):
        pair.prepare(relays=False)
        with Popen([sys.executable, "-c", PREPARE], stdin=PIPE, stdout=PIPE, cwd=ROOT) as bot:
            assert bot.stdin
            assert bot.stdout
            bot.stdin.write(asked)
            bot.stdin.close()
            assert bot.stdout.readline() == b"connected\n"
            time.sleep(seconds)
            bot.kill()
        assert pair.ask("GET", "/mirror")[0].status == 200
        pair.prepare()
        assert (pair.facts().relays, pair.facts().astray) == (True, ())


def test_a_clone_that_is_prepared_without_a_relay_relays_no_more(pair: Pair) -> None:
    pair.prepare(relays=False)
    try:
        assert not pair.facts().relays
    finally:
        pair.prepare()
