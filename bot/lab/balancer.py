"""A small load balancer that really forwards HTTP, with an Application Load Balancer's manners."""

import http.client
import itertools
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from bot.lab.listening import Conversation, LoopbackServer
from bot.lab.routes import Action, FixedAnswer, Forward, Routes, Target

PIECE = 64 * 1024
CONNECT_SECONDS = 5.0
IDLE_SECONDS = 60.0
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
}
REPEATABLE = {"GET", "HEAD", "OPTIONS"}
WITHOUT_BODY = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Why a target gave no answer, and whether another one may be asked without harm."""

    status: HTTPStatus
    ask_another: bool


class UnusableRequestError(Exception):
    """A request whose end cannot be told, or whose body is not as announced."""


class Balancer:
    """Listens on one address and forwards by `routes`, which may be replaced at any time."""

    def __init__(
        self, address: str, port: int, routes: Routes | None = None, *, patience: float = IDLE_SECONDS
    ) -> None:
        self.routes = routes or Routes()
        self.patience = patience
        """Seconds that a target may stay silent."""
        self._turns: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)
        self._server = LoopbackServer(address, port, type("Visitor", (Visit,), {"balancer": self}))
        self.address, self.port = self._server.server_address[:2]

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def close(self) -> None:
        """Free the port."""
        self._server.close()

    def candidates(self, forward: Forward) -> list[Target]:
        """Whom to ask, in turn: each target of the chosen pool once, beginning with the next one."""
        pools = [pool for pool, _ in forward.pools]
        weights = [weight for _, weight in forward.pools]
        if not any(weights):
            return []
        pool = random.choices(pools, weights)[0]
        if not pool.targets:
            return []
        # Each target once a round, in an order of the round's own: a browser asks for a page and its pictures
        # in as many requests each time, and would else always get the page from the same target.
        turn, place = divmod(next(self._turns[pool.name]), len(pool.targets))
        order = random.Random(f"{pool.name} {turn}").sample(pool.targets, len(pool.targets))
        return [*order[place:], *order[:place]]


class Visit(Conversation):
    """One visitor's connection."""

    balancer: Balancer
    server_version = "awselb/2.0"

    def __getattr__(self, name: str) -> Any:
        """Forward every method, also those that http.server has never heard of."""
        if name.startswith("do_"):
            return self.forward
        raise AttributeError(name)

    def forward(self) -> None:
        """Answer one request."""
        try:
            body = Body.of(self)
            action = self.balancer.routes.action_for(self.command, self.path, self.headers.get("Host", ""))
            self._act(action, body)
        except UnusableRequestError:
            self._plain(HTTPStatus.BAD_REQUEST)
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _act(self, action: Action, body: "Body") -> None:
        if isinstance(action, Forward):
            self._pass_on(self.balancer.candidates(action), body)
        elif isinstance(action, FixedAnswer):
            body.skip()
            self._plain(action.status, action.body, action.content_type)
        else:
            self._plain(HTTPStatus.NOT_IMPLEMENTED)

    def _pass_on(self, candidates: list[Target], body: "Body") -> None:
        failure = HTTPStatus.SERVICE_UNAVAILABLE
        for target in candidates:
            with closing(http.client.HTTPConnection(target.address, target.port)) as upstream:
                asked = self._ask(upstream, body)
                if isinstance(asked, http.client.HTTPResponse):
                    self._return(asked)
                    return
            failure = asked.status
            if not asked.ask_another:
                break
        self._plain(failure)

    def _ask(
        self, upstream: http.client.HTTPConnection, body: "Body"
    ) -> "http.client.HTTPResponse | Unanswered":
        """The answer of one target, or why there is none."""
        try:
            upstream.timeout = CONNECT_SECONDS
            upstream.connect()
        except TimeoutError:
            return Unanswered(HTTPStatus.GATEWAY_TIMEOUT, ask_another=True)
        except OSError:
            return Unanswered(HTTPStatus.BAD_GATEWAY, ask_another=True)
        try:
            upstream.sock.settimeout(self.balancer.patience)
            self._send_head(upstream, body)
            body.send_to(upstream)
            return upstream.getresponse()
        except TimeoutError:
            return Unanswered(HTTPStatus.GATEWAY_TIMEOUT, ask_another=False)
        except (OSError, http.client.HTTPException):
            harmless = self.command in REPEATABLE and not body.started
            return Unanswered(HTTPStatus.BAD_GATEWAY, ask_another=harmless)

    def _send_head(self, upstream: http.client.HTTPConnection, body: "Body") -> None:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        dropped = HOP_BY_HOP | _named(self.headers.get_all("Connection", []))
        for name, value in self.headers.items():
            if name.lower() not in dropped and not name.lower().startswith("x-forwarded-"):
                upstream.putheader(name, value)
        came_from = [*self.headers.get_all("X-Forwarded-For", []), str(self.client_address[0])]
        upstream.putheader("X-Forwarded-For", ", ".join(came_from))
        upstream.putheader("X-Forwarded-Proto", "http")
        upstream.putheader("X-Forwarded-Port", str(self.balancer.port))
        if body.chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.putheader("Connection", "close")
        upstream.endheaders()

    def _return(self, answer: http.client.HTTPResponse) -> None:
        has_body = self.command != "HEAD" and answer.status not in WITHOUT_BODY
        length = answer.headers.get("Content-Length")
        chunked = has_body and length is None and self.request_version != "HTTP/1.0"
        self.send_response_only(answer.status, answer.reason)
        dropped = HOP_BY_HOP | _named(answer.headers.get_all("Connection", []))
        for name, value in answer.headers.items():
            if name.lower() not in dropped:
                self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        elif has_body and length is None:
            self.send_header("Connection", "close")
        self.end_headers()
        if has_body:
            self._return_body(answer, chunked=chunked)

    def _return_body(self, answer: http.client.HTTPResponse, *, chunked: bool) -> None:
        try:
            while piece := answer.read1(PIECE):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
            cut_short = answer.length not in (None, 0)
        except (OSError, http.client.HTTPException):
            cut_short = True
        if cut_short:
            self.reset()
        elif chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _plain(self, status: int, text: str = "", content_type: str = "text/html") -> None:
        """An answer of the balancer's own; a body that was not read ends the connection."""
        shown = text or (
            f"<h1>{status} {HTTPStatus(status).phrase}</h1>" if status >= HTTPStatus.BAD_REQUEST else ""
        )
        body = shown.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if not text and status >= HTTPStatus.BAD_REQUEST:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Body:
    """A request's body: read from the visitor once, in pieces."""

    def __init__(self, visit: Conversation, *, length: int, chunked: bool) -> None:
        self._visit = visit
        self._length = length
        self.chunked = chunked
        self.started = False
        """Whether some of it was read, so that the request cannot be sent to another target."""

    @classmethod
    def of(cls, visit: Conversation) -> "Body":
        """How the request's body is framed; ambiguous framing is refused, as it smuggles requests."""
        if not visit.path.isascii():
            raise UnusableRequestError
        encodings = visit.headers.get_all("Transfer-Encoding", [])
        lengths = set(visit.headers.get_all("Content-Length", []))
        if encodings:
            if lengths or [encoding.strip().lower() for encoding in encodings] != ["chunked"]:
                raise UnusableRequestError
            return cls(visit, length=0, chunked=True)
        if len(lengths) > 1 or not all(re.fullmatch("[0-9]+", length) for length in lengths):
            raise UnusableRequestError
        return cls(visit, length=int(lengths.pop()) if lengths else 0, chunked=False)

    def skip(self) -> None:
        """Read it and throw it away."""
        for _ in self.pieces():
            pass

    def send_to(self, upstream: http.client.HTTPConnection) -> None:
        """Send it on; a target that answers before it has read everything may do so."""
        try:
            for piece in self.pieces():
                upstream.send(b"%x\r\n%b\r\n" % (len(piece), piece) if self.chunked else piece)
            if self.chunked:
                upstream.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self._visit.close_connection = True

    def pieces(self) -> Iterator[bytes]:
        """What the visitor sends, without its framing."""
        if self.chunked:
            yield from self._chunks()
        elif self._length:
            yield from self._exactly(self._length)

    def _exactly(self, length: int) -> Iterator[bytes]:
        self.started = True
        left = length
        while left:
            piece = self._visit.rfile.read1(min(left, PIECE))
            if not piece:
                raise UnusableRequestError
            left -= len(piece)
            yield piece

    def _chunks(self) -> Iterator[bytes]:
        self.started = True
        while length := self._chunk_length():
            yield from self._exactly(length)
            if self._line():
                raise UnusableRequestError
        while self._line():
            pass

    def _chunk_length(self) -> int:
        digits = self._line().partition(b";")[0].strip()
        if not re.fullmatch(b"[0-9a-fA-F]{1,8}", digits):
            raise UnusableRequestError
        return int(digits, 16)

    def _line(self) -> bytes:
        line = self._visit.rfile.readline(PIECE)
        if not line.endswith(b"\n"):
            raise UnusableRequestError
        return line.rstrip(b"\r\n")


def _named(connection: list[str]) -> set[str]:
    """The headers that a Connection header names as meant for this hop only."""
    return {name.strip().lower() for value in connection for name in value.split(",")}
