"""User data of a clone: what its cloud-init does before the services of the master's image start."""

import gzip
import shlex
from collections.abc import Iterator, Sequence
from textwrap import indent

from bot.domain.fleet import FleetSpec, Recipe
from bot.domain.recipe import agent_lines, host_name, job_files, left_overs
from bot.domain.sweeping import AMONG, SWEEP

LIMIT = 16 * 1024
"""So many bytes of user data EC2 takes."""
_AN_ID = "0" * 17
"""As long as those of EC2's instances."""

# cloud-init runs this at every boot, in one shell, which it must not leave.
_EVERY_BOOT = r"""
R=
id=${INSTANCE_ID:-$(cat /var/lib/cloud/data/instance-id)}
state=/var/lib/clonebot/$id
mark=$state/first-boot
fail() { printf 'clonebot: %s\n' "$1" >&2; }
install -d -m 0700 -- "$state"

# As `systemctl mask` does it, with one reload for all. Where cloud-init runs late, what has started already
# is stopped. One may be missing.
hold_back() {
    for unit; do
        case $unit in */*) continue ;; *.*) ;; *) unit=$unit.service ;; esac
        hold "$unit"
        case $unit in *.service) ;; *) continue ;; esac
        # It would start the service as soon as somebody knocks.
        hold "${unit%.service}.socket"
        set -- "${unit%.service}.socket" "$@"
    done
    systemctl daemon-reload
    systemctl --no-block stop -- "$@" || :
}

hold() {
    file=/etc/systemd/system/$1
    { [ ! -f "$file" ] || mv -f -- "$file" "$file.before-clone"; } && ln -sfn /dev/null "$file" ||
        fail "$1 cannot be masked"
}

# The preparation comes over SSH, when cron may have run already.
take_off() {
    for place; do
        for file in "$place" "$place"/*; do
            [ -f "$file" ] || continue
            kept=/var/lib/clonebot/first-boot$file
            mkdir -p -- "${kept%/*}" && mv -f -- "$file" "$kept"
        done
    done
}
"""

_NAME = r"""
be_called() {
    name=$1$(printf %s "${id#i-}" | tr '[:upper:]' '[:lower:]' | tr -cs a-z0-9 -)
    printf '%s\n' "$name" >/etc/hostname && hostname "$name" || fail "the host name cannot be set"
}
"""


def user_data(spec: FleetSpec) -> str:
    """The cloud-config of a clone, as people read it."""
    body = "\n".join((_EVERY_BOOT.strip(), AMONG.rstrip(), SWEEP, _NAME.strip(), "", *_steps(spec)))
    # Where the name comes from this script, cloud-init must not set its own.
    return f"#cloud-config\npreserve_hostname: true\nbootcmd:\n- |\n{indent(body, '  ')}\n"


def as_sent(text: str) -> str | bytes:
    """As EC2 takes it: packed where it would be too long, which cloud-init undoes. Always the same."""
    return text if len(text.encode()) <= LIMIT else gzip.compress(text.encode(), mtime=0)


def too_long(text: str) -> int:
    """How many bytes are too many even when packed; 0 if it fits."""
    sent = as_sent(text)
    return max(0, len(sent.encode() if isinstance(sent, str) else sent) - LIMIT)


def _steps(spec: FleetSpec) -> Iterator[str]:
    recipe = spec.recipe
    yield from _call("take_off", [place for job in recipe.jobs for place in job_files(job)])
    yield from _call("hold_back", recipe.services)
    yield 'if [ ! -e "$mark" ]; then'
    for step in _once(recipe):
        yield f"    {step}"
    yield "    renew_machine_id"
    yield f"    be_called {shlex.quote(host_name(spec.name, _AN_ID).removesuffix(_AN_ID))}"
    yield '    : >"$mark"'
    yield "fi"


def _once(recipe: Recipe) -> Iterator[str]:
    for pattern in recipe.remove:
        yield from _call("drop", [pattern])
    for pattern in recipe.truncate:
        yield from _call("empty", [pattern])
    for patterns in left_overs(recipe).values():
        yield from _call("sweep", patterns)
    for _, file, begins in agent_lines(recipe):
        yield from _call("comment_out", [file, begins])


def _call(function: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield shlex.join((function, *names))
