"""`status`: how the fleets are."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.command import Answer, Look, Scope, command
from bot.domain.capacity import counted
from bot.domain.doctor.reminder import blocked, is_unexamined
from bot.domain.fleet import Fleet, Server, Service
from bot.domain.freeze import told
from bot.domain.front import not_behind
from bot.domain.images import none_good
from bot.domain.moment import span
from bot.domain.people import Power
from bot.domain.proof_log import judged
from bot.domain.quarantine import kept
from bot.domain.words import plural

_SHOWN = 20
"""Clones that fit on one screen."""


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing but the fleet."""


@command("status", power=Power.VIEWER, args=Args, scope=Scope.ANY, example="status web")
def status(_args: Args, look: Look) -> Answer:
    """Show the servers of a fleet, or of every fleet: which serve, which do not, and what is being done."""
    lines = [line for fleet in look.fleets for line in _fleet(fleet, look)]
    return Answer(title=_title(look.fleets), lines=(*lines, *look.past.troubles))


def _title(fleets: tuple[Fleet, ...]) -> str:
    if len(fleets) == 1:
        return _headline(fleets[0])
    serving = sum(bool(fleet.in_service) for fleet in fleets)
    return f"{plural(len(fleets), 'fleet')}, {serving} serving"


def _headline(fleet: Fleet) -> str:
    clones = counted(fleet)
    servers = plural(len(clones) + 1, "server")
    return f"*{fleet.name}*: {plural(len(clones), 'clone')}; {len(fleet.in_service)} of {servers} serving"


def _fleet(fleet: Fleet, look: Look) -> Iterator[str]:
    if len(look.fleets) > 1:
        yield _headline(fleet)
    yield f"Master {_server(fleet.master, look)}"
    if not fleet.behind_balancer:
        yield not_behind(fleet)
    yield from (told(freeze) for freeze in look.past.frozen if freeze.fleet == fleet.name)
    yield from _doctor(fleet, look)
    yield from _images(fleet, look)
    yield from _clones(fleet, look)
    for server in fleet.canaries:
        yield f"Canary {_server(server, look)}; a new image is tried with it, and it is not counted"
    for server in fleet.quarantined:
        last = look.past.proved.get(server.id)
        proof = f", {judged(last, look.now)}" if last else ""
        yield f"Quarantined {_server(server, look)}{proof}; not counted; {kept(server, fleet.name, look.now)}"
    for operation in look.operations:
        if operation.plan.fleet == fleet.name and not operation.stage.ended:
            behind = f", behind `{operation.behind}`" if operation.behind else ""
            yield f"`{operation.id}` {operation.stage}{behind}: {operation.plan.summary}"
    yield from look.past.differences.get(fleet.name, ())


def _doctor(fleet: Fleet, look: Look) -> Iterator[str]:
    last = look.past.examined.get(fleet.name)
    if is_unexamined(fleet, last):
        yield f"Its master was not examined yet. `/clone doctor {fleet.name}` says whether it can be cloned."
    yield from filter(None, [blocked(fleet, last, look.now)])


def _images(fleet: Fleet, look: Look) -> Iterator[str]:
    """That none is good, unless one is being tried."""
    busy = {each.id for each in look.operations if not each.stage.ended}
    tried = any(image.operation in busy for image in fleet.images)
    if (why := none_good(fleet)) and not tried:
        yield f"{why}. The next `/clone scale` bakes a new one, or type `/clone bake {fleet.name}`."


def _clones(fleet: Fleet, look: Look) -> Iterator[str]:
    """Those that do not serve come first: they are what people look for."""
    ordered = sorted(fleet.clones, key=lambda clone: (clone.service is Service.HEALTHY, clone.launched))
    baked = {image.id: image.created for image in fleet.images}
    for clone in ordered[:_SHOWN]:
        made = baked.get(clone.image)
        age = f" ({span(look.now - made)} old)" if made else ""
        proof = judged(look.past.proved.get(clone.id), look.now)
        yield f"Clone {_server(clone, look)}, image `{clone.image}`{age}, {proof}"
    if hidden := ordered[_SHOWN:]:
        serving = sum(clone.service is Service.HEALTHY for clone in hidden)
        yield f"… and {plural(len(hidden), 'more clone')}, {serving} of them serving"


def _server(server: Server, look: Look) -> str:
    address = f" {server.address}" if server.address else ""
    age = span(look.now - server.launched)
    return f"`{server.id}`{address}: {server.state}, {server.service}, launched {age} ago"
