"""How the server is reached and whom it reaches: names, TLS, bans, long connections, allow-lists."""

import ipaddress
import re
from collections.abc import Iterator

from bot.domain.doctor.facts import Connection, Line, ServerFacts
from bot.domain.doctor.server.check import WARNS, Check, Sign
from bot.domain.doctor.server.recipe import handles_unit, may_differ, rewrites
from bot.domain.fleet import FleetSpec

_OF_SYSTEM = re.compile(
    r"apt|apt-get|http|https|snapd|amazon-ssm-agen|ssm-agent-worke|chronyd|systemd-.*|sshd?|ntpd"
)
_OWN_TLS = re.compile(r"(?i)(ssl_certificate\s|SSLCertificateFile\s|SSLEngine\s+on)")
_KNOWS_VISITORS = re.compile(r"(?i)(set_real_ip_from|RemoteIPHeader|real_ip_header|RemoteIPTrustedProxy)")
_ADDRESS = re.compile(
    r"(?i)\b(wp_home|wp_siteurl|siteurl|site_url|base_?url|app_url|root_url|home_url)\b['\"]?\]?\s*(=>|=|:|,)"
    r"\s*['\"]?(https?://)?(?P<host>[\w.-]+)"
)
_NAMES_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|ec2-[\w.-]+amazonaws\.com|localhost|ip-[\d-]+.*")
_LONG = re.compile(
    r"(?i)(proxy_set_header\s+Upgrade|http_upgrade|wstunnel|\bwss?://|socket\.io|mercure|Connection\s+.?upgrade)"
)


def allow_lists(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Open connections to others' servers, which may know this server by its address."""
    listening = {socket.port for socket in facts.sockets}
    for each in facts.connections:
        place = f"{each.peer}:{each.port}"
        if each.local_port not in listening and _is_elsewhere(each) and place not in spec.recipe.everywhere:
            by = f" by {each.process}" if each.process else ""
            what = f"{place} is in use{by}; if it lets in only this server's address, it refuses clones."
            yield Sign(
                WARNS, place, what, f"Let clones share one address, or name {place!r} in recipe.everywhere."
            )


def _is_elsewhere(connection: Connection) -> bool:
    try:
        public = ipaddress.ip_address(connection.peer.partition("%")[0]).is_global
    except ValueError:
        return False
    return public and not _OF_SYSTEM.fullmatch(connection.process)


def addresses(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Settings that hold the server's own name or address where the fleet's should stand."""
    for line in facts.settings:
        match = _ADDRESS.search(line.text)
        own = match and (_NAMES_ADDRESS.fullmatch(match["host"]) or match["host"] == facts.hostname)
        if own and not _settled(line, spec):
            what = f"{line.file} tells visitors this server's own address, past the load balancer."
            yield Sign(WARNS, line.file, what, "Put the site's public name there.")


def own_tls(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """TLS that ends at the server, so that the balancer cannot see requests, or names differ."""
    for line in facts.settings:
        served = line.file.startswith(("/etc/nginx", "/etc/apache2", "/etc/httpd"))
        ours = served and _OWN_TLS.match(line.text) and "snakeoil" not in line.text
        if ours and not _settled(line, spec):
            what = f"{line.file} ends TLS at this server; behind a load balancer it should end there."
            yield Sign(WARNS, line.file, what, "Give the certificate to the balancer's listener.")


def visitors(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Behind a balancer every visitor has the balancer's address, in logs and for who bans by address."""
    told = any(_KNOWS_VISITORS.match(line.text) for line in facts.settings)
    for unit in facts.units:
        name = unit.name.removesuffix(".service")
        if unit.sleeps or unit.name in spec.recipe.everywhere or name in spec.recipe.everywhere:
            continue
        if name in {"nginx", "apache2", "httpd"} and not told:
            what = f"{unit.name} takes the load balancer for every visitor, in its logs and rules."
            yield Sign(WARNS, unit.name, what, "Trust X-Forwarded-For: set_real_ip_from, or mod_remoteip.")
        elif name in {"fail2ban", "sshguard", "crowdsec", "denyhosts"} and not handles_unit(
            spec.recipe, name
        ):
            what = f"{unit.name} may ban the load balancer, and so everybody."
            yield Sign(WARNS, unit.name, what, "Exclude the load balancer's subnets: `ignoreip`.")


def long_connections(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """WebSockets and the like, which a drain cuts off."""
    for line in facts.settings:
        if _LONG.search(line.text) and not _settled(line, spec):
            what = f"{line.file} has long connections, which end when a clone is taken away."
            yield Sign(
                WARNS, line.file, what, "Let patience.drain and the target group's delay be long enough."
            )


def _settled(line: Line, spec: FleetSpec) -> bool:
    return may_differ(spec.recipe, line.file) or rewrites(spec, line.file, line.text)


NETWORK = (
    Check("allow-lists", 20, allow_lists, ("connections",)),
    Check("addresses", 29, addresses, ("settings",)),
    Check("own-tls", 29, own_tls, ("settings",)),
    Check("visitors", 29, visitors, ("units", "settings")),
    Check("long-connections", 30, long_connections, ("settings",)),
)
