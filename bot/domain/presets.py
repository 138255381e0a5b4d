"""What the usual parts of a stack do on a clone, so that a fleet need not say it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.domain.fleet import Recipe

PRESETS: Mapping[str, Recipe] = {
    "apache": Recipe(clean=("/var/cache/apache2/mod_cache_disk/", "/var/lock/apache2/")),
    "nginx": Recipe(clean=("/var/cache/nginx/", "/var/lib/nginx/*/")),
    "php": Recipe(clean=("/var/lib/php/sessions/sess_*",)),
    "python": Recipe(services=("celerybeat", "celery-beat")),
    "node": Recipe(clean=("/root/.pm2/*.pid", "/root/.pm2/*.sock", "/root/.pm2/pids/")),
    "mariadb": Recipe(services=("mariadb",)),
    "mysql": Recipe(services=("mysql",)),
    "postgresql": Recipe(services=("postgresql",)),
    "redis": Recipe(services=("redis-server",)),
    "postfix": Recipe(spools=("/var/spool/postfix",)),
    "exim": Recipe(spools=("/var/spool/exim4",)),
}
"""Units that a server does not have are no harm: they cannot run there."""

_LISTS = ("services", "jobs", "remove", "truncate", "clean", "spools", "agents")


def effective(recipe: Recipe) -> Recipe:
    """The recipe with all that its presets add, each thing once. Safe to repeat."""
    added = [PRESETS[name] for name in recipe.preset]
    lists: dict[str, Any] = {key: _joined(key, recipe, added) for key in _LISTS}
    return replace(recipe, **lists)


def of_presets(recipe: Recipe) -> frozenset[str]:
    """What its presets would add, whoever else names it."""
    named = (getattr(PRESETS[name], key) for name in recipe.preset for key in _LISTS)
    return frozenset(value for values in named for value in values)


def _joined(key: str, recipe: Recipe, added: list[Recipe]) -> tuple[str, ...]:
    more = [value for each in added for value in getattr(each, key) if value not in recipe.everywhere]
    return tuple(dict.fromkeys((*getattr(recipe, key), *more)))


def says(name: str) -> str:
    """What a preset adds, for people: "services `mariadb`"."""
    parts = ((key, getattr(PRESETS[name], key)) for key in _LISTS)
    return "; ".join(
        f"{key} {', '.join(f'`{value}`' for value in values)}" for key, values in parts if values
    )
