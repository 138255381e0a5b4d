"""A fleet file that a person is to finish: values, each with the reason for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.fleet import Ssh

FILL_IN = "FILL IN"
"""What stands where only a person knows; the check of the fleet file refuses it everywhere."""


class Standing(StrEnum):
    """What a line of the draft is worth."""

    FOUND = "found"
    ASKED = "asked"
    """Only a person knows: `FILL_IN` stands there."""
    OFFERED = "offered"
    """Commented out, for a person to consider."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value of a list."""

    value: str
    why: str = ""
    standing: Standing = Standing.FOUND


@dataclass(frozen=True, slots=True)
class Setting:
    """One key."""

    key: str
    value: str | int | float | bool | tuple[Item, ...]
    why: str = ""
    standing: Standing = Standing.FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One table."""

    name: tuple[str, ...]
    """Its name's parts: ("fleets", "web", "ssh")."""
    settings: tuple[Setting, ...]
    note: str = ""
    repeated: bool = False
    """One of several of this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The whole file."""

    parts: tuple[Part, ...]
    seen: tuple[str, ...] = ()
    """What was looked at, and what could not be."""
    left: tuple[str, ...] = ()
    """What the doctor would still say."""

    @property
    def asked(self) -> int:
        """How many values a person must fill in."""
        return sum(standing is Standing.ASKED for standing in self._standings())

    def _standings(self) -> Iterator[Standing]:
        for setting in (setting for part in self.parts for setting in part.settings):
            yield setting.standing
            if isinstance(setting.value, tuple):
                yield from (item.standing for item in setting.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the person said who wants one."""

    fleet: str
    region: str
    ssh: Ssh | None = None
    """How to log in; None leaves the server alone."""
    channel: str = ""
