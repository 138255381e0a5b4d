"""views.*: modals and App Home."""

from collections.abc import Callable

from bot.lab.slack.block_kit import view_faults
from bot.lab.slack.board import Json
from bot.lab.slack.methods.call import Call, Method, RefusedError
from bot.lab.slack.team import BOT_ID
from bot.lab.slack.views import ViewRefusedError
from bot.lab.slack.wording import with_ids
from bot.lab.slack.workspace import APP_ID, BOT_PROFILE_ID, Workspace


def open_view(call: Call) -> Json:
    """Open a modal: once per trigger, within three seconds of what the person did."""
    view = _view(call, "modal")
    user = _spend_trigger(call)
    return _shown(lambda: call.workspace.views.open(user, view))


def push_view(call: Call) -> Json:
    """Put a modal above the one that is open."""
    view = _view(call, "modal")
    user = _spend_trigger(call)
    if not call.workspace.views.stack(user):
        raise RefusedError("not_found")
    return _shown(lambda: call.workspace.views.push(user, view))


def update_view(call: Call) -> Json:
    """Change an open modal."""
    key, view = call.text("view_id") or call.text("external_id"), _view(call, "modal")
    return _shown(lambda: call.workspace.views.update(key, view, call.text("hash")))


def publish_view(call: Call) -> Json:
    """Show a person's App Home."""
    user, view = call.team.person(call.text("user_id")), _view(call, "home")
    if user is None:
        raise RefusedError("user_not_found")
    return _shown(lambda: call.workspace.views.publish(user.id, view, call.text("hash")))


def checked_view(workspace: Workspace, view: Json) -> Json:
    """Return a view as Slack stores it, or raise its error."""
    faults = view_faults(view)
    if faults:
        raise RefusedError("invalid_arguments", faults)
    return view | {
        "blocks": list(with_ids(view["blocks"])),
        "team_id": workspace.team.id,
        "app_id": APP_ID,
        "app_installed_team_id": workspace.team.id,
        "bot_id": BOT_PROFILE_ID,
        "app_installed_user": BOT_ID,
    }


def _view(call: Call, kind: str) -> Json:
    view = checked_view(call.workspace, call.structure("view"))
    if view["type"] != kind:
        raise RefusedError("invalid_arguments", [f"must be of type {kind} [json-pointer:/view/type]"])
    return view


def _spend_trigger(call: Call) -> str:
    trigger = call.workspace.triggers.get(call.text("trigger_id"))
    if trigger is None:
        raise RefusedError("invalid_trigger_id")
    if trigger.used or trigger.expired:
        raise RefusedError("exchanged_trigger_id" if trigger.used else "expired_trigger_id")
    trigger.used = True
    return trigger.user


def _shown(show: Callable[[], Json]) -> Json:
    try:
        return {"view": show()}
    except ViewRefusedError as refused:
        raise RefusedError(str(refused)) from refused


METHODS: dict[str, Method] = {
    "views.open": open_view,
    "views.push": push_view,
    "views.update": update_view,
    "views.publish": publish_view,
}
