"""Socket Mode: envelopes to one of the bot's sockets, and their acknowledgements."""

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from simple_websocket import ConnectionClosed

from bot.lab.slack.board import Json
from bot.lab.slack.workspace import APP_ID

FORGET_SECONDS = 600
RETRIES = 3
"""How often Slack sends an event again; a command or a click never."""
REPEATED = "events_api"


class Socket(Protocol):
    """A WebSocket, as flask-sock hands it over."""

    sock: socket.socket

    def send(self, data: str) -> None:
        """Send one text message."""

    def receive(self, timeout: float | None = None) -> str | bytes | None:
        """Wait for the next message."""

    def close(self) -> None:
        """Say goodbye."""


class BotSilentError(Exception):
    """The bot took no notice of what somebody did; the text says why."""


class NotConnectedError(BotSilentError):
    """The bot has no socket open."""

    def __init__(self) -> None:
        super().__init__("the bot is not connected (is it starting?)")


class NotAcknowledgedError(BotSilentError):
    """The bot did not acknowledge in time."""

    def __init__(self) -> None:
        super().__init__("the bot did not acknowledge in time")


@dataclass(eq=False, slots=True)
class _Link:
    socket: Socket
    sending: threading.Lock = field(default_factory=threading.Lock)

    def send(self, body: Json) -> None:
        """Send, unless the socket is gone."""
        with suppress(ConnectionClosed, OSError), self.sending:
            self.socket.send(json.dumps(body))

    def close(self) -> None:
        """Close, unless the socket is gone; do not wait for the other end to agree."""
        with suppress(ConnectionClosed, OSError), self.sending:
            self.socket.close()
        with suppress(OSError):
            self.socket.sock.shutdown(socket.SHUT_RDWR)


@dataclass(eq=False, slots=True)
class _Pending:
    envelope: Json
    link: _Link | None
    answer: Json = field(default_factory=dict)
    acknowledged: threading.Event = field(default_factory=threading.Event)
    made: float = field(default_factory=time.monotonic)

    @property
    def attempt(self) -> int:
        """How often it was sent again."""
        return int(self.envelope.get("retry_attempt", 0))

    @property
    def may_be_repeated(self) -> bool:
        """Whether Slack would send it once more."""
        return self.envelope["type"] == REPEATED and self.attempt < RETRIES

    def send(self) -> None:
        """Send it over its link, if it has one."""
        link = self.link
        if link:
            link.send(self.envelope)

    def repeat_on(self, link: _Link) -> None:
        """Address it anew; `send` sends it."""
        self.link = link
        self.envelope = self.envelope | {"retry_attempt": self.attempt + 1, "retry_reason": "timeout"}


class Hub:
    """The bot's sockets. Each envelope goes to one of them, in turn."""

    def __init__(self, tell_presence: Callable[[int], None]) -> None:
        self._tell_presence = tell_presence
        self._lock = threading.Lock()
        self._joined = threading.Condition(self._lock)
        self._links: list[_Link] = []
        self._pending: dict[str, _Pending] = {}

    @property
    def connected(self) -> int:
        """How many sockets are open."""
        return len(self._links)

    def wait_until_connected(self, timeout: float) -> bool:
        """Wait for a first socket, and say whether one came within `timeout` seconds."""
        with self._joined:
            return self._joined.wait_for(lambda: bool(self._links), timeout)

    def serve(self, socket: Socket) -> None:
        """Greet a new socket and read its acknowledgements until it ends."""
        link = _Link(socket)
        self._join(link)
        try:
            while True:
                self._read(socket.receive())
        finally:
            self._leave(link)

    def deliver(self, kind: str, payload: Json, timeout: float = 3) -> Json:
        """Hand an envelope to one socket and wait for its acknowledgement; return the answer in it.

        An event that is not acknowledged is sent up to three times more.
        """
        key = secrets.token_hex(16)
        envelope = {"envelope_id": key, "type": kind, "accepts_response_payload": True, "payload": payload}
        pending = self._assign(key, envelope)
        # A send that fails needs no care here: the socket's own thread notices and has it repeated.
        pending.send()
        while not pending.acknowledged.wait(timeout):
            self._repeat(pending)
        return pending.answer

    def refresh(self) -> None:
        """Ask the bot to open new sockets, as Slack does before it closes old ones."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.send({"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "lab"}})

    def drop(self) -> None:
        """Close every socket without a warning. Bolt notices within one or two of its ping intervals."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()
            self._leave(link)

    def _repeat(self, pending: _Pending) -> None:
        with self._lock:
            # Without a socket it is left for the one that comes next.
            if not (pending.may_be_repeated and self._links):
                raise NotAcknowledgedError
            pending.repeat_on(self._next_link())
        pending.send()

    def _assign(self, key: str, envelope: Json) -> _Pending:
        with self._lock:
            self._forget_old()
            if not self._links:
                raise NotConnectedError
            self._pending[key] = pending = _Pending(envelope, self._next_link())
        return pending

    def _join(self, link: _Link) -> None:
        with self._lock:
            # Under the lock, so that no envelope comes before the greeting, and none is missed after it.
            link.send(_hello(len(self._links) + 1))
            self._links.append(link)
            self._joined.notify_all()
        self._tell_presence(self.connected)
        self._repeat_orphans()

    def _leave(self, link: _Link) -> None:
        with self._lock:
            if link not in self._links:
                return
            self._links.remove(link)
            for key, pending in list(self._pending.items()):
                if pending.link is link:
                    pending.link = None
                    if not pending.may_be_repeated:
                        del self._pending[key]
        self._tell_presence(self.connected)
        self._repeat_orphans()

    def _repeat_orphans(self) -> None:
        """Deliver once more the events that nobody acknowledged before their socket died."""
        for pending in self._adopt_orphans():
            pending.send()

    def _adopt_orphans(self) -> list[_Pending]:
        with self._lock:
            orphans = [pending for pending in self._pending.values() if pending.link is None and self._links]
            for pending in orphans:
                pending.repeat_on(self._next_link())
        return orphans

    def _next_link(self) -> _Link:
        self._links.append(self._links.pop(0))
        return self._links[-1]

    def _read(self, text: str | bytes | None) -> None:
        try:
            body = json.loads(text or "{}")
        except ValueError:
            return
        with self._lock:
            pending = (
                self._pending.pop(str(body.get("envelope_id")), None) if isinstance(body, dict) else None
            )
        if pending:
            pending.answer = body.get("payload") or {}
            pending.acknowledged.set()

    def _forget_old(self) -> None:
        now = time.monotonic()
        for key in [key for key, pending in self._pending.items() if now - pending.made > FORGET_SECONDS]:
            del self._pending[key]


def _hello(count: int) -> Json:
    return {
        "type": "hello",
        "num_connections": count,
        "debug_info": {"host": "lab", "build_number": 1, "approximate_connection_time": 18060},
        "connection_info": {"app_id": APP_ID},
    }
