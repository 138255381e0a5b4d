"""Takes requests from terminals, and tells each what becomes of it."""

import pwd
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty

import structlog

from bot.domain.audit import Entry, Kind
from bot.domain.errors import BotError, ConfigError, NotAllowed, RecordsError
from bot.domain.naming import request_id
from bot.domain.operation import Operation
from bot.domain.terminal import VIA, Terminal
from bot.domain.words import storable
from bot.terminal import wire
from bot.terminal.followers import Followers, Item, News
from bot.terminal.story import WRONG, Event, Story, refused
from bot.world import Clock, Records, Request

_log = structlog.get_logger()
_MOST = 32
"""Terminals at once."""
_SECONDS_TO_ASK = 10
_GLANCE_SECONDS = 0.2
_LONGEST_LINE = 1_000_000


def account_name(uid: int) -> str:
    """The operating-system user's name; empty if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


class TerminalServer:
    """Who asks is whom the kernel names at the other end; what they say of themselves does not count."""

    def __init__(  # noqa: PLR0913 (its parts, all by name)
        self,
        *,
        terminal: Terminal | None,
        followers: Followers,
        records: Records,
        clock: Clock,
        submit: Callable[[Request], None],
        account: Callable[[int], str] = account_name,
    ) -> None:
        self._terminal = terminal
        self._followers = followers
        self._records = records
        self._clock = clock
        self._submit = submit
        self._account = account
        self._free = threading.Semaphore(_MOST)
        self._slack = False

    @property
    def busy(self) -> bool:
        """Whether somebody waits for the end of what they asked."""
        return self._followers.number > 0

    def open(self, folder: Path, *, slack: bool) -> None:
        """Listen in this folder, which is ours alone. `slack` says whether Slack's buttons reach us."""
        self._slack = slack
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with wire.address(folder) as path:
                Path(path).unlink(missing_ok=True)
                listening.bind(path)
                Path(path).chmod(0o666)  # the kernel says who connects; strangers are refused
        except OSError as error:
            raise ConfigError(
                f"CLONEBOT_DATA: terminals cannot be served from {folder} ({error.strerror})."
            ) from error
        listening.listen(_MOST)
        threading.Thread(target=self._take, args=(listening,), name="terminals", daemon=True).start()

    def refusal(self, uid: int, text: str) -> Event | None:
        """Why this user may not ask anything here, and record it; None if they may ask."""
        try:
            self._user(uid)
        except BotError as error:
            self._record_refusal(uid, text, str(error))
            return refused(str(error), WRONG if isinstance(error, ConfigError) else 1)
        return None

    def _take(self, listening: socket.socket) -> None:
        while True:
            connection, _ = listening.accept()
            if self._free.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(connection,), name="terminal", daemon=True).start()
            else:
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):
                for event in self._converse(connection):
                    wire.send(connection, event)
        finally:
            self._free.release()

    def _converse(self, connection: socket.socket) -> Iterator[Event]:
        try:
            asked = wire.receive_one(connection, _LONGEST_LINE, _SECONDS_TO_ASK)
            text = storable(str(asked["text"]))
        except (ValueError, KeyError):
            yield refused("That was not sent by `clonebot run`.", WRONG)
            return
        uid = wire.uid_of_peer(connection)
        refusal = self.refusal(uid, text)
        if refusal:
            yield refusal
            return
        yield from self._work(self._request(uid, text), connection)

    def _work(self, request: Request, connection: socket.socket) -> Iterator[Event]:
        with self._followers.follow(request.id) as news:
            try:
                self._submit(request)
            except BotError as error:
                yield refused(str(error))
                return
            yield from self._follow(request.id, news, connection)

    def _follow(self, request: str, news: News, connection: socket.socket) -> Iterator[Event]:
        story = Story(slack=self._slack)
        while not wire.is_gone(connection):
            for item in self._heard(request, news):
                for event in story.tell(item, request):
                    yield event
                    if "exit" in event:
                        return

    def _heard(self, request: str, news: News) -> Iterator[Operation | Item]:
        """What is new: how the operation stands comes after every step that led there."""
        first = _next(news, _GLANCE_SECONDS)
        try:
            operation = self._records.operation(request)
        except RecordsError:
            operation = None
        ended = operation is not None and operation.stage.ended
        if operation and not ended:
            yield operation
        while first:
            yield first
            first = _next(news, 0)
        if operation and ended:
            yield operation

    def _request(self, uid: int, text: str) -> Request:
        terminal, account = self._user(uid)
        return Request(
            id=request_id(VIA, secrets.token_hex()),
            text=text,
            team=terminal.team,
            user=terminal.users[account],
            channel="",
            via=VIA,
            account=account,
        )

    def _user(self, uid: int) -> tuple[Terminal, str]:
        """The table, and this user's name in it. Raises ConfigError or NotAllowed."""
        if self._terminal is None:
            raise ConfigError(
                "The fleet file has no table [terminal], so nobody is known in terminals. The README "
                "says what to write there; then start me again."
            )
        account = self._account(uid)
        if account not in self._terminal.users:
            raise NotAllowed(
                f"The operating-system user {account or 'without a name'} (uid {uid}) is not in the table "
                "[terminal] of the fleet file. Whoever runs me can add it there."
            )
        return self._terminal, account

    def _record_refusal(self, uid: int, text: str, why: str) -> None:
        request = request_id(VIA, secrets.token_hex())
        row = Entry(
            kind=Kind.REFUSED,
            at=self._clock.now(),
            key=f"{request}:{Kind.REFUSED}",
            operation=request,
            text=why,
            via=VIA,
            detail={"text": text, "uid": uid, "account": self._account(uid)},
        )
        try:
            self._records.append(row)
        except RecordsError as error:
            _log.error("refusal not recorded", uid=uid, why=str(error))


def _next(news: News, seconds: float) -> Item | None:
    try:
        return news.get(timeout=seconds) if seconds else news.get_nowait()
    except Empty:
        return None
