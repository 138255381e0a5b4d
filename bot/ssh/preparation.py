"""Makes a server that was started from the master's image a harmless clone of its own identity."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from itertools import groupby

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Recipe, Rewrite, Server
from bot.ssh.names import check_name, check_path, check_services, host_name
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
mkdir -p -- "$state" && chmod 0700 "$state" || fail "$state cannot be made"

stop() {
    systemctl stop "$1" >/dev/null 2>&1
    systemctl disable "$1" >/dev/null 2>&1
    systemctl mask "$1" >/dev/null 2>&1 && return
    # A unit file that somebody wrote in /etc is in the way of the mask.
    unit=$R/etc/systemd/system/$1
    case $1 in *.*) ;; *) unit=$unit.service ;; esac
    [ ! -f "$unit" ] || mv -f -- "$unit" "$unit.before-clone" || fail "$unit cannot be set aside"
    systemctl daemon-reload >/dev/null 2>&1
    said=$(systemctl mask "$1" 2>&1 >/dev/null) || fail "$1 cannot be masked: $said"
}

put() {
    file=$(readlink -f -- "$R$1") || fail "$1 is gone"
    case $file in "$R"/*) ;; *) fail "$1 leads out of ssh.root" ;; esac
    [ "$(sha256sum <"$file")" = "$2  -" ] || fail "$1 was changed by somebody else just now; try again"
    part=$(dirname -- "$file")/.clonebot-$(basename -- "$file")
    rm -f -- "$part" && cp --preserve=all -- "$file" "$part" || fail "$1 cannot be copied"
    printf %s "$3" | base64 -d >"$part" && sync -- "$part" && mv -f -- "$part" "$file" && return
    rm -f -- "$part"
    fail "$1 cannot be written"
}

identity() {
    [ -s "$state/machine-id" ] || {
        tr -d - </proc/sys/kernel/random/uuid >"$state/machine-id.part" &&
            mv -f -- "$state/machine-id.part" "$state/machine-id"
    } || fail "no new machine-id"
    if ! cmp -s -- "$state/machine-id" "$R/etc/machine-id"; then
        own "$R/etc/machine-id"
        if [ -f "$R/var/lib/dbus/machine-id" ] && [ ! -L "$R/var/lib/dbus/machine-id" ]; then
            own "$R/var/lib/dbus/machine-id"
        fi
        systemctl restart systemd-journald >/dev/null 2>&1
    fi
    [ "$(hostname)" = "$1" ] || hostnamectl set-hostname "$1" >/dev/null || fail "the host name cannot be set"
}

own() {
    cp -- "$state/machine-id" "$1.part" && chmod 0444 "$1.part" && mv -f -- "$1.part" "$1" ||
        fail "$1 cannot be written"
}

restart() {
    said=$(systemctl restart "$1" 2>&1 >/dev/null </dev/null) || fail "$1 does not restart: $said"
}
"""


def prepare(shell: Shell, spec: FleetSpec, server: Server, recipe: Recipe) -> None:
    """Stop what must not run, rewrite settings, renew the identity, restart. Safe to repeat."""
    check_services(recipe)
    wanted = by_file(recipe)
    texts = _read(shell, spec, server, tuple(wanted))
    calls: list[tuple[str, ...]] = [("stop", service) for service in recipe.services]
    calls += _writes(texts, wanted)
    calls.append(("identity", host_name(spec.name, server)))
    calls += [("restart", service) for service in recipe.restart]
    script = Script(
        what="preparing it",
        functions=_CHANGE,
        calls=calls,
        values={"state": f"{STATE}/{check_name(server.id, 'id')}"},
        seconds=300,
    )
    shell.run(spec, server, script)


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
