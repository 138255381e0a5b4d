"""Makes a server that was started from the master's image a harmless clone of its own identity."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from itertools import groupby

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Recipe, Rewrite, Server
from bot.domain.recipe import host_name, job_files
from bot.domain.relay import Relay
from bot.domain.sweeping import AMONG, SWEEP
from bot.ssh import relaying
from bot.ssh.habits import ENROL, MASTERS, sweep_calls, write_calls
from bot.ssh.names import check_jobs, check_name, check_path, check_patterns, check_services
from bot.ssh.rewriting import rewritten
from bot.ssh.shell import Script, Shell

STATE = "/var/lib/clonebot"
"""Below ssh.root: what we remember on a server, in a folder named like the instance, as images copy it."""

_SETTINGS_BYTES = 1024 * 1024

READ = """
show() {
    if [ -f "$R$1" ] && [ "$(wc -c <"$R$1")" -le "$2" ]; then base64 -w 0 -- "$R$1" || return; fi
    printf '\\n'
}
"""

_CHANGE = """
state=$R$state
mark=$state/first-boot
[ -d "$state" ] || install -d -m 0700 -- "$state" || fail "$state cannot be made"

# All at once, unless their first boot has masked them: after each mask systemd reads all its units anew.
stop() {
    for starter in $(systemctl show --property TriggeredBy --value "$@" 2>/dev/null); do
        case $starter in *.socket) set -- "$@" "$starter" ;; esac
    done
    open=
    for service; do is_masked "$service" || open=yes; done
    # Masked first, so that nothing starts them in between.
    [ -z "$open" ] || said=$(systemctl mask "$@" 2>&1 >/dev/null) || fail "$* cannot be masked: $said"
    systemctl stop "$@" >/dev/null 2>&1
    return 0
}

# A unit file that somebody wrote in /etc is in the way of a mask.
is_masked() {
    unit=$R/etc/systemd/system/$1
    case $1 in *.*) ;; *) unit=$unit.service ;; esac
    [ ! "$unit" -ef /dev/null ] || return 0
    [ ! -f "$unit" ] || mv -f -- "$unit" "$unit.before-clone" || fail "$unit cannot be set aside"
    return 1
}

unschedule() {
    if [ -d "$R$1" ]; then set -- "$R$1"/*; else set -- "$R$1"; fi
    for file; do
        [ -f "$file" ] || continue
        kept=$state/jobs${file#"$R"}
        mkdir -p -- "${kept%/*}" && mv -f -- "$file" "$kept" || fail "$file cannot be taken off"
    done
}

put() {
    file=$(readlink -f -- "$R$1") || fail "$1 is gone"
    case $file in "$R"/*) ;; *) fail "$1 leads out of ssh.root" ;; esac
    [ "$(sha256sum <"$file")" = "$2  -" ] || fail "$1 was changed by somebody else just now; try again"
    part=${file%/*}/.clonebot-${file##*/}
    cp --remove-destination --preserve=all -- "$file" "$part" || fail "$1 cannot be copied"
    printf %s "$3" | base64 -d >"$part" && sync -- "$part" && mv -f -- "$part" "$file" && return
    rm -f -- "$part"
    fail "$1 cannot be written"
}

identity() {
    renew_machine_id
    called=
    { read -r called <"$R/etc/hostname"; } 2>/dev/null
    [ "$called" = "$1" ] && [ "$(uname -n)" = "$1" ] || hostnamectl set-hostname "$1" >/dev/null ||
        fail "the host name cannot be set"
}

restart() {
    said=$(systemctl restart "$1" 2>&1 >/dev/null </dev/null) || fail "$1 does not restart: $said"
}
"""


def prepare(shell: Shell, spec: FleetSpec, server: Server, recipe: Recipe, relay: Relay | None) -> None:
    """Take off jobs, stop services, sweep, write settings, renew the identity, restart; relay or not.

    Safe to repeat.
    """
    check_services(recipe)
    check_jobs(recipe)
    check_patterns(recipe)
    state = f"{STATE}/{check_name(server.id, 'id')}"
    web_server = relaying.find_kind(shell, spec, server) if relay else ""
    wanted = by_file(recipe)
    texts = _read(shell, spec, server, tuple(wanted))
    calls: list[tuple[str, ...]] = [("unschedule", path) for job in recipe.jobs for path in job_files(job)]
    calls += [("stop", *recipe.services)] if recipe.services else []
    calls += sweep_calls(recipe)
    calls += _writes(texts, wanted)
    calls += write_calls(recipe)
    calls.append(("identity", host_name(spec.name, server.id)))
    calls += [] if relay else relaying.stop_calls()
    calls += [("restart", service) for service in recipe.restart]
    script = Script(
        what="preparing it",
        functions=AMONG + SWEEP + MASTERS + ENROL + _CHANGE + relaying.STOP,
        calls=calls,
        values={"state": state},
        seconds=300,
    )
    shell.run(spec, server, script)
    if relay:
        relaying.start(shell, spec, server, relay, web_server, state)


def by_file(recipe: Recipe) -> Mapping[str, tuple[Rewrite, ...]]:
    """The rewrites of each file."""
    ordered = sorted(recipe.rewrite, key=lambda rewrite: rewrite.file)
    return {file: tuple(group) for file, group in groupby(ordered, key=lambda rewrite: rewrite.file)}


def show_files(files: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Make the calls of `READ` that print these files, one line for each."""
    return [("show", check_path(file), str(_SETTINGS_BYTES)) for file in files]


def _read(shell: Shell, spec: FleetSpec, server: Server, files: tuple[str, ...]) -> Mapping[str, bytes]:
    if not files:
        return {}
    printed = shell.run(
        spec, server, Script(what="reading its settings", functions=READ, calls=show_files(files))
    )
    texts = {file: b64decode(line) for file, line in zip(files, printed.split(b"\n"), strict=False)}
    for file, text in texts.items():
        if not text:
            raise RemoteFailed(f"{server.id}: {file} is missing, empty or larger than 1 MB.")
    return texts


def _writes(texts: Mapping[str, bytes], wanted: Mapping[str, tuple[Rewrite, ...]]) -> list[tuple[str, ...]]:
    new = {file: rewritten(texts[file], rewrites) for file, rewrites in wanted.items()}
    return [
        ("put", file, sha256(texts[file]).hexdigest(), b64encode(text).decode())
        for file, text in new.items()
        if text != texts[file]
    ]
