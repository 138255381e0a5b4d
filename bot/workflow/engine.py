"""The durable engine: what it has begun goes on after a crash from where it was. The only home of dbos."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from dbos import DBOS, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

from bot.domain.errors import BotError, RecordsError
from bot.domain.tally import Tally
from bot.domain.tally import to_json as tally_to_json
from bot.workflow.carry_out import Carrier
from bot.workflow.desk import Desk
from bot.workflow.digests import Digests
from bot.workflow.notices import Notices
from bot.workflow.outbox import Outbox
from bot.workflow.reconcile import Reconciler
from bot.workflow.room import wait_for_room
from bot.world import Request

_LANE = "lane"
_DECIDED = "decided"
_POLL_SECONDS = 0.2
_PAUSE_SECONDS = 2.0
_QUIET_SECONDS = 0.05
_GIVE_WAY_SECONDS = 1.0
"""How long the beginning of work waits for such a quiet moment at most."""
_LAST_WORDS_SECONDS = 1.0
_AGAIN_SECONDS = 60.0
"""Until a digest that chat did not take is tried again."""
_UNDER_WAY = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
_TICK_SECONDS = 30.0
"""The longest sleep of the clock that starts digests: the machine's time may be set, or stand still."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the engine drives."""

    desk: Desk
    carrier: Carrier
    digests: Digests
    outbox: Outbox
    reconciler: Reconciler
    notices: Notices


class Engine:
    """Takes requests, and carries them through; one per data folder, one per process."""

    def __init__(
        self,
        file: Path,
        parts: Parts,
        reference: Callable[[BaseException], str],
    ) -> None:
        """`reference` logs an unexpected error and returns the id under which it can be found."""
        self._desk = parts.desk
        self._carrier = parts.carrier
        self._digests = parts.digests
        self._outbox = parts.outbox
        self._reconciler, self._notices = parts.reconciler, parts.notices
        self._reference = reference
        self._recorded = 0.0
        self._stopped = threading.Event()
        self._beginner = ThreadPoolExecutor(1, thread_name_prefix="begin")
        prepare_file(file)
        wait_for_room()
        DBOS(
            config={
                "name": "clonebot",
                "system_database_url": f"sqlite:///{file}",
                "application_version": "1",
                "executor_id": "clonebot",
                "serializer": DBOSPortableJSONSerializer(),
                "log_level": "WARNING",
                "notification_listener_polling_interval_sec": _POLL_SECONDS,
            }
        )
        _log_as_we_do()
        self._handle = DBOS.workflow(name="handle.v1")(self._make_handle())
        self._execute = DBOS.workflow(name="execute.v1")(self._make_execute())
        self._digest = DBOS.workflow(name="digest.v1")(self._make_digest())

    def start(self) -> None:
        """Go on with whatever was under way."""
        DBOS.launch()
        DBOS.register_queue(_LANE, partition_concurrency=1, polling_interval_sec=_POLL_SECONDS)
        for request in self._desk.unanswered():
            self._begin(request)
        self._try(self._desk.show_open)
        loops = {"digests": self._keep_time, "outbox": self._post, "reconcile": self._keep_order}
        for name, loop in loops.items():
            threading.Thread(target=loop, name=name, daemon=True).start()

    def submit(self, request: Request) -> None:
        """Record the request durably; it is begun soon. Raises RecordsError; then nothing was done."""
        self._desk.receive(request)
        self._recorded = time.monotonic()
        self._beginner.submit(self._begin_surely, request)

    def stop(self) -> None:
        """Say what is still to be said, if chat takes it. What is under way goes on at the next start."""
        self._stopped.set()
        last = threading.Thread(target=self._try, args=(self._outbox.flush,), daemon=True)
        last.start()
        last.join(_LAST_WORDS_SECONDS)

    def _begin_surely(self, request: Request) -> None:
        """What is recorded is begun; if a crash comes between, at the next start."""
        self._give_way()
        while "unexpected" in self._try(lambda: self._begin(request)):
            time.sleep(_PAUSE_SECONDS)

    def _give_way(self) -> None:
        """Slack waits three seconds for an acknowledgement; in a rush, those come before the work."""
        latest = time.monotonic() + _GIVE_WAY_SECONDS
        while time.monotonic() < min(latest, self._recorded + _QUIET_SECONDS):
            time.sleep(_QUIET_SECONDS / 5)

    def _begin(self, request: Request) -> None:
        with SetWorkflowID(request.id):
            DBOS.start_workflow(self._handle, asdict(request))

    def _make_handle(self) -> Callable[[dict[str, Any]], None]:
        def handle(values: dict[str, Any]) -> None:
            request = Request(**values)
            try:
                concerned = self._step("decide", self._desk.decide, request)
                if concerned == request.id:
                    self._live(request)
                    return
                for operation in concerned.split():
                    DBOS.send(operation, "", _DECIDED)
            except UnexpectedError as error:
                self._step("give up", self._give_up, request, str(error))

        return handle

    def _live(self, request: Request) -> None:
        operation = request.id
        self._step("present", self._desk.present, request)
        for number in count(1):
            self._wait_for_decision(operation)
            lane = self._step("queue", self._desk.queue, operation)
            self._step("show", self._desk.show, operation)
            if not lane or self._in_lane(operation, lane, number):
                break
            self._step("show", self._desk.show, operation)
        self._step("tell", self._tell, operation)

    def _tell(self, operation: str) -> None:
        """Done once it has been told: a crash before that tells it again."""
        self._desk.conclude(operation)
        self._outbox.settle(operation)

    def _wait_for_decision(self, operation: str) -> None:
        while seconds := self._step("undecided", self._desk.undecided, operation):
            DBOS.recv(_DECIDED, timeout_seconds=seconds)

    def _in_lane(self, operation: str, lane: str, number: int) -> bool:
        with SetWorkflowID(f"{operation}/{number}"), SetEnqueueOptions(queue_partition_key=lane):
            handle = DBOS.enqueue_workflow(_LANE, self._execute, operation, number)
        return bool(handle.get_result(polling_interval_sec=_POLL_SECONDS))

    def _make_execute(self) -> Callable[[str, int], bool]:
        def execute(operation: str, number: int) -> bool:
            try:
                return self._carry_out(operation, number)
            except UnexpectedError as error:
                self._step("give up", self._carrier.give_up, operation, str(error))
                return True

        return execute

    def _carry_out(self, operation: str, number: int) -> bool:
        if not self._step("look again", self._carrier.look_again, operation, number):
            return bool(self._step("ended", self._carrier.ended, operation))
        self._step("show", self._desk.show, operation)
        so_far = tally_to_json(Tally())
        for index in range(self._step("actions", self._carrier.length, operation)):
            so_far = self._step(f"action {index + 1}", self._carrier.perform, operation, index, so_far)
        if so_far.get("cancelled") or so_far.get("undo"):
            so_far = self._step("find what to undo", self._carrier.find_undone, operation, so_far)
            so_far = self._step("undo", self._carrier.undo, operation, so_far)
        self._step("conclude", self._carrier.conclude, operation, so_far)
        return True

    def _post(self) -> None:
        while not self._stopped.is_set():
            self._try(lambda: self._outbox.work(_PAUSE_SECONDS))

    def _keep_time(self) -> None:
        """Start every digest when it is due; its id says which it is, so that it runs once."""
        begun = False
        while not self._stopped.is_set():
            begun = begun or "value" in self._try(self._digests.begin)
            if begun:
                self._try(self._start_digests)
            wait = self._try(self._digests.seconds_to_next).get("value", _TICK_SECONDS)
            if wait is None:
                return
            self._stopped.wait(min(wait, _TICK_SECONDS) if begun else _PAUSE_SECONDS)

    def _keep_order(self) -> None:
        """Compare AWS with the log, and tell what is due, again and again; each round is safe to repeat."""
        while not self._stopped.is_set():
            self._try(lambda: self._reconciler.look_around(_is_under_way))
            self._try(self._notices.look_around)
            self._stopped.wait(self._reconciler.seconds)

    def _start_digests(self) -> None:
        for channel, tick in self._digests.due():
            with SetWorkflowID(f"digest/{channel}/{tick}"):
                DBOS.start_workflow(self._digest, channel, tick)

    def _make_digest(self) -> Callable[[str, str], None]:
        def digest(channel: str, tick: str) -> None:
            try:
                while not self._step("post", self._digests.post, channel, tick):
                    DBOS.sleep(_AGAIN_SECONDS)
            except UnexpectedError as error:
                self._step("give up", self._digests.give_up, channel, tick, str(error))

        return digest

    def _give_up(self, request: Request, why: str) -> None:
        if self._desk.known(request.id):
            self._carrier.abandon(request.id, why)
            self._outbox.settle(request.id)
        else:
            self._desk.refuse(request, why)

    def _step(self, name: str, do: Callable[..., T], *args: Any) -> T:
        """Run it as one durable step."""
        result = DBOS.run_step({"name": name}, lambda: self._try(lambda: self._insist(lambda: do(*args))))
        if "unexpected" in result:
            raise UnexpectedError(result["unexpected"])
        value: T = result["value"]
        return value

    def _try(self, do: Callable[[], object]) -> dict[str, Any]:
        """Do it; the only place that catches what nobody expected."""
        try:
            return {"value": do()}
        except Exception as error:  # noqa: BLE001 (the one handler: a reference for people, the trace for the log)
            return {"unexpected": self._reference(error)}

    def _insist(self, do: Callable[[], T]) -> T:
        """Steps are safe to repeat; while the log cannot be written, nothing else happens."""
        while True:
            try:
                return do()
            except RecordsError as error:
                self._reference(error)
                time.sleep(_PAUSE_SECONDS)


class UnexpectedError(BotError):
    """Something nobody foresaw; its text gives the reference under which the log has the trace."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"Something unexpected went wrong; the log has it under reference `{reference}`.")


def _is_under_way(operation: str) -> bool:
    """Whether the engine knows this operation and has not ended it."""
    status = DBOS.get_workflow_status(operation)
    return status is not None and status.status in _UNDER_WAY


def _log_as_we_do() -> None:
    """The engine brings a log handler of its own; ours knows the format."""
    log = logging.getLogger("dbos")
    log.handlers.clear()
    log.propagate = True
    log.setLevel(logging.ERROR)


def prepare_file(file: Path) -> None:
    """Make the file ours alone, in WAL mode, which the engine keeps and does not choose by itself."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
    except (OSError, sqlite3.Error) as error:
        raise RecordsError(
            f"What is under way is kept in {file}, which cannot be opened: {error}."
        ) from error
