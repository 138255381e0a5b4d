"""What people do in modals and on App Home, and what becomes of it."""

from collections.abc import Callable
from typing import Any

from bot.lab.slack.board import Json
from bot.lab.slack.choices import Values, missing, state
from bot.lab.slack.interactions import (
    Deed,
    closing_payload,
    event_payload,
    submission_payload,
    view_action_payload,
)
from bot.lab.slack.methods.call import RefusedError
from bot.lab.slack.methods.views import checked_view
from bot.lab.slack.team import Person
from bot.lab.slack.views import ViewRefusedError
from bot.lab.slack.workspace import Workspace

Deliver = Callable[[str, Json], Json]
HOME_OPENED = "app_home_opened"


class Dialogs:
    """Lets people use the views that the bot shows them."""

    def __init__(self, workspace: Workspace, deliver: Deliver) -> None:
        self._workspace = workspace
        self._deliver = deliver
        self.subscribed: frozenset[str] = frozenset()
        """The events that the app subscribes to in its manifest."""

    def act(
        self, user: str, view_id: str, action_id: str, value: Any = None, values: Values | None = None
    ) -> None:
        """Press or choose something in a view. Raises BotSilentError when no acknowledgement comes."""
        person, view = self._person(user), self._view(user, view_id)
        deed = Deed(action_id=action_id, value=value, values=values or {})
        self._deliver("interactive", view_action_payload(self._workspace, person, view, deed))

    def submit(self, user: str, values: Values) -> dict[str, str]:
        """Send the modal in front; return what is said to be wrong, by block id."""
        person, view = self._person(user), self._front(user)
        held: Json = state(view["blocks"], values)
        complaints = missing(view["blocks"], held)
        if complaints:
            return complaints
        answer = self._deliver("interactive", submission_payload(self._workspace, person, view, held))
        return self._follow(user, view, answer)

    def close(self, user: str, *, everything: bool = False) -> None:
        """Close the modal in front, as its button and the Escape key do, or all of them."""
        person = self._person(user)
        everything = everything or bool(self._front(user)["clear_on_close"])
        for view in self._workspace.views.close(user, everything=everything):
            if view["notify_on_close"]:
                payload = closing_payload(self._workspace, person, view, cleared=everything)
                self._deliver("interactive", payload)

    def open_home(self, user: str) -> None:
        """Look at the bot's home tab."""
        if HOME_OPENED not in self.subscribed:
            return
        view = self._workspace.views.home(user)
        event: Json = {"type": HOME_OPENED, "user": user, "channel": "D" + user[1:], "tab": "home"}
        event |= {"view": view} if view else {}
        self._deliver("events_api", event_payload(self._workspace, event))

    def _follow(self, user: str, view: Json, answer: Json) -> dict[str, str]:
        """Do what the bot answers to a submission."""
        views = self._workspace.views
        match answer.get("response_action"):
            case None:
                views.close(user)
            case "clear":
                views.close(user, everything=True)
            case "errors":
                return self._complaints(view, answer.get("errors"))
            case "update" | "push" as wish:
                self._show(user, view, wish, answer.get("view"))
            case other:
                self._note(f"unknown response_action {other!r}")
        return {}

    def _complaints(self, view: Json, errors: Any) -> dict[str, str]:
        inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            self._note(f"errors must name input blocks, of which there are {sorted(inputs)}")
            return {}
        return {block: str(text) for block, text in errors.items()}

    def _show(self, user: str, view: Json, wish: str, wanted: Any) -> None:
        views = self._workspace.views
        try:
            new = checked_view(self._workspace, wanted)
            if wish == "push":
                views.push(user, new)
            else:
                views.update(view["id"], new)
        except RefusedError as refused:
            self._note("; ".join([refused.error, *refused.details]))
        except ViewRefusedError as refused:
            self._note(str(refused))

    def _note(self, problem: str) -> None:
        self._workspace.problems.append(f"answer to view_submission: {problem}")

    def _person(self, user: str) -> Person:
        person = self._workspace.team.person(user)
        if person is None:
            raise LookupError(f"there is nobody with the id {user}")
        return person

    def _front(self, user: str) -> Json:
        stack = self._workspace.views.stack(user)
        if not stack:
            raise LookupError(f"{user} has no modal open")
        return stack[-1]

    def _view(self, user: str, view_id: str) -> Json:
        home = self._workspace.views.home(user)
        seen = [*self._workspace.views.stack(user)[-1:], *([home] if home else [])]
        found = next((view for view in seen if view["id"] == view_id), None)
        if found is None:
            raise LookupError(f"{user} sees no view {view_id}")
        return found
