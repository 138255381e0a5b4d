"""Files and lines of files, from what find and grep printed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from posixpath import join, normpath

from bot.domain.doctor.facts import File, Kind, Line
from bot.ssh.doctor.sections import Section, below
from bot.ssh.patterns import understand

_FIELDS = 8
_KINDS = {kind.value: kind for kind in Kind}
_LONGEST = 400
_HIDDEN = (
    (re.compile(r"(://[^:/@\s]*:)[^@\s]+@"), r"\1…@"),
    (
        re.compile(
            r"(?i)((?:pass(?:word|wd)?|secret|token|key|salt)[\w'\"\]]*\s*(?:=>|[=:,])\s*)"
            r"(?!(?:true|false|yes|no|on|off|\d)\b)(?:'[^']*'|\"[^\"]*\"|[^\s,;)]+)"
        ),
        r"\1…",
    ),
    (re.compile(r"(?i)(connect\w*|mysqli|pdo)(\(\s*(?:'[^']*'|\"[^\"]*\"|\w+))\s*,.*"), r"\1\2, …"),
)
"""Passwords in addresses, in settings, and as arguments after the first."""


def read_files(lines: Iterable[str], root: str) -> Iterator[File]:
    """Read what find printed, with absolute paths."""
    for line in lines:
        if (file := _file(line)) is not None:
            yield replace(file, path=below(file.path, root))


def read_content(lines: Iterable[str], exclude: Sequence[str]) -> Iterator[File]:
    """Read what find printed below each path of the content."""
    left_out = [understand(pattern) for pattern in exclude]
    folder = ""
    for line in lines:
        if line.startswith("path\t"):
            folder = line.partition("\t")[2]
        elif folder and (file := _file(line)) is not None and file.path.startswith("."):
            excluded = any(
                re.fullmatch(each.regex, place) and (is_folder or not each.folders_only)
                for place, is_folder in _places(file)
                for each in left_out
            )
            yield replace(file, path=normpath(join(folder, file.path)), excluded=excluded)


def read_empty(lines: Iterable[str]) -> Iterator[str]:
    """Read which paths of the content hold no file."""
    folder = ""
    for line in lines:
        kind, _, path = line.partition("\t")
        if kind == "path":
            folder = path
        elif kind == "empty" and path == folder:
            yield normpath(path)


def _places(file: File) -> Iterator[tuple[str, bool]]:
    """The file and each folder above it, as find names them: "./a/b"."""
    parts = file.path.split("/")
    for end in range(2, len(parts) + 1):
        yield "/".join(parts[:end]), end < len(parts) or file.kind is Kind.FOLDER


def _file(line: str) -> File | None:
    parts = line.split("\t")
    if len(parts) != _FIELDS or parts[0] not in _KINDS:
        return None
    kind, mode, size, owner, group, changed, path, target = parts
    try:
        return File(
            path=path,
            kind=_KINDS[kind],
            mode=int(mode, 8),
            size=int(size),
            owner=owner,
            group=group,
            changed=int(changed.partition(".")[0]),
            target=target,
        )
    except ValueError:
        return None


def read_lines(section: Section | None, root: str) -> Iterator[tuple[str, str]]:
    """Read what `grep -HZ` printed: (path, line)."""
    for line in section.lines if section else ():
        path, tab, text = line.partition("\t")
        if tab and path.startswith("/"):
            yield below(path, root), text[:_LONGEST]


def read_settings(section: Section | None, root: str) -> tuple[Line, ...]:
    """Read lines of settings; passwords do not get further than this."""
    return tuple(Line(file=path, text=_hide(text.strip())) for path, text in read_lines(section, root))


def _hide(text: str) -> str:
    for secret, shown in _HIDDEN:
        text = secret.sub(shown, text)
    return text


def read_names(section: Section | None, root: str) -> tuple[str, ...]:
    """Read what `grep -l` printed between lines: paths."""
    lines = section.lines if section else ()
    return tuple(sorted({below(line, root) for line in lines if line.startswith("/") and "\t" not in line}))
