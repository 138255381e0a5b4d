"""Where the master's database answers, as far as a recipe tells: a clone's settings point there."""

import re
from collections.abc import Mapping

from bot.domain.fleet import Recipe

Place = tuple[str, int]
"""An address and a port."""
_USUAL: Mapping[str, int] = {
    "mariadb": 3306,
    "mysql": 3306,
    "mysqld": 3306,
    "postgresql": 5432,
    "redis": 6379,
}
_UNIT = re.compile(r"(?P<name>[a-z]+)(?:-server)?(?:@[^.]*)?(?:\.service)?")


def databases(recipe: Recipe, master: str) -> tuple[Place, ...]:
    """Ports of the master that a filled-in recipe names; else the usual one, if only one database is named.

    Of several databases without a port nobody knows which ones the settings mean.
    """
    settings = [rewrite.replace for rewrite in recipe.rewrite if _names(rewrite.replace, master)]
    written = {int(port) for text in settings for port in _ports(text, master)}
    units = filter(None, map(_UNIT.fullmatch, recipe.services))
    usual = {_USUAL[unit["name"]] for unit in units if unit["name"] in _USUAL} if settings else set()
    ports = written or (usual if len(usual) == 1 else set())
    return tuple((master, port) for port in sorted(ports))


def _names(text: str, master: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(master)}(?![\w.]*\w)", text) is not None


def _ports(text: str, master: str) -> list[str]:
    return re.findall(rf"(?<![\w.]){re.escape(master)}:([1-9][0-9]{{1,4}})(?![0-9])", text)
