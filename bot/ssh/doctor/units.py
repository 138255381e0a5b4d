"""Units of systemd, from what systemctl printed."""

import re
from collections.abc import Iterable, Iterator

from bot.domain.doctor.facts import Unit

_NAME = re.compile(r"[A-Za-z0-9_.@:\\-]+\.(?:service|timer|socket|path)")
_LEAST_WORDS_OF_A_FILE = 2
_LEAST_WORDS_OF_A_UNIT = 4


def read_units(shown: Iterable[str], listed: Iterable[str]) -> tuple[Unit, ...]:
    """Put together `systemctl show`, `list-unit-files` and `list-units`; what says most of a unit counts."""
    found: dict[str, Unit] = {}
    block: dict[str, str] = {}
    files = []
    for line in (*shown, ""):
        key, equals, value = line.partition("=")
        if not line:
            _keep(found, _unit(block))
            block = {}
        elif not equals or " " in key:
            files.append(line)
        else:
            block[key] = value
    for unit in (*_loaded(listed), *_installed(files)):
        found.setdefault(unit.name, unit)
    return tuple(found[name] for name in sorted(found))


def _keep(found: dict[str, Unit], unit: Unit) -> None:
    if _NAME.fullmatch(unit.name) and unit.load != "not-found":
        found[unit.name] = unit


def _unit(block: dict[str, str]) -> Unit:
    command = re.search(r"argv\[\]=(.*?) ; ", block.get("ExecStart", ""))
    return Unit(
        name=block.get("Id", ""),
        load=block.get("LoadState", "loaded"),
        active=block.get("ActiveState", "inactive"),
        sub=block.get("SubState", ""),
        enabled=block.get("UnitFileState", ""),
        file=block.get("FragmentPath", ""),
        user=block.get("User", ""),
        command=command[1] if command else "",
        triggers=block.get("Triggers", "") or block.get("Unit", ""),
    )


def _installed(lines: Iterable[str]) -> Iterator[Unit]:
    for line in lines:
        words = line.split()
        if len(words) >= _LEAST_WORDS_OF_A_FILE and _NAME.fullmatch(words[0]):
            yield Unit(name=words[0], enabled=words[1], load="masked" if words[1] == "masked" else "loaded")


def _loaded(lines: Iterable[str]) -> Iterator[Unit]:
    for line in lines:
        words = line.split()
        if len(words) >= _LEAST_WORDS_OF_A_UNIT and _NAME.fullmatch(words[0]) and words[1] != "not-found":
            yield Unit(name=words[0], load=words[1], active=words[2], sub=words[3])
