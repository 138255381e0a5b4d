"""`recipe`: what makes a harmless clone of the master's double."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.command import Answer, Look, Scope, command
from bot.domain.first_boot import LIMIT, as_sent, user_data
from bot.domain.fleet import Fleet, FleetSpec, Recipe
from bot.domain.habits import Habits, judge
from bot.domain.people import Power
from bot.domain.recipe import fill, host_name
from bot.domain.words import in_code, plural

_LONGEST = 200
_SECRETS = (
    "*No secrets here*: every program on a clone can read its user data, and plans and the audit log keep "
    "the recipe. Let clones have a secret from the image, or fetch it where the master does."
)
_CLONE, _INSTANCE = "the clone's address", "its id"


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing but the fleet."""


@command("recipe", power=Power.VIEWER, args=Args, scope=Scope.ONE, example="recipe web")
def recipe(_args: Args, look: Look) -> Answer:
    """Show what will happen on a clone, in order: before anything starts, over SSH, and what is proved.

    It is the recipe of the fleet file with all that its presets add, with the master's real address, and the
    user data that each clone starts with. Nothing is changed, and no server is asked.
    """
    fleet, spec = look.fleet, look.fleet.spec
    filled = fill(
        spec.recipe,
        master_address=fleet.master.address,
        clone_address=_CLONE,
        instance=_INSTANCE,
        fleet=spec.name,
    )
    text = user_data(spec)
    lines = (
        f"*Before anything starts*, by cloud-init, {_size(text)}:",
        *_first(spec),
        "*Over SSH*, once it answers:",
        *_over_ssh(fleet, filled),
        "*Proved* before it serves:",
        f"• {', '.join(_proved(filled))}",
        _SECRETS,
        "*The user data*, as cloud-init gets it:",
        *(f"`{line}`" for line in text.splitlines() if line.strip()),
    )
    return Answer(
        title=f"*{fleet.name}*: what makes a clone of {fleet.master.id}, in this order", lines=lines
    )


def _size(text: str) -> str:
    sent = as_sent(text)
    packed = f", packed {len(sent)}" if isinstance(sent, bytes) else ""
    return f"from user data of {len(text.encode())} bytes{packed} (EC2 takes {LIMIT})"


def _first(spec: FleetSpec) -> Iterator[str]:
    ours = spec.recipe
    yield from _line("take off the jobs", ours.jobs)
    yield from _line("stop and mask for good", ours.services)
    yield from _line("remove", ours.remove)
    yield from _line("empty", ours.truncate)
    yield from _line("remove what came with the image of", ours.clean)
    yield from _line("remove what waits in", ours.spools)
    yield from _line("let forget which server this is", ours.agents)
    name = host_name(spec.name, "")
    yield f"• a machine-id of its own, the host name `{name}` with its id behind it, new SSH host keys"


def _over_ssh(fleet: Fleet, ours: Recipe) -> Iterator[str]:
    yield "• the same again, where cloud-init left something to do"
    for each in ours.rewrite:
        what = f"{in_code(each.find, _LONGEST)} becomes {in_code(each.replace, _LONGEST)}"
        yield f"• in {in_code(each.file, _LONGEST)}, {what}"
    for template in ours.template:
        size = plural(len(template.text.encode()), "byte")
        yield f"• write {in_code(template.file, _LONGEST)} anew: {size}, {in_code(template.text, _LONGEST)}"
    yield from _line("restart", ours.restart)
    if not fleet.spec.writes.need_group:
        which = ", ".join((*fleet.spec.writes.methods, *fleet.spec.writes.prefixes))
        yield f"• let its web server pass writes ({which}) on to {fleet.master.address}"
    yield f"• copy {', '.join(fleet.spec.content.paths)} from {fleet.master.address}, where it differs"


def _proved(ours: Recipe) -> Iterator[str]:
    yield from ("health page", "content", "SSH host keys", "machine-id", "hostname")
    yield from (f"{in_code(name, _LONGEST)} off" for name in (*ours.services, *ours.jobs))
    yield from (in_code(each, _LONGEST) for each in sorted({rewrite.file for rewrite in ours.rewrite}))
    yield from (in_code(name, _LONGEST) for name, _, _ in judge(Habits(), ours))


def _line(what: str, names: Iterable[str]) -> Iterator[str]:
    if shown := ", ".join(in_code(name, _LONGEST) for name in names):
        yield f"• {what} {shown}"
