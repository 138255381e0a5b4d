"""The lab's load balancer: what a visitor and a target see of it."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from bot.lab.balancer import Balancer
from bot.lab.listening import LoopbackServer
from bot.lab.routes import FixedAnswer, Forward, NoAnswer, Pool, Routes, Rule, Target, like


class Site(BaseHTTPRequestHandler):
    """A target that shows what reached it, or misbehaves as its path says."""

    protocol_version = "HTTP/1.1"
    name = ""
    asked: list[str]
    go_on: threading.Event

    def do_GET(self) -> None:
        self.asked.append(self.requestline)
        answer = {
            "/stream": self.stream,
            "/hang": self.hang,
            "/die": self.die,
            "/cut": self.cut,
            "/none": self.none,
        }
        answer.get(self.path, self.show)()

    do_POST = do_HEAD = do_PROPFIND = do_GET  # noqa: N815  # http.server's names

    def show(self) -> None:
        body = self.read_body()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if body else len(self.name)))
        self.send_header("X-Name", self.name)
        self.send_header("X-Seen", str(dict(self.headers)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body or self.name.encode())

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while length := int(self.rfile.readline() or b"0", 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"5\r\nfirst\r\n")
        self.wfile.flush()
        self.go_on.wait(10)
        self.wfile.write(b"6\r\nsecond\r\n0\r\n\r\n")

    def hang(self) -> None:
        self.go_on.wait(10)
        self.close_connection = True

    def die(self) -> None:
        self.close_connection = True

    def cut(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def none(self) -> None:
        self.send_response(304)
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


class Street:
    """Targets and a balancer in front of them."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.asked: list[str] = []
        self.go_on = threading.Event()
        self.balancer = Balancer("127.0.0.1", 0, patience=1.0)
        self.balancer.start()
        stack.callback(self.balancer.close)
        stack.callback(self.go_on.set)

    def target(self, name: str) -> Target:
        site = type("OwnSite", (Site,), {"name": name, "asked": self.asked, "go_on": self.go_on})
        server = LoopbackServer("127.0.0.1", 0, site)
        server.start()
        self.stack.callback(server.close)
        return Target(name, "127.0.0.1", int(server.server_address[1]))

    def dead(self, name: str = "dead") -> Target:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            return Target(name, "127.0.0.1", unused.getsockname()[1])

    def forward_to(self, *targets: Target) -> None:
        self.balancer.routes = Routes((Rule(action=to(*targets)),))

    def connect(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.balancer.port, timeout=10)
        self.stack.callback(connection.close)
        return connection

    def ask(
        self, path: str = "/", method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, bytes]:
        connection = self.connect()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def send(self, raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.balancer.port), timeout=5) as wire:
            wire.sendall(raw)
            received = b""
            while piece := wire.recv(4096):
                received += piece
            return received


def to(*targets: Target) -> Forward:
    return Forward(((Pool("web", targets), 1),))


@pytest.fixture
def street() -> Iterator[Street]:
    with ExitStack() as stack:
        yield Street(stack)


def eventually(true: Callable[[], bool]) -> None:
    due = time.monotonic() + 5
    while not true():
        assert time.monotonic() < due, "it did not happen in time"
        time.sleep(0.01)


def test_targets_take_turns(street: Street) -> None:
    street.forward_to(*(street.target(name) for name in "abc"))
    assert sorted(street.ask()[1] for _ in range(9)) == [b"a"] * 3 + [b"b"] * 3 + [b"c"] * 3


def test_every_other_request_does_not_always_reach_the_same_target(street: Street) -> None:
    street.forward_to(street.target("a"), street.target("b"))
    assert {street.ask()[1] for number in range(40) if street.ask() and number} == {b"a", b"b"}


def test_a_target_sees_who_asked_and_not_the_hop_by_hop_headers(street: Street) -> None:
    street.forward_to(street.target("a"))
    connection = street.connect()
    headers = {"X-Forwarded-For": "10.1.2.3", "Connection": "keep-alive, X-Secret", "X-Secret": "1"}
    connection.request("GET", "/", headers=headers)
    seen = connection.getresponse().headers["X-Seen"]
    assert "'X-Forwarded-For': '10.1.2.3, 127.0.0.1'" in seen
    assert "'X-Forwarded-Proto': 'http'" in seen
    assert "X-Secret" not in seen


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_that_reached_no_one_goes_to_the_next_target(street: Street, method: str) -> None:
    street.forward_to(street.dead(), street.target("a"), street.dead())
    assert [street.ask(method=method) for _ in range(6)] == [(200, b"a")] * 6


def test_an_upload_goes_to_the_next_target_when_the_first_cannot_be_reached(street: Street) -> None:
    street.forward_to(street.dead(), street.target("a"))
    assert [street.ask(method="POST", body=b"x" * 300_000)[1] for _ in range(2)] == [b"x" * 300_000] * 2


def test_a_read_that_a_target_dropped_is_asked_of_another(street: Street) -> None:
    street.forward_to(street.target("a"), street.target("b"))
    assert street.ask("/die")[0] == 502
    assert len(street.asked) == 2


def test_a_write_that_a_target_dropped_is_not_sent_twice(street: Street) -> None:
    street.forward_to(street.target("a"), street.target("b"))
    assert street.ask("/die", "POST", b"once")[0] == 502
    assert len(street.asked) == 1


def test_no_reachable_target_is_a_bad_gateway(street: Street) -> None:
    street.forward_to(street.dead(), street.dead("other"))
    assert street.ask()[0] == 502


def test_no_target_at_all_is_unavailable(street: Street) -> None:
    street.forward_to()
    assert street.ask()[0] == 503
    street.balancer.routes = Routes()
    assert street.ask()[0] == 503


def test_a_silent_target_is_a_gateway_timeout_and_nobody_else_is_asked(street: Street) -> None:
    street.forward_to(street.target("a"), street.target("b"))
    assert street.ask("/hang")[0] == 504
    assert len(street.asked) == 1


def test_an_answer_streams_through_as_it_is_made(street: Street) -> None:
    street.forward_to(street.target("a"))
    connection = street.connect()
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    assert answer.read1() == b"first"
    street.go_on.set()
    assert answer.read() == b"second"


def test_a_request_in_flight_finishes_after_its_target_was_removed(street: Street) -> None:
    street.forward_to(street.target("old"))
    connection = street.connect()
    connection.request("GET", "/stream")
    answer = connection.getresponse()
    street.forward_to(street.target("new"))
    assert street.ask() == (200, b"new")
    street.go_on.set()
    assert answer.read() == b"firstsecond"


def test_an_answer_cut_short_is_not_passed_off_as_whole(street: Street) -> None:
    street.forward_to(street.target("a"))
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        street.ask("/cut")


def test_a_chunked_upload_arrives_whole(street: Street) -> None:
    street.forward_to(street.target("a"))
    pieces = (b"piece %d " % number for number in range(1000))
    assert street.ask("/", "POST", pieces)[1] == b"".join(b"piece %d " % number for number in range(1000))


def test_a_large_upload_arrives_whole(street: Street) -> None:
    street.forward_to(street.target("a"))
    body = bytes(range(256)) * 20_000
    assert street.ask("/", "POST", body)[1] == body


def test_one_connection_serves_many_requests(street: Street) -> None:
    street.forward_to(street.target("a"))
    connection = street.connect()
    for path in ("/", "/none", "/"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == ((304, b"") if path == "/none" else (200, b"a"))
    connection.request("HEAD", "/")
    assert connection.getresponse().read() == b""
    connection.request("PROPFIND", "/", b"body")
    assert connection.getresponse().read() == b"body"


def test_an_old_client_without_keep_alive_is_served(street: Street) -> None:
    street.forward_to(street.target("a"))
    street.go_on.set()
    received = street.send(b"GET /stream HTTP/1.0\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200")
    assert received.endswith(b"firstsecond")


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked",
        b"Content-Length: 5\r\nContent-Length: 6",
        b"Content-Length: -5",
        b"Content-Length: 0x5",
        b"Transfer-Encoding: gzip, chunked",
    ],
)
def test_a_request_whose_end_is_ambiguous_reaches_no_target(street: Street, headers: bytes) -> None:
    street.forward_to(street.target("a"))
    received = street.send(b"POST / HTTP/1.1\r\nHost: site\r\n" + headers + b"\r\n\r\nhello")
    assert received.startswith(b"HTTP/1.1 400")
    assert street.asked == []


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nhelloXX\r\n", b"-1\r\n\r\n"])
def test_a_broken_chunk_ends_the_request(street: Street, body: bytes) -> None:
    street.forward_to(street.target("a"))
    head = b"POST / HTTP/1.1\r\nHost: site\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert street.send(head + body).startswith(b"HTTP/1.1 400")


def test_rules_choose_by_method_path_and_host_in_their_order(street: Street) -> None:
    read, write, admin = (street.target(name) for name in ("read", "write", "admin"))
    street.balancer.routes = Routes(
        (
            Rule(action=to(admin), hosts=("*.Admin.example",)),
            Rule(action=FixedAnswer(403, "text/plain", "no"), paths=("/private/*",)),
            Rule(action=to(write), paths=("/upload", "/upload/*")),
            Rule(action=to(write), methods=("POST", "PUT")),
            Rule(action=NoAnswer(), paths=("/moved",)),
            Rule(action=to(write), never=True),
            Rule(action=to(read)),
        )
    )
    assert street.ask("/")[1] == b"read"
    assert street.ask("/uploads")[1] == b"read"
    assert street.ask("/upload?name=x")[1] == b"write"
    assert street.ask("/upload/a/b")[1] == b"write"
    assert street.ask("/other", "POST")[1] == b"write"
    assert street.ask("/private/x", "POST", b"body") == (403, b"no")
    assert street.ask("/private/x", Host="www.admin.example:80")[1] == b"admin"
    assert street.ask("/moved")[0] == 501


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("/upload*", "/uploads/a/b", True),
        ("/upload*", "/Upload", False),
        ("/?", "/a", True),
        ("/?", "/", False),
        ("/a.b", "/axb", False),
        ("*", "", True),
        ("/[a]", "/a", False),
    ],
)
def test_a_pattern_knows_the_star_and_the_question_mark_only(
    pattern: str, text: str, *, matches: bool
) -> None:
    assert like(pattern, text) is matches


def test_requests_are_shared_by_weight(street: Street) -> None:
    one, other = street.target("one"), street.target("other")
    street.balancer.routes = Routes(
        (Rule(action=Forward(((Pool("a", (one,)), 0), (Pool("b", (other,)), 1)))),)
    )
    assert {street.ask()[1] for _ in range(10)} == {b"other"}


def test_no_request_fails_while_targets_come_and_go(street: Street) -> None:
    targets = [street.target(name) for name in "abcd"]
    street.forward_to(*targets)
    done = threading.Event()

    def visit() -> list[int]:
        seen = []
        connection = street.connect()
        while not done.is_set():
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            seen.append(answer.status)
        return seen

    with ThreadPoolExecutor(4) as pool:
        visits = [pool.submit(visit) for _ in range(4)]
        for number in range(40):
            street.forward_to(*targets[number % 4 :], street.dead())
            time.sleep(0.01)
        done.set()
        statuses = [status for visit in visits for status in visit.result()]
    assert set(statuses) == {200}
    assert len(statuses) > 50


def test_a_closed_balancer_frees_its_port_and_ends_its_connections(street: Street) -> None:
    street.forward_to(street.target("a"))
    connection = street.connect()
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"a"
    port = street.balancer.port
    street.balancer.close()
    assert connection.sock.recv(1) == b""
    again = Balancer("127.0.0.1", port)
    again.start()
    again.close()


def test_a_visitor_that_goes_away_harms_nobody(street: Street) -> None:
    street.forward_to(street.target("a"))
    with socket.create_connection(("127.0.0.1", street.balancer.port)) as wire:
        wire.sendall(b"POST / HTTP/1.1\r\nHost: site\r\nContent-Length: 100\r\n\r\nhalf")
    eventually(lambda: street.ask() == (200, b"a"))
