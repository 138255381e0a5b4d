"""files.*: uploads in three steps, as files_upload_v2 makes them."""

from bot.lab.slack.board import Json, Message
from bot.lab.slack.methods.call import Call, Method, RefusedError
from bot.lab.slack.methods.chat import checked_blocks, post_thread
from bot.lab.slack.team import BOT_ID
from bot.lab.slack.uploads import File


def announce(call: Call) -> Json:
    """Say where a file may be sent."""
    name, length = call.text("filename"), call.number("length", 0)
    if not name or not length:
        missing = "length" if name else "filename"
        raise RefusedError("invalid_arguments", [f"missing required field: {missing}"])
    file = File(name=name, length=length, user=BOT_ID, alt_text=call.text("alt_txt"))
    call.workspace.files[file.id] = file
    return {"file_id": file.id, "upload_url": f"{call.workspace.url}/upload/v1/{file.key}"}


def complete(call: Call) -> Json:
    """Share files that were sent, all in one message."""
    asked = call.structure("files")
    if not isinstance(asked, list) or not asked:
        raise RefusedError("invalid_arguments", ["missing required field: files"])
    files = [_sent(call, each) for each in asked]
    if call.text("channel_id"):
        _share(call, files)
    return {"files": [file.describe(call.workspace.url) for file in files]}


def show(call: Call) -> Json:
    """Describe a file."""
    file = call.workspace.files.get(call.text("file"))
    if file is None or file.data is None:
        raise RefusedError("file_not_found")
    return {"file": file.describe(call.workspace.url)}


def _sent(call: Call, asked: Json) -> File:
    file = call.workspace.files.get(str(asked.get("id")))
    if file is None or file.data is None:
        raise RefusedError("file_not_found")
    file.title = str(asked.get("title") or "")
    return file


def _share(call: Call, files: list[File]) -> None:
    channel = call.joined_channel("channel_id")
    text = call.text("initial_comment")
    blocks = call.structure("blocks")
    for file in files:
        file.channel = channel.id
    call.board.post(
        Message(
            channel=channel.id,
            user=BOT_ID,
            text=text,
            blocks=checked_blocks(text or files[0].name, blocks) if blocks else (),
            files=tuple(file.describe(call.workspace.url) for file in files),
            thread_ts=post_thread(call, channel),
        )
    )


METHODS: dict[str, Method] = {
    "files.getUploadURLExternal": announce,
    "files.completeUploadExternal": complete,
    "files.info": show,
}
