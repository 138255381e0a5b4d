"""A threaded HTTP server on one loopback address that closes at once, with its connections."""

import contextlib
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class LoopbackServer(ThreadingTCPServer):
    """Serves one handler class; `close` ends the open connections too."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name=f"http {address}:{port}", daemon=True)
        super().__init__((address, port), handler)

    def start(self) -> None:
        """Accept connections from now on."""
        self._thread.start()

    def _serve(self) -> None:
        self.serve_forever(poll_interval=0.1)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Remember the connection, so that closing the server can end it."""
        request, client = super().get_request()
        with self._guard:
            self._open.add(request)
        return request, client

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent about clients that went away; report what is our own mistake."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        """Stop accepting, end every connection, free the port."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()
        with self._guard:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Conversation(BaseHTTPRequestHandler):
    """One HTTP/1.1 connection: kept alive, without Nagle's delay, silent in the terminal."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 75

    def log_message(self, *_: Any) -> None:
        """Print nothing: the call log and the bot's own log tell the story."""

    def reset(self) -> None:
        """End the connection as a crashed peer would: with a reset and no answer."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        socket.close(self.connection.detach())
