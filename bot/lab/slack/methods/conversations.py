"""conversations.*: channels and what was said in them."""

import math

from bot.lab.slack.board import Json, Message
from bot.lab.slack.methods.call import Call, Method, RefusedError, page_of
from bot.lab.slack.methods.chat import thread_parent
from bot.lab.slack.team import BOT_ID, Channel
from bot.lab.slack.wording import describe


def show(call: Call) -> Json:
    """Describe a channel."""
    return {"channel": _describe_channel(call, call.channel())}


def list_channels(call: Call) -> Json:
    """Describe all channels."""
    channels, metadata = page_of(call, list(call.team.channels))
    return {
        "channels": [_describe_channel(call, channel) for channel in channels],
        "response_metadata": metadata,
    }


def list_members(call: Call) -> Json:
    """Say who is in a channel."""
    channel = call.channel()
    everybody = [*channel.members, *([BOT_ID] if channel.bot_is_in else [])]
    members, metadata = page_of(call, everybody)
    return {"members": members, "response_metadata": metadata}


def open_direct(call: Call) -> Json:
    """Give the channel of the direct messages with one person."""
    channel = call.team.channel(call.text("users"))
    if channel is None or not channel.direct:
        raise RefusedError("user_not_found")
    return {"channel": {"id": channel.id}}


def show_history(call: Call) -> Json:
    """List what was said in a channel, newest first, without replies and ephemeral messages."""
    channel = call.joined_channel()
    messages = [
        m for m in call.board.all() if _is_public(m, channel) and m.thread_ts is None and _in_range(call, m)
    ]
    return _page(call, messages[::-1])


def show_replies(call: Call) -> Json:
    """List a message and the replies to it, oldest first."""
    channel = call.joined_channel()
    parent = thread_parent(call.board, channel.id, call.text("ts"))
    if parent is None or parent.ephemeral_for:
        raise RefusedError("thread_not_found")
    replies = [m for m in call.board.all() if _is_public(m, channel) and m.thread_ts == parent.ts]
    return _page(call, [parent, *(m for m in replies if _in_range(call, m))])


def _page(call: Call, messages: list[Message]) -> Json:
    page, metadata = page_of(call, messages)
    with_metadata = call.flag("include_all_metadata")
    return {
        "messages": [describe(call.workspace, m, with_metadata=with_metadata) for m in page],
        "has_more": bool(metadata["next_cursor"]),
        "response_metadata": metadata,
    }


def _is_public(message: Message, channel: Channel) -> bool:
    return message.channel == channel.id and not message.ephemeral_for


def _in_range(call: Call, message: Message) -> bool:
    oldest, latest, said = call.stamp("oldest", 0), call.stamp("latest", math.inf), float(message.ts)
    return oldest < said < latest or (call.flag("inclusive") and said in {oldest, latest})


def _describe_channel(call: Call, channel: Channel) -> Json:
    visitors = call.team.visitors(channel)
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.direct,
        "is_im": channel.direct,
        "is_private": channel.direct,
        "is_archived": False,
        "is_shared": bool(visitors),
        "is_ext_shared": bool(visitors),
        "is_org_shared": False,
        "shared_team_ids": [call.team.id, *visitors],
        "is_member": channel.bot_is_in,
        "num_members": len(channel.members) + channel.bot_is_in,
        "purpose": {"value": channel.purpose, "creator": "", "last_set": 0},
    }


METHODS: dict[str, Method] = {
    "conversations.info": show,
    "conversations.list": list_channels,
    "conversations.members": list_members,
    "conversations.open": open_direct,
    "conversations.history": show_history,
    "conversations.replies": show_replies,
}
