"""Finds OpenSSH and rsync: the system's, or, where missing, unpacked into the lab's own folder."""

import fcntl
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import ConfigError
from bot.lab.packages import NotFetched, unpack_packages

_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_SELF_AWARE_SSHD = (9, 8)
"""From this version on, sshd runs helpers at compiled-in places and penalizes sources."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs that hosts are made of. Each can be run as it is, from any environment."""

    sshd: Path
    ssh: Path
    rsync: Path
    rrsync: Path
    sftp_server: Path | None
    path: tuple[Path, ...]
    """Folders that offer these programs; to be put on PATH before the system's."""
    sshd_options: tuple[str, ...] = ()
    """Lines that this sshd needs in its sshd_config."""
    sshd_arguments: tuple[str, ...] = ()
    """Spare this sshd to run itself anew for each connection, which is half of what one costs."""


@dataclass(frozen=True, slots=True)
class _Program:
    package: str
    places: tuple[str, ...]
    required: bool = True


_PROGRAMS = {
    "sshd": _Program("openssh-server", ("usr/sbin/sshd",)),
    "ssh": _Program("openssh-client", ("usr/bin/ssh",)),
    "ssh-keygen": _Program("openssh-client", ("usr/bin/ssh-keygen",)),
    "rsync": _Program("rsync", ("usr/bin/rsync",)),
    "rrsync": _Program(
        "rsync", ("usr/bin/rrsync", "usr/share/rsync/scripts/rrsync", "usr/share/doc/rsync/scripts/rrsync")
    ),
    "sftp-server": _Program(
        "openssh-sftp-server",
        ("usr/lib/openssh/sftp-server", "usr/lib/ssh/sftp-server", "usr/libexec/openssh/sftp-server"),
        required=False,
    ),
}


def _say_nothing(_text: str) -> None:
    pass


def find_tools(
    folder: Path, tell: Callable[[str], None] = _say_nothing, *, system: Path = Path("/")
) -> Tools:
    """Find what hosts need; fetch into `folder` what the system (below `system`) lacks.

    Quick when done before. Raises ConfigError with what to type where fetching is impossible.
    """
    home = folder.resolve() / "tools"
    home.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(home):
        missing = _missing(system, home / "root")
        if missing:
            _fetch(missing, home, tell)
        return _assemble(system, home)


@contextmanager
def _one_at_a_time(home: Path) -> Iterator[None]:
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _missing(system: Path, root: Path) -> list[str]:
    needed = (name for name, program in _PROGRAMS.items() if program.required)
    return [name for name in needed if not (_installed(name, system) or _unpacked(name, root))]


def _installed(name: str, system: Path) -> Path | None:
    folders = [system / Path(place).parent for place in _PROGRAMS[name].places]
    standard = [system / folder.lstrip("/") for folder in ("/usr/local/bin", "/bin", *_SBIN)]
    found = shutil.which(name, path=":".join(map(str, [*folders, *standard])))
    return Path(found) if found else None


def _unpacked(name: str, root: Path) -> Path | None:
    return next((root / place for place in _PROGRAMS[name].places if (root / place).is_file()), None)


def _fetch(missing: Sequence[str], home: Path, tell: Callable[[str], None]) -> None:
    # One request for all: a later one replaces the folder.
    packages = sorted({program.package for program in _PROGRAMS.values()})
    tell(f"Fetching {' and '.join(missing)} (nothing gets installed) …")
    try:
        unpack_packages(packages, home / "root", home / "apt")
    except NotFetched as error:
        raise ConfigError(
            f"The lab needs {' and '.join(missing)}, and could not fetch that without installing it "
            f"({error}): type `sudo apt-get install openssh-server rsync`, then start the lab again."
        ) from error
    for folder in (home / "bin", home / "lib"):
        shutil.rmtree(folder, ignore_errors=True)


def _assemble(system: Path, home: Path) -> Tools:
    found = {name: _installed(name, system) or _wrap(name, home) for name in _PROGRAMS}
    paths = {name: path for name, path in found.items() if path}
    rsync, sshd = paths["rsync"], paths["sshd"]
    self_aware = _sshd_version(sshd) >= _SELF_AWARE_SSHD
    return Tools(
        sshd=sshd,
        ssh=paths["ssh"],
        rsync=rsync,
        rrsync=_rrsync_for(rsync, paths["rrsync"], home),
        sftp_server=found["sftp-server"],
        path=(home / "bin",),
        sshd_options=_sshd_options(sshd, home / "root") if self_aware else (),
        sshd_arguments=() if self_aware else ("-r",),
    )


def _wrap(name: str, home: Path) -> Path | None:
    """Make an unpacked program run from anywhere: with its libraries, under its absolute name."""
    program = _unpacked(name, home / "root")
    if program is None or name == "rrsync":
        return program
    wrapper = home / "bin" / name
    if not wrapper.exists():
        helpers = _sshd_helpers(home / "root").values() if name == "sshd" else ()
        for needy in (program, *helpers):
            _link_libraries(needy, home)
        libraries = shlex.quote(str(home / "lib"))
        _write_program(
            wrapper, f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {shlex.quote(str(program))} "$@"\n'
        )
    return wrapper


def _link_libraries(program: Path, home: Path) -> None:
    """Offer exactly the libraries that this system lacks: others could be too new for its C library."""
    (home / "lib").mkdir(exist_ok=True)
    for _depth in range(5):
        lacking = _lacking_libraries(program, home / "lib")
        for name in lacking:
            library = next((home / "root").rglob(name), None)
            if library and not (home / "lib" / name).is_symlink():
                (home / "lib" / name).symlink_to(library)
        if not lacking:
            return
    raise ConfigError(
        f"The lab's {program.name} lacks the libraries {', '.join(lacking)}: "
        "type `sudo apt-get install openssh-server rsync`, then start the lab again."
    )


def _lacking_libraries(program: Path, libraries: Path) -> list[str]:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "LD_LIBRARY_PATH": str(libraries)}
    said = subprocess.run(["ldd", str(program)], check=False, capture_output=True, text=True, env=environment)
    return re.findall(r"^\s*(\S+) => not found", said.stdout, re.MULTILINE)


def _rrsync_for(rsync: Path, rrsync: Path, home: Path) -> Path:
    """Rrsync runs the rsync named in its text; ours may be elsewhere."""
    if rsync == Path("/usr/bin/rsync") and rrsync == Path("/usr/bin/rrsync"):
        return rrsync
    copy = home / "bin" / "rrsync"
    if not copy.exists():
        _write_program(copy, rrsync.read_text().replace("'/usr/bin/rsync'", repr(str(rsync))))
    return copy


def _write_program(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    part.chmod(0o755)
    part.replace(path)


def _sshd_version(sshd: Path) -> tuple[int, ...]:
    said = subprocess.run([str(sshd), "-V"], check=False, capture_output=True, text=True)
    version = re.search(r"OpenSSH_(\d+)\.(\d+)", said.stderr + said.stdout)
    if version is None:
        raise ConfigError(f"{sshd} does not run: {said.stderr.strip()[:200]}.")
    return tuple(map(int, version.groups()))


def _sshd_options(sshd: Path, root: Path) -> tuple[str, ...]:
    helpers = _sshd_helpers(root) if root.parent in sshd.parents else {}
    return ("PerSourcePenalties no", *(f'{option} "{place}"' for option, place in helpers.items()))


def _sshd_helpers(root: Path) -> dict[str, Path]:
    """Find the programs that an unpacked sshd must be told of, by the option that tells."""
    places = {"SshdSessionPath": "sshd-session", "SshdAuthPath": "sshd-auth"}
    found = {option: root / "usr/lib/openssh" / name for option, name in places.items()}
    return {option: place for option, place in found.items() if place.exists()}
