"""`scale`: more clones, or fewer."""

import re
from dataclasses import dataclass, replace
from itertools import chain

from bot.command import Answer, Look, Scope, argument, command, flag, option
from bot.domain.capacity import counted, first_to_go, idle, usable_image
from bot.domain.doctor.diagnosis import notes, require_harmless
from bot.domain.errors import BotError, UsageError
from bot.domain.fleet import Fleet, Image, Server, Service, State
from bot.domain.front import not_behind
from bot.domain.growth import launches, preparations, types
from bot.domain.images import none_good
from bot.domain.imaging import Judge
from bot.domain.moment import span
from bot.domain.people import Power
from bot.domain.plan import (
    Action,
    Bake,
    CheckStrays,
    Lane,
    Plan,
    PutInService,
    Sync,
    TakeOut,
    Terminate,
)
from bot.domain.routing import missing_rules
from bot.domain.words import plural

_SECONDS_TO_BAKE = 300
_SECONDS_TO_START = 120
_SECONDS_TO_DRAIN = 330
"""AWS lets requests end for 300 s unless the target group says otherwise."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of clones, or a difference."""

    number: int
    relative: bool = False

    def given(self, now: int) -> int:
        """The absolute number, when there are `now`."""
        return now + self.number if self.relative else self.number

    def __str__(self) -> str:
        return f"{self.number:+d}" if self.relative else str(self.number)


def parse_count(text: str) -> Count:
    """Read "4", "+2" or "-1"; raises UsageError on anything else."""
    if re.fullmatch(r"[+-]?[0-9]{1,6}", text):
        return Count(int(text), relative=text[0] in "+-")
    if re.fullmatch(r"[+-]?[0-9]+", text):
        raise UsageError("No fleet is that large.")
    if re.fullmatch(r"[+-]?[0-9]*[.,][0-9]+", text):
        raise UsageError(f"`{text}` is not a whole number, and half a clone serves nobody.")
    raise UsageError(f"`{text}` is not a number of clones. Write 4, or +2, or -1.")


@dataclass(frozen=True, slots=True)
class Args:
    """How many, why, and what may be lost."""

    count: Count = argument(  # noqa: RUF009 (it declares a field)
        "how many clones there should be, or how many more or fewer", shown="N|+N|-N", parse=parse_count
    )
    reason: str = option("why; shown to the approver and kept in the audit log")
    discard: bool = flag("remove clones even if they hold files that the master lacks")


def _bakes(args: Args, fleet: Fleet) -> bool:
    """Whether an image has to be made first; only then the master is examined."""
    now = len(counted(fleet))
    return args.count.given(now) > now and usable_image(fleet) is None


@command(
    "scale",
    power=Power.OPERATOR,
    scope=Scope.ONE,
    plans=True,
    args=Args,
    example='scale web 4 --reason "Black Friday"',
    examines=_bakes,
)
def scale(args: Args, look: Look) -> Plan | Answer:
    """Start or remove clones until there are N.

    `+2` means two more, `-1` one fewer. New clones serve once they are proved to be harmless and equal to the
    master. Of those that go, the ones that do not serve go first, then those of the oldest image.
    """
    fleet = look.fleet
    before = len(counted(fleet))
    after = args.count.given(before)
    _refuse_impossible(fleet, args.count, before, after)
    if not fleet.behind_balancer and after != before:
        raise BotError(not_behind(fleet))
    if after == before:
        return _nothing_to_do(fleet, before)
    plan = _grow(fleet, before, after, look) if after > before else _shrink(fleet, before, after, args)
    return replace(plan, reason=args.reason, notes=(*plan.notes, *_bystanders(fleet)))


def _refuse_impossible(fleet: Fleet, count: Count, before: int, after: int) -> None:
    most = fleet.spec.max_clones
    if after < 0:
        raise UsageError(
            f"*{fleet.name}* has {plural(before, 'clone')}; {count} would leave fewer than none. "
            f"To remove them all, type `/clone scale {fleet.name} 0`."
        )
    if after > max(most, before):
        raise BotError(
            f"*{fleet.name}* may have {plural(most, 'clone')} at most, and this would make {after}. "
            f"Type `/clone scale {fleet.name} {most}`, or have `max_clones` in the fleet file raised."
        )


def _nothing_to_do(fleet: Fleet, before: int) -> Answer:
    return Answer(
        title=f"*{fleet.name}* has {plural(before, 'clone')} already; nothing to do.",
        lines=(*_bystanders(fleet), *_replacement(fleet, before)),
    )


def _replacement(fleet: Fleet, before: int) -> tuple[str, ...]:
    """Those that do not serve go first."""
    broken = sum(clone.service in {Service.OUT, Service.UNHEALTHY} for clone in idle(fleet))
    if not broken:
        return ()
    fewer = f"`/clone scale {fleet.name} {before - broken}`"
    return (f"To replace what does not serve, type {fewer}, then `/clone scale {fleet.name} {before}`.",)


def _plan(fleet: Fleet, before: int, after: int, actions: tuple[Action, ...], *, flags: str = "") -> Plan:
    price = fleet.spec.price_per_hour
    return Plan(
        fleet=fleet.name,
        lane=Lane.CAPACITY,
        command=f"scale {fleet.name} {after}{flags}",
        summary=f"{fleet.name}: {before} → {plural(after, 'clone')}",
        actions=actions,
        before=before,
        after=after,
        inverse=f"scale {fleet.name} {before}",
        cost_per_hour=None if price is None else (after - before) * price,
        currency=fleet.spec.currency,
    )


def _grow(fleet: Fleet, before: int, after: int, look: Look) -> Plan:
    if fleet.master.state is not State.RUNNING:
        raise BotError(
            f"The master `{fleet.master.id}` of *{fleet.name}* is {fleet.master.state}, and clones are made "
            f"from a running master. Start it, then type `/clone scale {fleet.name} {after}` again."
        )
    image = usable_image(fleet)
    doctor = () if image else notes(require_harmless(look.diagnosis, fleet.name))
    actions: list[Action] = [*missing_rules(fleet)]
    if image is None:
        actions.append(Bake(master=fleet.master.id))
    actions += launches(fleet, after - before, image.id if image else "")
    actions += _bring_into_service(fleet, image)
    age = f"The image `{image.id}` is {span(look.now - image.created)} old." if image else _first_bake(fleet)
    seconds = _SECONDS_TO_START + (0 if image else _SECONDS_TO_BAKE)
    told = (age, *_about_price(fleet), *_about_master(fleet.master), *doctor)
    return replace(_plan(fleet, before, after, tuple(actions)), seconds=seconds, notes=told)


def _first_bake(fleet: Fleet) -> str:
    why = none_good(fleet) or "There is no usable image yet"
    return f"{why}; one is baked first, without a reboot."


def _about_master(master: Server) -> tuple[str, ...]:
    if master.service is Service.HEALTHY:
        return ()
    return (f"The master `{master.id}` itself is {master.service}; clones will be no better than it is.",)


def _about_price(fleet: Fleet) -> tuple[str, ...]:
    first, *others = types(fleet)
    if fleet.spec.price_per_hour is None or not others:
        return ()
    return (f"The price is that of {first}; {' or '.join(others)}, if AWS has too few, may cost another.",)


def _bring_into_service(fleet: Fleet, image: Image | None) -> list[Action]:
    """Of an image that is baked for it, these clones are the trial."""
    return [
        *preparations(fleet, image),
        *([] if image else [Judge()]),
        PutInService(target_group=fleet.spec.target_group),
        Sync(master=fleet.master.id, content=fleet.spec.content, everyone=True),
    ]


def _shrink(fleet: Fleet, before: int, after: int, args: Args) -> Plan:
    going = tuple(sorted(clone.id for clone in first_to_go(fleet, before - after)))
    _refuse_outage(fleet, going, after)
    actions = (
        CheckStrays(servers=going, discard=args.discard),
        TakeOut(target_group=fleet.spec.target_group, servers=going),
        Terminate(servers=going, discard=args.discard),
    )
    plan = _plan(fleet, before, after, actions, flags=" --discard" if args.discard else "")
    return replace(plan, seconds=_SECONDS_TO_DRAIN)


def _refuse_outage(fleet: Fleet, going: tuple[str, ...], after: int) -> None:
    if any(server.id not in going for server in fleet.in_service):
        return
    raise BotError(
        f"With {plural(after, 'clone')}, no healthy server of *{fleet.name}* would be left in service: "
        f"its master `{fleet.master.id}` is {fleet.master.state} and {fleet.master.service}. "
        f"Nothing is removed. Type `/clone status {fleet.name}` to see which server is wrong."
    )


def _bystanders(fleet: Fleet) -> tuple[str, ...]:
    """What is true beside the plan, and easily overlooked."""
    return tuple(chain(_idle(fleet), _quarantined(fleet)))


def _idle(fleet: Fleet) -> tuple[str, ...]:
    waiting = [f"`{clone.id}` ({clone.service})" for clone in idle(fleet)]
    return (f"Counted, and not serving now: {', '.join(waiting)}.",) if waiting else ()


def _quarantined(fleet: Fleet) -> tuple[str, ...]:
    apart = [f"`{server.id}`" for server in fleet.quarantined]
    return (f"Quarantined, so not counted: {', '.join(apart)}.",) if apart else ()
