"""What a scenario does and sees, all of it from outside the bot: Slack, AWS, HTTP and the records file."""

import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from typing import Any

from bot.domain.naming import request_id
from bot.domain.operation import Operation, Stage
from bot.lab.lab import Lab
from bot.lab.slack.board import Message
from bot.lab.slack.sockets import BotSilentError
from bot.lab.visit import serving_clones
from bot.records.log import SqliteRecords
from bot.slack.views.card import APPROVE, DENY

CHANNEL = "C0WEB"
ADA, BOB, CAT, DAN, EVE = "U0ADA", "U0BOB", "U0CAT", "U0DAN", "U0EVE"
SECONDS = 90


class Visitor:
    """Somebody in the lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    # -- doing

    def ask(self, text: str, *, user: str = BOB, channel: str = CHANNEL) -> str:
        """Type `/clone text`; return the trigger id."""
        return self.lab.slack.command(user, channel, text)

    def ask_with(self, trigger: str, text: str) -> str:
        """Type it with this trigger id, as when Slack delivers a command again; return the operation's id."""
        self.lab.slack.command(BOB, CHANNEL, text, trigger_id=trigger)
        return request_id(trigger)

    def hear(self, text: str, *, user: str = BOB) -> str:
        """Type it, and read the private answer."""
        before = {message.ts for message in self.lab.slack.seen_by(user, CHANNEL)}
        self.ask(text, user=user)
        answer = self.lab.slack.wait_for(lambda m: m.ephemeral_for == user and m.ts not in before, SECONDS)
        return read(answer)

    def open(self, text: str, *, user: str = BOB) -> str:
        """Type it, and return the id of the operation that it opens."""
        operation = request_id(self.ask(text, user=user))
        self.lab.slack.wait_for(lambda message: _is_about(message, operation), SECONDS)
        return operation

    def press(self, operation: str, *, user: str = ADA, button: str = APPROVE) -> None:
        """Press a button of the operation's card, once it is there."""
        self.until(lambda: _has_button(self.card(operation), button), f"the card has no {button}")
        self.lab.slack.click(user, CHANNEL, self.card(operation).ts, button)

    def try_to_press(self, operation: str) -> None:
        """Press Approve, though the bot may be dead or have taken the button away."""
        for card in self.cards(operation):
            with suppress(LookupError, BotSilentError):
                self.lab.slack.click(ADA, CHANNEL, card.ts, APPROVE)

    def forget_image_and_rules(self) -> None:
        """Let the account be as before the first clone: no image, no listener rules."""
        ec2, elb = self.lab.client("ec2"), self.lab.client("elbv2")
        for image in ec2.describe_images(Owners=["self"])["Images"]:
            if any(tag["Key"] == "clonebot:fleet" for tag in image.get("Tags", ())):
                ec2.deregister_image(ImageId=image["ImageId"])
        for rule in elb.describe_rules(ListenerArn=self.lab.site.listener)["Rules"]:
            if not rule["IsDefault"]:
                elb.delete_rule(RuleArn=rule["RuleArn"])

    def deny(self, operation: str, *, user: str = ADA) -> None:
        """Press Deny."""
        self.press(operation, user=user, button=DENY)

    def agreed(self, text: str) -> Operation:
        """Ask for it; the lead approves, and it ends."""
        operation = self.open(text)
        self.press(operation)
        return self.end_of(operation)

    def scale(self, count: int, *, approve: bool | None = None) -> Operation:
        """Ask for this many clones, approve if that is needed, and wait for the end."""
        operation = self.open(f"scale web {count}")
        if approve is not False and self.operation(operation).stage is Stage.AWAITING_APPROVAL:
            self.press(operation)
        return self.end_of(operation)

    def tidy(self) -> None:
        """Let nothing be open, and leave no clone behind, whatever it holds."""
        self.lab.aws.faults.clear()
        with closing(SqliteRecords(self.lab.records)) as records:
            known = records.operations()
        for operation in known:
            if operation.stage is Stage.AWAITING_APPROVAL:
                self.ask(f"deny {operation.id}", user=ADA)
            self.end_of(operation.id)
        if self.clones():
            self._scale_away()
        for server in self.clones():
            self.lab.client("ec2").terminate_instances(InstanceIds=[server])
        self.until(lambda: not self.clones(), "quarantined servers are left")

    def _scale_away(self) -> None:
        if any("clone" in {tag["Value"] for tag in each["Tags"]} for each in self.clones().values()):
            operation = self.open("scale web 0 --discard")
            assert self.end_of(operation).stage is Stage.DONE

    def edit(self, text: str) -> None:
        """Change a page on the master by hand, so that new clones have something to copy."""
        page = self.lab.hosts.disk(self.lab.site.master) / "var/www/html/news.html"
        page.write_text(f"<p>{text}</p>\n")

    def give_name(self, clone: str, name: str) -> None:
        """Let a clone be called otherwise."""
        (self.lab.hosts.disk(clone) / "etc/hostname").write_text(f"{name}\n")

    def spoil(self, clone: str) -> Operation:
        """Break a clone by hand, so that it calls itself as the master does, and have it found."""
        master = self.lab.hosts.disk(self.lab.site.master) / "etc/hostname"
        self.give_name(clone, master.read_text().strip())
        return self.end_of(self.open("prove"))

    def upload(self, name: str, content: bytes) -> int:
        """Upload a file through the load balancer."""
        return self.post(f"/upload?name={name}", content)

    def post(self, path: str, body: bytes) -> int:
        """POST through the load balancer; the status."""
        request = urllib.request.Request(self.lab.site.site_url + path, data=body, method="POST")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)

    # -- seeing

    def card(self, operation: str) -> Message:
        """The operation's live message."""
        return next(m for m in self.lab.slack.messages(CHANNEL) if _is_about(m, operation))

    def shows(self, operation: str, text: str, seconds: float = SECONDS) -> str:
        """Wait until the card says this, for its updates come at Slack's pace; all that it says then."""
        self.until(lambda: text in read(self.card(operation)), f"the card does not say {text!r}", seconds)
        return read(self.card(operation))

    def cards(self, operation: str) -> list[Message]:
        """Every message that claims to be the operation's live one."""
        return [m for m in self.lab.slack.messages(CHANNEL) if _is_about(m, operation)]

    def answers(self, user: str) -> list[Message]:
        """What this person alone was told in the channel."""
        return [message for message in self.lab.slack.seen_by(user, CHANNEL) if message.ephemeral_for]

    def operation(self, operation: str) -> Operation:
        """What the records say of it."""
        with closing(SqliteRecords(self.lab.records)) as records:
            found = records.operation(operation)
        assert found, f"no operation {operation}"
        return found

    def knows(self, operation: str) -> bool:
        """Whether the records know an operation of this id."""
        return bool(
            self.lab.records.exists() and self.audit("SELECT 1 FROM operations WHERE id = ?", operation)
        )

    def end_of(self, operation: str, seconds: float = SECONDS) -> Operation:
        """Wait until it has ended."""
        self.until(lambda: self.operation(operation).stage.ended, f"{operation} has not ended", seconds)
        return self.operation(operation)

    def until(self, look: Callable[[], Any], otherwise: str, seconds: float = SECONDS) -> Any:
        """Wait until `look` returns something, and return that."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(
            f"{otherwise} after {seconds} s; the bot's log: {self.lab.log.read_text()[-3000:]}"
        )

    def serving(self) -> list[str]:
        """The clones that serve, as AWS says."""
        return serving_clones(self.lab)

    def clones(self) -> dict[str, dict[str, Any]]:
        """Every living instance that carries the fleet's tag, the master aside."""
        alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
        found = self.lab.client("ec2").describe_instances(Filters=alive)["Reservations"]
        every = {each["InstanceId"]: each for group in found for each in group["Instances"]}
        return {name: each for name, each in every.items() if name != self.lab.site.master}

    def quarantined(self) -> list[str]:
        """Those of them that are set aside, as their tags say."""
        role = {"Key": "clonebot:role", "Value": "quarantined"}
        return [name for name, each in self.clones().items() if role in each["Tags"]]

    def ever_launched(self, operation: str) -> list[str]:
        """Every instance that this operation ever launched, the terminated ones included."""
        mine = [{"Name": "tag:clonebot:operation", "Values": [operation]}]
        found = self.lab.client("ec2").describe_instances(Filters=mine)["Reservations"]
        return [each["InstanceId"] for group in found for each in group["Instances"]]

    def fetch(self, server: str, path: str) -> tuple[int, bytes]:
        """GET from one server, past the load balancer."""
        found = self.lab.client("ec2").describe_instances(InstanceIds=[server])["Reservations"][0][
            "Instances"
        ][0]
        return get(f"http://{found['PrivateIpAddress']}:8080{path}")

    def audit(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Read the records file as any SQLite client would."""
        with closing(sqlite3.connect(f"file:{self.lab.records}?mode=ro", uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def began(self, operation: str, what: str) -> float:
        """When the last action whose description is like this began, as Unix time."""
        sql = "SELECT max(at) FROM audit WHERE kind = 'intent' AND operation = ? AND text LIKE ?"
        return datetime.fromisoformat(self.audit(sql, operation, what)[0][0]).timestamp()

    def assert_audit_is_complete(self) -> None:
        """The chain is whole, the log tells our state, each call that changed AWS was announced before."""
        with closing(SqliteRecords(self.lab.records)) as records:
            assert not records.first_fault()
            # The bot may write between the two looks.
            self.until(lambda: records.replayed() == _kept(records), "the log does not tell our state", 10)
        assert not self.intents_without_outcome()
        assert not self.unannounced_calls()

    def intents_without_outcome(self) -> list[tuple[str, int]]:
        """Actions of ended operations that were begun, and nobody wrote what became of them."""
        rows = self.audit("SELECT action, attempt, kind FROM audit WHERE kind IN ('intent', 'outcome')")
        counts = Counter((action, attempt) for action, attempt, _ in rows)
        return [one for one, number in counts.items() if number != 2]

    def unannounced_calls(self) -> list[str]:
        """Mutating calls of the bot whose action had no intent in the log when they arrived."""
        rows = self.audit("SELECT action, at FROM audit WHERE kind = 'intent'")
        first: dict[str, float] = {}
        for action, at in rows:
            moment = datetime.fromisoformat(at).timestamp()
            first[action] = min(moment, first.get(action, moment))
        wrong = []
        for call in self.lab.aws.calls.mutating():
            _, found, rest = call.user_agent.partition("clonebot/")
            if found and first.get(rest.split(" ")[0], float("inf")) > call.at:
                wrong.append(f"{call.action} {rest}")
        return wrong

    # -- killing

    def kill_when(self, happens: Callable[["Visitor"], bool]) -> threading.Event:
        """Kill the bot once this is so, looked at all the time; the event says that it was done."""
        killed = threading.Event()

        def watch() -> None:
            deadline = time.monotonic() + SECONDS
            while time.monotonic() < deadline:
                if happens(self):
                    self.lab.kill_bot()
                    killed.set()
                    return
                time.sleep(0.002)

        threading.Thread(target=watch, daemon=True).start()
        return killed


def _kept(records: SqliteRecords) -> dict[str, Operation]:
    return {operation.id: operation for operation in records.operations(limit=1000)}


def read(message: Message) -> str:
    """All the words of a message."""
    words = [message.text]
    for block in message.blocks:
        words += _texts(block)
    return "\n".join(words)


def get(url: str) -> tuple[int, bytes]:
    """GET; status and body."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _texts(part: Any) -> list[str]:
    if isinstance(part, dict):
        own = [part["text"]] if isinstance(part.get("text"), str) else []
        return own + [text for value in part.values() for text in _texts(value)]
    if isinstance(part, list | tuple):
        return [text for each in part for text in _texts(each)]
    return []


def _is_about(message: Message, operation: str) -> bool:
    payload = (message.metadata or {}).get("event_payload") or {}
    return payload.get("operation") == operation


def _has_button(message: Message, button: str) -> bool:
    rows = (block["elements"] for block in message.blocks if block["type"] == "actions")
    return any(element["action_id"] == button for row in rows for element in row)
