"""A bench with a socket: whoever connects is whom `account` says, since a test cannot be several users."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.domain.audit import Entry
from bot.domain.operation import Operation
from bot.domain.terminal import Terminal
from bot.terminal.client import connect, converse
from bot.terminal.server import TerminalServer
from bot.terminal.story import Event
from bot.world import Request
from tests.workflow.bench import TERMINAL, Bench


class Terminals:
    """Terminals on the machine of a bot that runs."""

    def __init__(
        self,
        bench: Bench,
        folder: Path,
        terminal: Terminal | None = TERMINAL,
        account: Callable[[int], str] | None = None,
    ) -> None:
        self.bench = bench
        self.folder = folder
        self.account = "bob"
        self._working = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.server = TerminalServer(
            terminal=terminal,
            followers=bench.followers,
            records=bench.records,
            clock=bench.clock,
            submit=self._submit,
            account=account or (lambda _: self.account),
        )
        self.server.open(folder, slack=True)

    def events(self, text: str, account: str = "bob") -> Iterator[Event]:
        """Type `clonebot run --json text` as this operating-system user."""
        self.account = account
        return converse(connect(self.folder), text)

    def last(self, text: str, account: str = "bob") -> Event:
        """Wait for the end; the last event."""
        return list(self.events(text, account))[-1]

    def until(self, events: Iterator[Event], stage: str) -> Event:
        """Read on until the operation is in this stage."""
        return next(event for event in events if event["event"] == "stage" and event["stage"] == stage)

    def approve_in_slack(self, operation: str) -> Operation:
        """Let ada press Approve, and go on until the end."""
        with self._working:
            self.bench.approve(operation)
            return self.bench.end_of(operation)

    def rows(self) -> list[Entry]:
        """The log, once what was asked is done: people are told before it is written that they were."""
        with self._working:
            return self.bench.rows()

    def close(self) -> None:
        """Let all that was asked be answered, and Slack hear of it."""
        self.bench.chat.down = None
        self.bench.outbox.flush()
        for thread in self._threads:
            thread.join()

    def _submit(self, request: Request) -> None:
        self.bench.desk.receive(request)
        thread = threading.Thread(target=self._work, args=(request,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self, request: Request) -> None:
        with self._working:
            concerned = self.bench.hand_in(request)
            if concerned:
                self.bench.end_of(concerned)
