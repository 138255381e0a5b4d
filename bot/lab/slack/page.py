"""The page's own endpoints, and the guard that keeps other web pages away from them."""

import html
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, jsonify, request, send_from_directory

from bot.lab.slack.board import Json, Message
from bot.lab.slack.choices import Values
from bot.lab.slack.dialogs import Dialogs
from bot.lab.slack.sockets import BotSilentError
from bot.lab.slack.stream import Streams
from bot.lab.slack.workspace import Workspace

WEB = Path(__file__).parent / "web"
TOKEN_HEADER = "X-Page-Token"  # noqa: S105 (the header's name)
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Deeds(Protocol):
    """What the page lets people do."""

    site_url: str | None
    records_path: str | None
    dialogs: Dialogs

    def command(self, user: str, channel: str, text: str, *, command: str = "/clone") -> str:
        """Type a slash command."""

    def click(  # noqa: PLR0913 (as there)
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        value: Any = None,
        values: Values | None = None,
    ) -> None:
        """Press a button, or choose something."""

    def say(self, user: str, channel: str, text: str, *, thread: str | None = None) -> Message:
        """Write an ordinary message."""

    def whisper(self, user: str, channel: str, text: str) -> None:
        """Tell one person something as Slackbot."""


@dataclass(slots=True)
class Guard:
    """Knows under which names this page may be reached, so that no other name or page reaches it."""

    extra_host: str | None = None
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def check_host(self) -> None:
        """Refuse a request that came under a foreign name (DNS rebinding)."""
        if not self._is_ours(request.host):
            abort(403, "This page is served under 127.0.0.1 and localhost only.")

    def check_origin(self, *, opaque: bool = False) -> None:
        """Refuse a request that another web page caused; `opaque` allows the sandboxed site's own."""
        origin = request.headers.get("Origin")
        allowed = not origin or self._is_ours(urlsplit(origin).netloc) or (opaque and origin == "null")
        if not allowed:
            abort(403, "Another web page sent this.")

    def check_token(self) -> None:
        """Refuse what does not come from the page itself."""
        if not secrets.compare_digest(request.headers.get(TOKEN_HEADER, "").encode(), self.token.encode()):
            abort(403, "The page is out of date: load it again.")

    def _is_ours(self, host: str) -> bool:
        if self.extra_host and host.lower() in {
            self.extra_host.lower(),
            self.extra_host.lower().split(":")[0],
        }:
            return True
        return host.lower() in {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}


def build(deeds: Deeds, workspace: Workspace, streams: Streams, guard: Guard) -> Blueprint:
    """Make the routes of the page."""
    routes = Blueprint("page", __name__)

    @routes.before_request
    def check() -> None:
        guard.check_host()
        guard.check_origin()
        if request.method == "POST":
            guard.check_token()

    @routes.after_request
    def harden(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/")
    def show() -> Response:
        text = (WEB / "index.html").read_text(encoding="utf-8").replace("{{token}}", guard.token)
        text = text.replace("{{records}}", html.escape(deeds.records_path or "records.db"))
        text = text.replace("{{data}}", html.escape(str(Path(deeds.records_path or "").parent)))
        return Response(text, mimetype="text/html")

    @routes.get("/page/<path:name>")
    def send(name: str) -> Response:
        return send_from_directory(WEB, name)

    @routes.get("/page/events")
    def follow() -> Response:
        user = request.args.get("user", "")
        if workspace.team.person(user) is None:
            abort(404)
        return Response(
            streams.follow(user), mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )

    _let_people_act(routes, deeds, workspace)
    return routes


def _let_people_act(routes: Blueprint, deeds: Deeds, workspace: Workspace) -> None:
    @routes.post("/page/type")
    def write() -> Response:
        return _try(workspace, lambda body: _type(deeds, body))

    @routes.post("/page/click")
    def click() -> Response:
        return _try(workspace, lambda body: _click(deeds, body))

    @routes.post("/page/submit")
    def submit() -> Response:
        return _try(workspace, lambda body: deeds.dialogs.submit(body["user"], body["values"]))

    @routes.post("/page/close")
    def close() -> Response:
        return _try(workspace, lambda body: deeds.dialogs.close(body["user"]))

    @routes.post("/page/home")
    def open_home() -> Response:
        return _try(workspace, lambda body: deeds.dialogs.open_home(body["user"]))


def _try(workspace: Workspace, deed: Callable[[Json], object]) -> Response:
    body = request.get_json()
    person = workspace.team.person(str(body.get("user")))
    if person and (person.deactivated or person.bot):
        return _fail(403, f"Nobody can sign in as {person.name}.")
    try:
        complaints = deed(body)
    except KeyError as missing:
        return _fail(400, f"{missing} is missing")
    except LookupError as error:
        return _fail(404, str(error))
    except BotSilentError as error:
        return _fail(503, f"{error}"[:1].upper() + f"{error}"[1:] + ".")
    return jsonify({"errors": complaints} if isinstance(complaints, dict) else {})


def _click(deeds: Deeds, body: Json) -> None:
    """Do what a click in a message or a view does."""
    chosen, held = body.get("value"), body.get("values")
    if "view_id" in body:
        deeds.dialogs.act(body["user"], body["view_id"], body["action_id"], chosen, held)
    else:
        place = (body["user"], body["channel"], body["ts"], body["action_id"])
        deeds.click(*place, value=chosen, values=held)


def _fail(status: int, text: str) -> Response:
    answer = jsonify({"error": text})
    answer.status_code = status
    return answer


def _type(deeds: Deeds, body: Json) -> None:
    """Do what Enter does in Slack's message box."""
    user, channel, text = body["user"], body["channel"], str(body["text"]).strip()
    wire = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    command, _, rest = wire.partition(" ")
    if not text.startswith("/"):
        deeds.say(user, channel, wire, thread=body.get("thread"))
    elif body.get("thread"):
        deeds.whisper(user, channel, f"`{command}` is not supported in threads. Sorry!")
    elif command == "/clone":
        deeds.command(user, channel, rest.strip())
    else:
        deeds.whisper(user, channel, f"`{command}` is not a valid command. Try `/clone help`.")
