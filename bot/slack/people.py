"""Who somebody is, as Slack says now."""

import logging

from slack_sdk import WebClient

from bot.domain.errors import ChatError
from bot.domain.people import Person
from bot.slack.calls import Caller, SlackRefused

_LOG = logging.getLogger(__name__)
_NO_SUCH_GROUP = frozenset(
    ("no_such_subteam", "subteam_not_found", "paid_teams_only", "plan_upgrade_required")
)


def find_person(client: WebClient, caller: Caller, team: str, user: str, groups: frozenset[str]) -> Person:
    """Ask Slack about this person and the user groups that they are in."""
    told = caller.call(client.users_info, user=user).get("user")
    if not isinstance(told, dict):
        raise ChatError("Slack says nothing about that person. Try again in a minute.")
    profile = told.get("profile") or {}
    name = profile.get("display_name") or told.get("real_name") or told.get("name") or user
    return Person(
        team=str(told.get("team_id") or team),
        id=user,
        name=str(name),
        active=not told.get("deleted"),
        bot=bool(told.get("is_bot") or told.get("is_workflow_bot") or user == "USLACKBOT"),
        guest=any(told.get(mark) for mark in ("is_restricted", "is_ultra_restricted", "is_stranger")),
        groups=frozenset(group for group in sorted(groups) if user in _members(client, caller, group)),
    )


def _members(client: WebClient, caller: Caller, group: str) -> frozenset[str]:
    try:
        response = caller.call(client.usergroups_users_list, usergroup=group)
    except SlackRefused as refused:
        if refused.code not in _NO_SUCH_GROUP:
            raise
        _LOG.warning("The policy names the user group %s, of which Slack says: %s", group, refused.code)
        return frozenset()
    return frozenset(response.get("users") or ())
