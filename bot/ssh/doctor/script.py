"""The script that looks at a master: reads only, at lowest priority, each section bounded in size and time.

It prints sections, each "NAME<TAB>TEXT<NUL>"; a NUL in the text becomes a tab. A last line "!STATUS" says
that the section's command failed. Messages of find and grep about what they could not read stay in the text.
"""

from bot.domain.fleet import FleetSpec, Rewrite
from bot.ssh.doctor import patterns
from bot.ssh.doctor.functions import FILES, MACHINE, SELF, SITE
from bot.ssh.names import check_content, check_path
from bot.ssh.relaying import FILES as RELAYS
from bot.ssh.shell import Script

SECONDS = 60
"""When the server gives up, if it can still do that."""
_ENOUGH = 45
"""So many seconds it reads; what is left then is not read."""

_SECTIONS = r"""
renice -n 19 -p $$ >/dev/null 2>&1 || :
ionice -c 3 -p $$ >/dev/null 2>&1 || :

remain() {
    read -r up _ </proc/uptime
    left=$((due - ${up%.*}))
}
due=0
remain
due=$((enough - left))
too_late() { return 75; }

section() {
    printf '%s\t' "$1"
    bytes=$2
    shift 2
    remain
    [ "$left" -gt 0 ] || set -- too_late
    { "$@" 2>&1 </dev/null || printf '\n!%s' "$?"; } | head -c "$bytes" | tr '\000' '\t'
    printf '\000'
}

within() {
    seconds=$1
    shift
    remain
    [ "$left" -ge "$seconds" ] || seconds=$left
    [ "$seconds" -gt 0 ] || return 75
    timeout -k 1 "$seconds" "$@"
}
look() { within 10 "$@"; }

whole() { [ -n "$R" ] || section "$@"; }
below() {
    name=$1 size=$2
    shift 3
    for path; do
        set -- "$@" "$R$path"
        shift
    done
    section "$name" "$size" "$name" "$@"
}
"""

_CALLS: tuple[tuple[str, int, str, str], ...] = (
    ("section", 4, "self", "hostname"),
    ("section", 4, "cloud_off", "cloud_init"),
    ("section", 512, "units", "units"),
    ("section", 128, "loaded", "units"),
    ("section", 128, "tables", "jobs"),
    ("section", 32, "own_table", "jobs"),
    ("section", 64, "scripts", "jobs"),
    ("section", 64, "script_lines", "jobs"),
    ("section", 16, "later", "jobs"),
    ("section", 64, "conffiles", "jobs"),
    ("section", 64, "sums", "jobs"),
    ("section", 16, "fstab", "fstab"),
    ("section", 16, "mount_units", "fstab"),
    ("below", 512, "around", "places"),
    ("section", 256, "logins", "authorized_keys"),
    ("below", 4, "relays", "relays"),
    ("section", 16, "agents", "agents"),
    ("section", 256, "packages", "packages"),
    ("section", 16, "mail", "mail"),
    ("section", 16, "lost", "lost_settings"),
    ("section", 64, "hosts", "settings"),
    ("whole", 128, "sockets", "sockets"),
    ("whole", 256, "connections", "connections"),
    ("whole", 256, "processes", "sockets"),
    ("whole", 32, "databases", "open_databases"),
    ("whole", 64, "mounts", "mounts"),
    ("whole", 4, "swaps", "swaps"),
    ("whole", 32, "containers", "containers"),
    ("section", 32, "served", "health"),
    ("below", 128, "written", "written"),
    ("section", 4096, "content", "content"),
    ("below", 512, "texts", "settings"),
)
"""How it is printed, how many KiB it may have, what prints it, which part of the facts it becomes."""

PARTS = {name: part for _, _, name, part in _CALLS}
OF_MACHINE = frozenset(name for how, _, name, _ in _CALLS if how == "whole")


def limits() -> dict[str, int]:
    """How many bytes each section may have."""
    return {name: 1024 * size for _, size, name, _ in _CALLS}


def inspecting(spec: FleetSpec, *, root: bool) -> Script:
    """Make the script. With `root` it runs as root where the fleet has `ssh.sudo`."""
    paths = check_content(spec.content)
    more = {
        "content": paths,
        "around": paths,
        "written": paths,
        "served": (spec.health.path.partition("?")[0], *paths),
        "texts": tuple(path for path in paths if not _walked(path)),
        "relays": tuple(RELAYS.values()),
        "lost": tuple(word for each in spec.recipe.rewrite for word in _looked_for(each)),
    }
    calls = [(how, name, str(1024 * size), name, *more.get(name, ())) for how, size, name, _ in _CALLS]
    return Script(
        what="looking at it for the doctor",
        functions=_SECTIONS + patterns.filled(SELF + MACHINE + FILES + SITE),
        calls=calls,
        values={
            "setting": patterns.SETTING,
            "secret": patterns.HIDDEN,
            "telling": patterns.TELLING,
            "asking": patterns.ASKING,
            "enough": str(_ENOUGH),
            "key": "PRIVATE KEY-----|PuTTY-User-Key",
        },
        seconds=SECONDS,
        whole=False,
        root=root,
    )


def _looked_for(rewrite: Rewrite) -> tuple[str, str, str]:
    """The file, and of what it must hold the longest line: what is found, or is there already."""
    find, instead = (max(text.splitlines(), key=len, default="") for text in (rewrite.find, rewrite.replace))
    return check_path(rewrite.file), find, instead or find


def _walked(path: str) -> bool:
    """Whether the script looks for settings there anyway."""
    return path.startswith(("/srv/", "/opt/", "/var/www/", "/home/", "/root/"))
