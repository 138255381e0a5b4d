"""What the script printed, section by section, and what it could not read. Survives garbage."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.domain.doctor.facts import Unread

_DENIED = re.compile(
    r"^(?:find|grep|md5sum|cat|head|crontab): (?:cannot open )?'?(.+?)'?(?: for reading)?: Permission denied$"
)
_COMPLAINT = re.compile(r"^(?:find|grep|md5sum|cat|head|sh|timeout|ss|systemctl|readlink|dpkg-query): ")
_TOO_LONG = {124, 137}
_TOO_LATE = 75
_NO_PROGRAM = {126, 127}


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one section, and how its command ended."""

    name: str
    lines: tuple[str, ...]
    status: int = 0
    cut: bool = False
    """There was more than it may print."""
    denied: tuple[str, ...] = ()
    """Paths that the account may not read."""

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines)


def split(output: bytes, limits: Mapping[str, int], root: str = "") -> dict[str, Section]:
    """Part the output into its sections; what is none is left out."""
    found = {}
    *ended, torn = output.split(b"\0")
    for record in (*ended, torn):
        name, tab, body = record.decode(errors="replace").partition("\t")
        if tab and name in limits:
            cut = record is torn or len(record) - len(name) - 1 >= limits[name]
            found[name] = _section(name, body, cut=cut, root=root)
    return found


def _section(name: str, body: str, *, cut: bool, root: str) -> Section:
    lines = body.split("\n")
    status = 0
    if len(lines) > 1 and re.fullmatch(r"!\d{1,3}", lines[-1]):
        status = int(lines.pop()[1:])
    elif cut:
        lines.pop()
    denied = tuple(below(match[1], root) for line in lines if (match := _DENIED.match(line)))
    kept = [line for line in lines if not _COMPLAINT.match(line)]
    while kept and not kept[-1]:
        kept.pop()
    return Section(name, tuple(kept), status, cut, denied)


def below(path: str, root: str) -> str:
    """The path as the server itself would say it: without `ssh.root`."""
    return path.removeprefix(root) or "/"


def unread(section: Section | None, part: str, user: str) -> Iterator[Unread]:
    """Say what is missing of a part of the facts, was cut or may not be read."""
    if section is None:
        yield Unread(part=part, why="the server said nothing about it", unreached=True)
        return
    if section.status == _TOO_LATE:
        yield Unread(part=part, why="the time was up before I got to it", unreached=True)
    if section.status in _TOO_LONG:
        yield Unread(part=part, why="it took too long to read")
    if section.cut:
        yield Unread(part=part, why="there was more of it than I read")
    if section.status in _NO_PROGRAM and not section.lines:
        yield Unread(part=part, why="the server lacks the program that shows it")
    for path in section.denied:
        yield Unread(part=part, path=path, why=f"{user} may not read {path}")
