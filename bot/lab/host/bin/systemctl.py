# ruff: noqa: INP001 (a program of a host, not part of a package)
"""A small systemctl for one host: its services are the files in etc/services, its processes are real."""

import fcntl
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(os.environ["HOST_ROOT"])
UNITS = ROOT / "etc" / "services"
RUN = ROOT / "run"
STOP_SECONDS = 5.0
INACTIVE, NOT_LOADED = 3, 5

Unit = dict[str, str]


def read_unit(name: str) -> Unit:
    """Read one service's file; an empty unit if there is none."""
    path = UNITS / name
    if not path.is_file():
        return {}
    lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in lines}


def write_unit(name: str, unit: Unit) -> None:
    """Replace one service's file."""
    part = UNITS / f".{name}.part"
    part.write_text("".join(f"{key}={value}\n" for key, value in unit.items()))
    part.replace(UNITS / name)


def unit_names() -> list[str]:
    """Name every service of this host."""
    return sorted(path.name for path in UNITS.iterdir() if not path.name.startswith("."))


def is_masked(unit: Unit) -> bool:
    """Tell whether nobody may start it."""
    return unit.get("Masked") == "yes"


def unit_file_state(unit: Unit) -> str:
    """Say what happens to the service at boot."""
    if is_masked(unit):
        return "masked"
    return "enabled" if unit.get("Enabled") == "yes" else "disabled"


def born(process: int) -> str:
    """Say when a living process started; empty for one that is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def main_process(name: str) -> int:
    """Find the service's living process; 0 if there is none."""
    path = RUN / f"{name}.pid"
    if not path.is_file():
        return 0
    process, since = path.read_text().split()
    return int(process) if born(int(process)) == since else 0


def active_state(name: str) -> str:
    """Say active, failed (it ended by itself) or inactive."""
    if main_process(name):
        return "active"
    return "failed" if (RUN / f"{name}.pid").exists() else "inactive"


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Let only one systemctl at a time start or stop this service."""
    with (RUN / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def complain(text: str, code: int = 1) -> int:
    """Say what went wrong, as systemctl does."""
    sys.stderr.write(f"{text}\n")
    return code


def start(name: str) -> int:
    """Start a service that is not running."""
    unit = read_unit(name)
    if not unit:
        return complain(f"Failed to start {name}.service: Unit {name}.service not found.", NOT_LOADED)
    if is_masked(unit):
        return complain(f"Failed to start {name}.service: Unit {name}.service is masked.")
    with one_at_a_time(name):
        if not main_process(name):
            launch(name, shlex.split(unit["ExecStart"]))
    return 0


def launch(name: str, command: list[str]) -> None:
    """Run the service's program in a session of its own, and remember it."""
    log = ROOT / "var" / "log" / f"{name}.log"
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    kept = ("HOME", "PATH", "LANG", "HOST_ID", "HOST_ADDRESS", "HOST_ROOT")
    environment = {key: os.environ[key] for key in kept if key in os.environ}
    os.chdir(ROOT)
    process = os.posix_spawnp(command[0], command, environment, file_actions=actions, setsid=True)
    (RUN / f"{name}.pid").write_text(f"{process} {born(process)}\n")


def stop(name: str) -> int:
    """Stop a service with all that it started."""
    if not read_unit(name):
        return complain(f"Failed to stop {name}.service: Unit {name}.service not loaded.", NOT_LOADED)
    with one_at_a_time(name):
        end_group(main_process(name))
        (RUN / f"{name}.pid").unlink(missing_ok=True)
    return 0


def end_group(process: int) -> None:
    """First politely, then surely."""
    since = born(process) if process else ""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        deadline = time.monotonic() + seconds
        if since and born(process) == since:
            os.killpg(process, number)
        while since and born(process) == since and time.monotonic() < deadline:
            time.sleep(0.005)


def restart(name: str) -> int:
    """Stop and start, so that it reads its settings anew."""
    if is_masked(read_unit(name)):
        return complain(f"Failed to restart {name}.service: Unit {name}.service is masked.")
    return stop(name) or start(name)


def restart_if_active(name: str) -> int:
    """Restart what runs; leave alone what does not."""
    return restart(name) if main_process(name) else 0


def change(name: str, **values: str) -> int:
    """Change a service's standing for the next boots."""
    unit = read_unit(name)
    if not unit and "Masked" not in values:
        return complain(f"Failed to change unit: Unit file {name}.service does not exist.")
    if is_masked(unit) and values.get("Enabled") == "yes":
        return complain(f"Failed to enable unit: Unit file {name}.service is masked.")
    write_unit(name, {**unit, **values})
    return 0


def print_active(name: str) -> int:
    """Print active, failed or inactive."""
    state = active_state(name)
    sys.stdout.write(f"{state}\n")
    return 0 if state == "active" else INACTIVE


def print_enabled(name: str) -> int:
    """Print enabled, disabled or masked."""
    unit = read_unit(name)
    if not unit:
        return complain(f"Failed to get unit file state for {name}.service: No such file or directory")
    sys.stdout.write(f"{unit_file_state(unit)}\n")
    return 0 if unit_file_state(unit) == "enabled" else 1


def print_status(name: str) -> int:
    """Print what a person wants to know."""
    unit = read_unit(name)
    if not unit:
        return complain(f"Unit {name}.service could not be found.", 4)
    state, process = active_state(name), main_process(name)
    sys.stdout.write(
        f"{name}.service - {unit.get('Description', name)}\n"
        f"     Loaded: loaded (/etc/services/{name}; {unit_file_state(unit)})\n"
        f"     Active: {state}\n" + (f"   Main PID: {process}\n" if process else "")
    )
    return 0 if process else INACTIVE


def properties(name: str) -> Unit:
    """Describe a service in systemd's words."""
    unit, state = read_unit(name), active_state(name)
    loaded = "masked" if is_masked(unit) else "loaded"
    return {
        "Id": f"{name}.service",
        "LoadState": loaded if unit else "not-found",
        "ActiveState": state,
        "SubState": {"active": "running", "inactive": "dead"}.get(state, state),
        "UnitFileState": unit_file_state(unit) if unit else "",
        "MainPID": str(main_process(name)),
    }


def show(name: str, options: list[str]) -> int:
    """Print the properties asked for, in the order asked for."""
    wanted = ",".join(option.partition("=")[2] for option in options if option.startswith("--property="))
    known = properties(name)
    for key in wanted.split(",") if wanted else known:
        if key in known:
            sys.stdout.write(f"{known[key]}\n" if "--value" in options else f"{key}={known[key]}\n")
    return 0


def list_units(options: list[str]) -> int:
    """Print one line for each running or failed service; for each service with --all."""
    for name in unit_names():
        known = properties(name)
        if known["ActiveState"] != "inactive" or "--all" in options:
            state = f"{known['LoadState']} {known['ActiveState']} {known['SubState']}"
            sys.stdout.write(f"{known['Id']} {state} {read_unit(name).get('Description', '')}\n")
    return 0


def list_unit_files() -> int:
    """Print what happens to each service at boot."""
    for name in unit_names():
        sys.stdout.write(f"{name}.service {unit_file_state(read_unit(name))}\n")
    return 0


def boot() -> int:
    """Start what is enabled and not masked."""
    return max(
        [start(name) for name in unit_names() if unit_file_state(read_unit(name)) == "enabled"], default=0
    )


def change_and_apply(verb: str, names: list[str], options: list[str]) -> int:
    """Enable, disable, mask or unmask; with --now start or stop too."""
    values = {
        "enable": {"Enabled": "yes"},
        "disable": {"Enabled": "no"},
        "mask": {"Masked": "yes"},
        "unmask": {"Masked": "no"},
    }[verb]
    then = {"enable": start, "disable": stop, "mask": stop}.get(verb) if "--now" in options else None
    return max([change(name, **values) or (then(name) if then else 0) for name in names], default=0)


VERBS: dict[str, Callable[[str], int]] = {
    "start": start,
    "stop": stop,
    "restart": restart,
    "reload-or-restart": restart,
    "try-restart": restart_if_active,
    "is-active": print_active,
    "is-failed": lambda name: 0 if active_state(name) == "failed" else 1,
    "is-enabled": print_enabled,
    "status": print_status,
}


def carry_out(verb: str, names: list[str], options: list[str]) -> int:
    """Carry out one systemctl command; return its exit code."""
    if verb in VERBS and names:
        codes = [VERBS[verb](name) for name in names]
        return min(codes) if verb.startswith("is-") else max(codes)
    if verb in ("enable", "disable", "mask", "unmask") and names:
        return change_and_apply(verb, names, options)
    if verb == "show" and names:
        return max(show(name, options) for name in names)
    alone: dict[str, Callable[[], int]] = {
        "default": boot,
        "list-units": lambda: list_units(options),
        "list-unit-files": list_unit_files,
        "daemon-reload": lambda: 0,
        "reset-failed": lambda: 0,
    }
    if verb in alone:
        return alone[verb]()
    return complain(f"Unknown command verb {verb}, or too few arguments.")


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part words from options; `-p X` becomes `--property=X`."""
    words: list[str] = []
    options: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-p", "--property"):
            options.append(f"--property={next(rest, '')}")
        elif argument in ("-t", "--type"):
            options.append(f"--type={next(rest, '')}")
        elif argument in ("-a", "-q"):
            options.append({"-a": "--all", "-q": "--quiet"}[argument])
        elif argument.startswith("-p"):
            options.append(f"--property={argument[2:]}")
        elif argument.startswith("-"):
            options.append(argument)
        else:
            words.append(argument.removesuffix(".service"))
    return words, options


def main() -> int:
    """Understand the command line."""
    words, options = split_arguments(sys.argv[1:])
    if "--quiet" in options:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 (open until we end)
    return carry_out(words[0] if words else "list-units", words[1:], options)


RUN.mkdir(exist_ok=True)
sys.exit(main())
