"""Look: gather what a command may know, at the moment it decides."""

from dataclasses import dataclass, replace

from bot import catalog
from bot.catalog import Parsed
from bot.command import Command, Look
from bot.domain.audit import Entry
from bot.domain.errors import BotError, RecordsError
from bot.domain.fleet import Fleet, FleetSpec
from bot.domain.people import Person
from bot.domain.policy import Policy, powers_of, refuse_strangers, require
from bot.domain.schedule import Schedule
from bot.workflow.past import channel_of, read_all, read_synced
from bot.world import Chat, Clock, Cloud, Records

MANY = 1000
"""Operations that a digest knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside, and what the fleet file says of it."""

    clock: Clock
    cloud: Cloud
    chat: Chat
    records: Records
    specs: tuple[FleetSpec, ...]
    policy: Policy
    commands: tuple[Command, ...]
    digest: Schedule | None = None

    def spec(self, name: str) -> FleetSpec:
        """What the fleet file says of this fleet."""
        return next(spec for spec in self.specs if spec.name == name)


def identify(world: World, team: str, user: str) -> Person:
    """Who this is now, read afresh. Raises NotAllowed for strangers, bots and guests."""
    home = world.chat.home_team()
    refuse_strangers(Person(team=team, id=user), home)  # ids are unique within a workspace only
    person = world.chat.person(team, user, world.policy.groups)
    refuse_strangers(person, home)
    return person


def understand(world: World, person: Person, text: str, channel: str) -> Parsed:
    """Which command was typed, about which fleets. Raises UsageError or NotAllowed."""
    word = catalog.first_word(text)
    for command in world.commands:
        if command.name == word and not command.open_to(powers_of(person, world.policy)):
            require(person, command.power, world.policy, word)
    return catalog.parse(text, allowed(world, person), world.specs, channel)


def allowed(world: World, person: Person) -> tuple[Command, ...]:
    """The commands that this person may run."""
    powers = powers_of(person, world.policy)
    return tuple(command for command in world.commands if command.open_to(powers))


def look(world: World, person: Person, parsed: Parsed) -> Look:
    """All that this command may know now. Raises CloudError or RecordsError: nothing is missing unsaid."""
    partial = parsed.command.partial
    fleets, unread = _fleets(world, parsed)
    synced = read_synced(world.records, fleets) if partial else {}
    channels = tuple(dict.fromkeys(channel_of(spec, world.digest) for spec in parsed.fleets))
    return Look(
        now=world.clock.now(),
        person=person,
        powers=powers_of(person, world.policy),
        policy=world.policy,
        specs=world.specs,
        commands=allowed(world, person),
        fleets=fleets,
        unread=unread,
        operations=world.records.operations(limit=MANY) if partial else world.records.operations(),
        found=_found(world, parsed),
        past=replace(read_all(world.records, channels, world.clock.now(), rows=partial), synced=synced),
    )


def _fleets(world: World, parsed: Parsed) -> tuple[tuple[Fleet, ...], dict[str, str]]:
    seen: list[Fleet] = []
    unread: dict[str, str] = {}
    for spec in parsed.fleets:
        try:
            seen.append(world.cloud.look(spec))
        except RecordsError:
            raise
        except BotError as error:
            if not parsed.command.partial:
                raise
            unread[spec.name] = str(error)
    return tuple(seen), unread


def _found(world: World, parsed: Parsed) -> tuple[Entry, ...]:
    if parsed.command.search is None:
        return ()
    words = parsed.command.search(parsed.args)
    return world.records.search(words, steps=bool(words))
