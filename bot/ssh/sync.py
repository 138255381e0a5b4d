"""Makes a clone's content equal to the master's with rsync, straight from the master; finds stray writes."""

from base64 import b64encode
from collections.abc import Sequence

from paramiko import PKey

from bot.domain.fleet import Content, FleetSpec, Server
from bot.ssh.manifest import list_name, listing_files, path_of, records, versioning
from bot.ssh.names import check_address, check_content, check_user
from bot.ssh.offering import key_folder, state_folder
from bot.ssh.shell import Script, Shell

PULL_SECONDS = 3600
_LOOK_SECONDS = 300
_VERSION_SECONDS = 120
"""What takes longer than this is not waited for: without a version, all is copied."""
_MOST_TOLD = 100

_WORK = r"""
[ -d "$R$state" ] || install -d -m 0700 -- "$R$state" || fail "$state cannot be made"
exec 8>"$R$state/lock"
flock -w "$patience" 8 || fail "another sync of it is still at work"
rm -rf -- "$R$state"/work.*
work=$(mktemp -d -- "$R$state/work.XXXXXX") || exit
trap 'rm -rf -- "$work"' EXIT
"""

_CHANGED = r"""
changed() {
    # Before its first sync a clone has nothing but what its image had.
    [ -f "$R$state/$2" ] || return 0
    files "$1" "$work/now" || fail "$1 cannot be read"
    comm -z -23 "$work/now" "$R$state/$2"
}
"""

_ASK = r"""
ask() { changed "$@" >>"$work/asked"; }

wait_for_answer() {
    # Nothing is copied before the master was asked which of these it holds.
    [ -s "$work/asked" ] || return 0
    cat -- "$work/asked"
    exit 0
}
"""

_LACKING = r"""
list() {
    files "$1" "$work/one" && cat -- "$work/one" >>"$work/all" || fail "$1 cannot be read" 65
}

lacking() {
    sort -z -o "$work/all" -- "$work/all"
    printf %s "$1" | base64 -d | sort -z | comm -z -23 - "$work/all"
}
"""

_PULL = r"""
extras=
if [ "$(id -u)" = 0 ]; then extras=-AX; fi

get_ready() {
    umask 077
    cd -- "$R$keys" || fail "it has no key for this sync"
    umask 022
    printf %s "$known_hosts" >known_hosts
    printf %s "$held" | base64 -d | sort -z >"$work/held"
}

keep_strays() {
    : >"$work/kept"
    [ -f "$2" ] || return 0
    files "$1" "$work/before" || fail "$1 cannot be read"
    comm -z -23 "$work/before" "$2" | comm -z -23 - "$work/held" >"$work/kept"
}

as_patterns() {
    # "f 12 1700000000.0 PATH/name" becomes "/name", taken literally.
    [ -s "$work/kept" ] || return 0
    cut -z -d ' ' -f 4- | cut -z -b "$((${#1} + 1))-" | sed -z '/[[*?]/s/[[*?\\]/\\&/g'
}

copy() {
    path=$1
    config=$2
    shift 2
    rsync $extras -aHS --numeric-ids --delete-after --delay-updates --modify-window=-1 \
        --temp-dir="$work" --timeout=120 --from0 --exclude-from="$work/keep" "$@" \
        -e "ssh -F $config" -- master:/ "$R$path/" >/dev/null 2>"$work/said"
}

patiently() {
    for pause in 0 1 2 3; do
        sleep "$pause"
        copy "$@"
        status=$?
        case $status in
            0) return 0 ;;
            24) ;; # files vanished on the master while it was read
            10 | 12 | 30 | 35 | 255) # its sshd has too many visitors at once, or says no
                grep -q -e 'verification failed' -e 'Permission denied' -e rrsync -- "$work/said" && break
                ;;
            4 | 23) # rsync or the file system knows no ACLs or attributes
                [ -n "$extras" ] && grep -q -i -e acl -e attr -- "$work/said" || break
                extras=
                ;;
            *) break ;;
        esac
    done
    [ "$status" = 24 ] || fail "rsync ended with $status: $(tail -c 1500 "$work/said")"
}

pull() {
    path=$1
    list=$R$state/$2
    config=./ssh_config-$3
    printf %s "$ssh_config" >"$config"
    printf 'IdentityFile ./%s\n' "$3" >>"$config"
    shift 3
    mkdir -p -- "$R$path" || fail "$path cannot be made"
    find "$R$path/" -depth -type d -name .~tmp~ -exec rm -rf -- {} +
    keep_strays "$path" "$list"
    as_patterns "$path" <"$work/kept" >"$work/keep"
    patiently "$path" "$config" "$@"
    files "$path" "$work/after" || fail "$path cannot be read"
    comm -z -23 "$work/after" "$work/kept" >"$work/synced" && mv -f -- "$work/synced" "$list" ||
        fail "what was copied cannot be remembered"
}
"""


def pull(  # noqa: PLR0913 (what is copied, between which two, and by whose leave)
    shell: Shell,
    spec: FleetSpec,
    master: Server,
    clone: Server,
    content: Content,
    *,
    shown: PKey,
    sync: str,
) -> None:
    """Copy everything that differs, delete what the master lacks, keep strays; remember what was copied.

    `shown` is the host key that the master shows us, and must show the clone.
    """
    paths = check_content(content)
    excludes = [f"--exclude={pattern}" for pattern in content.exclude]
    values = {
        "state": state_folder(clone),
        "keys": key_folder(clone, sync),
        "patience": str(PULL_SECONDS),
        "known_hosts": f"master {shown.get_name()} {shown.get_base64()}\n",
        "ssh_config": ssh_config(spec, master),
    }
    ask = [*(("ask", path, list_name(path)) for path in paths), ("wait_for_answer",)]
    copy = [("pull", path, list_name(path), str(n), *excludes) for n, path in enumerate(paths)]

    def work(calls: Sequence[Sequence[str]], held: Sequence[bytes]) -> tuple[bytes, ...]:
        script = Script(
            what="copying the content",
            functions=listing_files(content.exclude) + _WORK + _CHANGED + _ASK + _PULL,
            calls=calls,
            values={**values, "held": _encoded(held)},
            seconds=PULL_SECONDS,
        )
        return records(shell.run(spec, clone, script))

    if changed := work([*ask, ("get_ready",), *copy], held=()):
        lacking = set(_lacking(shell, spec, master, content, changed))
        work([("get_ready",), *copy], held=[record for record in changed if record not in lacking])


_REMEMBER = r"""
remember() {
    # Never a second time: what was written since would be taken for copied.
    [ -d "$R$state" ] || install -d -m 0700 -- "$R$state" || fail "$state cannot be made"
    exec 8>"$R$state/lock"
    flock -w "$patience" 8 || fail "a sync of it is still at work"
    [ ! -f "$R$state/$2" ] || return 0
    files "$1" "$R$state/$2.part" || fail "$1 cannot be read"
    mv -f -- "$R$state/$2.part" "$R$state/$2" || fail "what it holds cannot be remembered"
}
"""


def version(shell: Shell, spec: FleetSpec, master: Server, content: Content) -> str:
    """A word for the content, and another one once anything of it was changed; empty if there is none."""
    script = Script(
        what="looking for changes of its content",
        functions=versioning(content.exclude),
        calls=[("version", *check_content(content))],
        seconds=_VERSION_SECONDS,
    )
    said, _, trouble = shell.run(spec, master, script).decode(errors="replace").partition("\n")
    return "" if trouble.strip() else said.split(" ")[0]


def remember(shell: Shell, spec: FleetSpec, clone: Server, content: Content) -> None:
    """Let count as copied what the clone holds, unless something was copied to it before."""
    script = Script(
        what="remembering its content",
        functions=listing_files(content.exclude) + _REMEMBER,
        calls=[("remember", path, list_name(path)) for path in check_content(content)],
        values={"state": state_folder(clone), "patience": str(_LOOK_SECONDS)},
        seconds=2 * _LOOK_SECONDS,
    )
    shell.run(spec, clone, script)


def strays(shell: Shell, spec: FleetSpec, master: Server, clone: Server, content: Content) -> tuple[str, ...]:
    """Name the files that were written on the clone and that the master does not hold as they are."""
    changed = _changed(shell, spec, clone, content)
    found = sorted(path_of(record) for record in _lacking(shell, spec, master, content, changed))
    if len(found) > _MOST_TOLD:
        return (*found[:_MOST_TOLD], f"… and {len(found) - _MOST_TOLD} more")
    return tuple(found)


def ssh_config(spec: FleetSpec, master: Server) -> str:
    """What a clone's ssh needs to know of the master; nothing of its own configuration counts."""
    return f"""\
HostName {check_address(master.address)}
Port {spec.ssh.port}
User {check_user(spec.ssh.user)}
HostKeyAlias master
StrictHostKeyChecking yes
UserKnownHostsFile ./known_hosts
GlobalKnownHostsFile /dev/null
UpdateHostKeys no
IdentitiesOnly yes
IdentityAgent none
BatchMode yes
PreferredAuthentications publickey
ClearAllForwardings yes
ForwardAgent no
ConnectTimeout 10
ServerAliveInterval 10
ServerAliveCountMax 6
"""


def _changed(shell: Shell, spec: FleetSpec, clone: Server, content: Content) -> tuple[bytes, ...]:
    script = Script(
        what="looking for stray writes",
        functions=listing_files(content.exclude) + _WORK + _CHANGED,
        calls=[("changed", path, list_name(path)) for path in check_content(content)],
        values={"state": state_folder(clone), "patience": str(_LOOK_SECONDS)},
        seconds=2 * _LOOK_SECONDS,
    )
    return records(shell.run(spec, clone, script))


def _lacking(
    shell: Shell, spec: FleetSpec, master: Server, content: Content, changed: Sequence[bytes]
) -> tuple[bytes, ...]:
    """Keep of these files those that the master does not hold as they are."""
    if not changed:
        return ()
    script = Script(
        what="looking for stray writes",
        functions=listing_files(content.exclude) + _WORK + _LACKING,
        calls=[*(("list", path) for path in check_content(content)), ("lacking", _encoded(changed))],
        values={"state": state_folder(master), "patience": str(_LOOK_SECONDS)},
        seconds=2 * _LOOK_SECONDS,
    )
    return records(shell.run(spec, master, script))


def _encoded(lines: Sequence[bytes]) -> str:
    return b64encode(b"".join(line + b"\0" for line in lines)).decode()
