"""The content: databases and uploads in it, what passes, and what a sync would make of it."""

import re
from collections.abc import Iterable, Iterator
from posixpath import basename, dirname, join, normpath

from bot.domain.doctor.facts import File, Kind, ServerFacts
from bot.domain.doctor.server.check import BLOCKS, FIXED, WARNS, Check, Sign
from bot.domain.doctor.server.recipe import cleans, may_differ
from bot.domain.fleet import FleetSpec

_DATABASE = re.compile(r".+\.(db|sqlite[23]?|db3|sdb|s3db|mdb|rdb|dbm)")
_NO_DATABASE = {"Thumbs.db", "thumbs.db"}
_USES_SQLITE = re.compile(
    r"sqlite3?:/|backends\.sqlite3|SQLite3\s*\(|sqlite3\.connect|DB_CONNECTION\s*=\s*sqlite"
)
_OF_PROGRAMS = re.compile(
    r"/var/lib/(fail2ban|PackageKit|colord|dnf|rpm|snapd|netdata|apt)/|/var/cache/|/tmp/"
)
_REMEDY = "Move the data to a database server, or, if it only is read, name it in recipe.everywhere."
_APPLICATIONS = ("/srv/", "/opt/", "/var/www/", "/home/")

_LOCKED_VERSIONS = re.compile(
    r"(composer|yarn|Gemfile|poetry|Pipfile|package|Cargo|flake|uv|pdm|mix|Podfile)[.-]?\w*\.lock"
)
_PASSING = re.compile(r".+\.(pid|lock|lck|tmp|swp|sock)|sess_\w+")
_PASSING_FOLDER = re.compile(
    r"(?i)\.?(cache|caches|tmp|temp|sessions?|templates_c|compiled|logs?|__pycache__|_cache|views_cache)"
)


def file_databases(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """SQLite and its like, of which every clone would have a copy of its own."""
    told = [file for file in _database_files(facts) if not may_differ(spec.recipe, file.path)]
    for file in told:
        what = f"{file.path} is a database in a file; each clone would write to a copy of its own."
        yield Sign(BLOCKS, file.path, what, _REMEDY)
    for path in _opened(facts, {file.path for file in told}):
        if not may_differ(spec.recipe, path):
            what = (
                f"{path} is an SQLite database that is in use; each clone would write to a copy of its own."
            )
            yield Sign(BLOCKS, path, what, _REMEDY)
    folders = {dirname(file.path) for file in told}
    for line in facts.settings:
        known = any(folder.startswith(dirname(line.file)) for folder in folders)
        if _USES_SQLITE.search(line.text) and not known and not may_differ(spec.recipe, line.file):
            what = f"{line.file} keeps data in an SQLite file; each clone would write to a copy of its own."
            yield Sign(BLOCKS, line.file, what, _REMEDY)


def _opened(facts: ServerFacts, told: set[str]) -> Iterator[str]:
    for path in facts.open_databases:
        if path not in told and not _OF_PROGRAMS.match(path) and "/." not in path:
            yield path


def _database_files(facts: ServerFacts) -> Iterator[File]:
    applications = [
        file
        for file in facts.places
        if file.path.startswith(_APPLICATIONS) and "/." not in file.path and file.path.endswith(_SURE)
    ]
    for file in (*facts.content, *applications):
        name = basename(file.path)
        if file.kind is Kind.FILE and file.size and _DATABASE.fullmatch(name) and name not in _NO_DATABASE:
            yield file


_SURE = (".db", ".sqlite", ".sqlite2", ".sqlite3", ".db3", ".s3db")


def passing(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Files that belong to processes of the master: pids, locks, sockets, caches."""
    for file in _topmost(file for file in facts.content if _passes(file)):
        what = f"{file.path} belongs to what runs on the master, and would be copied to clones."
        cleaned = f"{file.path}/" if file.kind is Kind.FOLDER else file.path
        if not file.excluded:
            remedy = f"Add {basename(file.path)!r} to content.exclude, and {cleaned!r} to recipe.clean."
            yield Sign(WARNS, file.path, what, remedy)
        elif cleans(spec.recipe, cleaned):
            told = f"{file.path} is left out of the sync, and the image's copy is cleaned; each is proved."
            yield Sign(FIXED, file.path, told, "Nothing.")
        else:
            remedy = f"Name {cleaned!r} in recipe.clean, and clones begin without the image's copy."
            yield Sign(FIXED, file.path, f"{file.path} is left out of the sync.", remedy)


def _passes(file: File) -> bool:
    name = basename(file.path)
    if file.kind is Kind.FOLDER:
        return _PASSING_FOLDER.fullmatch(name) is not None
    if file.kind in {Kind.SOCKET, Kind.PIPE}:
        return True
    is_file = file.kind is Kind.FILE and _PASSING.fullmatch(name)
    return bool(is_file) and not _LOCKED_VERSIONS.fullmatch(name)


def _topmost(files: Iterable[File]) -> Iterator[File]:
    above = "\0"
    for file in sorted(files, key=lambda file: file.path.split("/")):
        if not file.path.startswith(f"{above}/"):
            above = file.path
            yield file


def passes(path: str) -> bool:
    """Whether this folder only holds what passes."""
    return any(_PASSING_FOLDER.fullmatch(part) for part in path.split("/"))


def sync_source(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Content that may be missing when a sync begins, so that the sync would wipe the clones'."""
    seen = {file.path for file in facts.content}
    mounted = {mount.where: mount for mount in facts.mounts}
    for path in (normpath(path) for path in spec.content.paths):
        if path not in seen and not facts.missing("content"):
            what = f"{path} is not there, so a sync would delete it on every clone."
            yield Sign(BLOCKS, path, what, "Correct content.paths in the fleet file, or mount it.")
        above = {path, *_parents(path)}
        for mount in facts.fstab:
            if mount.where in above and mount.where not in mounted and facts.mounts:
                what = f"{mount.where} is in {mount.file} and not mounted; a sync would take an empty folder."
                yield Sign(BLOCKS, mount.where, what, f"Mount it: `sudo mount {mount.where}`.")
        if path in facts.empty:
            what = f"{path} holds no file, and a sync refuses an empty folder: no clone would come to serve."
            yield Sign(BLOCKS, path, what, "Mount or restore the site, or correct content.paths.")
        for where in sorted(above & mounted.keys()):
            yield from _on_a_mount(path, where, mounted[where].kind)


def _on_a_mount(path: str, where: str, kind: str) -> Iterator[Sign]:
    if kind in {"tmpfs", "ramfs"}:
        what = f"{path} is on {where}, which is memory: an image holds nothing of it."
        yield Sign(BLOCKS, where, what, "Keep the content on a disk.")
    elif kind.startswith(("nfs", "cifs", "smb", "fuse.s3", "fuse.sshfs", "ceph", "glusterfs", "efs")):
        what = f"{path} is on {where}, which servers share already ({kind})."
        yield Sign(WARNS, where, what, "Mount it on clones too, and take it out of content.paths.")
    else:
        what = f"{path} is on a mount of its own, {where}; when that is missing, the folder is empty."
        yield Sign(WARNS, where, what, "A sync refuses an empty folder; do not mount it with nofail.")


def _parents(path: str) -> Iterator[str]:
    while (path := dirname(path)) != "/":
        yield path


def links_out(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Links that lead to what is not copied."""
    roots = tuple(f"{normpath(path)}/" for path in spec.content.paths)
    for file in facts.content:
        if file.kind is Kind.LINK and not file.excluded:
            target = normpath(join(dirname(file.path), file.target))
            if not f"{target}/".startswith((*roots, "/usr/", "/etc/", "/dev/")):
                what = f"{file.path} leads to {target}, which a sync does not copy."
                yield Sign(WARNS, file.path, what, "Add its target to content.paths, or copy it in.")


def deploys(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """Signs that the content changes in place, so that a sync may catch it half done."""
    for file in facts.content:
        name = basename(file.path)
        if name in {".git", ".svn"} or name in {"deploy.lock", ".maintenance", "maintenance.flag"}:
            what = f"{file.path} says that releases are made in place; a sync may catch one half done."
            yield Sign(WARNS, file.path, what, "Release into a new folder and switch a link; exclude .git.")


CONTENT = (
    Check("file-database", 9, file_databases, ("content", "places", "settings", "open_databases")),
    Check("passing-files", 12, passing, ("content",)),
    Check("sync-source", 40, sync_source, ("content", "mounts", "fstab")),
    Check("links-out", 41, links_out, ("content",)),
    Check("deploys", 42, deploys, ("content",)),
)
