"""Jobs of cron and at, from their tables."""

import re
from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename, dirname

from bot.domain.doctor.facts import File, Job, Origin
from bot.ssh.doctor.sections import Section

_TABLE = re.compile(r"/var/spool/cron/(?:crontabs/|tabs/)?(?P<user>[^/]+)")
_SETS = re.compile(r"\s*[A-Za-z_][A-Za-z0-9_]*\s*=")
_TIMES = re.compile(r"\s*(?P<when>@[a-z]+|(?:[\d*,/~a-zA-Z-]+\s+){4}[\d*,/~a-zA-Z-]+)\s+(?P<rest>\S.*)")
_EVERY = re.compile(r"\s*(?P<when>@?[a-z\d]+\s+\d+)\s+(?P<name>\S+)\s+(?P<rest>\S.*)")
_RC_LOCAL = "/etc/rc.local"
_DOES_NOTHING = re.compile(r"\s*(exit(\s+0)?|set\s.*|:|true)\s*")
_IGNORED = re.compile(r".*(?:\.dpkg-\w+|~|\.bak|\.swp|\.rpm\w+|/\.placeholder)$|.*/\.[^/]*$")

Table = Iterable[tuple[str, str]]
"""(path, line) of each line that is neither empty nor a comment."""


class Origins:
    """Tells whether a file is as its package brought it, by dpkg's own sums."""

    def __init__(self, conffiles: Section | None, sums: Section | None) -> None:
        self._packaged = dict(_pairs(conffiles, path_first=True))
        self._now = dict(_pairs(sums, path_first=False))

    @property
    def of_debian(self) -> bool:
        """Its cron then reads only files whose names have no dot."""
        return bool(self._packaged)

    def of(self, path: str) -> Origin:
        """Compare a file with its package's."""
        if not self._packaged or path not in self._now:
            return Origin.UNKNOWN
        if path not in self._packaged:
            return Origin.HAND
        return Origin.PACKAGE if self._packaged[path] == self._now[path] else Origin.CHANGED


def _pairs(section: Section | None, *, path_first: bool) -> Iterator[tuple[str, str]]:
    for line in section.lines if section else ():
        words = line.split()
        if len(words) >= 2:  # noqa: PLR2004 (a path and a sum)
            yield (words[0], words[1]) if path_first else (words[1], words[0])


def lines_of_tables(table: Table, origins: Origins) -> Iterator[Job]:
    """Read crontabs of the system and of people."""
    for path, line in table:
        if _IGNORED.fullmatch(path) or _SETS.match(line):
            continue
        person = _TABLE.fullmatch(path)
        if person and person["user"] not in {"crontabs", "tabs", "atjobs", "atspool", "lastrun"}:
            yield from _job(f"crontab:{person['user']}", line, person["user"], Origin.HAND)
        elif path == "/etc/anacrontab":
            yield from _anacron(path, line, origins.of(path))
        elif path == "/etc/crontab" or _is_read(path, origins):
            yield from _job(path, line, "", origins.of(path))


def _is_read(path: str, origins: Origins) -> bool:
    return dirname(path) == "/etc/cron.d" and not (origins.of_debian and "." in basename(path))


def _job(source: str, line: str, user: str, origin: Origin) -> Iterator[Job]:
    if match := _TIMES.fullmatch(line):
        named, _, command = match["rest"].partition(" ") if not user else (user, "", match["rest"])
        yield Job(
            source=source,
            schedule=" ".join(match["when"].split()),
            command=command.strip(),
            user=user or named,
            origin=origin,
        )


def _anacron(source: str, line: str, origin: Origin) -> Iterator[Job]:
    if match := _EVERY.fullmatch(line):
        yield Job(
            source=source, schedule=match["when"], command=match["rest"].strip(), user="root", origin=origin
        )


def own_table(section: Section | None, user: str) -> Iterator[Job]:
    """Read what `crontab -l` printed."""
    for line in section.lines if section and not section.status else ():
        if not line.lstrip().startswith("#") and not _SETS.match(line):
            yield from _job(f"crontab:{user}", line, user, Origin.HAND)


def scripts(files: Iterable[File], lines: Mapping[str, str], origins: Origins) -> Iterator[Job]:
    """Scripts in /etc/cron.daily and the like; run-parts skips names with a dot."""
    for file in files:
        if "." not in basename(file.path) and file.path != _RC_LOCAL:
            yield Job(
                source=file.path,
                schedule=dirname(file.path).rpartition(".")[2],
                command=lines.get(file.path, ""),
                user="root",
                origin=origins.of(file.path),
            )


def at_boot(files: Iterable[File], table: Table) -> Iterator[Job]:
    """What the old script for the end of booting does, where it may be run and does anything."""
    if any(file.path == _RC_LOCAL for file in files):
        lines = [line.strip() for path, line in table if path == _RC_LOCAL]
        does = [line for line in lines if not line.startswith("#") and not _DOES_NOTHING.fullmatch(line)]
        if does:
            yield Job(
                source=_RC_LOCAL, schedule="at boot", command="\n".join(does), user="root", origin=Origin.HAND
            )


def later(files: Iterable[File]) -> Iterator[Job]:
    """Jobs of at."""
    for file in files:
        yield Job(
            source=f"at:{basename(file.path)}",
            schedule="once",
            command="",
            user=file.owner,
            origin=Origin.HAND,
        )
