# ruff: noqa: INP001 (a program of a host, not part of a package)
"""The guestbook's database server: one JSON request per line, one JSON answer per line, over TCP."""

import json
import os
import socketserver
import sqlite3
import threading
from pathlib import Path

PORT = 3307
FILE = Path(os.environ["HOST_ROOT"]) / "var/lib/sitedb/guestbook.db"
TABLE = (
    "create table if not exists entries("
    "id integer primary key, name text not null, text not null, via text not null, at text not null)"
)


class Guestbook:
    """The entries, in one SQLite file; one request at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._file.execute("pragma journal_mode=wal")
        self._file.execute("pragma synchronous=full")
        self._file.execute(TABLE)

    def answer(self, request: dict[str, object]) -> dict[str, object]:
        """Answer `{"add": {name, text, via}}` or `{"latest": n}`."""
        with self._lock:
            if isinstance(entry := request.get("add"), dict):
                words = [str(entry.get(key, "")) for key in ("name", "text", "via")]
                insert = "insert into entries(name, text, via, at) values (?, ?, ?, datetime('now'))"
                return {"id": self._file.execute(insert, words).lastrowid}
            count = int(str(request.get("latest", 10)))
            query = "select id, name, text, via, at from entries order by id desc limit ?"
            names = ("id", "name", "text", "via", "at")
            rows = self._file.execute(query, [count]).fetchall()
            return {"entries": [dict(zip(names, row, strict=True)) for row in rows]}


class Conversation(socketserver.StreamRequestHandler):
    """One client."""

    timeout = 30
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer line by line until the client leaves."""
        for line in self.rfile:
            try:
                answer = GUESTBOOK.answer(json.loads(line))
            except (ValueError, AttributeError, sqlite3.Error) as error:
                answer = {"error": str(error)}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    """Listens on the host's own address."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


GUESTBOOK = Guestbook(FILE)

with Server((os.environ["HOST_ADDRESS"], PORT), Conversation) as server:
    server.serve_forever()
