"""Lets a server's own Apache or nginx pass writes on to the master, or ends that; as Debian lays them out."""

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Server
from bot.domain.relay import Relay
from bot.domain.relay_rules import for_apache, for_nginx
from bot.ssh.names import check_address, check_path
from bot.ssh.server_blocks import in_server_blocks, in_virtual_hosts
from bot.ssh.shell import Script, Shell

APACHE, NGINX = "apache2", "nginx"
"""The names of the web servers' units."""
FILES: Mapping[str, str] = {
    # Its name comes first, and so do its rules.
    APACHE: "/etc/apache2/conf-enabled/000-clonebot-relay.conf",
    NGINX: "/etc/nginx/clonebot-relay.conf",
}
"""Our own file for each; where it is empty or missing, nothing is relayed."""
_INCLUDE = {APACHE: f"Include {FILES[APACHE]}".encode(), NGINX: f"include {FILES[NGINX]};".encode()}
_RULES = {APACHE: for_apache, NGINX: for_nginx}
_BEGIN = {APACHE: in_virtual_hosts, NGINX: in_server_blocks}

STOP = """
stop_relay() {
    [ ! -s "$R$2" ] || { : >"$R$2" && systemctl reload-or-restart "$1"; } >/dev/null 2>&1 ||
        fail "$2 cannot be emptied, which makes $1 pass writes on"
}
"""

# A server that has just booted may not have begun its web server.
_KIND = """
kind() {
    running='' enabled=''
    for each in apache2 nginx; do
        case $(systemctl is-active "$each" 2>/dev/null) in
            active | activating | reloading) running="$running $each" ;;
        esac
        case $(systemctl is-enabled "$each" 2>/dev/null) in enabled) enabled="$enabled $each" ;; esac
    done
    case ${running:-$enabled} in
        ' apache2 nginx') ss -Hltnp "sport = :$1" | grep -oE '"(apache2|nginx)"' | tr -d '"' | sort -u ;;
        *) printf '%s\\n' ${running:-$enabled} ;;
    esac
}
"""

_SITE = """
includes() {
    case $1 in
        apache2) apache2ctl -t -D DUMP_INCLUDES 2>/dev/null | sed -n 's/^ *([0-9*]*) *//p' ;;
        nginx) nginx -T 2>/dev/null | sed -n 's/^# configuration file \\(.*\\):$/\\1/p' ;;
    esac
}

site() {
    includes "$1" | while IFS= read -r file; do
        readlink -f -- "$file"
    done | sort -u | while IFS= read -r file; do
        if [ "$file" != "$3" ] && grep -qiw -- "$2" "$file"; then
            printf '%s\\n' "$file" && base64 -w 0 -- "$file" && printf '\\n'
        fi
    done
}
"""
_WORDS = {APACHE: "<VirtualHost", NGINX: "server"}
"""What a file that describes a site holds."""

_START = """
install -d -m 0700 -- "$R$state" || fail "$state cannot be made"
umask 022
new=''

modules() {
    for each in "$@"; do [ -e "$R/etc/apache2/mods-enabled/$each.load" ] || new="$new $each"; done
    said=$(a2enmod --quiet "$@" 2>&1) || fail "$said"
}

place() {
    file=$R$2 kept=$R$state/relay.$1
    part=$(dirname -- "$file")/.clonebot-$(basename -- "$file")
    rm -f -- "$kept" "$part"
    if [ -f "$file" ]; then
        cp --preserve=all -- "$file" "$kept" && cp --preserve=all -- "$file" "$part" ||
            fail "$2 cannot be copied"
    fi
    printf %s "$3" | base64 -d >"$part" && sync -- "$part" && mv -f -- "$part" "$file" && return
    rm -f -- "$part"
    fail "$2 cannot be written"
}

put_back() {
    number=0
    for each in "$@"; do
        if [ -f "$R$state/relay.$number" ]; then
            cp --preserve=all -- "$R$state/relay.$number" "$R$each"
        else
            rm -f -- "$R$each"
        fi
        number=$((number + 1))
    done
    [ -z "$new" ] || a2dismod --quiet --force $new
} >/dev/null 2>&1

follow() {
    service=$1
    shift
    case $service in apache2) check='apache2ctl configtest' ;; nginx) check='nginx -t' ;; esac
    if ! said=$($check 2>&1); then
        put_back "$@"
        fail "$said - so $service does not take the rules for writes, and goes on without them"
    fi
    said=$(systemctl reload-or-restart "$service" 2>&1) || fail "$service does not reload: $said"
}
"""


def stop_calls() -> list[tuple[str, ...]]:
    """Make the calls of `STOP`."""
    return [("stop_relay", service, file) for service, file in FILES.items()]


def find_kind(shell: Shell, spec: FleetSpec, server: Server) -> str:
    """Find the web server that serves the site. RemoteFailed if it is none that can relay."""
    script = Script(
        what="looking for its web server", functions=_KIND, calls=[("kind", str(spec.health.port))]
    )
    found = shell.run(spec, server, script).decode().split()
    if len(found) != 1 or found[0] not in FILES:
        raise RemoteFailed(
            f"{server.id}: neither Apache (apache2) nor nginx serves its port {spec.health.port}, "
            'so it cannot pass writes on to the master. Set `writes.by = "listener"` in the fleet file.'
        )
    return found[0]


def start(shell: Shell, spec: FleetSpec, server: Server, relay: Relay, kind: str, state: str) -> None:  # noqa: PLR0913, PLR0917 (whom to ask, and all that the rules say)
    """Give the web server its rules, which it follows from now on; they are taken back if it refuses them."""
    check_address(relay.master)
    files = _files(shell, spec, server, relay, kind)
    calls: list[Sequence[str]] = []
    if kind == APACHE:
        calls.append(("modules", "proxy", "proxy_http", "rewrite", "headers"))
    calls += [
        ("place", str(n), path, b64encode(text).decode()) for n, (path, text) in enumerate(files.items())
    ]
    calls.append(("follow", kind, *files))
    script = Script(what="letting it pass writes on", functions=_START, calls=calls, values={"state": state})
    shell.run(spec, server, script)


def _files(shell: Shell, spec: FleetSpec, server: Server, relay: Relay, kind: str) -> Mapping[str, bytes]:
    """What each file is to be, ours first; none of the site's that is as it is to be."""
    site = _site(shell, spec, server, kind)
    changed = {path: _BEGIN[kind](text, _INCLUDE[kind]) for path, text in site.items()}
    if not any(_INCLUDE[kind] in text for text in changed.values()):
        raise RemoteFailed(
            f"{server.id}: its {kind} does not take its own configuration, or that describes no site."
        )
    ours = {FILES[kind]: _RULES[kind](relay).encode()}
    return ours | {path: text for path, text in changed.items() if text != site[path]}


def _site(shell: Shell, spec: FleetSpec, server: Server, kind: str) -> Mapping[str, bytes]:
    script = Script(
        what="reading the configuration of its web server",
        functions=_SITE,
        calls=[("site", kind, _WORDS[kind], FILES[kind])],
    )
    lines = shell.run(spec, server, script).decode().split("\n")
    return {check_path(path): b64decode(text) for path, text in zip(lines[::2], lines[1::2], strict=False)}
