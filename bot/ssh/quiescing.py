"""Holds a master's disks consistent for a moment. It lets go by itself, whatever becomes of who asked."""

from shlex import quote

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Server
from bot.domain.quiesce import Quiesce
from bot.ssh.names import check_name
from bot.ssh.shell import Script, Shell

_HELD = "/run/clonebot-quiesce"
"""A folder for each time that the server is held; whoever moves it away lets go, and nobody else."""
_SPARE_SECONDS = 3
"""From the end of the time for `before` until the server lets go by itself: nothing of it runs any more."""
_AFTER_SECONDS = 60

_FUNCTIONS = r"""
held=$R$held

let_go() {
    mv -- "$held" "$held.$1" 2>/dev/null || return 1
    trouble=$(sh "$held.$1/after" 2>&1) || fail "letting go of it failed: $trouble"
    rm -rf -- "$held.$1"
}

hold() {
    install -d -m 0700 -- "${held%/*}" && mkdir -m 0700 -- "$held" || fail "$held cannot be made"
    printf '%s\n' "$after" >"$held/after" && printf '%s\n' $(($(date +%s) + $1)) >"$held/until" ||
        fail "$held cannot be written"
    setsid sh -c 'sleep "$1"; mv -- "$2" "$2.late" && { sh "$2.late/after"; rm -rf -- "$2.late"; }' \
        clonebot $(($1 + $2)) "$held" </dev/null >/dev/null 2>&1 &
}

before() {
    left=$(($(cat -- "$held/until") - $(date +%s)))
    [ "$left" -gt 0 ] || give_up "the time was over before: $1"
    timeout -k 1 "$left" sh -c "$1" >"$held/said" 2>&1 </dev/null && return
    status=$?
    case $status in
        124|137) give_up "it was not done in time: $1" ;;
        *) give_up "$1: $(tail -c 500 -- "$held/said") (exit status $status)" ;;
    esac
}

give_up() {
    let_go failed
    fail "$1"
}

resume() {
    if [ ! -d "$held" ] || ! let_go asked; then printf 'late\n'; fi
}
"""


def hold(shell: Shell, spec: FleetSpec, server: Server, quiesce: Quiesce, key: str) -> None:
    """Run `before`. If one of it fails or takes too long: run `after`, and raise RemoteFailed."""
    calls: list[tuple[str, ...]] = [("hold", str(quiesce.seconds), str(_SPARE_SECONDS))]
    calls += [("before", command) for command in quiesce.before]
    shell.run(spec, server, _script("quiescing it", quiesce, key, calls))


def let_go(shell: Shell, spec: FleetSpec, server: Server, quiesce: Quiesce, key: str) -> bool:
    """Run `after`, unless the server did by itself; return whether it was held until now."""
    said = shell.run(spec, server, _script("letting go of it", quiesce, key, [("resume",)])).strip()
    if said not in {b"", b"late"}:
        raise RemoteFailed(f"{server.id}: letting go of it was answered with nonsense.")
    return not said


def _script(what: str, quiesce: Quiesce, key: str, calls: list[tuple[str, ...]]) -> Script:
    undo = [
        f"timeout -k 1 {_AFTER_SECONDS} sh -c {quote(each)} || {{ bad=1; echo {quote('failed: ' + each)}; }}"
        for each in quiesce.after
    ]
    return Script(
        what=what,
        functions=_FUNCTIONS,
        calls=calls,
        values={
            "held": f"{_HELD}/{check_name(key, 'id')}",
            "after": "\n".join(["bad=0", *undo, 'exit "$bad"']),
        },
        seconds=quiesce.seconds + _SPARE_SECONDS + _AFTER_SECONDS * (len(quiesce.after) + 1),
    )
