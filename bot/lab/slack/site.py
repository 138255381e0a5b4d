"""The lab's site below /site/, for places where only the page's port reaches the browser."""

import http.client
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Blueprint, Response, request

from bot.lab.slack.page import Guard

PREFIX = "/site"
TIMEOUT_SECONDS = 30
# RFC 9110, 7.6.1, and what this proxy sets itself.
HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "upgrade")
) | {"proxy-connection", "transfer-encoding"}
NOT_FORWARDED = HOP_BY_HOP | {"host", "content-length", "accept-encoding", "origin", "referer", "expect"}
NOT_RETURNED = HOP_BY_HOP | {"content-length", "date", "server", "location", "set-cookie", "x-frame-options"}
# Guests' text on the site must not act on the page, which has the same origin.
SANDBOX = "sandbox allow-forms allow-scripts allow-popups allow-downloads"
_LINKS = re.compile(rb"""(\s(?:href|src|action|formaction|poster)\s*=\s*["']?)/(?!/)""", re.IGNORECASE)
_STYLE_LINKS = re.compile(rb"""(url\(\s*["']?)/(?!/)""", re.IGNORECASE)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build(site_url: Callable[[], str | None], guard: Guard) -> Blueprint:
    """Make the routes of the site."""
    routes = Blueprint("site", __name__)

    @routes.before_request
    def check() -> None:
        guard.check_host()
        guard.check_origin(opaque=True)

    @routes.route(f"{PREFIX}/", defaults={"path": ""}, methods=METHODS)
    @routes.route(f"{PREFIX}/<path:path>", methods=METHODS)
    def forward(path: str) -> Response:
        upstream = site_url()
        if upstream is None:
            return _apology(503, "The lab has no site yet. Try again in a moment.")
        try:
            return _forward(upstream, path)
        except (OSError, http.client.HTTPException):
            return _apology(502, "The site does not answer just now.")

    return routes


def _forward(upstream: str, path: str) -> Response:
    address = urlsplit(upstream)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(request.method, _target(path), body=request.get_data() or None, headers=_headers())
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    return _relay(upstream, answer, body)


def _target(path: str) -> str:
    """Take the path as the browser wrote it: a decoded one would lose its %2F."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or ""
    if raw.startswith(PREFIX + "/"):
        return str(raw.removeprefix(PREFIX))
    return f"/{path}" + (f"?{request.query_string.decode('latin-1')}" if request.query_string else "")


def _headers() -> dict[str, str]:
    named = {name.strip().lower() for name in request.headers.get("Connection", "").split(",")}
    kept = {k: v for k, v in request.headers.items() if k.lower() not in NOT_FORWARDED | named}
    length = {"Content-Length": str(request.content_length)} if request.content_length else {}
    return {**kept, **length, "Accept-Encoding": "identity", "X-Forwarded-Prefix": PREFIX}


def _relay(upstream: str, answer: http.client.HTTPResponse, body: bytes) -> Response:
    response = Response(_below_prefix(body, answer.headers.get_content_type()), answer.status)
    response.headers.clear()
    for name, value in answer.getheaders():
        if name.lower() not in NOT_RETURNED:
            response.headers.add(name, value)
    if location := answer.getheader("Location"):
        response.headers["Location"] = _moved(upstream, location)
    for cookie in answer.headers.get_all("Set-Cookie", []):
        response.headers.add("Set-Cookie", re.sub(r"(?i)(;\s*path=)/", rf"\1{PREFIX}/", cookie))
    response.headers["Content-Security-Policy"] = SANDBOX
    if request.method != "HEAD":
        response.headers["Content-Length"] = str(response.calculate_content_length())
    response.autocorrect_location_header = False
    return response


def _below_prefix(body: bytes, content_type: str) -> bytes:
    if content_type == "text/html":
        body = _LINKS.sub(rb"\1" + PREFIX.encode() + b"/", body)
    if content_type in {"text/html", "text/css"}:
        body = _STYLE_LINKS.sub(rb"\1" + PREFIX.encode() + b"/", body)
    return body


def _moved(upstream: str, location: str) -> str:
    if location.startswith(upstream.rstrip("/") + "/"):
        location = location.removeprefix(upstream.rstrip("/"))
    return PREFIX + location if location.startswith("/") and not location.startswith("//") else location


def _apology(status: int, text: str) -> Response:
    return Response(f"<!doctype html><title>The site</title><p>{text}</p>", status, mimetype="text/html")
