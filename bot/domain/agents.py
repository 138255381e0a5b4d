"""Agents that know which server they are on: where each remembers it, by its makers' documents."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bot.domain.fleet import AgentName


@dataclass(frozen=True, slots=True)
class Agent:
    """Where one agent keeps who it is; without that it enrols, or names itself, anew."""

    units: tuple[str, ...]
    """The first is the usual one."""
    files: tuple[str, ...] = ()
    """As in `recipe.remove`."""
    own: tuple[str, ...] = ()
    """Of them those that no two servers can have alike."""
    lines: tuple[tuple[str, str], ...] = ()
    """Settings files, and how the line begins there that names the server, as grep -E has it."""


_PUPPETS = ("/etc/puppetlabs/puppet/ssl", "/etc/puppet/ssl", "/var/lib/puppet/ssl")

AGENTS: Mapping[AgentName, Agent] = {
    "amazon-ssm-agent": Agent(
        units=("amazon-ssm-agent", "snap.amazon-ssm-agent.amazon-ssm-agent"),
        files=("/var/lib/amazon/ssm/registration", "/var/lib/amazon/ssm/Vault/", "/var/lib/amazon/ssm/i-*/"),
        own=("/var/lib/amazon/ssm/registration",),
    ),
    "datadog": Agent(
        units=("datadog-agent",),
        files=("/opt/datadog-agent/run/", "/etc/datadog-agent/auth_token"),
        own=("/etc/datadog-agent/auth_token",),
        lines=(("/etc/datadog-agent/datadog.yaml", "hostname:"),),
    ),
    "filebeat": Agent(
        units=("filebeat",),
        files=("/var/lib/filebeat/meta.json", "/var/lib/filebeat/registry/"),
        own=("/var/lib/filebeat/meta.json",),
        lines=(("/etc/filebeat/filebeat.yml", "name:"),),
    ),
    "newrelic": Agent(
        units=("newrelic-infra",),
        files=("/var/db/newrelic-infra/data/",),
        lines=(("/etc/newrelic-infra.yml", "(display_name|override_hostname):"),),
    ),
    "puppet": Agent(
        units=("puppet", "puppet-agent"),
        files=tuple(f"{ssl}/" for ssl in _PUPPETS),
        own=tuple(f"{ssl}/private_keys/" for ssl in _PUPPETS),
        lines=(
            ("/etc/puppetlabs/puppet/puppet.conf", " *certname *="),
            ("/etc/puppet/puppet.conf", " *certname *="),
        ),
    ),
    "salt-minion": Agent(
        units=("salt-minion",),
        files=("/etc/salt/minion_id", "/etc/salt/pki/minion/minion.pem", "/etc/salt/pki/minion/minion.pub"),
        own=("/etc/salt/pki/minion/minion.pem",),
        lines=(("/etc/salt/minion", "id:"),),
    ),
    "tailscale": Agent(
        units=("tailscaled",),
        files=("/var/lib/tailscale/tailscaled.state", "/var/lib/tailscale/tailscaled.log.conf"),
        own=("/var/lib/tailscale/tailscaled.state",),
    ),
    "telegraf": Agent(
        units=("telegraf",),
        lines=(("/etc/telegraf/telegraf.conf", ' *hostname *= *"[^"]'),),
    ),
    "wazuh": Agent(
        units=("wazuh-agent",),
        files=("/var/ossec/etc/client.keys", "/var/ossec/queue/rids/"),
        own=("/var/ossec/etc/client.keys",),
    ),
    "zabbix": Agent(
        units=("zabbix-agent", "zabbix-agent2"),
        files=("/var/lib/zabbix/*.db",),
        lines=(
            ("/etc/zabbix/zabbix_agentd.conf", " *Hostname="),
            ("/etc/zabbix/zabbix_agent2.conf", " *Hostname="),
        ),
    ),
}


def agent_at(path: str) -> str:
    """The agent that keeps there who it is; empty if none is known."""
    kept = ((name, (*agent.files, *(file for file, _ in agent.lines))) for name, agent in AGENTS.items())
    return next((name for name, files in kept if any(f"{path}/".startswith(file) for file in files)), "")


def agent_of(unit: str) -> str:
    """The agent that this unit runs, by its name in a recipe; empty if none is known."""
    short = re.sub(r"\.service$", "", unit)
    return next((name for name, agent in AGENTS.items() if short in agent.units or short == name), "")
