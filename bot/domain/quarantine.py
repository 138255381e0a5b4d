"""Quarantine: servers that failed are kept for a look, out of service, and go or serve again by a plan."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.capacity import GOING, counted
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, Server, Service, State

_NAMED = 4
"""As many servers as can be read on a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """End quarantined servers that serve nobody."""

    kind: Literal["remove"] = "remove"
    servers: tuple[str, ...]
    discard: bool

    def __str__(self) -> str:
        which = ", ".join(self.servers)
        if self.discard:
            return f"terminate {which}, and lose the files that exist only there"
        return f"terminate {which}; keep any that holds files the master lacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveAgain:
    """Check that servers which may serve, or have failed, are harmless and equal the master."""

    kind: Literal["prove_again"] = "prove_again"
    servers: tuple[str, ...]

    def __str__(self) -> str:
        few = len(self.servers) <= _NAMED
        which = ", ".join(self.servers) if few else f"{len(self.servers)} clones"
        return f"prove {which}; copy content that is older than the master's"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """Take out of service and quarantine those of these clones that failed."""

    kind: Literal["set_aside"] = "set_aside"
    servers: tuple[str, ...]
    target_group: str

    def __str__(self) -> str:
        return "only if one fails: take it out of service and quarantine it, unless nobody else serves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Readmit:
    """Let a quarantined server that was proved serve as a clone again."""

    kind: Literal["readmit"] = "readmit"
    servers: tuple[str]
    target_group: str

    def __str__(self) -> str:
        (server,) = self.servers
        return f"only if it is proved: make {server} a clone again and put it in service until it is healthy"


def is_over(expires: datetime | None, now: datetime) -> bool:
    """Whether a server that is kept until then need not be kept any longer."""
    return expires is not None and expires <= now


def apart(fleet: Fleet) -> tuple[Server, ...]:
    """The quarantined servers that are there still."""
    return tuple(server for server in fleet.quarantined if server.state not in GOING)


def free_to_go(fleet: Fleet, now: datetime) -> tuple[Server, ...]:
    """Those whose time is over, and that nobody is sent to."""
    return tuple(
        server for server in apart(fleet) if server.service is Service.OUT and is_over(server.expires, now)
    )


def require_master(fleet: Fleet, again: str) -> None:
    """BotError unless the master runs, with which others are compared."""
    if fleet.master.state is not State.RUNNING:
        raise BotError(
            f"The master `{fleet.master.id}` of *{fleet.name}* is {fleet.master.state}, and clones are "
            f"compared with a running one. Start it, then type `/clone {again}` again."
        )


def require_apart(fleet: Fleet, server_id: str) -> Server:
    """The quarantined server of this id. BotError, and what to type instead, if it is none of this fleet."""
    server = next((each for each in apart(fleet) if each.id == server_id), None)
    if server is not None:
        return server
    if server_id == fleet.master.id:
        raise BotError(f"`{server_id}` is the master of *{fleet.name}*, and is never ended or set aside.")
    if server_id in {clone.id for clone in fleet.clones}:
        fewer = max(0, len(counted(fleet)) - 1)
        raise BotError(
            f"`{server_id}` is a clone of *{fleet.name}* and not quarantined. "
            f"To judge it, type `/clone prove {fleet.name} {server_id}`; "
            f"to have fewer clones, `/clone scale {fleet.name} {fewer}`."
        )
    names = ", ".join(f"`{each.id}`" for each in apart(fleet))
    raise BotError(f"`{server_id}` is no server of *{fleet.name}*. Quarantined: {names or 'none'}.")


def kept(server: Server, fleet: str, now: datetime) -> str:
    """Until when a quarantined server is kept, and what to type after that."""
    if server.expires is None:
        return f"kept until somebody types `/clone remove {fleet} {server.id}`"
    if is_over(server.expires, now):
        return f"its time is over: `/clone remove {fleet}` ends it"
    return f"kept for a look until {server.expires:%Y-%m-%d %H:%M} UTC"
