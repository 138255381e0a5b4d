"""The recipe with the names of real servers filled in, and where what it names is kept."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import chain

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.domain.agents import AGENTS
from bot.domain.errors import ConfigError
from bot.domain.fleet import FleetSpec, Recipe, Server

_TABLES = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron")
_LATER = ("/var/spool/cron/atjobs", "/var/spool/at")
_JOB = re.compile(
    r"(?P<file>/etc/cron\.(?:d|hourly|daily|weekly|monthly)/[A-Za-z0-9_][A-Za-z0-9_.-]*)"
    r"|crontab:(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)|(?P<later>at)"
)
_QUEUES: Mapping[str, tuple[str, ...]] = {
    "/var/spool/postfix": (
        "maildrop", "incoming", "active", "deferred", "defer", "bounce", "hold", "flush", "corrupt", "trace",
        "saved",
    ),
    "/var/spool/exim4": ("input", "msglog"),
    "/var/spool/exim": ("input", "msglog"),
}  # fmt: skip
"""Spools that hold more than what waits: what mail servers need to start must stay."""
_NAMES = ("master.private_ip", "clone.private_ip", "instance.id", "fleet.name")
_TEMPLATES = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
)
_LONGEST_HOST_NAME = 63


def fill(recipe: Recipe, *, master_address: str, clone_address: str, instance: str, fleet: str) -> Recipe:
    """Replace `{{ master.private_ip }}` and the other names. ConfigError on one that is not known."""
    names = {
        "master": {"private_ip": master_address},
        "clone": {"private_ip": clone_address},
        "instance": {"id": instance},
        "fleet": {"name": fleet},
    }
    return replace(
        recipe,
        rewrite=tuple(
            replace(each, replace=_render(each.replace, each.file, names)) for each in recipe.rewrite
        ),
        template=tuple(replace(each, text=_render(each.text, each.file, names)) for each in recipe.template),
    )


def filled(recipe: Recipe, spec: FleetSpec, master: Server, clone: Server) -> Recipe:
    """The recipe of one clone."""
    return fill(
        recipe,
        master_address=master.address,
        clone_address=clone.address,
        instance=clone.id,
        fleet=spec.name,
    )


def _render(text: str, file: str, names: Mapping[str, Mapping[str, str]]) -> str:
    try:
        return _template(text).render(names)
    except (TemplateError, TypeError, ArithmeticError) as error:
        known = ", ".join(f"{{{{ {name} }}}}" for name in _NAMES)
        raise ConfigError(
            f"The recipe's setting for {file} cannot be filled in: {error}. Known names: {known}."
        ) from error


@lru_cache(maxsize=256)
def _template(text: str) -> Template:
    """Compiled once, for it is filled in again and again for each clone."""
    return _TEMPLATES.from_string(text)


def job_files(job: str) -> tuple[str, ...]:
    """Where a job of the recipe may be kept: files, or folders of files. Empty if it is no job."""
    match = _JOB.fullmatch(job)
    if match is None:
        return ()
    if match["user"]:
        return tuple(f"{folder}/{match['user']}" for folder in _TABLES)
    return _LATER if match["later"] else (match["file"],)


def queues(spool: str) -> tuple[str, ...]:
    """The folders of a spool in which something waits, as patterns."""
    spool = spool.rstrip("/")
    return tuple(f"{spool}/{queue}/" for queue in _QUEUES.get(spool, ())) or (f"{spool}/",)


def left_overs(recipe: Recipe) -> Mapping[str, tuple[str, ...]]:
    """What of the master's may not be left on a clone, which may have its own: patterns, by a name."""
    agents = ((agent, AGENTS[agent].files) for agent in recipe.agents)
    return dict(
        chain(
            ((pattern, (pattern,)) for pattern in recipe.clean),
            ((spool, queues(spool)) for spool in recipe.spools),
            ((agent_name(agent), files) for agent, files in agents if files),
        )
    )


def agent_lines(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    """What names the server in agents' settings: the agent, the file, and how the line begins."""
    for agent in recipe.agents:
        for file, begins in AGENTS[agent].lines:
            yield agent, file, begins


def told_apart_by(recipe: Recipe) -> Mapping[str, tuple[str, ...]]:
    """Where agents keep what no two servers can have alike: patterns, by the agent."""
    known = ((agent, AGENTS[agent].own) for agent in recipe.agents)
    return {agent: patterns for agent, patterns in known if patterns}


def agent_name(agent: str) -> str:
    """What the proof calls an agent."""
    return f"agent {agent}"


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern of `remove` and its like means this file. A shell on the server decides it alike."""
    parts, wanted = path.split("/"), pattern.rstrip("/").split("/")
    deep = pattern.endswith("/")
    fits = len(parts) > len(wanted) if deep else len(parts) == len(wanted)
    return fits and all(map(_is_like, parts, wanted))


def _is_like(part: str, wanted: str) -> bool:
    return fnmatchcase(part, wanted) and not (part.startswith(".") and not wanted.startswith("."))


def host_name(fleet: str, instance: str) -> str:
    """Make the host name of a clone, which no other server has."""
    own = re.sub(r"[^a-z0-9]+", "-", instance.removeprefix("i-").lower()).strip("-")
    front = re.sub(r"[^a-z0-9]+", "-", fleet.lower()).strip("-")
    room = _LONGEST_HOST_NAME - len(own) - len("-clone-")
    return f"{front[: max(room, 1)]}-clone-{own}"
