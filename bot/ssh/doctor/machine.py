"""Sockets, connections and mounts, from what ss and the kernel printed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from posixpath import basename

from bot.domain.doctor.facts import Connection, Container, Mount, Socket

_PROCESS = re.compile(r'[(,]\("(?P<name>[^"]*)",pid=(?P<pid>\d+)')
_UNIT = re.compile(r"/proc/(?P<pid>\d+)/cgroup\t(?:0|\d+:name=systemd|0:):*(?P<path>/\S*)")
_BY_NAME_FOR_GOOD = re.compile(r"/dev/disk/by-(?P<how>uuid|label|partuuid|partlabel)/(?P<name>.+)")
_FEWEST_MOUNT_WORDS = 3
_OPTIONS = 3


def units_of_processes(lines: Iterable[str]) -> dict[str, str]:
    """Which unit each process belongs to, by its cgroup."""
    found = {}
    for line in lines:
        if match := _UNIT.match(line):
            units = [part for part in match["path"].split("/") if part.endswith((".service", ".scope"))]
            if units:
                found[match["pid"]] = units[-1]
    return found


def read_sockets(lines: Iterable[str], units: Mapping[str, str]) -> Iterator[Socket]:
    """Read `ss -H -l -t -u -n -p`: protocol, state, two queues, local, peer, processes.

    All processes of one socket belong to one unit; a child that was forked just then may be gone since.
    """
    for line in lines:
        words = line.split(None, 6)
        if len(words) < 6 or words[0] not in {"tcp", "udp"}:  # noqa: PLR2004 (the columns of ss)
            continue
        address, _, port = words[4].rpartition(":")
        if port.isdecimal() and words[0] == "tcp":
            processes = _PROCESS.findall(words[6] if len(words) > 6 else "")  # noqa: PLR2004 (the last column)
            yield Socket(
                address=address,
                port=int(port),
                process=next((name for name, _ in processes), ""),
                unit=next((units[pid] for _, pid in processes if pid in units), ""),
            )


def read_connections(lines: Iterable[str]) -> Iterator[Connection]:
    """Read `ss -H -t -n -p state established`: two queues, local, peer, process."""
    for line in lines:
        words = line.split(None, 4)
        if len(words) < 4 or not words[0].isdecimal():  # noqa: PLR2004 (the columns of ss)
            continue
        local_port, (peer, _, port) = words[2].rpartition(":")[2], words[3].rpartition(":")
        if local_port.isdecimal() and port.isdecimal():
            process = _PROCESS.search(line)
            yield Connection(
                peer=peer.strip("[]").removeprefix("::ffff:"),
                port=int(port),
                local_port=int(local_port),
                process=process["name"] if process else "",
            )


def read_mounts(lines: Iterable[str]) -> Iterator[Mount]:
    """Read /proc/self/mounts or /etc/fstab."""
    for line in lines:
        words = line.split()
        if len(words) >= _FEWEST_MOUNT_WORDS and not words[0].startswith("#"):
            options = words[_OPTIONS] if len(words) > _OPTIONS else ""
            yield Mount(device=words[0], where=words[1], kind=words[2], options=options)


def read_mount_units(lines: Iterable[tuple[str, str]], wanted: Iterable[str]) -> Iterator[Mount]:
    """Read the settings of mount units, as (path, line), of those that something starts at boot."""
    started = {name.rpartition(".")[0] for name in wanted}
    units: dict[str, dict[str, str]] = {}
    for path, line in lines:
        key, _, value = line.partition("=")
        units.setdefault(path, {})[key.strip()] = value.strip()
    for path, unit in units.items():
        if basename(path).rpartition(".")[0] in started and {"What", "Where"} <= unit.keys():
            device, kind = _as_fstab_says(unit["What"]), unit.get("Type", "auto")
            yield Mount(
                device=device, where=unit["Where"], kind=kind, options=unit.get("Options", ""), file=path
            )


def _as_fstab_says(device: str) -> str:
    named = _BY_NAME_FOR_GOOD.fullmatch(device)
    return f"{named['how'].upper()}={named['name']}" if named else device


def read_spools(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Read how many messages wait in each folder of each spool: "/var/spool/postfix<TAB>3"."""
    waiting: dict[str, int] = {}
    for line in lines:
        spool, _, count = line.partition("\t")
        if count.strip().isdecimal():
            waiting[spool] = waiting.get(spool, 0) + int(count)
    yield from ((spool, count) for spool, count in waiting.items() if count)


def read_swaps(lines: Iterable[str]) -> Iterator[str]:
    """Read /proc/swaps."""
    for line in lines:
        if line.startswith("/"):
            yield line.split()[0]


def read_containers(lines: Iterable[str]) -> Iterator[Container]:
    """Read what the engine printed: name, image, state; one that ended and stays so is nothing."""
    for line in lines:
        words = line.split("\t")
        if len(words) == len(("name", "image", "state")) and words[2] in {"running", "restarting", "paused"}:
            yield Container(name=words[0], image=words[1])
