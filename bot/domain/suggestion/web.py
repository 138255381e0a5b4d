"""The site's pages: where they are, what of them is not copied, what visitors upload."""

import re
from collections.abc import Iterable, Iterator
from posixpath import basename, dirname, normpath

from bot.domain.doctor.facts import Kind, ServerFacts, Unit
from bot.domain.doctor.server import content, known, writes
from bot.domain.fleet import FleetSpec
from bot.domain.suggestion.draft import FILL_IN, Item, Standing

USUAL = "/var/www"
USUAL_PAGES = "/var/www/html"
_ROOT = re.compile(
    r"(?:.*[\s{;])?(?:DocumentRoot|root)\s+(?P<path>\"[^\"]*\"|'[^']*'|[^\s;]+)", re.IGNORECASE
)
_WORKS_IN = re.compile(r"WorkingDirectory\s*=\s*-?(?P<path>/\S*)")
_HEALTH = re.compile(r"location\s+(?:=|\^~)?\s*(?P<path>/[\w./-]*(?:health|ping|alive|ready)[\w./-]*)")
_OF_WEB_SERVERS = re.compile(r"/(?P<name>apache2|httpd|nginx|lighttpd|caddy)/")
_WEB_SERVERS = re.compile(r"(apache2|httpd|nginx|lighttpd|caddy)\.service")
_PATH = re.compile(r"(/[^/%\\\"'$*?\[\]{}]+){2,}")
_BROUGHT = ("/usr/share/", "/usr/lib/", "/etc/", "/proc/", "/sys/", "/dev/", "/run/")
_PUBLIC = re.compile(r"public|public_html|web|webroot|www|htdocs|httpdocs|docroot|static")
_PAGES = re.compile(r"(health|healthz|healthcheck|health-check|ping|alive|ready)(\.(php|html?|txt))?")
_PLAIN = re.compile(r"[^\s*?\[\]\\]+")
"""A path that means only itself, as a pattern too."""


def web_servers(facts: ServerFacts) -> tuple[Unit, ...]:
    """Those that run."""
    return tuple(unit for unit in facts.units if _WEB_SERVERS.fullmatch(unit.name) and not unit.sleeps)


def content_paths(facts: ServerFacts) -> tuple[Item, ...]:
    """The folders that clones get from the master; a placeholder if none was found."""
    found = _outermost(_document_roots(facts))
    if not found and _is_folder(facts, USUAL_PAGES):
        found = (Item(USUAL_PAGES, "the usual place of pages; no web server's settings name another"),)
    around = [each for each in _applications(facts, found) if not _is_below(each.value, found)]
    if found:
        found += tuple(Item(each.value, each.why, Standing.OFFERED) for each in around)
    else:
        found = tuple(around)
    why = "the folders with the site's pages; no web server's settings name any"
    return found or (Item(FILL_IN, why, Standing.ASKED),)


def _document_roots(facts: ServerFacts) -> Iterator[Item]:
    running = {unit.name.removesuffix(".service") for unit in web_servers(facts)}
    for line in facts.settings:
        server = _OF_WEB_SERVERS.search(line.file)
        # A web server that does not run may still have the settings that its package brought.
        ours = server and (not running or server["name"] in running)
        match = _ROOT.match(line.text) if ours else None
        path = normpath(match["path"].strip("\"'")) if match else ""
        if _may_be_copied(path):
            yield Item(path, f"the document root in {line.file}")


def _applications(facts: ServerFacts, roots: Iterable[Item]) -> tuple[Item, ...]:
    """Folders with the programs behind the pages."""
    return _outermost((*_above(facts, roots), *_working_folders(facts)))


def _above(facts: ServerFacts, roots: Iterable[Item]) -> Iterator[Item]:
    """Where frameworks keep their programs: beside a document root that is only their public folder."""
    for root in roots:
        home = dirname(root.value)
        beside = (line.file for line in facts.settings if _inside(line.file, home))
        public = _PUBLIC.fullmatch(basename(root.value)) and _may_be_copied(home)
        file = next((file for file in beside if not _inside(file, root.value)), "") if public else ""
        if file:
            yield Item(home, f"its own folder {basename(root.value)} holds the pages; {file} is beside it")


def _working_folders(facts: ServerFacts) -> Iterator[Item]:
    files = {unit.file: unit for unit in facts.units if unit.by_hand and not unit.sleeps and _serves(unit)}
    lines = ((line, _WORKS_IN.match(line.text)) for line in facts.settings if line.file in files)
    for line, match in lines:
        if match and _may_be_copied(normpath(match["path"])):
            yield Item(normpath(match["path"]), f"{files[line.file].name} works there")


def _serves(unit: Unit) -> bool:
    words = f"{unit.name} {unit.command}"
    return bool(known.SERVES.search(words)) and not known.WORKERS.search(words)


def _may_be_copied(path: str) -> bool:
    return bool(_PATH.fullmatch(path)) and path.isprintable() and not path.startswith(_BROUGHT)


def _outermost(items: Iterable[Item]) -> tuple[Item, ...]:
    """Each path once, and none that lies in another."""
    by_path: dict[str, Item] = {}
    for item in items:
        by_path.setdefault(item.value, item)
    return tuple(
        item for path, item in by_path.items() if not any(_inside(path, o) for o in by_path if o != path)
    )


def _is_below(path: str, items: Iterable[Item]) -> bool:
    return any(path == item.value or _inside(path, item.value) for item in items)


def _inside(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


def _is_folder(facts: ServerFacts, path: str) -> bool:
    return any(file.path == path and file.kind is Kind.FOLDER for file in facts.content)


def passing(facts: ServerFacts, spec: FleetSpec) -> Iterator[Item]:
    """Folders and files of the content that are each server's own, as the doctor says; as patterns."""
    folders = {file.path for file in facts.content if file.kind is Kind.FOLDER}
    for sign in content.passing(facts, spec):
        for path in _within(sign.where, spec.content.paths):
            pattern = f"{path}/" if sign.where in folders else path
            yield Item(pattern, f"{sign.where} belongs to what runs on the master")


def upload_prefixes(facts: ServerFacts, spec: FleetSpec) -> Iterator[Item]:
    """Where visitors find what was uploaded, as paths of requests; where uploads are, the doctor says."""
    roots = [item.value for item in _document_roots(facts)]
    for sign in writes.uploads(facts, spec):
        if _within(sign.where, spec.content.paths):
            why = f"uploads come to {sign.where}: what was just uploaded is on the master first"
            urls = _within(sign.where, roots) or _within(sign.where, spec.content.paths)
            yield Item(urls[0], why)
    yield from _of_wordpress(facts, spec.content.paths)


def _within(path: str, folders: Iterable[str]) -> list[str]:
    """The path as seen from these folders that it lies in; none if it means more than itself in a pattern."""
    if not path.isprintable() or not _PLAIN.fullmatch(path):
        return []
    return [path.removeprefix(folder) for folder in folders if _inside(path, folder)]


def _of_wordpress(facts: ServerFacts, paths: Iterable[str]) -> Iterator[Item]:
    for file in sorted({line.file for line in facts.settings if basename(line.file) == "wp-config.php"}):
        for at in _within(file, paths):
            yield Item(f"{dirname(at).rstrip('/')}/wp-admin", "WordPress is administered on the master")
            yield Item(f"{dirname(at).rstrip('/')}/wp-login.php", "the same")


def health_pages(facts: ServerFacts, paths: Iterable[str]) -> tuple[Item, ...]:
    """Pages that seem to be made for a load balancer."""
    named = ((line, _HEALTH.match(line.text)) for line in facts.settings)
    found = [Item(match["path"], f"named in {line.file}") for line, match in named if match]
    for file in facts.content:
        if file.kind is Kind.FILE and _PAGES.fullmatch(basename(file.path)):
            found += [Item(url, f"{file.path} is there") for url in _within(file.path, paths)]
    return tuple({item.value: item for item in reversed(found)}.values())[::-1]


def port(facts: ServerFacts) -> tuple[int, str]:
    """The port where the site answers, and how that is known; 0 if it is not."""
    units = {unit.name for unit in web_servers(facts)}
    heard = [s for s in facts.sockets if s.unit in units and not s.local]
    for socket in sorted(heard, key=lambda socket: (socket.port != 80, socket.port)):  # noqa: PLR2004 (HTTP)
        return socket.port, f"{socket.unit} listens there"
    return 0, ""
