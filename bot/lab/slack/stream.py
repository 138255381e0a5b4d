"""What the page is told as it happens, one stream per open page."""

import json
import queue
from collections.abc import Callable, Iterator

from bot.lab.slack.board import Change, Json, Message
from bot.lab.slack.team import Channel
from bot.lab.slack.workspace import Workspace

QUIET_SECONDS = 15.0
_Item = tuple[str, Json] | None


class Streams:
    """The open pages. Each hears only what its person may see."""

    def __init__(self, workspace: Workspace, connected: Callable[[], int]) -> None:
        self._workspace = workspace
        self._connected = connected
        self._open: dict[queue.SimpleQueue[_Item], str] = {}
        workspace.board.listen(self._tell)
        workspace.views.listen(self._tell_views)

    def follow(self, user: str) -> Iterator[str]:
        """Yield server-sent events: first everything, then each change."""
        inbox: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._open[inbox] = user
        try:
            yield _event("snapshot", self._snapshot(user))
            while True:
                try:
                    item = inbox.get(timeout=QUIET_SECONDS)
                except queue.Empty:
                    # Writing is how the server notices that the page is gone.
                    yield ": still here\n\n"
                    continue
                if item is None:
                    return
                yield _event(*item)
        finally:
            self._open.pop(inbox, None)

    def tell_presence(self) -> None:
        """Tell every page whether the bot is connected."""
        for inbox in list(self._open):
            inbox.put(("presence", {"connected": self._connected()}))

    def tell_everything(self) -> None:
        """Tell every page all there is, after people or channels changed."""
        for inbox, user in list(self._open.items()):
            inbox.put(("snapshot", self._snapshot(user)))

    def close(self) -> None:
        """End all streams."""
        for inbox in list(self._open):
            inbox.put(None)

    def _tell(self, change: Change) -> None:
        channel = self._workspace.team.channel(change.message.channel)
        for inbox, user in list(self._open.items()):
            if channel and user in channel.members and change.message.is_visible_to(user):
                inbox.put((change.kind, _message(change.message)))

    def _tell_views(self, user: str) -> None:
        for inbox, viewer in list(self._open.items()):
            if viewer == user:
                inbox.put(("views", self._views(user)))

    def _views(self, user: str) -> Json:
        """What the person has open: the modal in front, how many lie below it, and the home tab."""
        stack = self._workspace.views.stack(user)
        return {
            "modal": stack[-1] if stack else None,
            "below": max(0, len(stack) - 1),
            "home": self._workspace.views.home(user),
        }

    def _snapshot(self, user: str) -> Json:
        team = self._workspace.team
        channels = [channel for channel in team.channels if user in channel.members]
        direct = team.channel(user)
        places = {channel.id: channel for channel in [*channels, *([direct] if direct else [])]}
        messages = [m for m in self._workspace.board.all() if m.channel in places and m.is_visible_to(user)]
        return {
            "user": user,
            "team": team.name,
            "connected": self._connected(),
            "views": self._views(user),
            "people": [_person(self._workspace, person.id) for person in team.people],
            "groups": [{"id": group.id, "handle": group.handle} for group in team.groups],
            "channels": [_channel(channel) for channel in places.values()],
            "messages": [_message(message) for message in messages],
        }


def _event(name: str, data: Json) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def _person(workspace: Workspace, user: str) -> Json:
    person = workspace.team.person(user)
    if person is None:
        return {}
    return {
        "id": person.id,
        "name": person.name,
        "real_name": person.real_name or person.name,
        "title": person.title,
        "bot": person.bot,
        "deactivated": person.deactivated,
        "guest": person.guest,
        "team": person.team,
    }


def _channel(channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "direct": channel.direct,
        "bot_is_in": channel.bot_is_in,
        "purpose": channel.purpose,
        "members": len(channel.members) + channel.bot_is_in,
    }


def _message(message: Message) -> Json:
    return {
        "channel": message.channel,
        "ts": message.ts,
        "user": message.user,
        "text": message.text,
        "blocks": list(message.blocks),
        "edited": message.edited,
        "files": list(message.files),
        "thread_ts": message.thread_ts,
        "ephemeral": message.ephemeral_for is not None,
        "reactions": [list(reaction) for reaction in message.reactions],
    }
