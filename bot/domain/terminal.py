"""Who people at a terminal are: the `[terminal]` table of the fleet file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.domain.errors import ConfigError

VIA = "terminal"
"""How the audit log calls this way in."""
_TEAM = re.compile(r"[TE][A-Z0-9]{2,}")
_PERSON = re.compile(r"[UW][A-Z0-9]{2,}")
_ACCOUNT = re.compile(r"[^\s:/\x00-\x1f\x7f-][^\s:/\x00-\x1f\x7f]{0,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """The `[terminal]` table. It is read afresh at each start only, as the whole fleet file is."""

    team: str
    """The id of your Slack workspace (T…), for when Slack cannot be asked."""
    users: Mapping[str, str]
    """Operating-system user names, and the Slack user id (U…) of the person behind each."""

    def require_team(self, team: str) -> None:
        """Raise ConfigError if Slack says that our workspace is another."""
        if team != self.team:
            raise ConfigError(
                f"terminal.team: expected `{team}`, as Slack calls this workspace, found `{self.team}`. "
                "Correct the fleet file and start me again."
            )


def problems(terminal: Terminal) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the table: the key, and the sentence."""
    if not _TEAM.fullmatch(terminal.team):
        yield ("team",), f"expected a workspace's id (T…), found {terminal.team!a}"
    if not terminal.users:
        yield ("users",), "names nobody; name somebody, or remove the table [terminal]"
    for account, person in terminal.users.items():
        if not _ACCOUNT.fullmatch(account):
            yield ("users", account), "expected the name of an operating-system user"
        if not _PERSON.fullmatch(person):
            yield (
                ("users", account),
                f"expected a Slack user id (U…, W…; names can change, ids cannot), found {person!a}",
            )
