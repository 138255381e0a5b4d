"""An outside on which all is well, until a test says otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bot.check.probes import Probes
from bot.domain.check.cloud import Came, Group, Identity, Trial
from bot.domain.check.here import Folder
from bot.domain.check.servers import Bearing
from bot.domain.check.slack import Token
from bot.domain.errors import BotError, ChatError
from bot.domain.fleet import Fleet, FleetSpec, Role, Server, Service, State
from bot.domain.relay import Relay

SCOPES = ("chat:write", "commands")


@dataclass
class FakeChat:
    """Slack in memory."""

    scopes: frozenset[str] = frozenset(SCOPES)
    app_token: str = "xapp-good"
    channels: frozenset[str] = frozenset({"C0WEB"})
    groups: frozenset[str] = frozenset({"S0OPS"})
    refusal: str = ""
    asked: list[str] = field(default_factory=list)

    def token(self) -> Token:
        if self.refusal:
            raise ChatError(self.refusal)
        return Token(team="T0LAB", user="clonebot", scopes=self.scopes, clock=0.2)

    def open_connection(self, app_token: str) -> None:
        if app_token != self.app_token:
            raise ChatError("Slack does not accept my token.")

    def channel(self, channel: str) -> str:
        self.asked.append(channel)
        return "" if channel in self.channels else "I am not in that channel."

    def group(self, group: str) -> str:
        return "" if group in self.groups else "Slack knows no such group."


@dataclass
class FakeCloud:
    """AWS in memory."""

    error: BotError | None = None
    """Why a fleet cannot be read."""
    denied: frozenset[str] = frozenset()
    keys: tuple[str, ...] = ("ssh-ed25519 AAAA",)
    masters: frozenset[str] | None = None
    """Those that exist; all, if nothing is said."""
    groups: frozenset[str] | None = None
    clones: State = State.STOPPED
    permissions: tuple[str, ...] = ("ec2:RunInstances", "ec2:CreateImage")

    def identity(self, region: str) -> Identity:
        return Identity(account="123456789012", arn=f"arn:aws:iam::123456789012:user/{region}", clock=0.2)

    def look(self, spec: FleetSpec) -> Fleet:
        if self.error:
            raise self.error
        if self.masters is not None and spec.master not in self.masters:
            raise BotError(f"AWS knows no living server {spec.master}.")
        master = Server(
            id=spec.master,
            role=Role.MASTER,
            state=State.RUNNING,
            address="10.0.0.1",
            type="t3.small",
            subnet="subnet-a",
            image="ami-1",
            launched=datetime(2026, 1, 1, tzinfo=UTC),
            service=Service.HEALTHY,
        )
        clone = replace(master, id="i-clone", role=Role.CLONE, state=self.clones)
        return Fleet(spec=spec, master=master, clones=(clone,))

    def members(self, spec: FleetSpec) -> Fleet:
        return self.look(spec)

    def host_keys(self, spec: FleetSpec) -> tuple[str, ...]:  # noqa: ARG002 (the same of all)
        return self.keys

    def try_permissions(self, spec: FleetSpec, fleet: Fleet | None, group: str) -> Iterator[Trial]:  # noqa: ARG002 (the same of all)
        for permission in self.permissions:
            came = Came.DENIED if permission in self.denied else Came.ALLOWED
            yield Trial(permission=permission, came=came if fleet else Came.NOTHING_TO_TRY_ON)

    def group(self, region: str, arn: str) -> Group:  # noqa: ARG002 (the same everywhere)
        exists = self.groups is None or arn in self.groups
        return Group(arn=arn, exists=exists, port=80, health_port="traffic-port", health_path="/")


@dataclass
class FakeServers:
    """Servers in memory."""

    trouble: str = ""
    looked_at: list[str] = field(default_factory=list)
    ways: list[str] = field(default_factory=list)
    """Which servers were asked whether they reach what."""

    def look(self, spec: FleetSpec, server: Server, relay: Relay | None = None) -> Bearing:
        self.looked_at.append(server.id)
        if relay:
            self.ways.append(f"{server.id} → {relay.master}:{relay.port}")
        return Bearing(
            server=server, trouble=self.trouble, root=spec.ssh.sudo, rsync="rsync  version 3.2.7", clock=0.2
        )


@dataclass
class Outside:
    """All of it."""

    chat: FakeChat = field(default_factory=FakeChat)
    cloud: FakeCloud = field(default_factory=FakeCloud)
    servers: FakeServers = field(default_factory=FakeServers)
    folder: Folder = field(default_factory=lambda: Folder(path="data", account="clonebot", free_bytes=10**9))

    def probes(self) -> Probes:
        return Probes(
            chat=self.chat,
            cloud=self.cloud,
            servers=self.servers,
            folder=lambda: self.folder,
            scopes=SCOPES,
        )
