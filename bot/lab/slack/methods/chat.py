"""chat.* and reactions.*: what the bot says."""

from dataclasses import replace
from typing import Any

from bot.lab.slack.block_kit import block_faults, text_error
from bot.lab.slack.board import Board, Json, Message
from bot.lab.slack.methods.call import Call, Method, RefusedError
from bot.lab.slack.team import BOT_ID, Channel
from bot.lab.slack.wording import describe, with_ids


def checked_blocks(text: str, blocks: Any) -> tuple[Json, ...]:
    """Return the blocks as Slack stores them, or raise its error for this text and these blocks."""
    faults = [] if blocks is None else block_faults(blocks)
    if faults:
        raise RefusedError("invalid_blocks", faults)
    error = text_error(text, blocks or [])
    if error:
        raise RefusedError(error, ["a message needs a text of 1 to 40000 characters, also beside blocks"])
    return with_ids(blocks or [])


def post(call: Call) -> Json:
    """Say something in a channel, a thread or to one person directly."""
    channel = call.joined_channel()
    message = call.board.post(
        replace(
            _draft(call, channel),
            thread_ts=post_thread(call, channel),
            metadata=_metadata(call),
        )
    )
    return {"channel": channel.id, "ts": message.ts, "message": describe(call.workspace, message)}


def post_ephemeral(call: Call) -> Json:
    """Say something that only one person sees."""
    channel, user = call.joined_channel(), call.text("user")
    if user not in channel.members:
        raise RefusedError("user_not_in_channel")
    draft = replace(_draft(call, channel), thread_ts=post_thread(call, channel), ephemeral_for=user)
    return {"message_ts": call.board.post(draft).ts}


def update(call: Call) -> Json:
    """Change what the bot said. Without blocks, a text replaces them; without both, nothing is there."""
    message = _own_message(call, "cant_update_message")
    text, blocks = call.text("text"), call.structure("blocks")
    kept = message.blocks if blocks is None and not text else None
    changed = replace(
        message,
        text=text or message.text,
        blocks=kept or checked_blocks(text, blocks),
        edited=True,
        metadata=_metadata(call) if "metadata" in call.args else message.metadata,
    )
    call.board.change(changed)
    return {
        "channel": message.channel,
        "ts": message.ts,
        "text": changed.text,
        "message": describe(call.workspace, changed),
    }


def delete(call: Call) -> Json:
    """Take back what the bot said."""
    message = _own_message(call, "cant_delete_message")
    call.board.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def link(call: Call) -> Json:
    """Give the address of a message."""
    message = call.message("message_ts")
    address = f"{call.workspace.url}/#{message.channel}/{message.ts}"
    return {"channel": message.channel, "permalink": address}


def react(call: Call) -> Json:
    """Put an emoji below a message."""
    message, reaction = call.message("timestamp"), (call.text("name").strip(":"), BOT_ID)
    if not reaction[0]:
        raise RefusedError("invalid_name")
    if reaction in message.reactions:
        raise RefusedError("already_reacted")
    call.board.change(replace(message, reactions=(*message.reactions, reaction)))
    return {}


def _draft(call: Call, channel: Channel) -> Message:
    text = call.text("text")
    blocks = checked_blocks(text, call.structure("blocks"))
    return Message(channel=channel.id, user=BOT_ID, text=text, blocks=blocks)


def _metadata(call: Call) -> Json | None:
    metadata = call.structure("metadata")
    if not metadata:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_payload"), dict):
        raise RefusedError("invalid_metadata_format", ["needs event_type and event_payload"])
    return metadata


def _own_message(call: Call, error: str) -> Message:
    message = call.message()
    if message.user != BOT_ID:
        raise RefusedError(error)
    return message


def post_thread(call: Call, channel: Channel) -> str | None:
    """Find the thread that a message is meant for, if any."""
    thread = call.text("thread_ts")
    if not thread:
        return None
    parent = thread_parent(call.board, channel.id, thread)
    if parent is None:
        call.workspace.problems.append(f"{call.method}: thread_ts {thread} is no message of {channel.id}")
    return parent.ts if parent else thread


def thread_parent(board: Board, channel: str, ts: str) -> Message | None:
    """Find the message that a thread hangs from, also when one of its replies is named."""
    found = board.find(channel, ts)
    return board.find(channel, found.thread_ts) if found and found.thread_ts else found


METHODS: dict[str, Method] = {
    "chat.postMessage": post,
    "chat.postEphemeral": post_ephemeral,
    "chat.update": update,
    "chat.delete": delete,
    "chat.getPermalink": link,
    "reactions.add": react,
}
