"""The page that the load balancer asks for: whether a server that is ill looks ill, and only that one."""

import re
from collections.abc import Iterator, Sequence
from posixpath import normpath

from bot.domain.doctor.facts import Line, ServerFacts
from bot.domain.doctor.server.check import WARNS, Check, Sign
from bot.domain.fleet import FleetSpec

_PROGRAM = re.compile(r".+\.(php\d?|phtml|py|pl|f?cgi|rb|jsp|aspx?)")
_COMMENT = re.compile(r"\s*(#|//|/?\*|<!--)")
_SAYS_WELL = re.compile(r"\breturn\s+20\d\b|\bempty_gif\b|\bR=20\d\b")
_LISTENS = re.compile(r"(?i)\s*(?:listen\s+|<VirtualHost\s+)(?:\S*:)?(?P<port>\d+)\b")
_ROOT = re.compile(r"(?i)\s*(?:DocumentRoot|root)\s+[\"']?(?P<path>/[^\s\"';]+)")
_NEXT = 4
"""Lines of a block that say what it answers, its first one included."""


def health_page(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Too shallow: it answers while the site is dead. Too deep: what all share makes all look ill at once."""
    page, elsewhere = spec.health.path.partition("?")[0], _listen_elsewhere(facts, spec.health.port)
    for file in facts.health:
        if _only_of(elsewhere, file.path, facts, spec):
            continue
        asks = any(line.file == file.path and not _COMMENT.match(line.text) for line in facts.health_lines)
        if not (_PROGRAM.fullmatch(file.path) or file.mode & 0o111):
            yield _shallow(page, file.path, "is a file, which a web server sends also when the site is dead")
        elif asks:
            what = (
                f"{file.path}, which the load balancer asks for, asks a database or another server: "
                "when that is down, every server looks ill at once."
            )
            remedy = (
                "Let it tell of its own server alone, and answer well when only something shared is down."
            )
            yield Sign(WARNS, file.path, what, remedy)
    for place in _answered_by_itself(page, facts.health_lines):
        if place not in elsewhere:
            yield _shallow(page, place, "answers it without the site, so also when that is dead")


def _listen_elsewhere(facts: ServerFacts, port: int) -> set[str]:
    """Files of web servers whose sites listen on other ports than the load balancer asks."""
    ports: dict[str, set[int]] = {}
    for line in facts.settings:
        if listens := _LISTENS.match(line.text):
            ports.setdefault(line.file, set()).add(int(listens["port"]))
    return {file for file, theirs in ports.items() if port not in theirs}


def _only_of(elsewhere: set[str], path: str, facts: ServerFacts, spec: FleetSpec) -> bool:
    """Whether only sites in these files have it below their document root."""
    roots = ((line.file, _ROOT.match(line.text)) for line in facts.settings)
    files = {file for file, root in roots if root and path.startswith(f"{normpath(root['path'])}/")}
    content = any(path.startswith(f"{normpath(each)}/") for each in spec.content.paths)
    return bool(files) and files <= elsewhere and not content


def _shallow(page: str, place: str, why: str) -> Sign:
    what = f"The load balancer asks for {page}; {place} {why}."
    return Sign(WARNS, place, what, "Let the site's own program answer there.")


def _answered_by_itself(page: str, lines: Sequence[Line]) -> Iterator[str]:
    """Files of a web server's configuration that answer without asking anybody."""
    ours = re.escape(page)
    block = re.compile(rf"\s*location\s+(=|\^~|~\*?)?\s*[\"^]*{ours}[$\"]*\s*\{{")
    rule = re.compile(rf"\s*RewriteRule\s+\S*{re.escape(page.lstrip('/'))}\S*\s+\S+\s+\[.*R=20\d")
    alias = re.compile(rf"\s*Alias\s+\"?{ours}\"?\s+\"?(?P<file>[^\s\"]+)")
    for number, line in enumerate(lines):
        following = [each.text for each in lines[number : number + _NEXT] if each.file == line.file]
        sent = alias.match(line.text)
        says_well = block.match(line.text) and _SAYS_WELL.search(_until_its_end(following))
        if says_well or rule.match(line.text) or (sent and not _PROGRAM.fullmatch(sent["file"])):
            yield line.file


def _until_its_end(texts: Sequence[str]) -> str:
    return "\n".join(texts).partition("}")[0]


HEALTH = (Check("health-page", 43, health_page, ("health", "settings")),)
