"""Where the site writes beside its content: nobody looks there before a clone is taken away."""

import re
from collections.abc import Iterator
from posixpath import normpath

from bot.domain.doctor.facts import File, ServerFacts
from bot.domain.doctor.server.check import BLOCKS, WARNS, Check, Sign
from bot.domain.doctor.server.content import passes
from bot.domain.doctor.server.recipe import may_differ
from bot.domain.doctor.server.writes import web_users, writable
from bot.domain.fleet import FleetSpec

_OF_SYSTEM = re.compile(
    r"/home/[^/]+|/var/www|/var/lib/(php|nginx|apache2|httpd|lighttpd|caddy|fail2ban|letsencrypt)(/.*)?"
)


def stray_writes(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Folders that the site wrote to of late: on a clone, what it writes there ends with the clone."""
    for folder in _beside_the_content(facts, spec):
        if not may_differ(spec.recipe, folder.path):
            what = (
                f"The site may write to {folder.path}, and somebody did in the last 30 days; "
                "it is not content, so what a clone writes there is lost when the clone goes."
            )
            # As of uploads: what is posted goes to the master, and only other requests write on a clone.
            severity = WARNS if "POST" in spec.writes.methods else BLOCKS
            remedy = "Add it to content.paths, or, if it may be lost, name it in recipe.everywhere."
            yield Sign(severity, folder.path, what, remedy)


def _beside_the_content(facts: ServerFacts, spec: FleetSpec) -> Iterator[File]:
    """The topmost of them."""
    users, roots = web_users(facts), tuple(f"{normpath(path)}/" for path in spec.content.paths)
    above = "\0"
    for folder in sorted(facts.written, key=lambda folder: folder.path.split("/")):
        passing = passes(folder.path) or _OF_SYSTEM.fullmatch(folder.path)
        ours = f"{folder.path}/".startswith((*roots, f"{above}/"))
        if writable(folder, users) and not passing and not ours:
            above = folder.path
            yield folder


STRAYS = (Check("stray-writes", 46, stray_writes, ("written", "units", "settings")),)
