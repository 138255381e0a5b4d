"""Run: one request from a terminal, through the bot that holds the data folder, or else as that bot."""

import json
import logging
import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import click

from bot.domain.errors import ConfigError
from bot.settings import Environment
from bot.terminal.client import NobodyListens, connect, converse
from bot.terminal.story import DONE, NOT_DONE, Event
from bot.terminal.wording import lines, type_this

_SECONDS_TO_START = 15
"""How long a bot that has the folder may take until it serves terminals."""
_GLANCE_SECONDS = 0.2


def run(text: str, *, as_json: bool, wait: bool) -> int:
    """Carry it through, print what becomes of it, return the exit status. Raises ConfigError."""
    folder = Environment.data_folder()
    teller = _Teller(as_json=as_json, wait=wait)
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline:
        try:
            connection = connect(folder)
        except NobodyListens:
            from bot.serve import seize  # noqa: PLC0415 (where a bot runs, no other library is needed)

            lock = seize(folder)
            if lock is not None:
                return _run_here(folder, text, teller)
            time.sleep(_GLANCE_SECONDS)
        else:
            return teller.follow(converse(connection, text))
    raise ConfigError(f"A clonebot holds {folder} and serves no terminals yet. Try again in a minute.")


@dataclass
class _Teller:
    """Prints events until the last one."""

    as_json: bool
    wait: bool
    here: bool = False
    """This process is the bot."""
    operation: str = ""
    gone: bool = False
    """The bot is no more."""
    left: bool = False
    """Whoever asked did not wait for the end."""

    def follow(self, events: Iterable[Event]) -> int:
        try:
            for event in events:
                self.say(event)
                self.operation = event.get("operation", self.operation)
                if "exit" in event:
                    return int(event["exit"])
                if event["event"] == "stage" and not self.wait:
                    return self.leave("Not waiting for the end.", DONE)
        except KeyboardInterrupt:
            return self.leave("You stopped waiting.", NOT_DONE)
        self.gone = True
        return self.leave("The bot stopped before the end.", NOT_DONE)

    def leave(self, why: str, status: int) -> int:
        """Say what becomes of it when nobody waits here any more."""
        self.left = True
        self.say(
            {
                "event": "left",
                "operation": self.operation,
                "text": f"{why} {self._after()}",
                "exit": status,
            }
        )
        return status

    def _after(self) -> str:
        if not self.operation:
            return f"What was asked may be recorded all the same; {type_this('operations')} shows it."
        goes_on = (
            f"{self.operation} is recorded and goes on when a bot starts here again, at the latest with the "
            "next `clonebot run`"
            if self.here or self.gone
            else f"{self.operation} goes on with the bot"
        )
        return (
            f"{goes_on}. {type_this('operations')} shows how it stands, "
            f"{type_this(f'cancel {self.operation}')} ends it."
        )

    def say(self, event: Event) -> None:
        if self.as_json:
            click.echo(json.dumps(event))
        else:
            for line in lines(event):
                click.echo(line)


def _run_here(folder: Path, text: str, teller: _Teller) -> int:
    """Be the bot until this is done. Never returns once the engine has started: it cannot be interrupted."""
    from bot.app import build, configure_logs  # noqa: PLC0415 (where a bot runs, no other library is needed)

    configure_logs(logging.ERROR)
    bot = build(Environment.find())
    refusal = bot.terminal.refusal(os.getuid(), text)
    if refusal:
        return teller.follow([refusal])
    teller.here = True
    click.echo(f"No bot serves from {folder} now, so this process does it.", err=True)
    bot.start()
    bot.terminal.open(folder, slack=False)
    status = NOT_DONE
    with suppress(BrokenPipeError):
        status = teller.follow(converse(connect(folder), text))
        if not teller.left:
            _finish(bot.under_way)
    bot.engine.stop()
    os._exit(status)


def _finish(under_way: Callable[[], bool]) -> None:
    """Stay while something else is under way here: what a stop had cut off, or what others asked since."""
    try:
        if under_way():
            click.echo(
                "Something else is under way here still; Ctrl-C leaves it to the next start.", err=True
            )
        while under_way():
            time.sleep(_GLANCE_SECONDS)
    except KeyboardInterrupt:
        return
