"""Services that must run once, or know who they are: queues, indexes, mail, agents, management."""

import re
from collections.abc import Iterator

from bot.domain.agents import agent_of
from bot.domain.doctor.facts import ServerFacts, Unit
from bot.domain.doctor.server.check import BLOCKS, FIXED, WARNS, Check, Sign
from bot.domain.doctor.server.recipe import (
    classify_job,
    forgets,
    handles_job,
    handles_timer,
    handles_unit,
    may_differ,
    purges,
)
from bot.domain.fleet import FleetSpec
from bot.domain.words import plural

_ONCE = {
    "a search index": r"elasticsearch|opensearch|solr|sphinxsearch|searchd|manticore|meilisearch|typesense",
    "a queue": r"rabbitmq-server|beanstalkd|gearmand?|gearman-job-server|nsqd|activemq|artemis|kafka"
    r"|zookeeper|nats|nats-server|mosquitto|emqx",
    "file transfer": r"vsftpd|proftpd|pure-ftpd(-\w+)?|sftpgo|tftpd-hpa|atftpd",
    "a file share": r"smbd|nfs-server|nfs-kernel-server|glusterd|minio",
    "mailboxes": r"dovecot|cyrus-imapd|courier-imap",
    "a printer's spool": r"cups",
    "a name server": r"named|bind9|pdns|dhcpd|isc-dhcp-server",
}
_PORTS = {
    9200: "a search index", 8983: "a search index", 7700: "a search index", 9312: "a search index",
    5672: "a queue", 11300: "a queue", 4730: "a queue", 9092: "a queue", 1883: "a queue", 61616: "a queue",
    21: "file transfer", 2049: "a file share", 445: "a file share", 143: "mailboxes", 993: "mailboxes",
}  # fmt: skip
_AGENTS = (
    ("wazuh", r"wazuh-agent|ossec\w*", "/var/ossec"),
    ("amazon-ssm-agent", r"amazon-ssm-agent|snap\.amazon-ssm-agent\..*", "/var/lib/amazon/ssm"),
    ("datadog-agent", r"datadog-agent.*", "/etc/datadog-agent"),
    ("newrelic-infra", r"newrelic-\w+", "/etc/newrelic"),
    ("tailscaled", r"tailscaled", "/var/lib/tailscale"),
    ("zerotier-one", r"zerotier-one", "/var/lib/zerotier-one"),
    ("zabbix-agent", r"zabbix-agent2?", "/etc/zabbix"),
    ("falcon-sensor", r"falcon-sensor", "/opt/CrowdStrike"),
    ("taniumclient", r"taniumclient", "/opt/Tanium"),
    ("teleport", r"teleport", "/etc/teleport /var/lib/teleport"),
    ("nessusagent", r"nessusagent", "/etc/nessus-agent /opt/nessus_agent"),
    ("qualys-cloud-agent", r"qualys-cloud-agent", "/etc/opt/qualys"),
    ("netdata", r"netdata", "/var/lib/netdata"),
    ("munin-node", r"munin-node", "/etc/munin"),
    ("wg-quick@wg0", r"wg-quick@.*|openvpn-client@.*|openvpn@.*", "/etc/wireguard"),
)
_SHIPPERS = (
    ("filebeat", r"filebeat", "/var/lib/filebeat"),
    ("metricbeat", r"metricbeat", "/var/lib/metricbeat"),
    ("fluent-bit", r"fluent-bit|fluentd|td-agent(-bit)?", "/etc/fluent /var/lib/fluent /var/log/td-agent"),
    ("promtail", r"promtail|alloy|grafana-agent", "/var/lib/promtail"),
    ("amazon-cloudwatch-agent", r"amazon-cloudwatch-agent|awslogsd?", "/opt/aws/amazon-cloud /var/awslogs"),
    ("vector", r"vector", "/var/lib/vector"),
    ("splunkforwarder", r"splunk(forwarder|d)?", "/opt/splunkforwarder"),
    ("rsyslog", r"$^", "/var/lib/rsyslog"),
)
_MANAGEMENT = (
    ("puppet", r"puppet(-agent)?", "/etc/puppet /etc/puppetlabs /var/lib/puppet"),
    ("chef-client", r"chef-client", "/etc/chef"),
    ("salt-minion", r"salt-minion", "/etc/salt"),
    ("cfengine3", r"cfengine3|cf-execd", "/var/lib/cfengine3"),
)
_APPLIES = re.compile(r"ansible-pull|chef-client|cinc-client|puppet\s+(agent|apply)|salt-call|cf-agent")
Agents = tuple[tuple[str, str, str], ...]


def once(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Services of which a fleet may have only one."""
    units = [unit for unit in facts.units if unit.name.endswith(".service") and not unit.sleeps]
    for unit in units:
        name = unit.name.removesuffix(".service")
        kind = next(
            (kind for kind, names in _ONCE.items() if re.fullmatch(names, name.partition("@")[0])), ""
        )
        if kind and not handles_unit(spec.recipe, unit.name):
            what = f"{unit.name} is {kind}; every clone would have one of its own, which grows apart."
            yield Sign(
                BLOCKS, unit.name, what, f"Name {name!r} in recipe.services, and let clones use the master's."
            )
    named = {unit.name for unit in units if _is_once(unit)}
    for socket in facts.sockets:
        known = socket.unit in named or (socket.unit and handles_unit(spec.recipe, socket.unit))
        if socket.port in _PORTS and not known and not (named and not socket.unit):
            place = f"{socket.process or 'something'} on port {socket.port}"
            what = (
                f"{_PORTS[socket.port].capitalize()} answers on port {socket.port}; it would on every clone."
            )
            yield Sign(
                BLOCKS, place, what, "Start it through a unit of systemd, and name that in recipe.services."
            )


def _is_once(unit: Unit) -> bool:
    name = unit.name.removesuffix(".service").partition("@")[0]
    return any(re.fullmatch(names, name) for names in _ONCE.values())


def mail(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Mail that waits: clones would send it again."""
    for spool, waiting in facts.mail:
        told = f"{plural(waiting, 'message')} wait{'s' if waiting == 1 else ''} in {spool} to be sent"
        if purges(spec.recipe, spool):
            yield Sign(FIXED, spool, f"{told}, and on no clone, as is proved.", "Nothing.")
        else:
            what = f"{told}, and every clone would send {'it' if waiting == 1 else 'them'} again."
            yield Sign(WARNS, spool, what, f"Name {spool!r} in recipe.spools.")


def agents(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Agents that would register every clone as this server."""
    what = "{} knows who this server is, and every clone would say the same of itself."
    return _known(facts, spec, _AGENTS, what)


def shippers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """What ships logs, remembers how far it came, and says from whom."""
    what = "{} remembers how far it read this server's logs; clones would skip or repeat, under one name."
    return _known(facts, spec, _SHIPPERS, what)


def management(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Configuration management: what would make a master of a clone again."""
    yield from _known(facts, spec, _MANAGEMENT, "{} would give every clone the master's role again.")
    what = "{} lets configuration management make a master of every clone."
    for job in facts.jobs:
        if _APPLIES.search(f"{job.command} {job.script}") and not handles_job(spec.recipe, job):
            yield Sign(WARNS, job.source, what.format(job.source), classify_job(job))
    commands = {unit.name: f"{unit.command} {unit.script}" for unit in facts.units}
    for unit in facts.units:
        clocked = unit.name.endswith(".timer") and not unit.sleeps and not handles_timer(spec.recipe, unit)
        if clocked and _APPLIES.search(commands.get(unit.triggers, "")):
            yield Sign(WARNS, unit.name, what.format(unit.name), f"Name {unit.name!r} in recipe.services.")


def _known(facts: ServerFacts, spec: FleetSpec, table: Agents, what: str) -> Iterator[Sign]:
    for name, units, folders in table:
        running = [u for u in facts.units if re.fullmatch(rf"({units})\.service", u.name) and not u.sleeps]
        ids = [file.path for file in facts.agents if file.path.startswith(tuple(folders.split()))]
        place = running[0].name if running else (ids[0] if ids else "")
        handled = any(handles_unit(spec.recipe, unit.name) for unit in running) or handles_unit(
            spec.recipe, name
        )
        if not place or handled or may_differ(spec.recipe, place):
            continue
        shown = running[0].name.removesuffix(".service") if running else name
        if forgets(spec.recipe, shown):
            told = f"{place} forgets on clones which server it was on, and enrols anew; each is proved."
            yield Sign(FIXED, place, told, "Nothing.")
        else:
            yield Sign(WARNS, place, what.format(place), _how_to_enrol(shown))


def _how_to_enrol(shown: str) -> str:
    if agent := agent_of(shown):
        return (
            f"Name {agent!r} in recipe.agents; if only the master may run it, {shown!r} in recipe.services."
        )
    return f"Name {shown!r} in recipe.services, or enrol clones anew and name it in recipe.everywhere."


def clock(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """Time: a clone has the master's zone, and needs a clock that is right."""
    zone = facts.time_zone or "UTC"
    yield Sign(FIXED, f"time zone {zone}", f"Clones have the master's time zone, {zone}.", "Nothing.")
    if facts.clock_synchronized is False:
        what = "Nothing keeps the clock right, so clones will differ from the master."
        yield Sign(WARNS, "clock", what, "Enable systemd-timesyncd or chrony.")


SERVICES = (
    Check("once", 31, once, ("units", "sockets")),
    Check("mail-queue", 7, mail, ("mail",)),
    Check("agents", 16, agents, ("units", "agents")),
    Check("log-shippers", 17, shippers, ("units", "agents")),
    Check("management", 33, management, ("units", "agents", "jobs")),
    Check("clock", 26, clock, ()),
)
