"""Lists of the content, made by shell functions that are the same on every server of a fleet.

Names may hold anything but NUL, so lists are separated by NUL and sorted as bytes.
"""

import shlex
from collections.abc import Sequence
from hashlib import sha256

from bot.ssh.patterns import find_conditions

_WALK = r"""
walk() {{
    (
        cd -- "$R$1" && shift &&
            find . -ignore_readdir_race -regextype posix-extended \( {left_out} \) -prune -o "$@"
    )
}}
"""

_HASH = r"""
hash_of() {
    exec 4>&1
    trouble=$({ "$@" | { sort -z || printf unsorted >&3; } | sha256sum >&4; } 3>&1)
    printf '%s\n' "$trouble"
}
"""

_FINGERPRINT = r"""
owners=
if [ "$(id -u)" = 0 ]; then owners=' %U %G'; fi
newer=-false
if [ "$as_of" != 0 ]; then newer="-type d -o -newermt @$as_of"; fi

listing() {
    number=0
    for path; do
        printf 'path %s\0' "$path"
        # The size and time of a folder change with what is left out in it.
        walk "$path" ! \( $newer \) \( -type d -printf "$number %y %m$owners %P\0" -o \
            -printf "$number %y %m %s %T@$owners %P -> %l\0" \) || printf unreadable >&3
        number=$((number + 1))
    done
}

fingerprint() { hash_of listing "$@"; }

later() {
    [ "$as_of" != 0 ] || { printf '\n'; return; }
    number=0
    for path; do
        walk "$path" ! -type d -newermt "@$as_of" -printf "$number/%P\0"
        number=$((number + 1))
    done | base64 -w 0
    printf '\n'
}
"""

_VERSION = r"""
changes() {
    number=0
    for path; do
        printf 'path %s\0' "$path"
        # What an image is to hold must be on the disk.
        sync -f -- "$R$path" || printf unwritten >&3
        # A time that nobody can set, and that whatever is done to a file sets.
        walk "$path" -printf "$number %y %C@ %P\0" || printf unreadable >&3
        [ -z "$(walk "$path" ! -type l ! -readable -printf . -quit)" ] || printf hidden >&3
        [ -n "$(walk "$path" -type f -printf . -quit)" ] || printf empty >&3
        number=$((number + 1))
    done
}

version() { hash_of changes "$@"; }
"""

_FILES = r"""
files() {
    # What it is, its size, its time, its path: a file is another one as soon as one of them differs.
    walk "$1" ! -type d -printf "%y %s %T@ $1/%P\0" >"$2" && sort -z -o "$2" -- "$2"
}
"""


def walking(exclude: Sequence[str]) -> str:
    """Make the function `walk PATH CONDITIONS…`: find without what is excluded."""
    return _WALK.format(left_out=shlex.join(find_conditions(exclude)))


def fingerprinting(exclude: Sequence[str]) -> str:
    """Make `fingerprint PATH…`: prints a hash, and a line that is empty if all could be read.

    The variable `as_of` leaves out folders, and files written after that moment (Unix time); 0 counts all.
    `later PATH…` lists those files, each with the number of its PATH.
    """
    return walking(exclude) + _HASH + _FINGERPRINT


def versioning(exclude: Sequence[str]) -> str:
    """Make `version PATH…`: prints a hash, and an empty line if all could be read and no path is empty."""
    return walking(exclude) + _HASH + _VERSION


def listing_files(exclude: Sequence[str]) -> str:
    """Make `files PATH LIST`: writes the sorted list of what is no folder."""
    return walking(exclude) + _FILES


def list_name(path: str) -> str:
    """Name the file that remembers what of this path was copied."""
    return f"synced-{sha256(path.encode()).hexdigest()[:16]}"


def records(output: bytes) -> tuple[bytes, ...]:
    """Split a list."""
    return tuple(record for record in output.split(b"\0") if record)


def path_of(record: bytes) -> str:
    """The path in a record of `files`, as text; bytes that are none are escaped."""
    return record.split(b" ", 3)[3].decode(errors="backslashreplace")
