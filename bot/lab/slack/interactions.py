"""What people do, as Slack words it for the bot: slash commands, clicks, modals, events."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from bot.lab.slack.block_kit import find_elements
from bot.lab.slack.board import Json, Message
from bot.lab.slack.choices import Values, choice, state
from bot.lab.slack.team import BOT_ID, Channel, Person
from bot.lab.slack.wording import describe
from bot.lab.slack.workspace import APP_ID, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A slash command as somebody typed it."""

    command: str
    text: str
    trigger_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What somebody did with an element: which, what they chose there, and what stands in the others."""

    action_id: str
    value: Any = None
    values: Values = field(default_factory=dict)


def command_payload(workspace: Workspace, person: Person, channel: Channel, typed: Typed) -> Json:
    """Word a slash command."""
    return {
        "token": "lab",
        "team_id": workspace.team.id,
        "team_domain": workspace.team.name.lower(),
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.direct else channel.name,
        "user_id": person.id,
        "user_name": person.name,
        "command": typed.command,
        "text": typed.text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": workspace.new_response_url(kind="commands", user=person.id, channel=channel.id),
        "trigger_id": typed.trigger_id,
    }


def click_payload(
    workspace: Workspace, person: Person, channel: Channel, message: Message, deed: Deed
) -> Json:
    """Word what somebody did with an element of a message."""
    answers = workspace.new_response_url(
        kind="actions", user=person.id, channel=channel.id, original=message.ts
    )
    payload: Json = _who(workspace, person) | {
        "type": "block_actions",
        "container": _container(message),
        "trigger_id": workspace.new_trigger(person.id),
        "channel": {"id": channel.id, "name": "directmessage" if channel.direct else channel.name},
        "state": state(message.blocks, deed.values),
        "response_url": answers,
        "actions": [_action(list(message.blocks), deed)],
    }
    # Slack sends no message along when it was ephemeral.
    return payload if message.ephemeral_for else payload | {"message": describe(workspace, message)}


def view_action_payload(workspace: Workspace, person: Person, view: Json, deed: Deed) -> Json:
    """Word what somebody did with an element of a modal or of App Home."""
    return _who(workspace, person) | {
        "type": "block_actions",
        "container": {"type": "view", "view_id": view["id"]},
        "trigger_id": workspace.new_trigger(person.id),
        "view": view | {"state": state(view["blocks"], deed.values)},
        "actions": [_action(view["blocks"], deed)],
    }


def submission_payload(workspace: Workspace, person: Person, view: Json, held: Json) -> Json:
    """Word that somebody sent a modal; `held` is what its elements hold."""
    return _who(workspace, person) | {
        "type": "view_submission",
        "trigger_id": workspace.new_trigger(person.id),
        "view": view | {"state": held},
        "response_urls": [],
    }


def closing_payload(workspace: Workspace, person: Person, view: Json, *, cleared: bool) -> Json:
    """Word that somebody closed a modal; `cleared` says that all were closed at once."""
    return _who(workspace, person) | {"type": "view_closed", "view": view, "is_cleared": cleared}


def event_payload(workspace: Workspace, event: Json) -> Json:
    """Word an event; sent again it keeps its id."""
    return {
        "token": "lab",
        "team_id": workspace.team.id,
        "context_team_id": workspace.team.id,
        "api_app_id": APP_ID,
        "type": "event_callback",
        "event": event,
        "event_id": "Ev" + secrets.token_hex(5).upper(),
        "event_time": int(time.time()),
        "is_ext_shared_channel": False,
        "authorizations": [
            {
                "team_id": workspace.team.id,
                "user_id": BOT_ID,
                "is_bot": True,
                "enterprise_id": None,
                "is_enterprise_install": False,
            }
        ],
    }


def _who(workspace: Workspace, person: Person) -> Json:
    team = workspace.team
    return {
        "user": {
            "id": person.id,
            "username": person.name,
            "name": person.name,
            "team_id": person.team or team.id,
        },
        "api_app_id": APP_ID,
        "token": "lab",
        "team": {"id": team.id, "domain": team.name.lower()},
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _container(message: Message) -> Json:
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.ephemeral_for is not None,
    }
    return container | ({"thread_ts": message.thread_ts} if message.thread_ts else {})


def _action(blocks: list[Json], deed: Deed) -> Json:
    for block, element in find_elements(blocks):
        if element["action_id"] == deed.action_id:
            named = {"type": element["type"], "action_id": deed.action_id, "block_id": block["block_id"]}
            return named | choice(element, deed.value) | {"action_ts": f"{time.time():.6f}"}
    raise LookupError(f"there is no button {deed.action_id!r}")
