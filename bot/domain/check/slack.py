"""What is judged of Slack."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from bot.domain.check.verdict import Verdict, failed, passed, unproven

TOKEN = "Slack: SLACK_BOT_TOKEN"  # noqa: S105 (a name)
SCOPES = "Slack: scopes"
TEAM = "Slack: workspace"
WAY_IN = "Slack: the way in"
_MANIFEST = "deploy/slack-manifest.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What Slack says of the bot's token."""

    team: str
    user: str
    scopes: frozenset[str] | None
    """None where Slack did not say."""
    clock: float | None
    """How many seconds Slack's clock is ahead of ours."""


def judge_token(token: Token, needed: Collection[str], team: str) -> Iterator[Verdict]:
    """`team` is the workspace that the fleet file's table [terminal] names; empty where there is none."""
    yield passed(TOKEN, f"Slack takes it, for {token.user} in {token.team}")
    yield _judge_scopes(token.scopes, needed)
    if team:
        yield _judge_team(token.team, team)


def _judge_scopes(scopes: frozenset[str] | None, needed: Collection[str]) -> Verdict:
    if scopes is None:
        return unproven(SCOPES, "Slack did not say which the token has")
    if missing := sorted(set(needed) - scopes):
        remedy = f"Add to the app's manifest what {_MANIFEST} has, and reinstall the app."
        return failed(SCOPES, f"the token lacks {', '.join(missing)}", remedy)
    more = sorted(scopes - set(needed))
    beyond = f"; beyond them, and not needed: {', '.join(more)}" if more else ""
    return passed(SCOPES, f"all {len(needed)} that {_MANIFEST} asks for{beyond}")


def _judge_team(team: str, expected: str) -> Verdict:
    if team == expected:
        return passed(TEAM, f"{team}, as the fleet file says")
    return failed(
        TEAM,
        f"the token is for {team}, and `terminal.team` says {expected}",
        "Correct whichever is wrong.",
        configuration=True,
    )


def judge_channel(channel: str, used_by: Collection[str], trouble: str) -> Verdict:
    """`trouble` is what Slack says against it."""
    about = f"Slack: channel {channel}"
    whose = ", ".join(used_by)
    if not trouble:
        return passed(about, f"the bot is in it ({whose})")
    return failed(
        about,
        f"{trouble} ({whose})",
        f"Type `/invite @clonebot` there, or correct {channel} in the fleet file.",
    )


def judge_group(group: str, trouble: str) -> Verdict:
    """Whether Slack knows a user group that the policy names."""
    about = f"Slack: user group {group}"
    if not trouble:
        return passed(about, "Slack says who is in it")
    return failed(about, trouble, "Correct it in `[policy.roles]`: as it is, it gives nobody a role.")


def judge_signing_secret(*, present: bool) -> Verdict:
    """Without SLACK_APP_TOKEN, Slack calls us, and signs."""
    if present:
        says = (
            "SLACK_SIGNING_SECRET is set (no SLACK_APP_TOKEN, so over HTTP); Slack's first request proves it"
        )
        return unproven(WAY_IN, says)
    return failed(
        WAY_IN,
        "neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set",
        "Set one: https://api.slack.com/apps, your app, Basic Information.",
        configuration=True,
    )
