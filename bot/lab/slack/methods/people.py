"""auth.*, apps.*, users.*, usergroups.*: who is who."""

from bot.lab.slack.board import Json
from bot.lab.slack.methods.call import Call, Method, RefusedError, page_of
from bot.lab.slack.team import BOT_ID, SLACKBOT_ID, Group, Person
from bot.lab.slack.workspace import APP_ID, BOT_PROFILE_ID


def test_auth(call: Call) -> Json:
    """Say whose token it is."""
    return {
        "url": call.workspace.url + "/",
        "team": call.team.name,
        "user": "clonebot",
        "team_id": call.team.id,
        "user_id": BOT_ID,
        "bot_id": BOT_PROFILE_ID,
        "is_enterprise_install": False,
    }


def open_connection(call: Call) -> Json:
    """Give out the address of a socket."""
    address = call.workspace.url.replace("http://", "ws://", 1)
    return {"url": f"{address}/link/?ticket={call.workspace.new_ticket()}&app_id={APP_ID}"}


def show_user(call: Call) -> Json:
    """Describe a person."""
    return {"user": _describe(call, call.person())}


def list_users(call: Call) -> Json:
    """Describe everybody."""
    people, metadata = page_of(call, list(call.team.people))
    return {"members": [_describe(call, person) for person in people], "response_metadata": metadata}


def list_groups(call: Call) -> Json:
    """Describe the user groups."""
    with_users = call.flag("include_users")
    return {"usergroups": [_describe_group(call, group, with_users=with_users) for group in call.team.groups]}


def list_group_members(call: Call) -> Json:
    """Say who is in a user group; Slack leaves out switched-off accounts."""
    group = call.team.group(call.text("usergroup"))
    if group is None:
        raise RefusedError("no_such_subteam")
    return {"users": _members(call, group)}


def _members(call: Call, group: Group) -> list[str]:
    people = (call.team.person(user) for user in group.members)
    return [person.id for person in people if person and not person.deactivated]


def _describe_group(call: Call, group: Group, *, with_users: bool) -> Json:
    members = _members(call, group)
    return {
        "id": group.id,
        "team_id": call.team.id,
        "is_usergroup": True,
        "name": group.handle,
        "handle": group.handle,
        "date_delete": 0,
        "user_count": len(members),
        **({"users": members} if with_users else {}),
    }


def _describe(call: Call, person: Person) -> Json:
    real_name = person.real_name or person.name
    profile = {
        "real_name": real_name,
        "display_name": person.name,
        "title": person.title,
        "team": person.team or call.team.id,
    }
    described = {
        "id": person.id,
        "team_id": person.team or call.team.id,
        "name": person.name,
        "deleted": person.deactivated,
        "profile": profile,
        # Of its own Slackbot, Slack says that it is none.
        "is_bot": person.bot and person.id != SLACKBOT_ID,
        "is_app_user": False,
        "updated": 0,
    }
    if person.deactivated:
        return described
    # Slack sends these only for accounts that are switched on.
    return described | {
        "real_name": real_name,
        "tz": "Europe/Berlin",
        "is_admin": False,
        "is_owner": False,
        "is_restricted": person.guest,
        "is_ultra_restricted": person.single_channel,
    }


METHODS: dict[str, Method] = {
    "auth.test": test_auth,
    "apps.connections.open": open_connection,
    "users.info": show_user,
    "users.list": list_users,
    "usergroups.list": list_groups,
    "usergroups.users.list": list_group_members,
}
