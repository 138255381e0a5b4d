"""Look: gather what a command may know, at the moment it decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot import catalog
from bot.catalog import Parsed
from bot.command import Command, Look
from bot.domain.audit import Entry
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.errors import BotError, RecordsError
from bot.domain.fleet import Fleet, FleetSpec
from bot.domain.images import set_canaries_apart
from bot.domain.keeping import Uses
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.policy import Policy, powers_of, refuse_strangers, require
from bot.domain.schedule import Schedule
from bot.domain.terminal import VIA
from bot.workflow.differences import read_lines
from bot.workflow.examination import examine, read_examined
from bot.workflow.freezes import read_freezes
from bot.workflow.past import channel_of, read_all, read_proved, read_synced
from bot.workflow.together import Together
from bot.world import Chat, Clock, Cloud, Door, Records, Servers, Terminals

MANY = 1000
"""Operations that a digest knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside, and what the fleet file says of it."""

    clock: Clock
    cloud: Cloud
    servers: Servers
    chat: Chat
    records: Records
    specs: tuple[FleetSpec, ...]
    policy: Policy
    commands: tuple[Command, ...]
    digest: Schedule | None = None
    terminals: Terminals | None = None
    examinations: Together[Diagnosis] = field(default_factory=Together)
    """A master is looked at for one at a time, or for all who ask meanwhile."""

    def spec(self, name: str) -> FleetSpec:
        """What the fleet file says of this fleet."""
        return next(spec for spec in self.specs if spec.name == name)

    def door(self, via: str) -> Door:
        """Where people ask who came in this way."""
        return self.terminals if self.terminals and via == VIA else self.chat


def identify(world: World, team: str, user: str, via: str) -> Person:
    """Who this is now, read afresh. Raises NotAllowed for strangers, bots and guests."""
    door = world.door(via)
    home = door.home_team()
    refuse_strangers(Person(team=team, id=user), home)  # ids are unique within a workspace only
    person = door.person(team, user, world.policy.groups)
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
    operations = world.records.operations(limit=MANY) if partial else world.records.operations()
    fleets, unread = _fleets(world, parsed, operations)
    synced = read_synced(world.records, fleets) if partial else {}
    channels = tuple(dict.fromkeys(channel_of(spec, world.digest) for spec in parsed.fleets))
    names = [spec.name for spec in parsed.fleets]
    differences, examined = read_lines(world.records, names), read_examined(world.records, names)
    proved = read_proved(world.records, names)
    frozen = read_freezes(world.records, parsed.fleets, world.clock.now())
    past = read_all(world.records, channels, world.clock.now(), rows=partial)
    return Look(
        now=world.clock.now(),
        person=person,
        powers=powers_of(person, world.policy),
        policy=world.policy,
        specs=world.specs,
        commands=allowed(world, person),
        fleets=fleets,
        unread=unread,
        front=world.cloud.survey(parsed.fleets[0]) if parsed.command.surveys else None,
        operations=operations,
        found=_found(world, parsed),
        past=replace(
            past, synced=synced, differences=differences, examined=examined, proved=proved, frozen=frozen
        ),
        diagnosis=_diagnosis(world, parsed, fleets),
        uses=_uses(world, parsed, fleets),
    )


def _uses(world: World, parsed: Parsed, fleets: tuple[Fleet, ...]) -> Uses | None:
    """Who uses the images, for a command that wants to know. Raises CloudError."""
    if not parsed.command.traces_images:
        return None
    (fleet,) = fleets
    return world.cloud.image_uses(fleet.spec, [image.id for image in fleet.images])


def _diagnosis(world: World, parsed: Parsed, fleets: tuple[Fleet, ...]) -> Diagnosis | None:
    """What the doctor says, for a command that wants to know. Raises CloudError or ServerError."""
    wanted = parsed.command.examines
    if wanted is None or not all(wanted(parsed.args, fleet) for fleet in fleets):
        return None
    (fleet,) = fleets
    return world.examinations.ask(
        fleet.name, lambda: examine(world.cloud, world.servers, world.records, fleet, world.clock.now())
    )


def _fleets(
    world: World, parsed: Parsed, operations: Sequence[Operation]
) -> tuple[tuple[Fleet, ...], dict[str, str]]:
    """What can be described; of the others, why not. The operations were read before, so none is missed."""
    seen: list[Fleet] = []
    unread: dict[str, str] = {}
    for spec in parsed.fleets:
        try:
            seen.append(set_canaries_apart(world.cloud.look(spec), operations))
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
