"""The kit a command is made with: its arguments, what it may look at, and what it may return."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any, TypeVar

from bot.domain.audit import Entry
from bot.domain.digest import Past
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.waiver import Waiver
from bot.domain.errors import UsageError
from bot.domain.fleet import Fleet, FleetSpec
from bot.domain.freeze import Freeze, Thaw
from bot.domain.front import Front
from bot.domain.keeping import Uses
from bot.domain.operation import Operation
from bot.domain.people import Person, Power
from bot.domain.plan import Plan
from bot.domain.policy import Policy


class Scope(Enum):
    """Which fleets a command is about."""

    NONE = auto()
    ONE = auto()
    """Exactly one: named, or the channel's, or the only one."""
    ANY = auto()
    """The one named, or all."""


class Verdict(Enum):
    """What people say about an operation."""

    APPROVE = "approved"
    DENY = "denied"
    CANCEL = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that is known now and that this person may see."""

    now: datetime
    person: Person
    powers: frozenset[Power]
    policy: Policy
    specs: tuple[FleetSpec, ...]
    """What the fleet file says of every fleet."""
    commands: "tuple[Command, ...]" = ()
    """Those that this person may run."""
    fleets: tuple[Fleet, ...] = ()
    """As AWS describes them now; those of the command's scope."""
    operations: tuple[Operation, ...] = ()
    """Open ones, and some of the newest others."""
    found: tuple[Entry, ...] = ()
    """Rows of the audit log that the command's `search` asks for."""
    past: Past = field(default_factory=Past)
    """Digests that could not be posted; for a `partial` command also what was done since the last one."""
    front: Front | None = None
    """What stands in front of the fleet's master; for a command that surveys."""
    unread: Mapping[str, str] = field(default_factory=dict)
    """Fleets that could not be described, and why; only a `partial` command is run then."""
    diagnosis: Diagnosis | None = None
    """What the doctor says of the one fleet's master, for a command that `examines`."""
    uses: Uses | None = None
    """Who uses the fleet's images; for a command that traces them."""

    @property
    def fleet(self) -> Fleet:
        """The one fleet of a command whose scope is ONE."""
        (fleet,) = self.fleets
        return fleet

    @property
    def about(self) -> str:
        """The name of the one fleet of a `partial` command whose scope is ONE, described or not."""
        (name,) = (*(fleet.name for fleet in self.fleets), *self.unread)
        return name


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A change of our own state: a decision about an operation's plan."""

    operation: str
    plan: str
    """Hash of the plan that was decided on."""
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """Several Records: all these operations are to be cancelled."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Something to tell the person who asked; nothing changes.

    Text may hold `code`, *bold* and people as @U…; everything else is shown as it is.
    """

    title: str
    lines: tuple[str, ...] = ()
    diagnosis: Diagnosis | None = None
    """Where there is one: its report is shown to the whole fleet's channel, too."""


Decision = Plan | Record | Halt | Waiver | Freeze | Thaw | Answer
"""A Waiver, a Freeze and a Thaw are Records, too: changes of our own state."""

A = TypeVar("A")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One subcommand: what it is called, who may run it, and the function that decides."""

    name: str
    power: Power
    scope: Scope
    example: str
    args: type[Any]
    decide: Callable[[Any, Look], Decision]
    also: tuple[Power, ...] = ()
    """Other roles that may run it."""
    plans: bool = False
    """It may return a Plan, so it takes --dry-run."""
    search: Callable[[Any], str] | None = None
    """Which rows of the audit log it wants to see, from its arguments."""
    partial: bool = False
    """It can say something also where not every fleet can be described."""
    surveys: bool = False
    """It wants to see what stands in front of the fleet's master."""
    fleet_last: bool = False
    """The fleet is named after the only argument: "adopt i-… as web"."""
    examines: Callable[[Any, Fleet], bool] | None = None
    """Whether the doctor is to look at the one fleet's master, from its arguments and the fleet."""
    traces_images: bool = False
    """It wants to know who uses the one fleet's images."""

    def open_to(self, powers: frozenset[Power]) -> bool:
        """Whether somebody with these roles may run it."""
        return not powers.isdisjoint({self.power, *self.also})

    @property
    def roles(self) -> str:
        """Who may run it: "operator, approver"."""
        return ", ".join((self.power, *self.also))

    @property
    def help(self) -> str:
        """The function's docstring."""
        return (self.decide.__doc__ or "").strip()

    @property
    def summary(self) -> str:
        """The first line of its help."""
        return self.help.partition("\n")[0]

    @property
    def usage(self) -> str:
        """What to type: "scale [fleet] N|+N|-N [--reason TEXT] [--dry-run]"."""
        fleet = [] if self.scope is Scope.NONE or self.fleet_last else ["[fleet]"]
        single = [field for field in dataclasses.fields(self.args) if field.metadata["form"] == "argument"]
        others = [field for field in dataclasses.fields(self.args) if field not in single]
        last = ["[as FLEET]"] if self.fleet_last else []
        words = [*map(as_usage, single), *last, *map(as_usage, others)]
        return " ".join([self.name, *fleet, *words, *(["[--dry-run]"] if self.plans else [])])


_TEXT = "TEXT"


def argument(
    meaning: str, *, shown: str = "", parse: Callable[[str], Any] = str, default: Any = dataclasses.MISSING
) -> Any:
    """Declare a positional argument, `shown` in the usage; with a default it may be left out."""
    return _field(meaning, "argument", parse, default, shown)


def rest(meaning: str) -> Any:
    """Declare that all remaining words are one argument."""
    return _field(meaning, "rest", str, "")


def option(meaning: str, *, parse: Callable[[str], Any] = str, default: Any = "") -> Any:
    """Declare an option with a value: --reason TEXT."""
    return _field(meaning, "option", parse, default, _TEXT)


def needed(meaning: str, *, shown: str = _TEXT, parse: Callable[[str], Any] = str) -> Any:
    """Declare an option that must be given: --until DATE."""
    return _field(meaning, "option", parse, dataclasses.MISSING, shown)


def flag(meaning: str) -> Any:
    """Declare an option without a value: --discard."""
    return _field(meaning, "flag", bool, default=False)


def as_usage(field: dataclasses.Field[Any]) -> str:
    """How one argument looks in the usage; brackets mean that it may be left out."""
    option = "--" + field.name.replace("_", "-")
    match field.metadata["form"]:
        case "flag":
            return f"[{option}]"
        case "option":
            name = f"{option} {field.metadata['shown']}"
        case _:
            name = str(field.metadata["shown"]) or field.name
    return name if field.default is dataclasses.MISSING else f"[{name}]"


def _field(meaning: str, form: str, parse: Callable[[str], Any], default: Any, shown: str = "") -> Any:
    return dataclasses.field(
        default=default,
        metadata={"meaning": meaning, "form": form, "parse": parse, "shown": shown},
        kw_only=True,
    )


def command(  # noqa: PLR0913 (a declaration: every part has a name)
    name: str,
    *,
    power: Power,
    example: str,
    args: type[A],
    scope: Scope = Scope.NONE,
    also: tuple[Power, ...] = (),
    plans: bool = False,
    search: Callable[[A], str] | None = None,
    partial: bool = False,
    surveys: bool = False,
    fleet_last: bool = False,
    examines: Callable[[A, Fleet], bool] | None = None,
    traces_images: bool = False,
) -> Callable[[Callable[[A, Look], Decision]], Command]:
    """Make a Command of the function that decides; its docstring is the command's help."""

    def make(decide: Callable[[A, Look], Decision]) -> Command:
        if not decide.__doc__:
            raise UsageError(f"{name} has no help")
        return Command(
            name=name,
            power=power,
            scope=scope,
            example=example,
            args=args,
            decide=decide,
            also=also,
            plans=plans,
            search=search,
            partial=partial,
            surveys=surveys,
            fleet_last=fleet_last,
            examines=examines,
            traces_images=traces_images,
        )

    return make


def always(_args: object, _fleet: Fleet) -> bool:
    """For `examines`: whatever is asked of whichever fleet."""
    return True
