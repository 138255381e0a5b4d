"""What the check asks of the outside, as Protocols in our words. Nothing here changes anything."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from bot.domain.check.cloud import Group, Identity, Trial
from bot.domain.check.here import Folder
from bot.domain.check.servers import Bearing
from bot.domain.check.slack import Token
from bot.domain.fleet import Fleet, FleetSpec, Server
from bot.domain.relay import Relay


class ChatProbe(Protocol):
    """Slack."""

    def token(self) -> Token:
        """Whose token it is and what it may. ChatError if Slack does not take it."""

    def open_connection(self, app_token: str) -> None:
        """Ask for a way to be called. ChatError if there is none."""

    def channel(self, channel: str) -> str:
        """What is against the bot's being in this channel; empty if nothing."""

    def group(self, group: str) -> str:
        """What is against this user group; empty if nothing."""


class CloudProbe(Protocol):
    """AWS. Every method raises a CloudError of our own."""

    def identity(self, region: str) -> Identity:
        """Who AWS takes us for."""

    def look(self, spec: FleetSpec) -> Fleet:
        """The fleet as it is now. BotError if the master is gone."""

    def members(self, spec: FleetSpec) -> Fleet:
        """Its servers alone."""

    def host_keys(self, spec: FleetSpec) -> tuple[str, ...]:
        """The host keys that the master must show; none if they are not known."""

    def try_permissions(self, spec: FleetSpec, fleet: Fleet | None, group: str) -> Iterable[Trial]:
        """Try every permission that the bot declares; less can be tried of a fleet that cannot be read."""

    def group(self, region: str, arn: str) -> Group:
        """Describe a target group."""


class ServerProbe(Protocol):
    """The servers, over SSH."""

    def look(self, spec: FleetSpec, server: Server, relay: Relay | None = None) -> Bearing:
        """Find out how this server is found; with `relay`, also whether it reaches the master that way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probes:
    """All that the check asks."""

    chat: ChatProbe
    cloud: CloudProbe
    servers: ServerProbe
    folder: Callable[[], Folder]
    scopes: tuple[str, ...]
    """What the bot's Slack token must have."""
