"""What visitors write: uploads on the local disk, and sessions in local files."""

import re
from collections.abc import Iterator
from posixpath import basename, normpath

from bot.domain.doctor.facts import File, Kind, Line, ServerFacts
from bot.domain.doctor.server.check import BLOCKS, WARNS, Check, Sign
from bot.domain.doctor.server.content import passes
from bot.domain.doctor.server.recipe import may_differ, rewrites
from bot.domain.fleet import FleetSpec

_WEB_USERS = frozenset(
    {"www-data", "nginx", "apache", "http", "httpd", "nobody", "wwwrun", "caddy", "lighttpd"}
)
_NAMED = re.compile(r"(?i)(user[_-]?)?uploads?|uploaded|userfiles|attachments?|avatars?|user_?media")
_POOL_USER = re.compile(r"(?:user|User)\s*=\s*(?P<user>[a-z_][\w-]*)")
_DOCUMENT_ROOT = re.compile(r"(?:DocumentRoot|root)\s+[\"']?(?P<path>/[^\s\"';]+)", re.IGNORECASE)
_ALIAS = re.compile(r"alias\s+(?:/\S*\s+)?[\"']?(?P<path>/[^\s\"';]+)", re.IGNORECASE)
_UPLOAD_FOLDER = re.compile(
    r"(?i)\b(MEDIA_ROOT|UPLOAD_?(?:FOLDER|DIR(?:ECTORY)?|PATH|ROOT))\b['\"]?\]?\s*(?:=>|=|:|,)"
    r"\s*['\"]?(?P<path>/[^\s'\";,)]+)"
)
_SESSION_FILES = re.compile(
    r"(?i)session\.save_handler['\"]?\]?(\s*[=,]\s*|\s+)['\"]?files|session[._]save_path['\"]?\]?(\s*[=(,]\s*|\s+)['\"]?/"
    r"|SESSION_DRIVER\s*=\s*['\"]?file\b|['\"]driver['\"]\s*=>\s*['\"]file['\"]"
    r"|SESSION_ENGINE\s*=\s*['\"]django\.contrib\.sessions\.backends\.(file|cache)['\"]"
    r"|SESSION_TYPE['\"]?\]?\s*[=:]\s*['\"]filesystem|FileStore|session[._]file_?(dir|path)|FileSystemCache"
    r"|sess_save_path|session_save_path\s*\("
)
_SHARED_SESSIONS = re.compile(
    r"(?i)session\.save_handler['\"]?\]?(?:\s*[=,]\s*|\s+)['\"]?(redis|memcached?|user|rediscluster)"
)
_CAN_RELAY = frozenset({"apache2.service", "nginx.service"})
_NOT_SERVING = re.compile(r"/etc/php/[\d.]+/(cli|phpdbg|embed)/")


def uploads(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Folders that the web server may write to, whose requests do not go to the master."""
    users = web_users(facts)
    roots = {normpath(path) for path in spec.content.paths}
    open_roots = {f.path for f in _folders(facts) if f.path in roots and writable(f, users)}
    yield from map(_all_writable, sorted(open_roots))
    above = "\0"
    for folder in _folders(facts):
        if folder.path in roots or folder.path.startswith(f"{above}/") or passes(folder.path):
            continue
        inherited = any(folder.path.startswith(f"{root}/") for root in open_roots)
        if _NAMED.fullmatch(basename(folder.path)) or (writable(folder, users) and not inherited):
            above = folder.path
            yield from _upload(folder, facts, spec)
    yield from _elsewhere(facts, spec)


def _folders(facts: ServerFacts) -> list[File]:
    folders = (file for file in facts.content if file.kind is Kind.FOLDER)
    return sorted(folders, key=lambda file: file.path.split("/"))


def _all_writable(path: str) -> Sign:
    what = f"The web server may write anywhere in {path}; what it writes on a clone, the next sync undoes."
    return Sign(WARNS, path, what, "Let it write only where uploads belong.")


def _upload(folder: File, facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Blocks where uploads stay on a clone; warns where they only come late.

    Browsers upload by POST. Where every POST goes to the master, that is the way which the pitfall asks
    for: nothing is lost, and a page may only name a file that the next sync brings. What no sync brings
    never comes, so it blocks all the same.
    """
    if _routed(folder.path, facts, spec) or may_differ(spec.recipe, folder.path):
        return
    url = _urls(folder.path, facts, spec)[0]
    remedy = f"Add {url!r} to writes.prefixes, or share the folder and name it in recipe.everywhere."
    if "POST" in spec.writes.methods and not folder.excluded:
        what = f"The web server writes to {folder.path}: what arrives on the master, clones get by a sync."
        yield Sign(WARNS, folder.path, what, remedy)
    else:
        fate = "a sync leaves it out" if folder.excluded else "clones get it late"
        what = f"The web server writes to {folder.path}: what arrives on a clone is lost, and {fate}."
        yield Sign(BLOCKS, folder.path, what, remedy)


def _elsewhere(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Folders for uploads that are named in settings and lie outside of the content."""
    roots = tuple(f"{normpath(path)}/" for path in spec.content.paths)
    for line in facts.settings:
        match = _UPLOAD_FOLDER.search(line.text)
        path = normpath(match["path"]) if match else ""
        if path and not f"{path}/".startswith(roots) and not may_differ(spec.recipe, path):
            what = f"{line.file} keeps uploads in {path}, outside of the content, so clones never get them."
            yield Sign(BLOCKS, path, what, "Add it to content.paths, and its address to writes.prefixes.")


def web_users(facts: ServerFacts) -> frozenset[str]:
    """Who answers requests there."""
    pools = (_POOL_USER.match(line.text) for line in facts.settings if "/pool.d/" in line.file)
    units = (unit.user for unit in facts.units if unit.by_hand and unit.user and not unit.sleeps)
    return _WEB_USERS | {match["user"] for match in pools if match} | set(units) - {"root"}


def writable(folder: File, users: frozenset[str]) -> bool:
    """Whether one of them may write to it."""
    by_owner = folder.owner in users and folder.mode & 0o200
    by_group = folder.group in users and folder.mode & 0o020
    return bool(by_owner or by_group or folder.mode & 0o002)


def _routed(path: str, facts: ServerFacts, spec: FleetSpec) -> bool:
    """Whether requests for it go to the master alone."""
    prefixes = [prefix.rstrip("/*") for prefix in spec.writes.prefixes]
    urls = _urls(path, facts, spec)
    if any(f"{url}/".startswith(f"{prefix}/") for url in urls for prefix in prefixes):
        return True
    # nginx says on another line which address an alias has; people keep the last part of the name.
    aliases = (_ALIAS.match(line.text) for line in facts.settings)
    led_to = any(match and normpath(match["path"]) == path for match in aliases)
    return led_to and any(basename(prefix) == basename(path) for prefix in prefixes)


def _urls(path: str, facts: ServerFacts, spec: FleetSpec) -> list[str]:
    """Where a browser finds it: below a document root, or if there is none above it, below the content."""
    return _below(path, _document_roots(facts)) or _below(path, list(spec.content.paths)) or [path]


def _document_roots(facts: ServerFacts) -> list[str]:
    found = (_DOCUMENT_ROOT.match(line.text) for line in facts.settings)
    return [match["path"] for match in found if match]


def _below(path: str, roots: list[str]) -> list[str]:
    found = {path.removeprefix(normpath(r)) for r in roots if path.startswith(f"{normpath(r)}/")}
    return sorted(found, key=len)


def sessions(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Sessions in files: a visitor who comes to another server is nobody there."""
    shared = {line.file for line in facts.settings if _SHARED_SESSIONS.search(line.text)}
    for line in facts.settings:
        if line.file not in shared and _in_files(line, facts) and not _settled(line, spec):
            what = f"{line.file} keeps sessions in local files; on another server the visitor is logged out."
            remedy = (
                "Keep sessions in the master's database or Redis, or turn on stickiness, which is weaker."
            )
            yield Sign(WARNS, line.file, what, remedy)


def _in_files(line: Line, facts: ServerFacts) -> bool:
    serving = any(unit.name.startswith("php") and not unit.sleeps for unit in facts.units)
    apache = any(unit.name == "apache2.service" and not unit.sleeps for unit in facts.units)
    module = apache and any(name.startswith("libapache2-mod-php") for name in facts.packages)
    of_php = line.file.startswith("/etc/php")
    if of_php and (_NOT_SERVING.match(line.file) or not (serving or module)):
        return False
    return _SESSION_FILES.search(line.text) is not None


def _settled(line: Line, spec: FleetSpec) -> bool:
    return may_differ(spec.recipe, line.file) or rewrites(spec, line.file, line.text)


def relays(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """A clone's relay on the master: writes would go in a circle, and the proof refuses every clone."""
    for file in facts.relays:
        unit = "apache2" if "/apache2/" in file else "nginx"
        what = (
            f"{file} lets {unit} pass writes on to a master, as on a clone; here they must end, "
            "or they go in a circle."
        )
        # Where a site includes it, nginx does not start without the file.
        remedy = f"Empty it: `sudo truncate -s 0 {file} && sudo systemctl reload {unit}`."
        yield Sign(BLOCKS, file, what, remedy)


def relaying(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Where each clone's own web server is to pass writes on: the master must have one that can."""
    running = {unit.name for unit in facts.units if unit.active == "active"}
    if spec.writes.by == "proxy" and not running & _CAN_RELAY:
        what = (
            "Each clone's own web server is to pass writes on to the master, as writes.by says; Apache "
            "(apache2.service) and nginx (nginx.service) can, and neither runs here, nor would on a clone."
        )
        remedy = 'Let the load balancer do it (writes.by = "listener"), or put one of them before the site.'
        yield Sign(BLOCKS, "writes.by", what, remedy)


WRITES = (
    Check("uploads", 11, uploads, ("content", "settings", "units")),
    Check("relay", 11, relays, ("relays",)),
    Check("relay-server", 11, relaying, ("units",)),
    Check("sessions", 10, sessions, ("settings", "units")),
)
