# ruff: noqa: INP001 (a program of a host, not part of a package)
"""The club's web server: pages, static files, uploads, and a guestbook kept by the database server."""

import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, quote, unquote, urlsplit

HOST = os.environ["HOST_ID"]
ADDRESS = os.environ["HOST_ADDRESS"]
ROOT = Path(os.environ["HOST_ROOT"])
CONTENT = ROOT / "var/www/html"
UPLOADS = CONTENT / "uploads"
PORT = 8080
DATABASE_SECONDS = 3.0
FORM_BYTES = 64 * 1024
DISCARD_BYTES = 256 << 20


def read_settings() -> dict[str, str]:
    """Read etc/site.conf, once, when the server starts."""
    lines = (ROOT / "etc/site.conf").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


SETTINGS = read_settings()


def database_address() -> tuple[str, int]:
    """Say where the guestbook is: `localhost` is this server itself."""
    host = SETTINGS.get("db_host", "localhost")
    return (ADDRESS if host in ("localhost", "127.0.0.1") else host, int(SETTINGS.get("db_port", "3307")))


def ask_database(request: dict[str, object]) -> dict[str, list[dict[str, object]]]:
    """Ask the database server. Raises OSError when it does not answer."""
    with socket.create_connection(database_address(), DATABASE_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(connection.makefile("rb").readline() or b"{}")
    if not answer or "error" in answer:
        raise OSError(f"the database said {answer.get('error', 'nothing')}")
    return answer  # type: ignore[no-any-return] # what JSON holds


def front_page() -> bytes:
    """Show who answers, the latest entries and the latest uploads."""
    try:
        entries = ask_database({"latest": 8})["entries"]
        guestbook = "".join(map(show_entry, entries)) or "<li>Nobody has written yet.</li>"
    except OSError:
        guestbook = "<li class=asleep>The guestbook is asleep: its database does not answer.</li>"
    page = Template((CONTENT / "front.html").read_text())
    values = {"title": SETTINGS.get("title", "Our site"), "host": HOST, "address": ADDRESS}
    shown = {name: escape(value) for name, value in values.items()}
    return page.safe_substitute(shown, guestbook=guestbook, uploads=show_uploads()).encode()


def thanks_page(name: str, address: str) -> bytes:
    """Say where an upload went: other servers list it once they have copied it."""
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Thank you</title><link rel="stylesheet" href="css/club.css">
<main><section><h2>Thank you</h2>
<p><a href="{address}">{escape(name)}</a> is kept on <span class="served">{HOST}</span>.</p>
<p>Our other servers list it as soon as they have copied it. <a href="./">Back to the front page</a></p>
</section></main></html>
""".encode()


def show_entry(entry: dict[str, object]) -> str:
    """Show one guestbook entry."""
    name, text, via, at = (escape(str(entry[key])) for key in ("name", "text", "via", "at"))
    return f"<li><b>{name}</b> {text} <small>{at}, via {via}</small></li>"


def show_uploads() -> str:
    """Show the latest uploads, newest first."""
    files = [path for path in UPLOADS.iterdir() if path.is_file() and not path.name.startswith(".")]
    files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    links = (f'<li><a href="uploads/{quote(path.name)}">{escape(path.name)}</a></li>' for path in files[:8])
    return "".join(links) or "<li>No pictures yet.</li>"


def health() -> tuple[HTTPStatus, bytes]:
    """Well only with content and an answering database."""
    files = sum(len(names) for _, _, names in os.walk(CONTENT))
    facts: dict[str, object] = {"host": HOST, "content_files": files, "database": database_address()[0]}
    try:
        ask_database({"latest": 1})
        facts["database_answers"] = True
    except OSError as error:
        facts.update(database_answers=False, why=str(error))
    well = bool(facts["database_answers"]) and (CONTENT / "front.html").is_file()
    facts["well"] = well
    status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
    return status, json.dumps(facts).encode() + b"\n"


def static_file(path: str) -> Path | None:
    """Find a file of the content; nothing outside it."""
    name = unquote(path).lstrip("/")
    if "\0" in name:
        return None
    found = (CONTENT / name).resolve()
    if found.is_dir():
        found /= "index.html"
    hidden = (
        any(part.startswith(".") for part in found.relative_to(ROOT).parts) if ROOT in found.parents else True
    )
    return found if CONTENT in found.parents and found.is_file() and not hidden else None


def keep_upload(name: str, data: bytes) -> str:
    """Write an upload so that nobody ever sees a part of it; return its name."""
    safe = "".join(c if c.isalnum() or c in "._- " else "_" for c in Path(name).name).lstrip(". ")[:120]
    if not safe:
        raise ValueError("the file needs a name")
    handle, part = tempfile.mkstemp(dir=ROOT / "var/tmp", prefix="upload-")
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(part).chmod(0o644)
    Path(part).replace(UPLOADS / safe)
    return safe


def multipart_file(content_type: str, body: bytes) -> tuple[str, bytes]:
    """Take the first file out of a form. Raises ValueError if there is none."""
    boundary = content_type.partition("boundary=")[2].partition(";")[0].strip('" ')
    for part in body.split(b"--" + boundary.encode())[1:]:
        head, found, data = part.partition(b"\r\n\r\n")
        name = head.decode(errors="replace").partition('filename="')[2].partition('"')[0]
        if found and name:
            return name, data.removesuffix(b"\r\n")
    raise ValueError("the form holds no file")


class Visit(BaseHTTPRequestHandler):
    """One visitor's connection."""

    protocol_version = "HTTP/1.1"
    server_version = "ClubServer/1.4"
    sys_version = ""
    timeout = 60
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def do_GET(self) -> None:
        """Pages, files, health, guestbook."""
        path = urlsplit(self.path).path
        if path == "/":
            self.send(HTTPStatus.OK, front_page(), "text/html; charset=utf-8")
        elif path == "/healthz":
            self.send(*health(), "application/json")
        elif path == "/guestbook":
            self.send_guestbook()
        elif found := static_file(path):
            self.send_file(found)
        else:
            self.refuse(HTTPStatus.NOT_FOUND, "There is no such page here.")

    do_HEAD = do_GET  # noqa: N815 (http.server names it)

    def do_POST(self) -> None:
        """Uploads and guestbook entries."""
        target = urlsplit(self.path)
        action = {"/upload": self.upload, "/guestbook": self.sign_guestbook}.get(target.path)
        limit = int(SETTINGS.get("max_upload_mb", "20")) << 20 if target.path == "/upload" else FORM_BYTES
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self.close_connection = True
            self.refuse(HTTPStatus.LENGTH_REQUIRED, "Say how long it is.")
        elif action is None or int(length) > limit:
            self.discard(int(length))
            if action is None:
                self.refuse(HTTPStatus.NOT_FOUND, "There is no such page here.")
            else:
                self.refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"At most {limit} bytes, please.")
        else:
            self.act(action, int(length), target.query)

    def act(self, action: Callable[[bytes, str], None], length: int, query: str) -> None:
        """Let an action have the whole body, or do nothing."""
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        try:
            action(body, query)
        except ValueError as error:
            self.refuse(HTTPStatus.BAD_REQUEST, f"That is not understood: {error}.")

    def discard(self, length: int) -> None:
        """Read what nobody wants, so that the visitor can hear why; end the connection if it is very much."""
        self.close_connection = length > DISCARD_BYTES
        rest = min(length, DISCARD_BYTES)
        while rest > 0 and (read := len(self.rfile.read(min(rest, FORM_BYTES)))):
            rest -= read

    def upload(self, body: bytes, query: str) -> None:
        """Keep a file, sent by a form or as it is with `?name=`."""
        kind = self.headers.get("Content-Type", "")
        if kind.startswith("multipart/form-data"):
            name = keep_upload(*multipart_file(kind, body))
        else:
            name = keep_upload(parse_qs(query).get("name", [""])[0], body)
        address = f"uploads/{quote(name)}"
        if self.from_browser():
            self.send(HTTPStatus.CREATED, thanks_page(name, address), "text/html; charset=utf-8")
        else:
            self.done({"uploaded": name, "url": address})

    def sign_guestbook(self, body: bytes, _query: str) -> None:
        """Add an entry, from a form or as JSON."""
        if self.headers.get("Content-Type", "").startswith("application/json"):
            form = {key: str(value) for key, value in dict(json.loads(body)).items()}
        else:
            form = {key: values[0] for key, values in parse_qs(body.decode(errors="replace")).items()}
        if not form.get("text", "").strip():
            raise ValueError("an entry needs a text")
        entry = {"name": form.get("name", "")[:60] or "anonymous", "text": form["text"][:1000], "via": HOST}
        try:
            self.done({"id": ask_database({"add": entry}).get("id")})
        except OSError as error:
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"The guestbook is asleep ({error}).")

    def send_guestbook(self) -> None:
        """Send the latest entries as JSON."""
        try:
            entries = ask_database({"latest": 100})
        except OSError as error:
            self.refuse(HTTPStatus.SERVICE_UNAVAILABLE, f"The guestbook is asleep ({error}).")
        else:
            self.send(HTTPStatus.OK, json.dumps(entries).encode(), "application/json")

    def from_browser(self) -> bool:
        """Whether a person waits for a page."""
        return "text/html" in self.headers.get("Accept", "")

    def done(self, facts: dict[str, object]) -> None:
        """Send a browser back to the front page, and everybody else the facts."""
        body = json.dumps({**facts, "host": HOST}).encode() + b"\n"
        if self.from_browser():
            self.send(HTTPStatus.SEE_OTHER, body, "application/json", ("Location", "./"))
        else:
            self.send(HTTPStatus.CREATED, body, "application/json")

    def refuse(self, status: HTTPStatus, text: str) -> None:
        """Say what is wrong."""
        self.send(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def send_file(self, path: Path) -> None:
        """Send a file of the content."""
        kind = guess_type(path.name)[0] or "application/octet-stream"
        text = kind.startswith("text/")
        self.send(HTTPStatus.OK, path.read_bytes(), f"{kind}; charset=utf-8" if text else kind)

    def send(self, status: HTTPStatus, body: bytes, kind: str, *more: tuple[str, str]) -> None:
        """Send one answer."""
        self.send_response(status)
        headers = {"Content-Type": kind, "Content-Length": str(len(body)), "X-Served-By": HOST}
        for name, value in [*headers.items(), *more]:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, form: str, *arguments: object) -> None:
        """Log refusals and failures only."""
        if arguments and str(arguments[1:2])[2:3] in "45":
            sys.stderr.write(f"{self.log_date_time_string()} {self.client_address[0]} {form % arguments}\n")


class Server(ThreadingHTTPServer):
    """Listens on the host's own address."""

    daemon_threads = True
    request_queue_size = 256

    def server_bind(self) -> None:
        """Bind without asking who we are: that would be a name lookup."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_name, self.server_port = HOST, PORT


with Server((ADDRESS, PORT), Visit) as server:
    server.serve_forever()
