"""Messages as Slack words them in JSON."""

import secrets

from bot.lab.slack.board import Json, Message
from bot.lab.slack.team import BOT_ID
from bot.lab.slack.workspace import APP_ID, BOT_PROFILE_ID, Workspace


def with_ids(blocks: list[Json]) -> tuple[Json, ...]:
    """Give each block and button the id that Slack gives where the bot chose none."""
    return tuple(_with_id(block) for block in blocks)


def describe(workspace: Workspace, message: Message, *, with_metadata: bool = True) -> Json:
    """Word a message as chat.postMessage and conversations.history do."""
    body: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": workspace.team.id,
    }
    if message.user == BOT_ID:
        body |= {"bot_id": BOT_PROFILE_ID, "app_id": APP_ID}
    if message.blocks:
        body["blocks"] = list(message.blocks)
    if message.files:
        body["files"] = list(message.files)
    if message.edited:
        body["edited"] = {"user": message.user, "ts": message.ts}
    if message.metadata and with_metadata:
        body["metadata"] = message.metadata
    return body | _reactions(message) | _thread(workspace, message)


def _thread(workspace: Workspace, message: Message) -> Json:
    if message.thread_ts:
        return {"thread_ts": message.thread_ts}
    at = (message.channel, message.ts)
    replies = [m for m in workspace.board.all() if (m.channel, m.thread_ts) == at and not m.ephemeral_for]
    if not replies:
        return {}
    return {"thread_ts": message.ts, "reply_count": len(replies), "latest_reply": replies[-1].ts}


def _reactions(message: Message) -> Json:
    users: dict[str, list[str]] = {}
    for name, user in message.reactions:
        users.setdefault(name, []).append(user)
    listed = [{"name": name, "users": by, "count": len(by)} for name, by in users.items()]
    return {"reactions": listed} if listed else {}


def _with_id(block: Json) -> Json:
    block = {"block_id": secrets.token_hex(3), **block}
    if block["type"] == "actions":
        block["elements"] = [_with_action_id(element) for element in block["elements"]]
    for name in ("accessory", "element"):
        if block.get(name, {}).get("type", "image") != "image":
            block[name] = _with_action_id(block[name])
    return block


def _with_action_id(element: Json) -> Json:
    return {"action_id": secrets.token_hex(3), **element}
