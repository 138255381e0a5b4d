"""What the check looks for on a server; changes nothing there."""

import time

from bot.domain.check.servers import Bearing
from bot.domain.errors import ServerError
from bot.domain.fleet import FleetSpec, Server
from bot.domain.relay import Relay
from bot.ssh.connections import Connections, HostKeys
from bot.ssh.names import check_address
from bot.ssh.shell import Script, Shell

_SECONDS = 15
_LOOK = r"""
look() {
    date +%s
    rsync --version 2>/dev/null | head -n 1
}
"""
_KNOCK = """
knock() { timeout 5 bash -c ': </dev/tcp/"$0"/"$1"' "$1" "$2"; }
"""


class SshInspection:
    """Servers over SSH, each known by the host keys that it must show."""

    def __init__(self, host_keys: HostKeys, *, patience: float = 10.0) -> None:
        self._shell = Shell(Connections(host_keys, patience=patience))

    def look(self, spec: FleetSpec, server: Server, relay: Relay | None = None) -> Bearing:
        """Find out how this server is found; with `relay`, also whether it reaches the master that way.

        Raises nothing of ours; gives up after about a minute.
        """
        script = Script(
            what="a first command", functions=_LOOK, calls=[("look",)], seconds=_SECONDS, root=False
        )
        try:
            self._shell.run(
                spec, server, Script(what="connecting", functions="", calls=[], seconds=_SECONDS, root=False)
            )
            began = time.time()
            said = self._shell.run(spec, server, script).decode(errors="replace").splitlines()
            now = (began + time.time()) / 2
        except ServerError as error:
            return Bearing(server=server, trouble=str(error))
        trouble = self._sudo(spec, server) if spec.ssh.sudo else ""
        seconds = said[0] if said else ""
        return Bearing(
            server=server,
            sudo=trouble,
            root=spec.ssh.sudo and not trouble,
            rsync=said[1] if len(said) > 1 else "",
            clock=int(seconds) + 0.5 - now if seconds.isdigit() else None,
            cut_off=self._cut_off(spec, server, relay) if relay else "",
        )

    def _cut_off(self, spec: FleetSpec, server: Server, relay: Relay) -> str:
        """Where it should reach the master and does not; empty if it does."""
        place = (check_address(relay.master), str(relay.port))
        script = Script(
            what="reaching the master",
            functions=_KNOCK,
            calls=[("knock", *place)],
            seconds=_SECONDS,
            root=False,
        )
        try:
            self._shell.run(spec, server, script)
        except ServerError:
            return ":".join(place)
        return ""

    def _sudo(self, spec: FleetSpec, server: Server) -> str:
        """Why sudo does not work; empty if it does."""
        script = Script(
            what="sudo",
            functions='root() { [ "$(id -u)" = 0 ] || fail "it did not make us root"; }',
            calls=[("root",)],
            seconds=_SECONDS,
        )
        try:
            self._shell.run(spec, server, script)
        except ServerError as error:
            return str(error)
        return ""
