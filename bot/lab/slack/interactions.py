"""What people do, as Slack words it for the bot: slash commands and clicks."""

import time
from dataclasses import dataclass

from bot.lab.slack.board import Json, Message
from bot.lab.slack.rules import find_elements
from bot.lab.slack.team import Channel, Person
from bot.lab.slack.wording import describe
from bot.lab.slack.workspace import APP_ID, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A slash command as somebody typed it."""

    command: str
    text: str
    trigger_id: str


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
    workspace: Workspace, person: Person, channel: Channel, message: Message, action_id: str
) -> Json:
    """Word a click on a button of a message."""
    names = {"id": person.id, "username": person.name, "name": person.name, "team_id": workspace.team.id}
    answers = workspace.new_response_url(
        kind="actions", user=person.id, channel=channel.id, original=message.ts
    )
    payload: Json = {
        "type": "block_actions",
        "user": names,
        "api_app_id": APP_ID,
        "token": "lab",
        "container": _container(message),
        "trigger_id": workspace.new_trigger(),
        "team": {"id": workspace.team.id, "domain": workspace.team.name.lower()},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": channel.id, "name": "directmessage" if channel.direct else channel.name},
        "state": {"values": {}},
        "response_url": answers,
        "actions": [_action(message, action_id)],
    }
    # Slack sends no message along when it was ephemeral.
    return payload if message.ephemeral_for else payload | {"message": describe(workspace, message)}


def _container(message: Message) -> Json:
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.ephemeral_for is not None,
    }
    return container | ({"thread_ts": message.thread_ts} if message.thread_ts else {})


def _action(message: Message, action_id: str) -> Json:
    for block, element in find_elements(message.blocks):
        if element["action_id"] == action_id:
            kept = {
                key: element[key] for key in ("action_id", "text", "value", "style", "type") if key in element
            }
            return kept | {"block_id": block["block_id"], "action_ts": f"{time.time():.6f}"}
    raise LookupError(f"the message {message.ts} has no button {action_id!r}")
