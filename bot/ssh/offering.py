"""Lets clones read the master's content for one sync: each clone has a key for each path."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import Content, FleetSpec, Server
from bot.ssh.manifest import walking
from bot.ssh.names import check_content, check_name, read_keys
from bot.ssh.preparation import STATE
from bot.ssh.shell import Script, Shell

_EXPIRY_HOURS = 4
"""Longer than any sync, and than a clock change; keys are withdrawn long before."""

_CHECK = r"""
check() {
    [ -d "$R$1" ] || fail "$1 is no folder on the master" 65
    hidden=$(walk "$1" ! -type l ! -readable -printf '%P\n' -quit 2>&1) || hidden="$hidden."
    [ -z "$hidden" ] || fail "$1 cannot be read completely: $hidden" 65
    [ -n "$(walk "$1" -type f -printf . -quit)" ] || fail "$1 is empty on the master" 65
    (cd -- "$R$1" && pwd -P) || fail "$1 is gone" 65
}

terms() {
    command -v rsync >/dev/null || fail "rsync is not installed on the master"
    for place in "$(command -v rrsync)" /usr/bin/rrsync /usr/share/rsync/scripts/rrsync \
        /usr/share/doc/rsync/scripts/rrsync; do
        if [ -x "$place" ]; then break; fi
    done
    [ -x "$place" ] || fail "rrsync is not installed on the master (it comes with rsync)"
    printf '%s\n' "$place"
    # In the server's own time zone, as older versions of sshd know no other.
    env -u TZ date -d "+$1 hours" +%Y%m%d%H%M%S
}
"""

_MAKE_KEYS = r"""
make_key() {
    umask 077
    mkdir -p -- "$R$keys" && chmod 0700 "$R$keys" || fail "$keys cannot be made"
    if ! [ -s "$R$keys/$1.pub" ]; then
        rm -f -- "$R$keys/$1"
        ssh-keygen -q -t ed25519 -N '' -C clonebot -f "$R$keys/$1" || fail "no key could be made"
    fi
    cat -- "$R$keys/$1.pub"
}
"""

_AUTHORIZE = r"""
ours() {
    for prefix in $drop; do
        case $1 in "$prefix"*) return 0 ;; esac
    done
    return 1
}

expired() {
    case $1 in *'expiry-time="'*) ;; *) return 1 ;; esac
    until=${1#*expiry-time=\"}
    [ "${until%%\"*}" -lt "$now" ] 2>/dev/null
}

others() {
    while IFS= read -r line || [ -n "$line" ]; do
        case ${line##* } in clonebot-sync-*)
            if ours "${line##* }" || expired "$line"; then continue; fi ;;
        esac
        printf '%s\n' "$line"
    done
}

authorize() {
    umask 077
    now=$(env -u TZ date +%Y%m%d%H%M%S)
    mkdir -p -- "$HOME/.ssh" || fail "$HOME/.ssh cannot be made"
    exec 9<"$HOME/.ssh"
    flock -w 30 9 || fail "authorized_keys is being changed by somebody else"
    file=$(readlink -f -- "$HOME/.ssh/authorized_keys") || fail "authorized_keys leads nowhere"
    [ -e "$file" ] || : >"$file"
    cp -p -- "$file" "$file.clonebot" || fail "$file cannot be copied"
    { others <"$file" && printf %s "$lines"; } >"$file.clonebot" && sync -- "$file.clonebot" ||
        fail "$file cannot be written"
    if cmp -s -- "$file" "$file.clonebot"; then rm -f -- "$file.clonebot"; return; fi
    mv -f -- "$file.clonebot" "$file" || fail "$file cannot be replaced"
}
"""

_FORGET = r"""
forget() {
    rm -rf -- "$R$keys" || fail "$keys cannot be removed"
    [ ! -d "$R$state" ] || find "$R$state" -maxdepth 1 -name 'sync-*' -mmin +1440 -exec rm -rf -- {} +
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Where the content is on the master, and how it may be read."""

    rrsync: str
    until: str
    folders: tuple[str, ...]


def state_folder(server: Server) -> str:
    """Name the folder below ssh.root in which this server remembers."""
    return f"{STATE}/{check_name(server.id, 'id')}"


def key_folder(server: Server, sync: str) -> str:
    """Name the folder of a clone's keys for one sync."""
    return f"{state_folder(server)}/sync-{check_name(sync, 'sync')}"


def inspect_source(shell: Shell, spec: FleetSpec, master: Server, content: Content) -> Terms:
    """Look at the content before anybody copies it. UnsafeSource if it is not all there."""
    paths = check_content(content)
    script = Script(
        what="looking at its content",
        functions=walking(content.exclude) + _CHECK,
        calls=[("terms", str(_EXPIRY_HOURS)), *(("check", path) for path in paths)],
        seconds=300,
    )
    rrsync, until, *folders = shell.run(spec, master, script).decode().splitlines()
    if len(folders) != len(paths):
        raise RemoteFailed(f"{master.id}: it did not say where its content is.")
    return Terms(rrsync=rrsync, until=until, folders=tuple(folders))


def make_keys(
    shell: Shell, spec: FleetSpec, clone: Server, content: Content, *, sync: str
) -> tuple[tuple[str, str], ...]:
    """Make a key for each path, or find those made before; return the public halves."""
    script = Script(
        what="making a key",
        functions=_MAKE_KEYS,
        calls=[("make_key", str(number)) for number in range(len(content.paths))],
        values={"keys": key_folder(clone, sync)},
    )
    keys = read_keys(shell.run(spec, clone, script).decode(errors="replace").splitlines())
    if len(keys) != len(content.paths):
        raise RemoteFailed(f"{clone.id}: it did not show the keys it made.")
    return keys


def authorize(  # noqa: PLR0913 (a file is edited with all that it takes)
    shell: Shell,
    spec: FleetSpec,
    master: Server,
    terms: Terms,
    keys: Mapping[str, Sequence[tuple[str, str]]],
    *,
    sync: str,
) -> None:
    """Write the keys of these clones into the login user's authorized_keys, in one go."""
    lines = [
        authorized_line(terms, number, key, sudo=spec.ssh.sudo, comment=f"{_mark(sync)}{clone}:{number}")
        for clone, its_keys in keys.items()
        for number, key in enumerate(its_keys)
    ]
    drop = " ".join(f"{_mark(sync)}{check_name(clone, 'id')}:" for clone in keys)
    _edit(shell, spec, master, lines="".join(lines), drop=drop)


def authorized_line(terms: Terms, number: int, key: tuple[str, str], *, sudo: bool, comment: str) -> str:
    """One line of authorized_keys: this key may read this folder through rrsync, for some hours."""
    command = shlex.join([terms.rrsync, "-ro", terms.folders[number]])
    if sudo:
        # sudo would drop the variable that tells rrsync what the client asks for.
        command = f'sudo -n env "SSH_ORIGINAL_COMMAND=$SSH_ORIGINAL_COMMAND" {command}'
    quoted = command.replace('"', '\\"')
    return f'command="{quoted}",restrict,expiry-time="{terms.until}" {key[0]} {key[1]} {comment}\n'


def withdraw(shell: Shell, spec: FleetSpec, master: Server, *, sync: str) -> None:
    """Remove the lines of this sync, and expired ones of others."""
    _edit(shell, spec, master, lines="", drop=_mark(sync))


def forget_keys(shell: Shell, spec: FleetSpec, clone: Server, *, sync: str) -> None:
    """Remove a clone's keys of this sync, and those a day old."""
    values = {"keys": key_folder(clone, sync), "state": state_folder(clone)}
    shell.run(
        spec, clone, Script(what="removing keys", functions=_FORGET, calls=[("forget",)], values=values)
    )


def _edit(shell: Shell, spec: FleetSpec, master: Server, *, lines: str, drop: str) -> None:
    script = Script(
        what="changing authorized_keys",
        functions=_AUTHORIZE,
        calls=[("authorize",)],
        values={"lines": lines, "drop": drop},
        root=False,
    )
    shell.run(spec, master, script)


def _mark(sync: str) -> str:
    return f"clonebot-sync-{check_name(sync, 'sync')}:"
