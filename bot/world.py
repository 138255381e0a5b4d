"""The outside world, in our words. Adapters and fakes keep these promises; `tests/adapters` checks both."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.adoption import MakeBalancer, MakeGroups, ReleaseMaster
from bot.domain.audit import Entry, Kind
from bot.domain.digest import Digest
from bot.domain.doctor.aws.facts import AwsFacts
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.facts import ServerFacts
from bot.domain.fleet import (
    Content,
    Fleet,
    FleetSpec,
    Image,
    ImageState,
    Recipe,
    Role,
    Server,
    Service,
    Sighting,
)
from bot.domain.front import Front
from bot.domain.keeping import Uses
from bot.domain.notice import Notice
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.plan import Launch, RouteWrites
from bot.domain.proof import Facts
from bot.domain.quiesce import Quiesce
from bot.domain.reach import Place
from bot.domain.relay import Relay


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something a person typed or pressed."""

    id: str
    """Derived from chat's own unique key, so that a repeated delivery is the same request."""
    text: str
    team: str
    user: str
    channel: str
    via: str
    reply_to: str = ""
    """Where chat wants a private answer; empty if nowhere."""
    plan: str = ""
    """Hash of the plan that the pressed button was shown with; empty for what was typed."""
    account: str = ""
    """The operating-system user, in a terminal."""


class Clock(Protocol):
    """Time."""

    def now(self) -> datetime:
        """Return the time now, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Cloud(Protocol):
    """AWS. Every method raises a CloudError of our own; none retries for longer than two minutes.

    `action` is the id of the action on whose behalf a call is made: it goes into the request's User-Agent.
    Each mutating method is safe to repeat with the same `action`.
    """

    def look(self, spec: FleetSpec) -> Fleet:
        """Describe a fleet as it is now, in a fixed number of calls. BotError if the master is gone."""

    def members(self, spec: FleetSpec) -> Fleet:
        """The same without images and rules, which stay empty: for who does not decide about them."""

    def servers(self, spec: FleetSpec, ids: Sequence[str]) -> Mapping[str, Server]:
        """Describe these instances; those that AWS does not know (yet) are left out.

        In one call for a hundred of them: whether they serve is not looked at, but by `service`.
        """

    def census(self, spec: FleetSpec) -> tuple[Sighting, ...]:
        """Whatever carries the fleet's tag, in any state, or is in its target group; not the master."""

    def inspect(self, spec: FleetSpec) -> AwsFacts:
        """Read all that the doctor judges of the master. Parts that are denied are `unread`, and why."""

    def bake(  # noqa: PLR0913 (what it is made of and how, and what its tags say)
        self,
        spec: FleetSpec,
        master: str,
        *,
        version: str,
        doctor: str,
        reboot: bool,
        operation: str,
        action: str,
    ) -> str:
        """Begin a clone image of the running master, which reboots or not; return its id. Tagged in the call.

        `version` is that of the content before it begins, `doctor` what was found of the master.
        With the same action: the image that there is.
        """

    def image_begun(self, spec: FleetSpec, master: str, *, action: str) -> bool:
        """Whether this bake's snapshots have begun: what is written from then on is not part of them."""

    def image_ready(self, spec: FleetSpec, image: str) -> Image | None:
        """The image, once it can be launched. CloudError if it failed."""

    def mark_image(self, spec: FleetSpec, image: str, state: ImageState, *, action: str) -> None:
        """Tag an image and its snapshots as good or bad. CloudError if it is not one of this fleet."""

    def pin_image(self, spec: FleetSpec, image: str, *, pinned: bool, action: str) -> None:
        """Tag an image as pinned, or as not pinned any more. CloudError if it is not one of this fleet."""

    def image_uses(self, spec: FleetSpec, images: Sequence[str]) -> Uses:
        """Who in the account uses these images: living servers, and all versions of launch templates."""

    def remove_image(
        self, spec: FleetSpec, image: str, snapshots: Sequence[str], *, action: str
    ) -> Mapping[str, str]:
        """Deregister an image, then delete these snapshots; return which of them stay, and why.

        What is gone already is no error, and what is not tagged as this fleet's is left alone. CloudError,
        and nothing done, if the image is another fleet's, or pinned.
        """

    def launch(
        self, spec: FleetSpec, order: Launch, *, operation: str, action: str, again: bool = False
    ) -> tuple[str, ...]:
        """Start up to `order.count` servers, at least one, in one call that tags them; return their ids.

        `again` says that it may have been asked for long ago: what that started is looked for first.
        """

    def host_keys(self, spec: FleetSpec, server: str) -> tuple[str, ...]:
        """The SSH host keys ("ssh-ed25519 AAAA…") that its console shows; none while it shows none."""

    def put_in_service(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Register with the fleet's target group."""

    def take_out(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Deregister from the fleet's target group; requests in flight go on."""

    def service(self, spec: FleetSpec, servers: Sequence[str]) -> Mapping[str, Service]:
        """Whether the load balancer sends requests to each of these."""

    def quarantine(self, spec: FleetSpec, servers: Sequence[str], *, until: datetime, action: str) -> None:
        """Tag as quarantined, and `until` when they are kept. They are out of service already."""

    def release(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Tag quarantined servers as clones again. Refuses (CloudError) whatever is neither in this fleet."""

    def terminate(
        self, spec: FleetSpec, servers: Sequence[str], *, role: Role = Role.CLONE, action: str
    ) -> None:
        """End these servers. Refuses (CloudError) whatever is not tagged with this role in this fleet."""

    def route_writes(self, spec: FleetSpec, rules: RouteWrites, *, action: str) -> None:
        """Make the master serve the writes' target group and add the missing listener rules."""

    # What `adopt` makes carries the fleet's tag and the operation's, and is found again by its name and tag.

    def survey(self, spec: FleetSpec) -> Front:
        """Describe how the master stands, and what stands in front of it."""

    def claim(self, spec: FleetSpec, *, operation: str, action: str) -> None:
        """Tag the master as this fleet's, with how it stands now; one that is claimed stays as it is."""

    def make_groups(self, spec: FleetSpec, order: MakeGroups, *, operation: str, action: str) -> None:
        """Make target groups. CloudError if somebody else's have these names."""

    def make_balancer(self, spec: FleetSpec, order: MakeBalancer, *, operation: str, action: str) -> None:
        """Make a load balancer that forwards to the fleet's target group. CloudError if it cannot be."""

    def balancer_ready(self, spec: FleetSpec) -> bool:
        """Whether the load balancer that was made takes requests. CloudError if it never will."""

    def protect(self, spec: FleetSpec, *, terminate: bool, stop: bool, action: str) -> None:
        """Protect the master from being terminated and from being stopped, or no more."""

    def release_master(self, spec: FleetSpec, order: ReleaseMaster, *, action: str) -> None:
        """Remove the listener rules for writes and deregister the master; requests in flight go on."""

    def is_released(self, spec: FleetSpec, order: ReleaseMaster) -> bool:
        """Whether its last request has ended."""

    def remove_front(self, spec: FleetSpec, *, only: str = "", action: str) -> None:
        """Remove what `adopt` made, or `only` what this operation of it made.

        NotThereYet while AWS still holds on to some of it.
        """

    def disclaim(self, spec: FleetSpec, *, action: str) -> None:
        """Remove the fleet's tags from the master."""


class Servers(Protocol):
    """The servers, over SSH with pinned host keys. Every method raises a ServerError of our own."""

    def reach(self, spec: FleetSpec, server: Server) -> None:
        """Connect and run a command that does nothing."""

    def hold_still(self, spec: FleetSpec, master: Server, quiesce: Quiesce, *, key: str) -> None:
        """Run the commands that quiesce a master. If one fails, it is undone, and RemoteFailed raised.

        After `quiesce.seconds` the master undoes it by itself, whether or not anybody can reach it.
        """

    def let_go(self, spec: FleetSpec, master: Server, quiesce: Quiesce, *, key: str) -> bool:
        """Undo it, once; return whether the master was held without a break until now. Safe to repeat."""

    def prepare(self, spec: FleetSpec, server: Server, recipe: Recipe, *, relay: Relay | None = None) -> None:
        """Apply a filled-in recipe, renew the identity, relay writes or stop relaying. Safe to repeat.

        RemoteFailed, and nothing done, if the server has no web server that can relay.
        """

    def clock(self, spec: FleetSpec, server: Server) -> int:
        """Read the server's own clock, as Unix time."""

    def facts(
        self,
        spec: FleetSpec,
        server: Server,
        recipe: Recipe,
        *,
        as_of: int = 0,
        relay: Relay | None = None,
    ) -> Facts:
        """Collect what the proof needs, over one connection.

        With `as_of`, a moment in Unix time, the content's fingerprint leaves out folders and later files.
        With `relay`, it is also asked whether what is to be passed on would reach the master.
        """

    def reaches(self, spec: FleetSpec, server: Server, places: Sequence[Place]) -> frozenset[Place]:
        """Which of these places take a connection from there; over the connection that there is."""

    def inspect(self, spec: FleetSpec, master: Server) -> ServerFacts:
        """Look at a master for the doctor, in one pass that writes nothing there.

        What the account may not read is said in the facts. RemoteFailed if what it prints makes no sense.
        """

    def content_version(self, spec: FleetSpec, master: Server, content: Content) -> str:
        """A word for the content as it is now, on the disk: another one once anything of it was changed.

        A folder counts as changed also when something excluded comes or goes in it. It says nothing of other
        servers: theirs differ though they hold the same. Empty if the content is, or cannot be read whole.
        """

    def remember_content(self, spec: FleetSpec, clone: Server, content: Content) -> None:
        """Remember on a clone that what it holds now is what was copied, unless it remembers that already."""

    def offer_content(
        self, spec: FleetSpec, master: Server, clones: Sequence[Server], content: Content, *, sync: str
    ) -> Mapping[str, str]:
        """Let these clones, and nobody else, read the master's content until `withdraw_content`.

        Each clone gets a key of its own, good for this one `sync`. Returns, for each clone where that
        failed, why. UnsafeSource if the content is missing or empty.
        """

    def pull_content(
        self, spec: FleetSpec, master: Server, clone: Server, content: Content, *, sync: str
    ) -> None:
        """Make one clone's content equal to the master's, and remember there what was copied."""

    def withdraw_content(
        self, spec: FleetSpec, master: Server, clones: Sequence[Server], *, sync: str
    ) -> None:
        """Remove the keys of this sync (and those left over from a crash) everywhere. Safe to repeat."""

    def strays(self, spec: FleetSpec, master: Server, clone: Server, content: Content) -> tuple[str, ...]:
        """Files written on the clone since its last sync that the master does not hold as they are."""


class Door(Protocol):
    """Where people ask. Every method raises ChatError."""

    def home_team(self) -> str:
        """The id of our workspace."""

    def person(self, team: str, user: str, groups: frozenset[str]) -> Person:
        """Who this is now, and which of these user groups they are in. Never from a cache."""

    def answer(self, request: Request, title: str, lines: Sequence[str]) -> None:
        """Tell only the person who asked, where they asked."""

    def report(self, request: Request, channel: str, diagnosis: Diagnosis) -> None:
        """Tell the person who asked; in Slack, also show the whole of it, once, in the fleet's channel."""


class Terminals(Door, Protocol):
    """Where people ask who sit at a terminal of this machine."""

    def step(self, operation_id: str, text: str) -> None:
        """Tell who follows this operation, if anybody does, how far it is. Raises nothing."""


class Chat(Door, Protocol):
    """Slack. Every method raises ChatError."""

    def show(self, operation: Operation) -> str:
        """Post the operation's live message, or bring it up to date; return its id."""

    def note(self, operation: Operation, text: str) -> None:
        """Add a line to the thread of the operation's live message."""

    def post_digest(self, channel: str, digest: Digest) -> str:
        """Post a digest, unless one with its id is there; return the message's id."""

    def post_notice(self, channel: str, notice: Notice) -> str:
        """Post a notice, unless one with its id is there; return the message's id."""


class Records(Protocol):
    """The audit log, and our state, which is nothing but the log read again. Raises RecordsError."""

    def append(self, entry: Entry) -> Entry:
        """Write one row and what follows from it, durably, in one transaction; return it as written.

        A row whose key exists already is returned as it was written then. Raises Conflict, and writes
        nothing, if the operation's life does not allow it.
        """

    def begin(self, entry: Entry) -> Entry:
        """Write the intent of an action's next attempt; one before without outcome becomes unknown."""

    def operation(self, operation_id: str) -> Operation | None:
        """Look up one operation."""

    def operations(self, *, limit: int = 20) -> tuple[Operation, ...]:
        """Those that have not ended, and then the newest of the others, newest first."""

    def search(self, words: str, *, limit: int = 20, steps: bool = True) -> tuple[Entry, ...]:
        """Rows that hold all these words, newest first; without `steps` (and words), what people did."""

    def find(self, key: str) -> Entry | None:
        """Look up the row with this key."""

    def newest(self, operation: str, kind: Kind) -> Entry | None:
        """Look up the newest row of this kind that is filed under this operation."""

    def filed(self, operation: str, kind: Kind) -> tuple[Entry, ...]:
        """All rows of this kind that are filed under this operation, oldest first."""

    def after(self, seq: int, kinds: Collection[Kind], *, limit: int | None = None) -> tuple[Entry, ...]:
        """Rows of these kinds after that one, oldest first."""

    def unanswered(self) -> tuple[Entry, ...]:
        """Requests of the last hour that nothing followed yet, oldest first."""

    def check(self) -> None:
        """Raise RecordsError unless a row could be written now."""
