"""Looks at a master for the doctor: one connection, one pass, nothing written there."""

from dataclasses import replace

from bot.domain.doctor.facts import ServerFacts
from bot.domain.errors import RemoteFailed
from bot.domain.fleet import FleetSpec, Server
from bot.ssh.doctor.facts import read_facts
from bot.ssh.doctor.script import inspecting
from bot.ssh.shell import Script, Shell

_SUDO_SECONDS = 10


def inspect(shell: Shell, spec: FleetSpec, master: Server) -> ServerFacts:
    """Look at it as root, or where that is not allowed as the login user, who sees less and says so."""
    refused = _refused_root(shell, spec, master)
    printed = shell.run(spec, master, inspecting(spec, root=spec.ssh.sudo and not refused))
    facts = replace(read_facts(printed, spec.content.exclude), no_sudo=refused)
    if not facts.time:
        raise RemoteFailed(f"{master.id}: what it says of itself makes no sense, so nothing is known of it.")
    return facts


def _refused_root(shell: Shell, spec: FleetSpec, master: Server) -> str:
    """What sudo said, where it is to be used and does not work; else nothing."""
    if not spec.ssh.sudo:
        return ""
    script = Script(what="sudo", functions="", calls=[("true",)], seconds=_SUDO_SECONDS)
    try:
        shell.run(spec, master, script)
    except RemoteFailed as error:
        return str(error)
    return ""
