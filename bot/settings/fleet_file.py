"""The fleet file: read, checked, and explained where it is wrong."""

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from bot.domain import freeze as freezes
from bot.domain import policy as policies
from bot.domain import recipe_check
from bot.domain import schedule as schedules
from bot.domain import terminal as terminals
from bot.domain.errors import ConfigError
from bot.domain.fleet import (
    Balancer,
    Content,
    FleetSpec,
    Health,
    Images,
    Patience,
    Recipe,
    Rewrite,
    Ssh,
    Template,
    Window,
    Writes,
)
from bot.domain.policy import Approval, Policy
from bot.domain.presets import effective
from bot.domain.quiesce import Quiesce
from bot.domain.relay import is_under
from bot.domain.schedule import Schedule
from bot.domain.shape import NAME, leaves, misshapen
from bot.domain.suggestion.draft import FILL_IN
from bot.domain.terminal import Terminal
from bot.domain.words import did_you_mean
from bot.settings.lines import Key, find_lines, line_of

T = TypeVar("T")

_SPEC = TypeAdapter(FleetSpec)
_POLICY = TypeAdapter(Policy)
_DIGEST = TypeAdapter(Schedule)
_TERMINAL = TypeAdapter(Terminal)
_TOP = ("fleets", "policy", "digest", "terminal")
_TABLES = (
    FleetSpec,
    Ssh,
    Health,
    Content,
    Writes,
    Balancer,
    Recipe,
    Rewrite,
    Quiesce,
    Images,
    Template,
    Window,
    Patience,
    Policy,
    Approval,
    Schedule,
    Terminal,
)
_KNOWN = {field.name for table in _TABLES for field in dataclasses.fields(table)}
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class FleetFile:
    """What the fleet file says."""

    fleets: tuple[FleetSpec, ...]
    policy: Policy
    digest: Schedule | None = None
    terminal: Terminal | None = None


@dataclass(frozen=True, slots=True)
class _Problem:
    key: Key
    wrong: str


def load(path: Path) -> FleetFile:
    """Read the fleet file. Raises ConfigError: every problem, each on a line with file, line and key.

    A relative `ssh.key_file` counts from the fleet file's folder, and is absolute in the result.
    """
    text = _read(path)
    raw = _parse(path, text)
    problems: list[_Problem] = []
    fleets = tuple(_fleets(raw, path.parent, problems))
    policy = _validate(_POLICY, raw.get("policy", {}), ("policy",), problems)
    digest = _digest(raw, problems)
    terminal = _terminal(raw, problems)
    problems += _beyond_tables(raw, fleets, policy)
    problems = _unfilled_first(raw, problems)
    if policy is None or problems:
        raise ConfigError(_explain(path, text, problems))
    return FleetFile(fleets, policy, digest, terminal)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = "Write one there, or name another in CLONEBOT_CONFIG."
        raise ConfigError(f"{path}: there is no such fleet file. {hint}") from None
    except OSError as error:
        raise ConfigError(f"{path}: the fleet file cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: expected UTF-8 text, found other bytes") from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).partition(" (at ")
        place = re.match(r"line (\d+), column (\d+)", where)
        line, column = place.groups() if place else (text.count("\n") + 1, 1)
        raise ConfigError(f"{path}:{line}:{column}: not TOML: {what}") from error


def _fleets(raw: Mapping[str, Any], folder: Path, problems: list[_Problem]) -> Iterator[FleetSpec]:
    """The fleets that are right; what is wrong with the others is added to `problems`."""
    tables = raw.get("fleets")
    if not isinstance(tables, dict) or not tables:
        problems.append(_Problem(("fleets",), "expected at least one table [fleets.NAME]"))
        return
    for name, table in tables.items():
        at: Key = ("fleets", name)
        if not NAME.fullmatch(name):
            wrong = "expected a name of small letters, digits and hyphens, at most 31, a letter first"
            problems.append(_Problem(at, wrong))
        if not isinstance(table, dict):
            problems.append(_Problem(at, "expected a table [fleets.NAME]"))
            continue
        spec = _fleet(name, table, at, problems)
        if spec is not None:
            yield _with_key_file(spec, folder, at, problems)


def _fleet(name: str, table: dict[str, Any], at: Key, problems: list[_Problem]) -> FleetSpec | None:
    if "name" in table:
        problems.append(_Problem((*at, "name"), "unknown key; the name stands in [fleets.NAME]"))
    problems += [
        _Problem(at + key, f"expected {expected}, found {_show(_inside(table, key))}")
        for key, expected in misshapen(table)
    ]
    spec = _validate(_SPEC, {**table, "name": name}, at, problems)
    if spec is not None:
        spec = dataclasses.replace(spec, recipe=effective(spec.recipe))
        problems += _recipe_problems(spec, at)
        problems += _repeated(spec, at)
        problems += _window_problems(spec, at)
        problems += _balancer_problems(spec, at)
    return spec


def _digest(raw: Mapping[str, Any], problems: list[_Problem]) -> Schedule | None:
    if "digest" not in raw:
        return None
    table, at = raw["digest"], ("digest",)
    if isinstance(table, dict):
        problems += [
            _Problem((*at, *key), f"expected {expected}, found {_show(_inside(table, key))}")
            for key, expected in misshapen(table)
        ]
    schedule = _validate(_DIGEST, table, at, problems)
    for key, wrong in schedules.problems(schedule) if schedule else ():
        problems.append(_Problem((*at, key), wrong))
    return schedule


def _terminal(raw: Mapping[str, Any], problems: list[_Problem]) -> Terminal | None:
    if "terminal" not in raw:
        return None
    terminal = _validate(_TERMINAL, raw["terminal"], ("terminal",), problems)
    for key, wrong in terminals.problems(terminal) if terminal else ():
        problems.append(_Problem(("terminal", *key), wrong))
    return terminal


def _recipe_problems(spec: FleetSpec, at: Key) -> Iterator[_Problem]:
    for key, wrong in recipe_check.problems(spec):
        yield _Problem((*at, "recipe", *key), wrong)


def _window_problems(spec: FleetSpec, at: Key) -> Iterator[_Problem]:
    for number, window in enumerate(spec.freezes):
        for key, wrong in freezes.problems(window):
            yield _Problem((*at, "freezes", number, key), wrong)


def _repeated(spec: FleetSpec, at: Key) -> Iterator[_Problem]:
    if len(set(spec.subnets)) < len(spec.subnets):
        yield _Problem((*at, "subnets"), "a subnet is named twice")
    types = [kind for kind in (spec.instance_type, *spec.instance_types) if kind]
    if len(set(types)) < len(types):
        yield _Problem((*at, "instance_types"), "an instance type is named twice")
    yield from _writes_problems(spec, at)


def _writes_problems(spec: FleetSpec, at: Key) -> Iterator[_Problem]:
    if spec.writes.by == "proxy" and any(is_under(spec.health.path, p) for p in spec.writes.prefixes):
        wrong = "holds the health page, so the load balancer would ask the master instead of the clone"
        yield _Problem((*at, "writes", "prefixes"), wrong)
    if spec.target_group and spec.writes.target_group == spec.target_group:
        yield _Problem(
            (*at, "writes", "target_group"),
            "expected a target group of its own, which holds only the master; found the fleet's",
        )


def _balancer_problems(spec: FleetSpec, at: Key) -> Iterator[_Problem]:
    secure, certificate = spec.balancer.protocol == "HTTPS", spec.balancer.certificate
    if secure != bool(certificate):
        wrong = "is missing; HTTPS needs one" if secure else 'is of use only with protocol = "HTTPS"'
        yield _Problem((*at, "balancer", "certificate"), wrong)
    if spec.writes.target_group and not spec.target_group:
        wrong = "is of use only beside the fleet's own `target_group`; name both, or let `adopt` make both"
        yield _Problem((*at, "writes", "target_group"), wrong)


def _with_key_file(spec: FleetSpec, folder: Path, at: Key, problems: list[_Problem]) -> FleetSpec:
    file = (folder / Path(spec.ssh.key_file).expanduser()).absolute()
    try:
        file.open("rb").close()
    except OSError as error:
        wrong = f"expected a readable private key, found {file}: {error.strerror}"
        problems.append(_Problem((*at, "ssh", "key_file"), wrong))
    return dataclasses.replace(spec, ssh=dataclasses.replace(spec.ssh, key_file=str(file)))


def _validate(adapter: TypeAdapter[T], value: Any, at: Key, problems: list[_Problem]) -> T | None:
    """Check strictly, as JSON: there a list may become a tuple, and yet no text a number."""
    try:
        return adapter.validate_json(json.dumps(value, default=str), strict=True, extra="forbid")
    except ValidationError as error:
        problems += [_translate(each, at) for each in error.errors(include_url=False)]
        return None


def _translate(error: ErrorDetails, at: Key) -> _Problem:
    key = at + tuple(part for part in error["loc"] if part != "[key]")
    match error["type"]:
        case "missing":
            return _Problem(key, "is missing")
        case "unexpected_keyword_argument":
            return _Problem(key, f"unknown key.{did_you_mean(str(key[-1]), _KNOWN)}")
        case "dataclass_type":
            return _Problem(key, f"expected a table, found {_show(error['input'])}")
    expected = re.sub(r"^(Input|Tuple|String) should (be|have) ", "", error["msg"])
    expected = re.sub(r" after validation, not \d+$", "", expected)
    return _Problem(key, f"expected {expected}, found {_show(error['input'])}")


def _beyond_tables(
    raw: Mapping[str, Any], fleets: tuple[FleetSpec, ...], policy: Policy | None
) -> Iterator[_Problem]:
    """What no table shows by itself."""
    for name in raw.keys() - set(_TOP):
        yield _Problem((name,), f"unknown key.{did_you_mean(name, _TOP)}")
    yield from _shared(fleets)
    if policy is not None:
        largest = max((spec.max_clones for spec in fleets), default=0)
        for wrong in policies.problems(policy, largest):
            named = re.match(r"policy\.roles\.\w+", wrong)
            yield _Problem(tuple(named[0].split(".")) if named else ("policy",), wrong)


def _shared(fleets: tuple[FleetSpec, ...]) -> Iterator[_Problem]:
    for part in ("master", "target_group"):
        owners: dict[str, str] = {}
        for spec in fleets:
            value = getattr(spec, part)
            owner = owners.setdefault(value, spec.name) if value else spec.name
            if owner != spec.name:
                yield _Problem(("fleets", spec.name, part), f"is that of the fleet {owner} already")


def _explain(path: Path, text: str, problems: list[_Problem]) -> str:
    lines = find_lines(text)
    located = sorted((line_of(problem.key, lines), _sentence(problem)) for problem in problems)
    return "\n".join(dict.fromkeys(f"{path}:{line}: {sentence}" for line, sentence in located))


def _sentence(problem: _Problem) -> str:
    dotted = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.key)[1:]
    return problem.wrong if problem.wrong.startswith(dotted) else f"{dotted}: {problem.wrong}"


def _unfilled_first(raw: Mapping[str, Any], problems: list[_Problem]) -> list[_Problem]:
    """Of what a person has not filled in yet, only that."""
    empty = [key for key, value in leaves(raw) if value == FILL_IN]
    others = [each for each in problems if not any(key[: len(each.key)] == each.key for key in empty)]
    return [*others, *(_Problem(key, f"{FILL_IN} stands here still") for key in empty)]


def _inside(value: Any, key: Key) -> Any:
    for part in key:
        value = value[part]
    return value


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
