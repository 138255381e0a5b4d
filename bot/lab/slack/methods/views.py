"""views.*: modals and App Home, stored and nothing more."""

import secrets
import time

from bot.lab.slack.board import Json
from bot.lab.slack.methods.call import Call, Method, RefusedError
from bot.lab.slack.team import BOT_ID
from bot.lab.slack.workspace import BOT_PROFILE_ID, TRIGGER_SECONDS


def open_view(call: Call) -> Json:
    """Open a modal: once per trigger, within three seconds of what the person did."""
    made = call.workspace.triggers.pop(call.text("trigger_id"), None)
    if made is None or time.monotonic() - made > TRIGGER_SECONDS:
        raise RefusedError("invalid_trigger_id" if made is None else "expired_trigger_id")
    return _store(call, "V" + secrets.token_hex(5).upper())


def update_view(call: Call) -> Json:
    """Change an open modal."""
    if call.text("view_id") not in call.workspace.views:
        raise RefusedError("not_found")
    return _store(call, call.text("view_id"))


def publish_view(call: Call) -> Json:
    """Show a person's App Home."""
    user = call.team.person(call.text("user_id"))
    if user is None:
        raise RefusedError("user_not_found")
    return _store(call, f"VHOME{user.id}")


def _store(call: Call, key: str) -> Json:
    view = call.structure("view")
    if not isinstance(view, dict) or view.get("type") not in {"modal", "home"}:
        raise RefusedError("invalid_arguments", ["missing required field: view"])
    stored = view | {
        "id": key,
        "team_id": call.team.id,
        "bot_id": BOT_PROFILE_ID,
        "app_installed_user": BOT_ID,
    }
    call.workspace.views[key] = stored
    return {"view": stored}


METHODS: dict[str, Method] = {
    "views.open": open_view,
    "views.update": update_view,
    "views.publish": publish_view,
}
