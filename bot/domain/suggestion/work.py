"""What clones must not do: the doctor's own judgement, put into the words of the recipe."""

import re
from collections.abc import Iterable, Iterator

from bot.domain.agents import agent_at, agent_of
from bot.domain.doctor.facts import ServerFacts, Unit
from bot.domain.doctor.finding import Finding, Severity
from bot.domain.doctor.server.databases import running_databases
from bot.domain.doctor.server.services import SERVICES
from bot.domain.doctor.server.work import WORK
from bot.domain.fleet import FleetSpec
from bot.domain.recipe import job_files
from bot.domain.suggestion.draft import Item, Standing
from bot.domain.words import plural

_DATABASE_BY_NAME = re.compile(r"(?i)(.*[-_.])?(\w*(db|sql|database|postgres|redis|mongo)\w*)")
_TIMERS = (".timer", ".service")
_SPOOLS = {"postfix": ("/var/spool/postfix",), "exim4": ("/var/spool/exim4",), "exim": ("/var/spool/exim",)}
_OF_AGENTS = frozenset({"agents", "log-shippers", "management"})


def services(facts: ServerFacts, spec: FleetSpec) -> tuple[Item, ...]:
    """Units that only the master may run."""
    found = [*_databases(facts), *_units(facts, spec)]
    return _once(found)


def _databases(facts: ServerFacts) -> Iterator[Item]:
    for unit in running_databases(facts):
        name = unit.triggers or unit.name
        yield Item(_short(name), f"the database {name} runs there; clones use the master's")
    for unit in facts.units:
        if is_by_hand(unit) and _DATABASE_BY_NAME.fullmatch(_short(unit.name)):
            why = f"{unit.name} is a database by its name; if so, clones use the master's"
            yield Item(_short(unit.name), why)


def is_by_hand(unit: Unit) -> bool:
    """Whether a person made this running service, or nobody can say who did."""
    runs = unit.name.endswith(".service") and unit.active == "active" and not unit.masked
    return runs and (unit.by_hand or not unit.file)


def _units(facts: ServerFacts, spec: FleetSpec) -> Iterator[Item]:
    names = {unit.name for unit in facts.units}
    for finding in _of_work(facts, spec):
        if finding.where in names and finding.where.endswith(_TIMERS):
            offered = finding.severity is Severity.WARNS and finding.check == "workers"
            standing = Standing.OFFERED if offered else Standing.FOUND
            yield Item(finding.where.removesuffix(".service"), finding.what.rstrip("."), standing)


def jobs(facts: ServerFacts, spec: FleetSpec) -> tuple[Item, ...]:
    """Jobs of cron and at that only the master may run."""
    sources = {job.source for job in facts.jobs}
    found = []
    for finding in _of_work(facts, spec):
        source = next((each for each in sources if finding.where.startswith(f"{each}: ")), "")
        name = "at" if source.startswith("at:") else source
        if name and job_files(name):
            found.append(Item(name, finding.what.rstrip(".")))
    return _once(found)


def spools(facts: ServerFacts) -> tuple[Item, ...]:
    """Spools of mail servers that run there: what waits is the master's to send."""
    waiting = dict(facts.mail)
    running = {
        spool for unit in facts.units if not unit.sleeps for spool in _SPOOLS.get(_short(unit.name), ())
    }
    return tuple(
        Item(
            spool, f"{plural(waiting.get(spool, 0), 'message')} waited there; clones must not send them again"
        )
        for spool in sorted({*waiting, *running})
    )


def agents(facts: ServerFacts, spec: FleetSpec) -> tuple[Item, ...]:
    """Agents that are known to enrol anew once they have forgotten which server it is."""
    found = []
    for check in (each for each in SERVICES if each.name in _OF_AGENTS):
        for finding in check.findings(facts, spec):
            place = finding.where.rpartition("/")[2]
            if agent := agent_at(finding.where) if finding.where.startswith("/") else agent_of(place):
                found.append(Item(agent, finding.what.rstrip(".")))
    return _once(found)


def _of_work(facts: ServerFacts, spec: FleetSpec) -> Iterator[Finding]:
    for check in WORK:
        yield from check.findings(facts, spec)


def _short(unit: str) -> str:
    """As the recipe names it: stopping postgresql stops postgresql@15-main with it."""
    return unit.removesuffix(".service").partition("@")[0]


def _once(items: Iterable[Item]) -> tuple[Item, ...]:
    """Each value once, with all that is said of it."""
    found: dict[str, Item] = {}
    for item in items:
        before = found.get(item.value)
        said = before.why if before else ""
        why = f"{said}; {item.why}" if said and item.why not in said else item.why
        standing = Standing.FOUND if before and before.standing is Standing.FOUND else item.standing
        found[item.value] = Item(item.value, why, standing)
    return tuple(found.values())
