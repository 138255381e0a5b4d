"""Finds the commands and understands what people type."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import commands as package
from bot.command import Command, Scope
from bot.domain.errors import ConfigError, UsageError
from bot.domain.fleet import FleetSpec
from bot.domain.words import Word, did_you_mean, quote, split

_DRY_RUN = "--dry-run"
_HELP = "help"
_AS = "as"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What somebody asked for."""

    command: Command
    args: Any
    """An instance of `command.args`."""
    fleets: tuple[FleetSpec, ...] = ()
    """Those that the command is about."""
    dry_run: bool = False

    @property
    def understood(self) -> str:
        """The same request, spelled out."""
        fleet = [self.fleets[0].name] if self.command.scope is Scope.ONE else []
        if self.command.scope is Scope.ANY and len(self.fleets) == 1:
            fleet = [self.fleets[0].name]
        dry_run = [_DRY_RUN] if self.dry_run else []
        words = list(_spell_out(self.args))
        if self.command.fleet_last:
            words[1:1], fleet = [_AS, *fleet], []
        return " ".join([self.command.name, *fleet, *words, *dry_run])


def find_commands(module: ModuleType = package) -> tuple[Command, ...]:
    """Import every module of the package; each defines exactly one command. Sorted by name."""
    names = [found.name for found in pkgutil.iter_modules(module.__path__)]
    commands = [_only_command(importlib.import_module(f"{module.__name__}.{name}")) for name in names]
    return tuple(sorted(commands, key=lambda command: command.name))


def first_word(text: str) -> str:
    """Which command was typed, known or not. Nothing typed means help."""
    return next(iter(split(text)), Word(_HELP)).text.lower()


def parse(text: str, commands: Sequence[Command], specs: Sequence[FleetSpec], channel: str) -> Parsed:
    """Understand one request, by the commands that this person may run.

    Raises UsageError that says what to type. Nothing typed means help.
    """
    name, *words = split(text) or (Word(_HELP),)
    command = next((each for each in commands if each.name == name.text.lower()), None)
    if command is None:
        raise UsageError(_unknown(name.text, commands, specs))
    try:
        return _read(command, words, specs, channel)
    except UsageError as error:
        raise UsageError(f"{error}\n{_what_to_type(command)}") from error


def _only_command(module: ModuleType) -> Command:
    found = [value for value in vars(module).values() if isinstance(value, Command)]
    if len(found) != 1:
        raise ConfigError(f"{module.__name__} defines {len(found)} commands; a module defines exactly one.")
    return found[0]


def _unknown(name: str, may_run: Sequence[Command], specs: Sequence[FleetSpec]) -> str:
    names = [command.name for command in may_run]
    if "status" in names and any(spec.name == name.lower() for spec in specs):
        return f"`{name}` is a fleet; first say what to do. For instance: `/clone status {name.lower()}`"
    return f"I know no command `{name}`.{did_you_mean(name, names)} Type `/clone help` to see what there is."


def _what_to_type(command: Command) -> str:
    return f"Type: `/clone {command.usage}`\nFor instance: `/clone {command.example}`"


def _read(command: Command, words: Sequence[Word], specs: Sequence[FleetSpec], channel: str) -> Parsed:
    positional, options = _sort(command, words)
    named = _take_fleet(command, positional, specs)
    values = {**_arguments(command, positional, specs, named=named is not None), **_options(command, options)}
    return Parsed(
        command=command,
        args=command.args(**values),
        fleets=_fleets(command, named, specs, channel),
        dry_run=_DRY_RUN in options,
    )


def _sort(command: Command, words: Sequence[Word]) -> tuple[list[str], dict[str, str]]:
    """Tell arguments from options; flags have the value "yes"."""
    forms = {_option(field): field.metadata["form"] for field in _fields(command, "option", "flag")}
    forms |= {_DRY_RUN: "flag"} if command.plans else {}
    positional: list[str] = []
    options: dict[str, str] = {}
    queue = iter(words)
    for word in queue:
        if not _is_option(word):
            positional.append(word.text)
        elif word.text == "--":
            positional.extend(each.text for each in queue)
        else:
            name, value = _option_value(word.text, forms, queue)
            if name in options:
                raise UsageError(f"`{name}` is given twice.")
            options[name] = value
    return positional, options


def _is_option(word: Word) -> bool:
    """A number below zero and a lone hyphen are none."""
    return not word.quoted and word.text.startswith("-") and not word.text[1:2].isdigit() and word.text != "-"


def _option_value(typed: str, forms: Mapping[str, str], queue: Iterator[Word]) -> tuple[str, str]:
    name, equals, value = typed.partition("=")
    name = name.lower()
    if name not in forms:
        near = did_you_mean("--" + name.lstrip("-"), forms)
        raise UsageError(f"I know no option `{name}` here.{near}")
    if forms[name] == "flag":
        if equals:
            raise UsageError(f"`{name}` takes no value.")
        return name, "yes"
    following = Word(value) if equals else next(queue, Word(""))
    if not following.text.strip() or (not equals and _is_option(following)):
        raise UsageError(f'`{name}` needs a text after it: `{name} "…"`.')
    return name, following.text


def _take_fleet(command: Command, positional: list[str], specs: Sequence[FleetSpec]) -> FleetSpec | None:
    """Remove the fleet's name from the front of the arguments, if it is there."""
    if command.scope is Scope.NONE or not positional:
        return None
    if command.fleet_last and positional[1:] and positional[-1].lower() == _AS:
        raise UsageError(f"Something is missing: the fleet after `{_AS}`. {_list(specs)}")
    if command.fleet_last and len(positional) > 1 and positional[-2].lower() == _AS:
        return _named_last(positional, specs)
    named = next((spec for spec in specs if spec.name == positional[0].lower()), None)
    if named is not None:
        positional.pop(0)
    return named


def _named_last(positional: list[str], specs: Sequence[FleetSpec]) -> FleetSpec:
    name = positional[-1].lower()
    del positional[-2:]
    for spec in specs:
        if spec.name == name:
            return spec
    raise UsageError(
        f"There is no fleet `{name}` in the fleet file.{did_you_mean(name, [spec.name for spec in specs])} "
        f"{_list(specs)}"
    )


def _fleets(
    command: Command, named: FleetSpec | None, specs: Sequence[FleetSpec], channel: str
) -> tuple[FleetSpec, ...]:
    if command.scope is Scope.NONE:
        return ()
    if named is not None:
        return (named,)
    if command.scope is Scope.ANY:
        return tuple(specs)
    here = [spec for spec in specs if spec.channel == channel]
    for candidates in (here, specs):
        if len(candidates) == 1:
            return (candidates[0],)
    raise UsageError(f"Which fleet? {_list(specs)}")


def _list(specs: Sequence[FleetSpec]) -> str:
    return f"There are: {', '.join(f'`{spec.name}`' for spec in specs)}."


def _arguments(
    command: Command, positional: Sequence[str], specs: Sequence[FleetSpec], *, named: bool
) -> dict[str, Any]:
    try:
        return _values(command, positional)
    except UsageError:
        if positional and not named and command.scope is not Scope.NONE and not command.fleet_last:
            _refuse_unknown_fleet(command, positional, specs)
        raise


def _values(command: Command, positional: Sequence[str]) -> dict[str, Any]:
    single = _fields(command, "argument")
    rest = _fields(command, "rest")
    surplus = " ".join(positional[len(single) :])
    if surplus and not rest:
        raise UsageError(f"I do not understand `{surplus}`. A text of several words needs quotation marks.")
    values = {field.name: _convert(field, text) for field, text in zip(single, positional, strict=False)}
    for field in single[len(positional) :]:
        if field.default is dataclasses.MISSING:
            raise UsageError(f"Something is missing: {field.metadata['meaning']}.")
    return values | {field.name: surplus for field in rest}


def _refuse_unknown_fleet(command: Command, positional: Sequence[str], specs: Sequence[FleetSpec]) -> None:
    """Raise UsageError if what cannot be understood was meant to be a fleet."""
    name = positional[0]
    near = did_you_mean(name, [spec.name for spec in specs])
    surplus = len(positional) > len(_fields(command, "argument"))
    if near or (surplus and name[:1].isalpha()):
        raise UsageError(f"There is no fleet `{name}`.{near} {_list(specs)}")


def _options(command: Command, options: Mapping[str, str]) -> dict[str, Any]:
    fields = _fields(command, "option", "flag")
    for field in fields:
        if field.default is dataclasses.MISSING and _option(field) not in options:
            raise UsageError(f"Something is missing: `{_option(field)}`, {field.metadata['meaning']}.")
    given = [field for field in fields if _option(field) in options]
    return {field.name: _convert(field, options[_option(field)]) for field in given}


def _convert(field: dataclasses.Field[Any], text: str) -> Any:
    try:
        return field.metadata["parse"](text)
    except ValueError as error:
        raise UsageError(f"`{text}` is not {field.metadata['meaning']}.") from error


def _fields(command: Command, *forms: str) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(command.args) if field.metadata["form"] in forms]


def _option(field: dataclasses.Field[Any]) -> str:
    return "--" + field.name.replace("_", "-")


def _spell_out(args: Any) -> Iterator[str]:
    for field in dataclasses.fields(args):
        value = getattr(args, field.name)
        if value == field.default:
            continue
        match field.metadata["form"]:
            case "flag":
                yield _option(field)
            case "option":
                yield f"{_option(field)} {quote(str(value))}"
            case "rest":
                yield from map(quote, str(value).split())
            case _:
                yield str(value)
