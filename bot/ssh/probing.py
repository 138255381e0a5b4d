"""Finds out which writes a server's web server would not pass on to the master; writes nothing anywhere."""

import re
import time
from collections.abc import Iterator

from bot.domain.relay import MARK, MASTER_PAGE, Probe, Relay, probes
from bot.ssh.asking import Answer, Asker
from bot.ssh.relaying import APACHE, FILES, NGINX

LOOK = f"""
relays() {{
    kind=''
    if [ -s "$R{FILES[APACHE]}" ]; then kind={APACHE}; fi
    if [ -s "$R{FILES[NGINX]}" ]; then kind={NGINX}; fi
    printf '%s ' "$kind"
    case $1$kind in
        names{APACHE}) apache2ctl -t -D DUMP_VHOSTS 2>/dev/null | head -c 100000 | base64 -w 0 ;;
        names{NGINX}) nginx -T 2>/dev/null | grep '^[^#]*server_name ' | head -c 100000 | base64 -w 0 ;;
    esac
    printf '\\n'
}}
"""
_APACHE_NAME = re.compile(r"port (\d+) namevhost (\S+)|^\S+:(\d+|\*)\s+(\S+) \(", re.MULTILINE)
_NGINX_NAMES = re.compile(r"^[^#]*?server_name\s+([^;]*);", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_MOST_NAMES = 64
_RELOAD_SECONDS = 5
"""How long a web server that was told to reload may go on answering by its old rules."""
_GLANCE_SECONDS = 0.2
_SILENT = {0, 502, 503, 504}


def virtual_hosts(kind: str, said: str, port: int) -> tuple[str, ...]:
    """Name the virtual hosts that a web server has at this port, as far as they have plain names."""
    if kind == APACHE:
        found = [(m[1] or m[3], m[2] or m[4]) for m in _APACHE_NAME.finditer(said)]
        names = [name for at, name in found if at in {str(port), "*"}]
    else:
        names = [name for m in _NGINX_NAMES.finditer(said) for name in m[1].split()]
    plain = dict.fromkeys(name for name in names if _NAME.fullmatch(name))
    return tuple(plain)[:_MOST_NAMES]


def find_astray(asker: Asker, relay: Relay, names: tuple[str, ...]) -> Iterator[str]:
    """Ask each virtual host, the one of the server's own address first."""
    for name in dict.fromkeys((asker.server.address, *names)):
        page = _ask(asker, relay, name, Probe(method="GET", path=MASTER_PAGE, shown=""))
        if page is None:
            yield f"anything sent to {name}"  # and so the site would answer a probe, which must not be
        elif page.status in _SILENT:
            yield f"anything sent to {name} (the master's health page answered {page.status} through it)"
        else:
            yield from (
                f"{probe.shown} sent to {name}"
                for probe in probes(relay)
                if _ask(asker, relay, name, probe) is None
            )


def _ask(asker: Asker, relay: Relay, name: str, probe: Probe) -> Answer | None:
    """Ask for a while; return what the relay answered, None if another answered."""
    deadline = time.monotonic() + _RELOAD_SECONDS
    while True:
        answer = asker.ask(probe.path, method=probe.method, host=name)
        if answer.headers.get(MARK.lower()) == relay.fingerprint:
            return answer
        if time.monotonic() > deadline:
            return None
        time.sleep(_GLANCE_SECONDS)
