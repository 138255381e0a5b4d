"""Databases that must run once: the servers of them, files of them, and who connects to them where."""

import re
from collections.abc import Iterable, Iterator
from posixpath import basename

from bot.domain.doctor.facts import Line, ServerFacts, Socket, Unit
from bot.domain.doctor.server import known
from bot.domain.doctor.server.check import BLOCKS, Check, Sign
from bot.domain.doctor.server.recipe import handles_unit, rewrites, stops_unit
from bot.domain.fleet import FleetSpec

_LOCAL = re.compile(
    r"localhost|127\.0\.0\.1|\[?::1\]?|mysqld?\.sock|/run/(mysqld|postgresql|redis)", re.IGNORECASE
)
_KEY = re.compile(
    r"(?P<key>[\w.\[\]'\">$-]*)(?:\s*(?:=>|=|:|,)\s*|\s+)['\"]?[^\s'\"]*?"
    r"(?:localhost|127\.0\.0\.1|::1|/(?:var/)?run/(?:mysqld|postgresql|redis))",
    re.IGNORECASE,
)
_OF_DATABASE = re.compile(
    r"db|database|mysql|maria|\bpg|pg_|postgres|sql|mongo|redis|dsn|datasource", re.IGNORECASE
)
_CALL = re.compile(
    r"(mysqli?_connect|new\s+\\?mysqli|new\s+\\?PDO|pg_p?connect|psycopg2?\.connect|pymysql\.connect|MySQLdb\.connect"
    r"|asyncpg\.connect|mysql\.connector\.connect|MongoClient|Redis|StrictRedis|createConnection|createPool)\s*\(",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(mysql|mysqli|mariadb|postgres|postgresql|pgsql|mongodb|redis)[\w+]*:(//)?"
    r"[^\s'\"]*(localhost|127\.0\.0\.1|::1|sock|///)",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"['\"]?host['\"]?\s*(=>|=|:)\s*['\"]?(localhost|127\.0\.0\.1|::1|/var/run|/run)", re.IGNORECASE
)
_DJANGO_HERE = re.compile(r"['\"]HOST['\"]\s*:\s*['\"]{2}")
_FALLBACK = re.compile(
    r"(?:get|getenv|env|environ|fetch|setdefault)\s*\(\s*['\"](?P<name>\w+)['\"]\s*,", re.IGNORECASE
)
_PART = re.compile(r"(?P<name>development|test|staging|qa|ci|production):")
_NOT_LIVE = {"development", "test", "qa", "ci"}
_SYSTEM = (
    "/etc/mysql/", "/etc/postgresql", "/etc/redis/", "/etc/php/", "/etc/valkey/", "/etc/mongod",
    "/etc/my.cnf", "/etc/hosts", "/etc/default/", "/etc/apparmor", "/etc/logrotate",
    "/etc/init", "/etc/security",
)  # fmt: skip


def database_servers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Databases that would start on every clone."""
    for unit in running_databases(facts):
        if not handles_unit(spec.recipe, unit.name):
            name = unit.name.rpartition(".")[0].partition("@")[0]
            what = f"{unit.name} would start on every clone, with a copy of the data that grows old at once."
            remedy = (
                f"Name {name!r} in recipe.services, and the place of the master's address in recipe.rewrite."
            )
            yield Sign(BLOCKS, unit.name, what, remedy)
    for socket in _without_unit(facts, spec):
        kind = socket.process or known.DATABASE_PORTS.get(socket.port, "a database")
        what = f"{kind} answers on {socket.address}:{socket.port}; it would on every clone."
        if socket.unit.endswith(".service") and not _STARTS_OTHERS.fullmatch(socket.unit):
            yield Sign(BLOCKS, socket.unit, what, f"Name {socket.unit!r} in recipe.services.")
        else:
            remedy = "Start it through a unit of systemd, and name that in recipe.services."
            yield Sign(BLOCKS, f"{kind} on port {socket.port}", what, remedy)


_STARTS_OTHERS = re.compile(r"(cron|crond|atd|docker|containerd|ssh|sshd|rc-local|user@.*)\.service")
"""Units in which a process may be that they do not stand for."""


_FOR_OTHERS = {"", "systemd"}
"""Who is said to listen where that may not be seen, or where systemd does until somebody knocks."""


def running_databases(facts: ServerFacts) -> tuple[Unit, ...]:
    """The units of databases that run or would at boot, or as soon as somebody knocks."""
    found = [u for u in facts.units if known.DATABASES.fullmatch(u.name) and not u.sleeps]
    asleep = {u.name for u in facts.units if known.DATABASES.fullmatch(u.name) and u.sleeps and not u.masked}
    found += [u for u in facts.units if u.name.endswith(".socket") and u.triggers in asleep and not u.sleeps]
    instances = {unit.name.partition("@")[0] for unit in found if "@" in unit.name}
    return tuple(u for u in found if u.name.removesuffix(".service") not in instances or "@" in u.name)


def _without_unit(facts: ServerFacts, spec: FleetSpec) -> Iterator[Socket]:
    """Databases that listen and belong to none of the known units."""
    units = {unit.name for unit in running_databases(facts)}
    ports_of_units = _usual_ports(units)
    for socket in facts.sockets:
        is_database = socket.process in known.DATABASE_PROCESSES or socket.port in known.DATABASE_PORTS
        named = socket.unit in units or (bool(socket.unit) and handles_unit(spec.recipe, socket.unit))
        unknown = socket.process in _FOR_OTHERS
        if is_database and not named and not (socket.port in ports_of_units and unknown):
            yield socket


def _usual_ports(units: set[str]) -> set[int]:
    """Where these databases listen, for who may not see which process listens."""
    spoken = " ".join(units).lower().replace("mariadb", "mysql")
    return {port for port, name in known.DATABASE_PORTS.items() if name.lower() in spoken}


def connections_here(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Settings that look for the database on the server itself."""
    for line in lines_that_connect_here(facts):
        if not rewrites(spec, line.file, line.text):
            what = f"{line.file} looks for a database on the server itself; a clone has none, or an old copy."
            remedy = "Add a recipe.rewrite for this file that puts {{ master.private_ip }} in that place."
            yield Sign(BLOCKS, line.file, what, remedy)


def lines_that_connect_here(facts: ServerFacts) -> Iterator[Line]:
    """Lines of settings that name a database on the server itself."""
    django = {line.file for line in facts.settings if "django.db.backends" in line.text}
    for line in _live(facts.settings):
        if _connects_here(line, django) and not _is_overruled(line, facts):
            yield line


def _live(lines: Iterable[Line]) -> Iterator[Line]:
    """Leave out what files that part their settings by environment say for other servers than live ones."""
    part: dict[str, str] = {}
    for line in lines:
        if match := _PART.fullmatch(line.text):
            part[line.file] = match["name"]
        elif part.get(line.file) not in _NOT_LIVE:
            yield line


def _connects_here(line: Line, django: set[str]) -> bool:
    if line.file.startswith(_SYSTEM):
        return False
    if line.file in django and _DJANGO_HERE.search(line.text):
        return True
    if not (_LOCAL.search(line.text) or "///" in line.text):
        return False
    return bool(_CALL.search(line.text) or _ADDRESS.search(line.text)) or _names_a_database(line, django)


def _is_overruled(line: Line, facts: ServerFacts) -> bool:
    """Whether it is only what a program falls back to, and a settings file says otherwise."""
    fallback = _FALLBACK.search(line.text)
    if not fallback:
        return False
    sets = re.compile(rf"\b{re.escape(fallback['name'])}['\"]?\s*[=:]", re.IGNORECASE)
    return any(sets.search(other.text) for other in facts.settings if other.file != line.file)


def _names_a_database(line: Line, django: set[str]) -> bool:
    key = _KEY.search(line.text)
    if key and _OF_DATABASE.search(key["key"]):
        return True
    about = line.file.endswith(".php") or line.file in django or _OF_DATABASE.search(basename(line.file))
    return bool(about and _HOST.search(line.text))


def reachable_databases(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Databases that clones are told to use, and that answer only on the master itself."""
    for unit in running_databases(facts):
        runs = unit.active == "active" and not unit.triggers
        if runs and any(socket.unit for socket in facts.sockets):
            yield from _reach(unit, spec, [each for each in facts.sockets if each.unit == unit.name])


def _reach(unit: Unit, spec: FleetSpec, sockets: list[Socket]) -> Iterator[Sign]:
    if not stops_unit(spec.recipe, unit.name) or any(not socket.local for socket in sockets):
        return
    at = f"{sockets[0].address}:{sockets[0].port}" if sockets else "no port"
    what = f"{unit.name} answers on {at}{' only' if sockets else ''}, so clones cannot reach the master's."
    remedy = "Let it listen on the private address, and grant the clones' addresses access."
    yield Sign(BLOCKS, f"{unit.name} on {at}", what, remedy)


DATABASES = (
    Check("database", 8, database_servers, ("units", "sockets")),
    Check("database-here", 8, connections_here, ("settings",)),
    Check("database-reach", 8, reachable_databases, ("units", "sockets")),
)
