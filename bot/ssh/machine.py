"""Reads a server's clock, time zone and free space."""

import re
from collections.abc import Iterator

from bot.domain.machine import Machine

LOOK = r"""
zone() {
    place=$(readlink -- "$R/etc/localtime" 2>/dev/null)
    case $place in
        *zoneinfo/*) printf '%s\n' "${place#*zoneinfo/}" ;;
        *) if [ -e "$R/etc/localtime" ]; then printf 'a file %s\n' "$(cksum <"$R/etc/localtime")"
            else printf 'UTC\n'; fi ;;
    esac
}

machine() {
    zone
    for path; do
        shift
        set -- "$@" "$R$path"
    done
    df -Pk -- "$@" 2>/dev/null
    date +%s
}
"""
_SPACE = re.compile(r" ([0-9]+) +[0-9]+ +([0-9]+) +[0-9]{1,3}% ")
_HALF_A_SECOND = 0.5
"""`date` leaves out the part of a second that has passed."""


def read(said: Iterator[str], arrived: float) -> Machine:
    """Read what `machine` printed, which arrived at this moment, in Unix time."""
    zone = next(said)
    *disks, clock = _until_a_number(said)
    spaces = _SPACE.findall("|".join(disks))
    free, size = min(((int(free), int(size)) for size, free in spaces), default=(None, 0))
    return Machine(
        ahead=int(clock) + _HALF_A_SECOND - arrived if clock.isdecimal() else None,
        zone=zone,
        free=None if free is None else free * 1024,
        size=size * 1024,
    )


def _until_a_number(said: Iterator[str]) -> Iterator[str]:
    """The lines up to the clock."""
    for line in said:
        yield line
        if line.isdecimal():
            return
