"""Events as lines to read at a terminal. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import timedelta

from bot.domain.moment import about
from bot.domain.operation import Stage
from bot.terminal.story import Event

_CODE = re.compile(r"(`[^`]*`)")
_COMMAND = re.compile(r"`/clone ?([^`]*)`")
_BOLD = re.compile(r"(?<!\w)\*(?=\S)([^*\n]+)(?<=\S)\*(?!\w)")
"""As Slack reads it: the asterisks of a line of cron are none."""


def plain(text: str) -> str:
    """One line without our markup, and without what could command the terminal."""
    parts = _CODE.split("".join(map(_visible, text)))
    return "".join(_typed(part) if part.startswith("`") else _BOLD.sub(r"\1", part) for part in parts)


def _typed(code: str) -> str:
    """What is to be typed, as it is typed here."""
    command = _COMMAND.fullmatch(code)
    return f"`{type_this(command[1])}`" if command else code


def type_this(command: str) -> str:
    """What to type for this command, quoted for every shell."""
    return "clonebot run '{}'".format(command.replace("'", "'\\''"))


def _visible(char: str) -> str:
    match unicodedata.category(char):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf" | "Cs" if char != "\N{ZERO WIDTH JOINER}":
            return ""
        case _:
            return char


def lines(event: Event) -> Iterator[str]:
    """What to print for this event."""
    match event["event"]:
        case "answer" | "refused" | "report":
            yield plain(event["title"])
            yield from (f"  {plain(line)}" for line in event["lines"])
        case "plan":
            yield f"{event['operation']}: {plain(event['summary'])} (plan {event['hash'][:8]})"
            yield from (f"  {plain(line)}" for line in _plan(event))
        case "stage":
            yield from _stage(event)
        case "step":
            yield f"  {plain(event['text'])}"
        case "end":
            yield plain(f"{event['stage'].capitalize()}: {event['result'] or event['stage']}")
        case "left":
            yield plain(event["text"])


def _plan(event: Event) -> Iterator[str]:
    if event["reason"]:
        yield f"Reason: {event['reason']}"
    yield from event["notes"]
    yield from (f"{number}. {step}" for number, step in enumerate(event["steps"], 1))
    yield " · ".join(_facts(event))


def _facts(event: Event) -> Iterator[str]:
    if event["cost_per_hour"] is not None:
        yield f"{event['cost_per_hour']:+.4f} {event['currency']} per hour"
    yield f"takes about {about(timedelta(seconds=event['seconds']))}"
    if event["inverse"]:
        yield f"back with `/clone {event['inverse']}`"


def _stage(event: Event) -> Iterator[str]:
    stage = Stage(event["stage"])
    approved = f" Approved by @{', @'.join(event['approvers'])}." if event["approvers"] else ""
    if event["cancelled_by"]:
        yield f"Cancelled by @{event['cancelled_by']}: it stops at the next safe point."
    elif stage is Stage.AWAITING_APPROVAL:
        until = f", until {event['expires']}" if event["expires"] else ""
        yield f"It awaits approval by somebody else{until}.{approved} {_how(event)}"
    elif stage is Stage.WAITING and event["behind"]:
        yield plain(f"It waits for its turn, behind {event['behind']}.")
    else:
        yield f"It is {stage}.{approved}"


def _how(event: Event) -> str:
    typed = type_this(f"approve {event['operation']}")
    if event["slack"]:
        return f"They type, as their own operating-system user: {typed} — or press Approve in Slack."
    return (
        f"They type, on this machine and as their own operating-system user: {typed} — or, once the bot "
        "serves again, press Approve in Slack."
    )
