"""Puts the sections together into `ServerFacts`. Pure; survives whatever a server prints."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bot.domain.doctor.facts import File, Job, Line, Mount, ServerFacts, Unit, Unread
from bot.ssh.doctor import files, jobs, machine
from bot.ssh.doctor.script import OF_MACHINE, PARTS, limits
from bot.ssh.doctor.sections import Section, split, unread
from bot.ssh.doctor.units import read_units

_FOLDER = "ssh.root is a folder: what the whole machine does is not this server's doing"
_NO_SYSTEMD = "systemctl does not answer there"

Sections = Mapping[str, Section]


def read_facts(output: bytes, exclude: tuple[str, ...]) -> ServerFacts:
    """Read all that the script printed."""
    said = _said(split(output, limits()))
    root = said.get("root", "")
    sections = split(output, limits(), root)
    units = machine.units_of_processes(_lines(sections, "processes"))
    here = tuple(dict.fromkeys(files.read_content(_lines(sections, "content"), exclude)))
    known = {file.path for file in here}
    around = files.read_files(_lines(sections, "around"), root)
    scripts = _scripts(sections, root)
    return ServerFacts(
        hostname=said.get("hostname", ""),
        machine_id=said.get("machine_id", ""),
        addresses=tuple(said.get("addresses", "").split()),
        time=int(said["time"]) if said.get("time", "").isdecimal() else 0,
        cloud_init=said.get("cloud_init") == "yes",
        cloud_init_off=files.read_names(sections.get("cloud_off"), root),
        time_zone=said.get("time_zone", "").rpartition("zoneinfo/")[2],
        clock_synchronized={"yes": True, "no": False}.get(said.get("synchronized", "")),
        units=_units(sections, scripts),
        jobs=_jobs(sections, root, said.get("user", ""), scripts),
        sockets=tuple(machine.read_sockets(_lines(sections, "sockets"), units)),
        connections=tuple(machine.read_connections(_lines(sections, "connections"))),
        mounts=tuple(machine.read_mounts(_lines(sections, "mounts"))),
        fstab=_planned(sections, root),
        swaps=tuple(machine.read_swaps(_lines(sections, "swaps"))),
        containers=tuple(machine.read_containers(_lines(sections, "containers"))),
        content=here,
        empty=tuple(files.read_empty(_lines(sections, "content"))),
        places=tuple(file for file in around if file.path not in known),
        settings=_settings(sections, root),
        secrets=files.read_names(sections.get("texts"), root),
        authorized_keys=_logins(sections, root),
        agents=tuple(files.read_files(_lines(sections, "agents"), root)),
        packages=_packages(_lines(sections, "packages")),
        health=tuple(files.read_files(_lines(sections, "served"), root)),
        health_lines=files.read_settings(sections.get("served"), root),
        written=tuple(files.read_files(_lines(sections, "written"), root)),
        relays=tuple(file.path for file in files.read_files(_lines(sections, "relays"), root)),
        open_databases=tuple(files.read_names(sections.get("databases"), root)),
        mail=tuple(machine.read_spools(_lines(sections, "mail"))),
        lost_files=tuple(_lost(sections, "file")),
        lost_settings=tuple(_lost(sections, "setting")),
        unread=_unread(sections, root, said.get("user", "")),
    )


def _lost(sections: Sections, kind: str) -> Iterator[str]:
    for line in _lines(sections, "lost"):
        what, _, path = line.partition("\t")
        if what == kind and path.startswith("/"):
            yield path


def _lines(sections: Sections, name: str) -> tuple[str, ...]:
    return sections[name].lines if name in sections else ()


def _said(sections: Sections) -> dict[str, str]:
    pairs = (line.partition("=") for line in _lines(sections, "self"))
    return {key: value.strip() for key, _, value in pairs}


def _units(sections: Sections, scripts: Mapping[str, str]) -> tuple[Unit, ...]:
    units = read_units(_lines(sections, "units"), _lines(sections, "loaded"))
    return tuple(replace(unit, script=_named(scripts, unit.command)) for unit in units)


def _jobs(sections: Sections, root: str, user: str, scripts: Mapping[str, str]) -> tuple[Job, ...]:
    origins = jobs.Origins(*(_without_root(sections.get(name), root) for name in ("conffiles", "sums")))
    tables = tuple(files.read_lines(sections.get("tables"), root))
    executable = _files(sections, "scripts", root)
    found = [
        *jobs.lines_of_tables(tables, origins),
        *jobs.own_table(sections.get("own_table"), user),
        *jobs.scripts(executable, scripts, origins),
        *jobs.at_boot(executable, tables),
        *jobs.later(_files(sections, "later", root)),
    ]
    return tuple(replace(job, script=_named(scripts, job.command)) for job in dict.fromkeys(found))


def _planned(sections: Sections, root: str) -> tuple[Mount, ...]:
    section = sections.get("mount_units")
    units = tuple(files.read_lines(section, root))
    wanted = [line for line in (section.lines if section else ()) if not line.startswith("/")]
    return (
        *machine.read_mounts(_lines(sections, "fstab")),
        *machine.read_mount_units(units, wanted),
    )


def _scripts(sections: Sections, root: str) -> Mapping[str, str]:
    """What each script is for, by its path."""
    told: dict[str, str] = {}
    for path, line in files.read_lines(sections.get("script_lines"), root):
        told[path] = f"{told.get(path, '')}\n{line}".strip()
    return told


def _named(scripts: Mapping[str, str], command: str) -> str:
    words = (word.strip("'\"`();&|") for word in command.split())
    return "\n".join(scripts[word] for word in words if word in scripts)


def _without_root(section: Section | None, root: str) -> Section | None:
    if section is None or not root:
        return section
    lines = tuple(line.replace(f" {root}/", " /") for line in section.lines)
    return Section(section.name, lines)


def _files(sections: Sections, name: str, root: str) -> tuple[File, ...]:
    return tuple(files.read_files(_lines(sections, name), root))


def _settings(sections: Sections, root: str) -> tuple[Line, ...]:
    return (
        *files.read_settings(sections.get("texts"), root),
        *files.read_settings(sections.get("hosts"), root),
    )


def _logins(sections: Sections, root: str) -> tuple[Line, ...]:
    """Each key by the comment at its end: the key itself is long, and the comment is what people know."""
    lines = files.read_lines(sections.get("logins"), root)
    return tuple(Line(file=path, text=" ".join(text.split()[-1:])) for path, text in lines)


def _packages(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line.partition(" ")[2] for line in lines if line.startswith("installed "))


def _unread(sections: Sections, root: str, user: str) -> tuple[Unread, ...]:
    found = []
    for name, part in PARTS.items():
        if root and name in OF_MACHINE:
            found.append(Unread(part=part, why=_FOLDER))
        else:
            found += unread(sections.get(name), part, user or "the account")
    if not root and user not in {"root", ""}:
        found.append(Unread(part="sockets", why=f"{user} may not see which process listens where"))
    if not _lines(sections, "units") and not _lines(sections, "loaded"):
        found.append(Unread(part="units", why=_NO_SYSTEMD))
    return tuple(dict.fromkeys(found))
