"""Whatever people type is only ever shown and kept: it runs nowhere, calls nobody, stays one line."""

import json
import os
import random
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.naming import request_id
from bot.domain.operation import Stage
from bot.lab.slack.board import Message
from bot.slack.views.card import APPROVE
from bot.terminal.client import connect, converse
from bot.terminal.wording import lines
from tests.scenarios import hostile
from tests.scenarios.visitor import ADA, BOB, CHANNEL, DAN, Visitor

NUMBER = int(os.environ.get("HOSTILE", "10"))
SEED = int(os.environ.get("INVARIANTS_SEED", time.time_ns() % 1_000_000))
PEOPLE = ("U0ADA", "U0BOB", "U0CAT", "U0DAN", "U0EVE")
LIVE = re.compile(
    r"<!(?!date|subteam\^S0OPS>)|<#|<@U0CAT|S0EVERYBODY>|<(https?|mailto|tel|slack|file|javascript):",
    re.IGNORECASE,
)
UNSEEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\ud800-\udfff]"
)
FIELDS = {
    "the command": (BOB, "{}"),
    "a fleet": (BOB, 'scale "{}" 4'),
    "a number": (BOB, "scale web --dry-run {}"),
    "a topic": (BOB, "help {}"),
    "what to look for": (DAN, 'audit "{}"'),
    "an operation to approve": (ADA, 'approve "{}"'),
    "an operation to deny, and why": (ADA, "deny op-00000000 {}"),
    "a reason": (BOB, 'scale web 4 --dry-run --reason "{}"'),
    "a reason to cancel": (BOB, "cancel op-00000000 {}"),
}
HTTP_ALONE = pytest.mark.parametrize(
    "lab", [pytest.param("http", marks=pytest.mark.xdist_group("http"))], indirect=True
)
"""Where how it comes to the bot does not matter."""
pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def chosen(visitor: Visitor) -> list[str]:
    """All texts, or some of them."""
    every = list(dict.fromkeys(hostile.texts(visitor.lab.folder / "pwned")))
    assert len(every) >= 200
    some = random.Random(SEED).sample(every, min(NUMBER, len(every)))
    sys.stdout.write(f"seed {SEED}: {len(some)} of {len(every)} texts\n")
    return some


def test_what_is_typed_into_a_command_is_only_shown(visitor: Visitor, chosen: list[str]) -> None:
    logged = len(log_lines(visitor))
    with harmless(visitor):
        requests = [
            request_id(visitor.ask(form.format(text.replace('"', "'")), user=user))
            for text in chosen
            for user, form in FIELDS.values()
        ]
        visitor.until(lambda: all_closed(visitor, requests), f"not all are answered (seed {SEED})", 600)

    assert asked_once(visitor, requests)
    told = log_lines(visitor)[logged:]
    assert not told, f"nothing of it is worth a line in the bot's own log: {told[:3]}"


@HTTP_ALONE
def test_what_stands_in_names_is_only_shown(visitor: Visitor, chosen: list[str]) -> None:
    team, requests = visitor.lab.slack.team, []
    try:
        with harmless(visitor):
            for text in chosen:
                name = text.encode(errors="replace").decode()[:80]
                visitor.lab.slack.team = replace(
                    team,
                    people=tuple(
                        replace(each, name=name, real_name=name, title=name) for each in team.people
                    ),
                    groups=tuple(replace(each, handle=name) for each in team.groups),
                    channels=tuple(replace(each, name=name, purpose=name) for each in team.channels),
                )
                for user, command in (
                    (BOB, "whoami"),
                    (BOB, "operations"),
                    (DAN, "scale web 4"),
                    (ADA, "status"),
                ):
                    requests.append(request_id(visitor.ask(command, user=user)))
                visitor.until(lambda: all_closed(visitor, requests[-4:]), f"not answered: {text!r}", 60)
    finally:
        visitor.lab.slack.team = team

    assert asked_once(visitor, requests)


def test_what_stands_in_a_button_is_refused(visitor: Visitor, chosen: list[str]) -> None:
    rows, before = visitor.audit("SELECT count(*) FROM audit"), len(log_lines(visitor))
    with harmless(visitor):
        for text in chosen:
            value = text.encode(errors="replace").decode()[:2000]
            action = {
                "action_id": APPROVE,
                "value": value,
                "action_ts": f"{time.time():.6f}",
                "type": "button",
            }
            payload = {
                "type": "block_actions",
                "user": {"id": ADA, "team_id": "T0LAB"},
                "channel": {"id": CHANNEL},
                "actions": [{**action, "block_id": "forged"}],
            }
            visitor.lab.slack.deliver("interactive", payload)
        told = "A request from Slack failed"
        visitor.until(
            lambda: count(log_lines(visitor)[before:], told) == len(chosen), "not all are logged", 60
        )

    assert len(log_lines(visitor)) == before + len(chosen), "one line for each"
    assert visitor.audit("SELECT count(*) FROM audit") == rows


@HTTP_ALONE
def test_what_is_typed_in_a_terminal_is_only_shown(visitor: Visitor, chosen: list[str]) -> None:
    before = visitor.audit("SELECT count(*) FROM audit WHERE kind = 'requested'")[0][0]
    with harmless(visitor):
        for text in chosen:
            (event,) = converse(connect(visitor.lab.data), f"audit {text}")
            assert event["event"] in {"answer", "refused"}
            assert not [line for line in lines(event) if UNSEEN.search(line)], f"seed {SEED}: {event}"

    assert visitor.audit("SELECT count(*) FROM audit WHERE kind = 'requested'") == [(before + len(chosen),)]


@HTTP_ALONE
def test_a_reason_reaches_no_server_and_no_call_of_aws(visitor: Visitor) -> None:
    reason = f"-rf --delete $(touch {visitor.lab.folder}/pwned) {hostile.MARK} <!channel> @S0EVERYBODY"
    with logging_what_runs(visitor) as kept, harmless(visitor):
        assert visitor.end_of(visitor.open("bake web")).stage is Stage.DONE
        visitor.edit("so that the clones copy it")
        asked = visitor.open(f"scale web 3 --reason '{reason}'")
        visitor.press(asked)
        assert visitor.end_of(asked).stage is Stage.DONE
        denied = visitor.open("scale web 6")
        visitor.ask(f"deny {denied} -- {reason}", user=ADA)
        assert visitor.end_of(denied).stage is Stage.DENIED
        visitor.until(lambda: "Denied" in json.dumps(visitor.card(denied).blocks), "the card does not say it")

    ran = kept.read_text(errors="replace")
    assert "rsync " in ran
    assert hostile.MARK not in ran


# -- what the tests see


@contextmanager
def harmless(visitor: Visitor) -> Iterator[None]:
    """No file is made, nothing reaches AWS, no message holds anything live, logs have whole lines."""
    before = {message.ts for message in posted(visitor)}
    yield
    new = [message for message in posted(visitor) if message.ts not in before]
    for message in new:
        whole = json.dumps([message.text, message.blocks], ensure_ascii=False)
        assert not LIVE.search(whole), f"seed {SEED}: {whole}"
        for text in texts_in([message.text, list(message.blocks)]):
            assert not UNSEEN.search(text), f"seed {SEED}: {text!r}"
    assert not list(visitor.lab.folder.rglob("pwned*")), f"seed {SEED}"
    for call in visitor.lab.aws.calls.all():
        assert hostile.MARK not in f"{call.parameters} {call.user_agent}", f"seed {SEED}: {call.action}"
    assert all(isinstance(json.loads(line), dict) for line in log_lines(visitor))
    assert not visitor.audit(
        "SELECT text FROM audit WHERE text GLOB '*[' || char(1) || '-' || char(31) || ']*'"
    )


def posted(visitor: Visitor) -> list[Message]:
    """Every message of the bot that somebody can see."""
    seen = {m.ts: m for user in PEOPLE for m in visitor.lab.slack.seen_by(user, CHANNEL)}
    return [message for message in seen.values() if message.user == "U0CLONEBOT"]


def texts_in(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        yield from (text for value in part.values() for text in texts_in(value))
    elif isinstance(part, list | tuple):
        yield from (text for each in part for text in texts_in(each))


def all_closed(visitor: Visitor, requests: list[str]) -> bool:
    return kinds(visitor, requests, "answered", "refused") >= len(set(requests))


def asked_once(visitor: Visitor, requests: list[str]) -> bool:
    """One row says that it was asked, and one how it was answered."""
    number = len(set(requests))
    return kinds(visitor, requests, "requested") == kinds(visitor, requests, "answered", "refused") == number


def kinds(visitor: Visitor, requests: list[str], *names: str) -> int:
    sql = """SELECT count(*) FROM audit WHERE operation IN (SELECT value FROM json_each(?))
             AND kind IN (SELECT value FROM json_each(?))"""
    return int(visitor.audit(sql, json.dumps(requests), json.dumps(names))[0][0])


def log_lines(visitor: Visitor) -> list[str]:
    """What the bot logged, but that it serves now: it says so just after it is connected."""
    lines = visitor.lab.log.read_text().split("\n")[:-1]
    return [line for line in lines if '"event": "serving"' not in line]


def count(lines: list[str], words: str) -> int:
    return sum(words in line for line in lines)


@contextmanager
def logging_what_runs(visitor: Visitor) -> Iterator[Path]:
    """The master, and what is made of it, keeps each command and script that comes over SSH."""
    kept = visitor.lab.folder / "ran.log"
    enter = visitor.lab.hosts.disk(visitor.lab.site.master) / "usr/local/bin/enter"
    before = enter.read_text()
    shell = "PATH=$HOST_PATH /bin/sh -c \"cd '$HOST_ROOT' && $SSH_ORIGINAL_COMMAND\""
    script = f"case $SSH_ORIGINAL_COMMAND in *'sh -s'*) tee -a '{kept}' | {shell}; exit;; esac"
    command = f"printf '%s\\n' \"$SSH_ORIGINAL_COMMAND\" >>'{kept}'"
    enter.write_text(f"#!/bin/sh\n{command}\n{script}\n{before}")
    visitor.forget_image_and_rules()
    try:
        yield kept
    finally:
        enter.write_text(before)
        visitor.forget_image_and_rules()
