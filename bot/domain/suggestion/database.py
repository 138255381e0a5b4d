"""Where the site's settings name the database: what is to be rewritten on clones, and restarted then."""

import re
from collections.abc import Iterable, Iterator, Sequence

from bot.domain.doctor.facts import Line, ServerFacts, Unit
from bot.domain.doctor.server import known
from bot.domain.doctor.server.databases import lines_that_connect_here
from bot.domain.fleet import Rewrite
from bot.domain.suggestion.draft import Item
from bot.domain.suggestion.work import is_by_hand

MASTER = "{{ master.private_ip }}"
_HIDDEN = "…"
_HERE = re.compile(r"localhost|127\.0\.0\.1|\[::1\]|::1", re.IGNORECASE)
_NOWHERE = re.compile(r"(?P<before>['\"]HOST['\"]\s*:\s*['\"])(?P<after>['\"])")
_TEMPLATE = re.compile(r"\{[{%#]")
_FPM = re.compile(r"php[\d.]*-fpm\.service")
_APACHE = re.compile(r"(apache2|httpd)\.service")
_PHP_FILES = (".php", ".inc")


def rewrites(facts: ServerFacts) -> tuple[Rewrite, ...]:
    """What to rewrite. A line of which that cannot be said stays, and the doctor names it."""
    found = (_rewrite(line) for line in lines_that_connect_here(facts))
    return tuple(dict.fromkeys(rewrite for rewrite in found if rewrite))


def _rewrite(line: Line) -> Rewrite | None:
    """The whole line as far as it is known, with the master's address in the place of this server's."""
    for piece in line.text.split(_HIDDEN):
        find = piece.strip() if _HIDDEN not in line.text else piece.rstrip()
        if _TEMPLATE.search(find):
            continue  # in the recipe it would mean something else
        replaced = _with_master(find)
        if replaced != find:
            return Rewrite(file=line.file, find=find, replace=replaced)
    return None


def _with_master(text: str) -> str:
    here = list(_HERE.finditer(text))
    if len(here) == 1:
        return text[: here[0].start()] + MASTER + text[here[0].end() :]
    # Where it stands twice, nobody knows which of them is meant.
    return text if here else _NOWHERE.sub(rf"\g<before>{MASTER}\g<after>", text)


def restarts(facts: ServerFacts, rewritten: Sequence[Rewrite], stopped: Iterable[Item]) -> Iterator[Item]:
    """Services that read the rewritten settings when they start, as far as can be told."""
    files = [each.file for each in rewritten]
    names = {item.value for item in stopped}
    running = [u for u in facts.units if not u.sleeps and u.name.removesuffix(".service") not in names]
    for unit in _of_php(running) if any(file.endswith(_PHP_FILES) for file in files) else ():
        yield Item(unit.name.removesuffix(".service"), "PHP may remember the settings that are rewritten")
    others = [file for file in files if not file.endswith(_PHP_FILES)]
    for unit in running if others else ():
        if is_by_hand(unit) and not known.WORKERS.search(f"{unit.name} {unit.command}"):
            why = f"it may read {others[0]} only when it starts"
            yield Item(unit.name.removesuffix(".service"), why)


def _of_php(units: Sequence[Unit]) -> Sequence[Unit]:
    """PHP's own servers; or else the web server, with PHP in it."""
    return [u for u in units if _FPM.fullmatch(u.name)] or [u for u in units if _APACHE.fullmatch(u.name)]


def elsewhere(facts: ServerFacts) -> Iterator[str]:
    """Databases on other machines, which clones use as the master does."""
    for peer in sorted({(each.peer, each.port) for each in facts.connections}):
        if peer[1] in known.DATABASE_PORTS:
            kind = known.DATABASE_PORTS[peer[1]]
            yield f"The master uses {kind} at {peer[0]}:{peer[1]}; clones will too, if that lets them in."
