"""Chat with people at a terminal; Slack is asked who they are where it can be, and is never needed."""

from collections.abc import Sequence

from bot.domain.digest import Digest
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.errors import ChatError, ChatUnavailable, NotAllowed
from bot.domain.notice import Notice
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.terminal import Terminal
from bot.terminal.followers import Followers, Noted, Reported, Told
from bot.world import Chat, Request

_GONE = "Nobody waits for it at a terminal any more."


class TerminalChat:
    """`world.Terminals`, through whoever follows what they asked for."""

    def __init__(self, slack: Chat, terminal: Terminal, followers: Followers) -> None:
        self._slack = slack
        self._terminal = terminal
        self._followers = followers

    def home_team(self) -> str:
        """The id of our workspace; the fleet file's where Slack cannot be asked."""
        try:
            team = self._slack.home_team()
        except ChatUnavailable:
            return self._terminal.team
        self._terminal.require_team(team)
        return team

    def person(self, team: str, user: str, groups: frozenset[str]) -> Person:
        """Who this is now; where Slack cannot be asked, whom the fleet file names, in no group."""
        try:
            return self._slack.person(team, user, groups)
        except ChatUnavailable:
            if user not in self._terminal.users.values():
                raise NotAllowed("The fleet file's table [terminal] does not name you any more.") from None
            return Person(team=team, id=user, unasked=True)

    def answer(self, request: Request, title: str, lines: Sequence[str]) -> None:
        """Tell only the person who asked, if they are still there."""
        if not self._followers.tell(request.id, Told(title, tuple(lines))):
            raise ChatError(_GONE)

    def report(self, request: Request, channel: str, diagnosis: Diagnosis) -> None:  # noqa: ARG002 (for Slack)
        """Tell only the person who asked, and all of it."""
        if not self._followers.tell(request.id, Reported(diagnosis)):
            raise ChatError(_GONE)

    def step(self, operation_id: str, text: str) -> None:
        """Tell who follows this operation how far it is."""
        self._followers.tell(operation_id, Noted(text))


class NoSlack:
    """Slack where there is no token for it: as one that cannot be reached."""

    def home_team(self) -> str:
        """See `world.Chat`."""
        raise _unasked()

    def person(self, team: str, user: str, groups: frozenset[str]) -> Person:  # noqa: ARG002 (the Protocol's)
        """See `world.Chat`."""
        raise _unasked()

    def answer(self, request: Request, title: str, lines: Sequence[str]) -> None:  # noqa: ARG002 (the same)
        """See `world.Chat`."""
        raise _unasked()

    def report(self, request: Request, channel: str, diagnosis: Diagnosis) -> None:  # noqa: ARG002 (the same)
        """See `world.Chat`."""
        raise _unasked()

    def show(self, operation: Operation) -> str:  # noqa: ARG002 (the same)
        """See `world.Chat`."""
        raise _unasked()

    def note(self, operation: Operation, text: str) -> None:  # noqa: ARG002 (the same)
        """See `world.Chat`."""
        raise _unasked()

    def post_digest(self, channel: str, digest: Digest) -> str:  # noqa: ARG002 (the same)
        """See `world.Chat`."""
        raise _unasked()

    def post_notice(self, channel: str, notice: Notice) -> str:  # noqa: ARG002 (the same)
        """See `world.Chat`."""
        raise _unasked()


def _unasked() -> ChatUnavailable:
    return ChatUnavailable("There is no SLACK_BOT_TOKEN here, so Slack is not asked.")
