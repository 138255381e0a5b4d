"""Who is in the lab's workspace: people, user groups and channels, as values."""

from dataclasses import dataclass, replace

BOT_ID = "U0CLONEBOT"
SLACKBOT_ID = "USLACKBOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account."""

    id: str
    name: str
    real_name: str = ""
    title: str = ""
    deactivated: bool = False
    guest: bool = False
    single_channel: bool = False
    """Of a guest: whether they are let into one channel alone."""
    bot: bool = False
    team: str = ""
    """The workspace of somebody who comes in through a shared channel (Slack Connect); empty for our own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A user group, such as @ops."""

    id: str
    handle: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel, or the direct messages of one person with the bot."""

    id: str
    name: str
    members: tuple[str, ...]
    bot_is_in: bool = True
    purpose: str = ""

    @property
    def direct(self) -> bool:
        """Whether these are direct messages."""
        return self.id.startswith("D")


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A workspace. A change makes a new value: `slack.team = slack.team.deactivated("U0BOB")`."""

    id: str = "T0LAB"
    name: str = "Lab"
    people: tuple[Person, ...]
    groups: tuple[Group, ...] = ()
    channels: tuple[Channel, ...] = ()

    @classmethod
    def example(cls) -> "Team":
        """The lab's own people: a lead who approves, two operators, an auditor, and some who may nothing."""
        everybody = ("U0ADA", "U0BOB", "U0CAT", "U0DAN", "U0EVE", "U0GIL")
        everybody_and_guests = (*everybody, "U0PIA", "U0WIM")
        return cls(
            people=(
                Person(id="U0ADA", name="ada", real_name="Ada Lang", title="lead, approves"),
                Person(id="U0BOB", name="bob", real_name="Bob Rossi", title="operator"),
                Person(id="U0CAT", name="cat", real_name="Cat Novak", title="operator"),
                Person(id="U0DAN", name="dan", real_name="Dan Meyer", title="auditor"),
                Person(id="U0EVE", name="eve", real_name="Eve Moss", title="colleague, no role"),
                Person(id="U0GIL", name="gil", real_name="Gil Perez", title="guest", guest=True),
                Person(
                    id="U0PIA",
                    name="pia",
                    real_name="Pia Lund",
                    title="guest in one channel",
                    guest=True,
                    single_channel=True,
                ),
                Person(
                    id="U0WIM", name="wim", real_name="Wim Bos", title="of another company", team="T0PARTNER"
                ),
                Person(id="U0ZOE", name="zoe", real_name="Zoe Quist", title="left", deactivated=True),
                Person(id="U0ROB", name="rob", real_name="Deploy Robot", title="another bot", bot=True),
                Person(id=BOT_ID, name="clonebot", real_name="Clonebot", bot=True),
                Person(id=SLACKBOT_ID, name="slackbot", real_name="Slackbot", bot=True),
            ),
            groups=(
                Group(id="S0OPS", handle="ops", members=("U0BOB", "U0CAT")),
                Group(
                    id="S0EVERYBODY",
                    handle="everybody",
                    members=("U0ADA", "U0EVE", "U0GIL", "U0ROB", "U0ZOE"),
                ),
            ),
            channels=(
                Channel(
                    id="C0WEB", name="web-servers", members=everybody_and_guests, purpose="The fleet web"
                ),
                Channel(id="C0GENERAL", name="general", members=everybody, bot_is_in=False),
            ),
        )

    def person(self, user: str) -> Person | None:
        """Find a person by id."""
        return next((person for person in self.people if person.id == user), None)

    def channel(self, channel: str) -> Channel | None:
        """Find a channel by its id or #name, or direct messages by their id or the person's."""
        name = channel.removeprefix("#")
        known = (found for found in self.channels if channel == found.id or name == found.name)
        return next(known, None) or self._direct(channel)

    def visitors(self, channel: Channel) -> tuple[str, ...]:
        """Name the other workspaces that share a channel."""
        people = (self.person(user) for user in channel.members)
        return tuple(sorted({person.team for person in people if person and person.team}))

    def group(self, group: str) -> Group | None:
        """Find a user group by id."""
        return next((found for found in self.groups if found.id == group), None)

    def deactivated(self, user: str) -> "Team":
        """Say what the team is once somebody's account is switched off."""
        people = tuple(replace(p, deactivated=True) if p.id == user else p for p in self.people)
        return replace(self, people=people)

    def with_group(self, group: str, *members: str) -> "Team":
        """Say what the team is once a user group has exactly these members."""
        groups = tuple(replace(g, members=members) if g.id == group else g for g in self.groups)
        return replace(self, groups=groups)

    def _direct(self, channel: str) -> Channel | None:
        person = self.person("U" + channel[1:]) if channel[:1] in {"D", "U"} else None
        if person is None or person.bot:
            return None
        return Channel(id="D" + person.id[1:], name=person.name, members=(person.id,))
