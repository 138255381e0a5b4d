"""The local Slack as one object: start it, let people do things, see what they see."""

import logging
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

from flask import Flask, request
from flask_sock import Sock
from simple_websocket import Server
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from bot.lab.slack import deliveries, files_api, page, site, web_api
from bot.lab.slack.board import Json, Message
from bot.lab.slack.choices import Values
from bot.lab.slack.dialogs import Dialogs
from bot.lab.slack.faults import Faults
from bot.lab.slack.interactions import Deed, Typed, click_payload, command_payload, event_payload
from bot.lab.slack.methods.call import RefusedError
from bot.lab.slack.methods.chat import thread_parent
from bot.lab.slack.sockets import BotSilentError, Hub, NotAcknowledgedError
from bot.lab.slack.stream import Streams
from bot.lab.slack.team import SLACKBOT_ID, Channel, Person, Team
from bot.lab.slack.workspace import ResponseUrl, Workspace


class _QuietHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 (werkzeug's name)
        if type == "error":
            logging.getLogger(__name__).warning(message, *args)


class LocalSlack:
    """A workspace on loopback, with what its people can do and see."""

    def __init__(
        self,
        *,
        team: Team | None = None,
        port: int = 0,
        extra_host: str | None = None,
        rate_limits: bool = True,
    ) -> None:
        """`rate_limits` says whether calls that come faster than Slack allows are refused."""
        self._workspace = Workspace(team=team or Team.example())
        self._workspace.pace.enforced = rate_limits
        self._streams = Streams(self._workspace, lambda: self.connected)
        self._hub = Hub(lambda _count: self._streams.tell_presence())
        self.faults = Faults(
            drop_sockets=self._hub.drop,
            refresh_sockets=self._hub.refresh,
            expire_response_urls=self._workspace.expire_response_urls,
        )
        self.dialogs = Dialogs(self._workspace, self.deliver)
        self.ack_seconds = 3.0
        """How long people wait for the bot to acknowledge: Slack's three seconds."""
        self.site_url: str | None = None
        self.records_path: str | None = None
        self.request_url: str | None = None
        """Where the bot takes requests over HTTP; without it they go to its sockets."""
        self._guard = page.Guard(extra_host)
        self._port = port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    # -- the server ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen on loopback and serve in a thread."""
        # A socket of our own: werkzeug ends the process when the port is taken, this raises OSError.
        with socket.create_server(("127.0.0.1", self._port), backlog=128) as listening:
            self._server = make_server(
                "127.0.0.1",
                0,
                self._app(),
                threaded=True,
                request_handler=_QuietHandler,
                fd=listening.fileno(),
            )
            self._guard.port = listening.getsockname()[1]
        self._workspace.url = f"http://127.0.0.1:{self._guard.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="local Slack")
        self._thread.daemon = True
        self._thread.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection and stop listening."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._hub.drop()
        self._streams.close()
        self._server.server_close()
        self._server = None

    @property
    def url(self) -> str:
        """The page's address; the Web API is below it at /api/."""
        return self._workspace.url

    @property
    def api_url(self) -> str:
        """The base of the Web API, as SLACK_API_URL."""
        return self.url + "/api/"

    @property
    def scopes(self) -> frozenset[str]:
        """What the bot's token may."""
        return self._workspace.scopes

    @scopes.setter
    def scopes(self, scopes: frozenset[str]) -> None:
        self._workspace.scopes = scopes

    @property
    def bot_token(self) -> str:
        """What the bot calls the Web API with."""
        return self._workspace.bot_token

    @property
    def app_token(self) -> str:
        """What the bot opens sockets with."""
        return self._workspace.app_token

    @property
    def signing_secret(self) -> str:
        """What HTTP deliveries are signed with."""
        return self._workspace.signing_secret

    @property
    def team(self) -> Team:
        """The people, groups and channels; assign a changed one at any time."""
        return self._workspace.team

    @team.setter
    def team(self, team: Team) -> None:
        self._workspace.team = team
        self._streams.tell_everything()

    @property
    def problems(self) -> list[str]:
        """Everything the bot sent that Slack would have refused."""
        return self._workspace.problems

    @property
    def slowed(self) -> list[str]:
        """The method of each call that came faster than Slack allows."""
        return self._workspace.pace.slowed

    def views(self, user: str) -> list[Json]:
        """List the modals that somebody has open, the one in front last."""
        return self._workspace.views.stack(user)

    def home(self, user: str) -> Json | None:
        """Return what the bot's home tab shows somebody."""
        return self._workspace.views.home(user)

    def response_url(self, user: str, channel: str) -> str:
        """Make an address at which the bot may answer somebody, as a command of theirs carries it."""
        return self._workspace.new_response_url(kind="commands", user=user, channel=channel)

    def file(self, file_id: str) -> bytes | None:
        """Return what the bot uploaded under this id."""
        file = self._workspace.files.get(file_id)
        return file.data if file else None

    @property
    def connected(self) -> int:
        """How many sockets the bot has open. Over HTTP nobody knows, and Slack shows a bot as present."""
        return self._hub.connected + bool(self.request_url)

    def wait_until_connected(self, timeout: float = 30) -> bool:
        """Wait for the bot, and say whether it came within `timeout` seconds."""
        return self._hub.wait_until_connected(timeout)

    # -- what people do ------------------------------------------------------------------------------

    def command(
        self, user: str, channel: str, text: str, *, command: str = "/clone", trigger_id: str | None = None
    ) -> str:
        """Type a slash command; `text` is what goes over the wire. Waits for the acknowledgement.

        Give a former trigger id to deliver the same request again.
        """
        person, place = self._member(user, channel)
        if person.team:
            # Somebody of another workspace has only the commands of their own.
            self._whisper(person, place, f"`{command}` is not a valid command.")
            return ""
        trigger = trigger_id or self._workspace.new_trigger(user)
        typed = Typed(command=command, text=text, trigger_id=trigger)
        payload = command_payload(self._workspace, person, place, typed)
        try:
            answer = self.deliver("slash_commands", payload)
        except NotAcknowledgedError:
            self._whisper(person, place, f'`{command}` failed with the error "operation_timeout"')
        except BotSilentError as error:
            self._whisper(person, place, f'`{command}` failed with the error "dispatch_failed": {error}')
        else:
            self._show_answer(person, place, answer)
        return trigger

    def click(  # noqa: PLR0913 (where, what, and what is in it)
        self,
        user: str,
        channel: str,
        ts: str,
        action_id: str,
        *,
        value: Any = None,
        values: Values | None = None,
    ) -> None:
        """Press a button of a message, or choose `value` in a menu; `values` stands in the others.

        Raises LookupError when this person does not see such a button, BotSilentError when no
        acknowledgement comes.
        """
        person, place = self._member(user, channel)
        message = self._workspace.board.find(place.id, ts)
        if message is None or not message.is_visible_to(user):
            raise LookupError(f"{person.name} sees no message {ts} in {place.name}")
        deed = Deed(action_id=action_id, value=value, values=values or {})
        payload = click_payload(self._workspace, person, place, message, deed)
        self.deliver("interactive", payload)

    def event(self, event: Json) -> None:
        """Tell the bot of an event, up to four times; BotSilentError if it never acknowledges."""
        self.deliver("events_api", event_payload(self._workspace, event))

    def deliver(self, kind: str, payload: Json) -> Json:
        """Hand the bot any payload at all, also a forged one; return the answer in its acknowledgement."""
        if self.request_url is None:
            return self._hub.deliver(kind, payload, self.ack_seconds)
        return deliveries.deliver(self.request_url, self.signing_secret, kind, payload, self.ack_seconds)

    def say(self, user: str, channel: str, text: str, *, thread: str | None = None) -> Message:
        """Write an ordinary message."""
        person, place = self._member(user, channel)
        parent = thread_parent(self._workspace.board, place.id, thread) if thread else None
        draft = Message(channel=place.id, user=person.id, text=text, thread_ts=parent.ts if parent else None)
        return self._workspace.board.post(draft)

    def whisper(self, user: str, channel: str, text: str) -> None:
        """Tell one person something as Slackbot."""
        self._whisper(*self._member(user, channel), text)

    # -- what people see -----------------------------------------------------------------------------

    def messages(self, channel: str, *, thread: str | None = None) -> list[Message]:
        """List a channel's messages without replies, or one thread's replies; ephemeral ones too."""
        return [m for m in self._workspace.board.all() if m.channel == channel and m.thread_ts == thread]

    def seen_by(self, user: str, channel: str) -> list[Message]:
        """List what one person sees in a channel, replies included."""
        place = self.team.channel(channel)
        if place is None or user not in place.members:
            return []
        return [m for m in self._workspace.board.all() if m.channel == place.id and m.is_visible_to(user)]

    def wait_for(self, predicate: Callable[[Message], bool], timeout: float = 10) -> Message:
        """Wait for a message, anywhere, that satisfies the predicate; TimeoutError after `timeout` s."""
        found = self._workspace.board.wait_for(predicate, timeout)
        if found is None:
            seen = "\n".join(
                f"  {m.channel} {m.user}: {m.text[:200]}" for m in self._workspace.board.all()[-10:]
            )
            raise TimeoutError(f"no such message within {timeout} s; the last ones were:\n{seen or '  none'}")
        return found

    def _member(self, user: str, channel: str) -> tuple[Person, Channel]:
        person, place = self.team.person(user), self.team.channel(channel)
        if person is None or place is None or user not in place.members:
            raise LookupError(f"{user} is not in {channel}")
        return person, place

    def _whisper(self, person: Person, channel: Channel, text: str) -> None:
        self._workspace.board.post(
            Message(channel=channel.id, user=SLACKBOT_ID, text=text, ephemeral_for=person.id)
        )

    def _show_answer(self, person: Person, channel: Channel, answer: Json) -> None:
        if not answer:
            return
        address = ResponseUrl(user=person.id, channel=channel.id, original=None)
        try:
            web_api.answer_at(self._workspace, address, answer)
        except RefusedError as refused:
            self.problems.append(": ".join(["answer to a command", refused.error, *refused.details]))

    def _app(self) -> Flask:
        app = Flask(__name__, static_folder=None)
        # Slack pings too; a bot that hangs is noticed within a minute.
        app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": 30}
        app.register_blueprint(web_api.build(self._workspace, self.faults))
        app.register_blueprint(files_api.build(self._workspace, self._guard))
        app.register_blueprint(page.build(self, self._workspace, self._streams, self._guard))
        app.register_blueprint(site.build(lambda: self.site_url, self._guard))
        Sock(app).route("/link/")(self._serve_socket)
        return app

    def _serve_socket(self, connection: Server) -> None:
        ticket = request.args.get("ticket", "")
        if ticket in self._workspace.tickets:
            self._workspace.tickets.discard(ticket)
            self._hub.serve(connection)
