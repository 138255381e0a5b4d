"""The outside world, in our words. Adapters and fakes keep these promises; `tests/adapters` checks both."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.audit import Entry, Kind
from bot.domain.digest import Digest
from bot.domain.fleet import Content, Fleet, FleetSpec, Recipe, Server, Service
from bot.domain.operation import Operation
from bot.domain.people import Person
from bot.domain.plan import Launch, RouteWrites
from bot.domain.proof import Facts


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

    def servers(self, spec: FleetSpec, ids: Sequence[str]) -> Mapping[str, Server]:
        """Describe these instances, in service or not; those that AWS does not know (yet) are left out."""

    def bake(self, spec: FleetSpec, master: str, *, operation: str, action: str) -> str:
        """Begin a clone image of the running master without a reboot; return its id. Tagged in the call."""

    def image_ready(self, spec: FleetSpec, image: str) -> bool:
        """Whether the image can be launched. CloudError if it failed."""

    def launch(self, spec: FleetSpec, order: Launch, *, operation: str, action: str) -> tuple[str, ...]:
        """Start up to `order.count` servers, at least one, in one call that tags them; return their ids."""

    def host_keys(self, spec: FleetSpec, server: str) -> tuple[str, ...]:
        """The SSH host keys ("ssh-ed25519 AAAA…") that its console shows; none while it shows none."""

    def put_in_service(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Register with the fleet's target group."""

    def take_out(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Deregister from the fleet's target group; requests in flight go on."""

    def service(self, spec: FleetSpec, servers: Sequence[str]) -> Mapping[str, Service]:
        """Whether the load balancer sends requests to each of these."""

    def quarantine(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Tag as quarantined. They are out of service already."""

    def terminate(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """End these servers. Refuses (CloudError) whatever is not tagged as a clone of this fleet."""

    def route_writes(self, spec: FleetSpec, rules: RouteWrites, *, action: str) -> None:
        """Make the master serve the writes' target group and add the missing listener rules."""


class Servers(Protocol):
    """The servers, over SSH with pinned host keys. Every method raises a ServerError of our own."""

    def reach(self, spec: FleetSpec, server: Server) -> None:
        """Connect and run a command that does nothing."""

    def prepare(self, spec: FleetSpec, server: Server, recipe: Recipe) -> None:
        """Apply a filled-in recipe and renew the identity. Safe to repeat."""

    def clock(self, spec: FleetSpec, server: Server) -> int:
        """Read the server's own clock, as Unix time."""

    def facts(self, spec: FleetSpec, server: Server, recipe: Recipe, *, as_of: int = 0) -> Facts:
        """Collect what the proof needs, over one connection.

        With `as_of`, a moment in Unix time, the content's fingerprint leaves out folders and later files.
        """

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


class Chat(Protocol):
    """Slack. Every method raises ChatError."""

    def home_team(self) -> str:
        """The id of our workspace."""

    def person(self, team: str, user: str, groups: frozenset[str]) -> Person:
        """Who this is now, and which of these user groups they are in. Never from a cache."""

    def answer(self, request: Request, title: str, lines: Sequence[str]) -> None:
        """Tell only the person who asked, where they asked."""

    def show(self, operation: Operation) -> str:
        """Post the operation's live message, or bring it up to date; return its id."""

    def note(self, operation: Operation, text: str) -> None:
        """Add a line to the thread of the operation's live message."""

    def post_digest(self, channel: str, digest: Digest) -> str:
        """Post a digest, unless one with its id is there; return the message's id."""


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

    def after(self, seq: int, kinds: Collection[Kind]) -> tuple[Entry, ...]:
        """Rows of these kinds after that one, oldest first."""

    def unanswered(self) -> tuple[Entry, ...]:
        """Requests of the last hour that nothing followed yet, oldest first."""

    def check(self) -> None:
        """Raise RecordsError unless a row could be written now."""
