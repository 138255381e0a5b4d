"""What a request from Slack must look like before anything reads it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints, ValidationError

_Id = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,40}\z")]
_Trigger = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,400}\z")]
_Moment = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,9})?\z")]


class _Command(BaseModel):
    """https://docs.slack.dev/interactivity/implementing-slash-commands/."""

    command: str
    text: str = ""
    trigger_id: _Trigger
    team_id: _Id
    user_id: _Id
    channel_id: _Id
    response_url: str = ""


class _Named(BaseModel):
    id: _Id


class _Clicker(_Named):
    team_id: _Id | None = None


class _Action(BaseModel):
    action_id: str
    value: str | None = None
    action_ts: _Moment


class _Click(BaseModel):
    """https://docs.slack.dev/reference/interaction-payloads/block_actions-payload/."""

    user: _Clicker
    team: _Named | None = None
    channel: _Named | None = None
    actions: Annotated[list[_Action], Field(min_length=1)]
    response_url: str = ""


class _Challenge(BaseModel):
    challenge: str


class _Event(BaseModel):
    """https://docs.slack.dev/apis/events-api/."""

    event: dict[str, Any]


_SHAPES: Mapping[str, type[BaseModel]] = {
    "block_actions": _Click,
    "event_callback": _Event,
    "url_verification": _Challenge,
}


def is_readable(body: Mapping[str, Any]) -> bool:
    """Whether it is of a kind that we know, with all its parts in the form that Slack gives them."""
    shape = _Command if "command" in body else _SHAPES.get(str(body.get("type")))
    try:
        return shape is not None and bool(shape.model_validate(body))
    except ValidationError:
        return False
