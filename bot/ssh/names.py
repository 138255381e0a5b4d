"""Which names, paths and keys from outside may go to a server; everything else is refused, not repaired."""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import Content, FleetSpec, Recipe
from bot.domain.recipe import job_files
from bot.domain.shape import PATTERN

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_SERVICE = re.compile(r"[A-Za-z0-9_@][A-Za-z0-9_.@:\\-]{0,255}")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?")
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:-]{0,253}")
_KEY = re.compile(r"([a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,3})(?:\s|$)")


def check_name(name: str, what: str) -> str:
    """Return an id that is safe as a file name. Raises RemoteFailed."""
    return _checked(_NAME, name, what)


def check_user(user: str) -> str:
    """Return a login name. Raises RemoteFailed."""
    return _checked(_USER, user, "user")


def check_address(address: str) -> str:
    """Return a network address. Raises RemoteFailed."""
    return _checked(_ADDRESS, address, "address")


def check_services(recipe: Recipe) -> None:
    """Raise RemoteFailed unless every service is the name of a unit."""
    for service in (*recipe.services, *recipe.restart):
        _checked(_SERVICE, service, "service")


def check_jobs(recipe: Recipe) -> None:
    """Raise RemoteFailed unless every job is one that can be taken off a clone."""
    for job in recipe.jobs:
        if not job_files(job):
            raise RemoteFailed(f"{job!r} cannot be used as a job: correct recipe.jobs in the fleet file.")


def check_patterns(recipe: Recipe) -> None:
    """Raise RemoteFailed unless all that is to be taken away lies below some folder."""
    for pattern in (*recipe.remove, *recipe.truncate, *recipe.clean, *recipe.spools):
        if not re.fullmatch(PATTERN, pattern) or not pattern.isprintable():
            raise RemoteFailed(
                f"{pattern!r} cannot be taken from a clone: correct [recipe] in the fleet file."
            )


def check_path(path: str) -> str:
    """Return an absolute path without surprises: no / at its end, not / itself. Raises RemoteFailed."""
    parts = path.split("/")
    if not path.strip("/.") or not path.startswith("/") or ".." in parts or not path.isprintable():
        raise RemoteFailed(
            f"The path {path!r} cannot be used: it must lie below /, without .. and control characters. "
            "Correct it in the fleet file."
        )
    return "/" + "/".join(part for part in parts if part not in {"", "."})


def check_root(spec: FleetSpec) -> str:
    """Return the folder that remote paths count from. Raises RemoteFailed."""
    root = spec.ssh.root
    if root.startswith("-") or ".." in root.split("/") or not root.isprintable():
        raise RemoteFailed(f"ssh.root {root!r} cannot be used: no .., no - in front. Correct the fleet file.")
    return root


def check_content(content: Content) -> tuple[str, ...]:
    """Return the content's paths. Raises RemoteFailed."""
    for path in content.paths:
        if set('%\\"') & set(path):
            raise RemoteFailed(f'The content path {path!r} cannot be used: it may not hold %, \\ or ".')
    return tuple(check_path(path) for path in content.paths)


def read_keys(lines: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read public keys ("ssh-ed25519 AAAA… comment") as (type, base64); what is no key is left out."""
    matches = (_KEY.match(line.strip()) for line in lines)
    return tuple((m[1], m[2]) for m in matches if m and _holds(m[1], m[2]))


def _holds(kind: str, encoded: str) -> bool:
    """Whether the key's own bytes say that it is of this type."""
    try:
        return b64decode(encoded, validate=True)[4:].startswith(kind.encode())
    except NotBase64:
        return False


def _checked(pattern: re.Pattern[str], text: str, what: str) -> str:
    if not pattern.fullmatch(text):
        raise RemoteFailed(f"{text!r} cannot be used as the {what} of a server.")
    return text
