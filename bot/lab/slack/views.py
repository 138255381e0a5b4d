"""The modals that people have open, one above the other, and their App Homes."""

import secrets
import threading
from collections.abc import Callable

from bot.lab.slack.board import Json

MOST_AT_ONCE = 3
_OPTIONAL = {
    "callback_id": "",
    "private_metadata": "",
    "external_id": "",
    "clear_on_close": False,
    "notify_on_close": False,
    "close": None,
    "submit": None,
}


class ViewRefusedError(Exception):
    """The view cannot be shown; the text is Slack's word for why."""


class Views:
    """Who looks at which views. Threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._stacks: dict[str, list[Json]] = {}
        self._homes: dict[str, Json] = {}
        self._listeners: list[Callable[[str], None]] = []

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with a person's id whenever what they look at changed."""
        self._listeners.append(listener)

    def stack(self, user: str) -> list[Json]:
        """List a person's modals, the one in front last."""
        with self._lock:
            return list(self._stacks.get(user, ()))

    def home(self, user: str) -> Json | None:
        """Return what a person's home tab shows."""
        with self._lock:
            return self._homes.get(user)

    def open(self, user: str, view: Json) -> Json:
        """Show a modal in place of all that the person has open."""
        return self._put(user, [], view)

    def push(self, user: str, view: Json) -> Json:
        """Show a modal above the one in front."""
        stack = self.stack(user)
        if len(stack) >= MOST_AT_ONCE:
            raise ViewRefusedError("push_limit_reached")
        return self._put(user, stack, view)

    def update(self, key: str, view: Json, known_hash: str = "") -> Json:
        """Change an open modal, named by its id or by the id that the bot gave it."""
        with self._lock:
            for user, stack in self._stacks.items():
                for index, old in enumerate(stack):
                    if key and key in {old["id"], old["external_id"]}:
                        _check_hash(old, known_hash)
                        stack[index] = new = _describe(view) | _place(old)
                        self._tell(user)
                        return new
        raise ViewRefusedError("not_found")

    def publish(self, user: str, view: Json, known_hash: str = "") -> Json:
        """Show a home tab."""
        with self._lock:
            old = self._homes.get(user)
            if old:
                _check_hash(old, known_hash)
            key = old["id"] if old else _new_id()
            place = {"id": key, "root_view_id": key, "previous_view_id": None}
            self._homes[user] = new = _describe(view) | place
        self._tell(user)
        return new

    def close(self, user: str, *, everything: bool = False) -> list[Json]:
        """Close the modal in front, or all; return what was closed, the one in front first."""
        with self._lock:
            stack = self._stacks.get(user, [])
            closed = [stack.pop() for _ in range(len(stack) if everything else min(1, len(stack)))]
        self._tell(user)
        return closed

    def _put(self, user: str, below: list[Json], view: Json) -> Json:
        new = _describe(view)
        with self._lock:
            if new["external_id"] and any(new["external_id"] == each["external_id"] for each in self._all()):
                raise ViewRefusedError("duplicate_external_id")
            key = _new_id()
            new |= {
                "id": key,
                "root_view_id": below[0]["id"] if below else key,
                "previous_view_id": below[-1]["id"] if below else None,
            }
            self._stacks[user] = [*below, new]
        self._tell(user)
        return new

    def _all(self) -> list[Json]:
        return [view for stack in self._stacks.values() for view in stack] + list(self._homes.values())

    def _tell(self, user: str) -> None:
        for listener in self._listeners:
            listener(user)


def _describe(view: Json) -> Json:
    stamp = f"{secrets.randbelow(10**10):010}.{secrets.token_hex(4)}"
    return {**_OPTIONAL, **view, "hash": stamp, "state": {"values": {}}}


def _place(view: Json) -> Json:
    return {name: view[name] for name in ("id", "root_view_id", "previous_view_id")}


def _check_hash(view: Json, known: str) -> None:
    if known and known != view["hash"]:
        raise ViewRefusedError("hash_conflict")


def _new_id() -> str:
    return "V" + secrets.token_hex(5).upper()
