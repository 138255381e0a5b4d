"""A bench: the whole workflow between fakes and real records, driven step by step without an engine."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

from bot import catalog
from bot.domain.audit import Entry, Kind
from bot.domain.errors import RecordsError
from bot.domain.fleet import Content, FleetSpec, Recipe, Rewrite, Service, Ssh, Writes
from bot.domain.operation import Operation
from bot.domain.pace import Pace
from bot.domain.people import Person, Power
from bot.domain.plan import RouteWrites
from bot.domain.policy import Approval, Policy
from bot.domain.schedule import Schedule
from bot.domain.tally import Tally, to_json
from bot.domain.terminal import Terminal
from bot.records.log import SqliteRecords
from bot.terminal.chat import TerminalChat
from bot.terminal.followers import Followers
from bot.workflow.carry_out import Carrier
from bot.workflow.desk import Desk
from bot.workflow.digests import Digests
from bot.workflow.look import World
from bot.workflow.messages import Messages
from bot.workflow.notices import Notices
from bot.workflow.outbox import Outbox
from bot.workflow.reconcile import Reconciler
from bot.world import Request
from tests.adapters.cloud_fake import FakeCloud
from tests.adapters.servers_fake import FakeServers
from tests.slack.chat_fake import FakeChat

T = TypeVar("T")

STRIDE = int(os.environ.get("STRIDE", "13"))
"""Power is cut at every so many calls; before and after meet different ones. `make invariants` takes each."""

TEAM = "T0LAB"
ADA, LEA, BOB, EVE = (Person(team=TEAM, id=f"U0{name}") for name in ("ADA", "LEA", "BOB", "EVE"))
OPERATORS = "S0OPS"
INDEX = "/var/www/html/index.html"

SPEC = FleetSpec(
    name="web",
    region="eu-central-1",
    channel="C0WEB",
    master="i-master",
    target_group="arn:web",
    subnets=("subnet-a", "subnet-b"),
    ssh=Ssh(user="admin", key_file="/key"),
    content=Content(paths=("/var/www/html",)),
    writes=Writes(target_group="arn:web-writes"),
    recipe=Recipe(
        services=("sitedb",),
        rewrite=(Rewrite(file="/etc/site.conf", find="db=localhost", replace="db={{ master.private_ip }}"),),
    ),
    max_clones=8,
)
POLICY = Policy(
    roles={Power.OPERATOR: (OPERATORS, LEA.id), Power.APPROVER: (ADA.id, LEA.id), Power.VIEWER: (EVE.id,)},
    approval=Approval(scale_out_above=2),
)

TERMINAL = Terminal(
    team=TEAM, users={"bob": BOB.id, "ada": ADA.id, "lea": LEA.id, "root": LEA.id, "eve": EVE.id}
)


@dataclass
class FakeClock:
    """Time that passes at once; `passing` hears of every wait."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
    passing: Callable[[], object] = lambda: None
    _lock: Any = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        """Each look takes a moment, so that no two are the same."""
        with self._lock:
            self.at += timedelta(microseconds=1)
            return self.at

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.at += timedelta(seconds=seconds)
        self.passing()


class PowerCut(BaseException):
    """The machine lost its power."""


class Supply:
    """Power for the bot. It can be cut around any call that leaves the bot; then all of them fail."""

    def __init__(self) -> None:
        self.calls = 0
        self.cut_before: int | None = None
        self.cut_after: int | None = None
        self._off = False
        self._lock = threading.Lock()

    def restore(self) -> None:
        self._off = False
        self.cut_before = self.cut_after = None

    def through(self, thing: T) -> T:
        return cast("T", _Wire(self, thing))

    def call(self, do: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with self._lock:
            self.calls += 1
            number = self.calls
            self._off = self._off or number == self.cut_before
        self._require()
        result = do(*args, **options)
        with self._lock:
            self._off = self._off or number == self.cut_after
        self._require()
        return result

    def _require(self) -> None:
        if self._off:
            raise PowerCut


class _Wire:
    def __init__(self, supply: Supply, thing: Any) -> None:
        self._supply, self._thing = supply, thing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._thing, name)
        return lambda *args, **options: self._supply.call(found, *args, **options)


class FlakyRecords(SqliteRecords):
    """Real records; `refuse` says which rows cannot be written, `unreadable` that nothing can be read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.refuse: Callable[[Entry], bool] = lambda _: False
        self.unreadable = False

    def append(self, entry: Entry) -> Entry:
        self._check(entry)
        return super().append(entry)

    def begin(self, entry: Entry) -> Entry:
        self._check(entry)
        return super().begin(entry)

    def operation(self, operation_id: str) -> Operation | None:
        if self.unreadable:
            raise RecordsError("The audit log cannot be read.")
        return super().operation(operation_id)

    def _check(self, entry: Entry) -> None:
        if self.refuse(entry):
            raise RecordsError("The audit log cannot be written, so nothing was done.")


class AtOnce(Outbox):
    """Sends whatever comes in at once."""

    def show(self, operation: str) -> None:
        super().show(operation)
        self.flush()

    def note(self, operation: str, text: str) -> None:
        super().note(operation, text)
        self.flush()


class Bench:
    """A fleet without clones whose image is baked and whose writes are routed, and people around it."""

    def __init__(self, folder: Path, servers: FakeServers | None = None) -> None:
        self.clock = FakeClock()
        self.cloud = FakeCloud(master=SPEC.master)
        self.servers = servers or FakeServers(busy=True)
        self.chat = FakeChat(ADA, LEA, BOB, EVE, team=TEAM, groups={OPERATORS: {BOB.id}})
        self.records = FlakyRecords(folder / "records.db")
        self.supply = Supply()
        self.followers = Followers()
        self.times = 1
        """How often every step is done."""
        self.schedule: Schedule | None = None
        self._numbers: dict[str, int] = {}
        self._asked = 0
        self.servers.add_master(
            SPEC.master,
            files={INDEX: "hello"},
            settings={"/etc/site.conf": "db=localhost\n"},
            running=("sitedb",),
        )
        self.configure(SPEC)

    def configure(self, spec: FleetSpec) -> None:
        """Start the bot with this fleet file."""
        self.spec = spec
        self._start((spec,))

    def keep(self, schedule: Schedule, *specs: FleetSpec) -> None:
        """Start the bot with scheduled digests."""
        self.schedule = schedule
        self._start(specs or (self.spec,))

    def _start(self, specs: tuple[FleetSpec, ...]) -> None:
        world = World(
            clock=self.clock,
            cloud=self.supply.through(self.cloud),
            servers=self.supply.through(self.servers),
            chat=self.supply.through(self.chat),
            records=self.supply.through(self.records),
            specs=specs,
            policy=POLICY,
            commands=catalog.find_commands(),
            digest=self.schedule,
            terminals=TerminalChat(self.supply.through(self.chat), TERMINAL, self.followers),
        )
        messages = Messages(world)
        self.outbox = AtOnce(messages, Pace())
        self.notices = Notices(world)
        self.desk = Desk(world, messages, self.outbox, self.notices)
        self.digests = Digests(world)
        self.carrier = Carrier(world, self.desk)
        self.reconciler = Reconciler(world, self.carrier)

    def furnish(self) -> None:
        """Let the image be baked and the writes be routed already."""
        self.cloud.add_image(self.spec)
        rules = RouteWrites(
            target_group=self.spec.target_group,
            writes_group=self.spec.writes.target_group,
            master=self.spec.master,
            methods=self.spec.writes.methods,
            prefixes=self.spec.writes.prefixes,
        )
        self.cloud.route_writes(self.spec, rules, action="by hand")
        self.cloud.calls.clear()

    def request(self, text: str, person: Person = BOB, *, plan: str = "") -> Request:
        self._asked += 1
        return Request(
            id=f"op-{self._asked}",
            text=text,
            team=person.team,
            user=person.id,
            channel=self.spec.channel,
            via="slack",
            plan=plan,
        )

    def ask(self, text: str, person: Person = BOB, *, plan: str = "") -> str:
        """Ask for something; return the operation that came of it or that it concerns."""
        return self.hand_in(self.request(text, person, plan=plan))

    def hand_in(self, request: Request) -> str:
        self.step(self.desk.receive, request)
        concerned = self.step(self.desk.decide, request)
        if concerned == request.id:
            self.step(self.desk.present, request)
        return concerned

    def approve(self, operation: str, person: Person = ADA) -> str:
        return self.ask(f"approve {operation}", person)

    def end_of(self, operation: str) -> Operation:
        """Go on until it ends or awaits a decision, as the engine does."""
        while not self.step(self.desk.undecided, operation):
            lane = self.step(self.desk.queue, operation)
            self.step(self.desk.show, operation)
            if not lane or self._in_lane(operation):
                break
            self.step(self.desk.show, operation)
        if self.operation(operation).stage.ended:
            self.step(self.desk.conclude, operation)
        return self.operation(operation)

    def scale(self, count: int, flags: str = "") -> Operation:
        """Ask for so many clones, approve it where that is needed, and see what comes of it."""
        operation = self.ask(f"scale web {count} {flags}")
        assert operation, self.chat.answered[-1].text
        if self.desk.undecided(operation):
            self.approve(operation)
        return self.end_of(operation)

    def _in_lane(self, operation: str) -> bool:
        number = self._numbers[operation] = self._numbers.get(operation, 0) + 1
        if not self.step(self.carrier.look_again, operation, number):
            return self.step(self.carrier.ended, operation)
        self.step(self.desk.show, operation)
        so_far = to_json(Tally())
        for index in range(self.step(self.carrier.length, operation)):
            so_far = json.loads(json.dumps(self.step(self.carrier.perform, operation, index, so_far)))
        if so_far["cancelled"] or so_far["undo"]:
            so_far = self.step(self.carrier.find_undone, operation, so_far)
            so_far = self.step(self.carrier.undo, operation, so_far)
        self.step(self.carrier.conclude, operation, so_far)
        return True

    def step(self, do: Callable[..., T], *args: Any) -> T:
        """One durable step: repeated where the power was cut, or as often as the test wants."""
        for _ in range(self.times - 1):
            self._insist(do, *args)
        return self._insist(do, *args)

    def _insist(self, do: Callable[..., T], *args: Any) -> T:
        try:
            return do(*args)
        except PowerCut:
            self.supply.restore()
            return do(*args)

    def operation(self, operation: str) -> Operation:
        found = self.records.operation(operation)
        assert found, f"{operation} is no operation"
        return found

    def clones(self) -> list[str]:
        return [clone.id for clone in self.cloud.look(self.spec).clones]

    def quarantined(self) -> list[str]:
        return [server.id for server in self.cloud.look(self.spec).quarantined]

    def serving(self) -> list[str]:
        """Everything that serves, the master left out; quarantined servers must not be among it."""
        fleet = self.cloud.look(self.spec)
        servers = (*fleet.clones, *fleet.quarantined)
        return [server.id for server in servers if server.service is Service.HEALTHY]

    def done(self) -> list[str]:
        """Methods of the cloud that changed something, in order."""
        return [method for method, _ in self.cloud.calls]

    def rows(self, *kinds: Kind) -> list[Entry]:
        """The audit log, oldest first."""
        rows = reversed(self.records.search("", limit=100_000))
        return [row for row in rows if not kinds or row.kind in kinds]

    def notes(self, operation: str) -> str:
        return "\n".join(text for noted, text in self.chat.notes if noted == operation)

    def assert_audit_is_whole(self) -> None:
        """One outcome for each intent, and the log tells the same as what was kept."""
        intents = [(row.action, row.attempt) for row in self.rows(Kind.INTENT)]
        outcomes = [(row.action, row.attempt) for row in self.rows(Kind.OUTCOME)]
        assert len(set(intents)) == len(intents)
        assert sorted(outcomes) == sorted(intents)
        assert self.records.first_fault() == ""
        kept = {operation.id: operation for operation in self.records.operations(limit=1000)}
        assert self.records.replayed() == kept

    def change(self, **changes: Any) -> None:
        """Start the bot again with another fleet file."""
        self.configure(replace(self.spec, **changes))
