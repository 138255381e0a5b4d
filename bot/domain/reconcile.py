"""Compare what AWS says of a fleet with what the log says, and tell each difference. Nothing is changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.domain.book import Book
from bot.domain.capacity import GOING
from bot.domain.fleet import Role, Service, Sighting, State
from bot.domain.quarantine import is_over

AWS = "aws"
"""The key of the difference that AWS cannot be read; every other key is a server's id."""
_REGISTERED = frozenset({Service.STARTING, Service.HEALTHY, Service.UNHEALTHY})
_MOURNED = timedelta(days=1)
"""How long a clone that is gone is mentioned where nobody replaces it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that differs, in words."""

    key: str
    what: str
    """What is: "`i-1` served, and is gone"."""
    hint: str = ""
    """What to type or do next, as things are now."""
    since: datetime | None = None
    gone: bool = False
    """A clone that is not there any more."""
    over: bool = False
    """A quarantined server whose time is over: nothing is wrong, but somebody should decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one fleet at one moment."""

    fleet: str
    sightings: Sequence[Sighting]
    book: Book
    begun: Collection[str] = ()
    """Of the actions that servers are tagged with: those that the log has begun for this fleet."""
    busy: Collection[str] = ()
    """Servers that are being worked on: nothing about them is strange."""
    at: datetime | None = None
    """Now, for what is strange only from a moment on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has become of the differences."""

    known: tuple[Difference, ...]
    """Those that are told, or are now."""
    news: tuple[str, ...] = ()
    forgotten: tuple[str, ...] = ()
    """Servers that are gone, and need not be mentioned any more."""
    doubts: Mapping[str, str] = field(default_factory=dict)
    """What differs from what is told, seen once; "" where something seems to be settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What counts besides the differences themselves."""

    at: datetime
    busy: Collection[str] = ()
    enough: bool = False
    """There are as many clones as wanted, whichever those are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What becomes of one difference."""

    keep: Difference | None = None
    news: str = ""
    forget: bool = False
    doubt: str | None = None


def judge(facts: Facts) -> dict[str, Difference]:
    """Everything that differs now, by key."""
    found = [_about(each, facts) for each in facts.sightings if each.id not in facts.busy]
    return {each.key: each for each in (*filter(None, found), *_gone(facts))}


def counted_clones(sightings: Sequence[Sighting]) -> int:
    """The clones that "4 clones" counts."""
    return sum(each.role == Role.CLONE and each.state not in GOING for each in sightings)


def serving_clones(sightings: Sequence[Sighting], book: Book) -> int:
    """Those that serve, and are to."""
    return sum(each.id in book.serving and each.service is Service.HEALTHY for each in sightings)


def _about(each: Sighting, facts: Facts) -> Difference | None:
    if each.state in GOING:
        return None
    if not each.tagged:
        return _untagged(each, facts)
    if not _is_ours(each, facts):
        return _unknown(each)
    if each.service in _REGISTERED:
        return _should_not_serve(each, facts)
    if each.id in facts.book.serving:
        return _should_serve(each, facts)
    return _over(each, facts) if each.role == Role.QUARANTINED else _left_over(each, facts)


def _is_ours(each: Sighting, facts: Facts) -> bool:
    """Whether we started it; where AWS never answered, its tag is all there is."""
    if each.id in facts.book.launched or each.id in facts.book.proved:
        return True
    return each.action in facts.begun and each.action not in facts.book.answered


def _untagged(each: Sighting, facts: Facts) -> Difference | None:
    if each.service not in _REGISTERED:
        return None
    if each.id in facts.book.launched:
        what = f"`{each.id}`, which I started, is registered and has lost its tag `clonebot:fleet`"
        return Difference(key=each.id, what=what, hint=f"Tag it in AWS with `{facts.fleet}` again.")
    what = f"`{each.id}` is registered in the target group, and neither the master nor a clone"
    return Difference(key=each.id, what=what, hint="Deregister it in AWS, unless it is to serve there.")


def _unknown(each: Sighting) -> Difference:
    role = f"role `{each.role}`" if each.role else "no role"
    what = f"Unknown server `{each.id}` carries this fleet's tag ({role}; {each.state}, {each.service})"
    if each.role == Role.CLONE:
        hint = "It counts as a clone, so scaling in may end it; remove its tags in AWS if it is not one."
    else:
        hint = (
            "It is not counted and never touched; remove its tag `clonebot:fleet` if it is not of the fleet."
        )
    return Difference(key=each.id, what=what, hint=hint)


def _should_not_serve(each: Sighting, facts: Facts) -> Difference | None:
    if each.role == Role.QUARANTINED:
        what = f"`{each.id}` is quarantined, and yet registered in the target group ({each.service})"
    elif each.id not in facts.book.proved and each.id not in facts.book.serving:
        what = f"`{each.id}` is registered in the target group ({each.service}), and was never proved"
    else:
        return None
    return Difference(key=each.id, what=what, hint="Deregister it in AWS.")


def _should_serve(each: Sighting, facts: Facts) -> Difference:
    trouble = "nobody sends it requests: it was deregistered"
    if each.state is not State.RUNNING:
        trouble = f"it is {each.state}"
    count = counted_clones(facts.sightings)
    fewer, same = (f"`/clone scale {facts.fleet} {number}`" for number in (max(0, count - 1), count))
    hint = f"To replace it, type {fewer}, then {same}."
    return Difference(key=each.id, what=f"`{each.id}` should serve, but {trouble}", hint=hint)


def _over(each: Sighting, facts: Facts) -> Difference | None:
    if facts.at is None or each.expires is None or not is_over(each.expires, facts.at):
        return None
    what = (
        f"`{each.id}` is quarantined, and was to be kept for a look until {each.expires:%Y-%m-%d %H:%M} UTC"
    )
    end, back = f"`/clone remove {facts.fleet}`", f"`/clone release {facts.fleet} {each.id}`"
    hint = f"To end it, type {end}; if it is mended, {back}."
    return Difference(key=each.id, what=what, hint=hint, over=True)


def _left_over(each: Sighting, facts: Facts) -> Difference | None:
    if each.role != Role.CLONE or each.id in facts.book.resting:
        return None
    fewer = max(0, counted_clones(facts.sightings) - 1)
    what = f"`{each.id}` was started by `{each.operation}` and never served ({each.state})"
    return Difference(
        key=each.id, what=what, hint=f"To remove it, type `/clone scale {facts.fleet} {fewer}`."
    )


def _gone(facts: Facts) -> Iterator[Difference]:
    there = {each.id for each in facts.sightings if _is_there(each)}
    mine = (server for server, fleet in facts.book.serving.items() if fleet == facts.fleet)
    for server in sorted(set(mine) - there - set(facts.busy)):
        ended = any(each.id == server for each in facts.sightings)
        how = "was terminated, and not by me" if ended else "is gone, or has lost its tag `clonebot:fleet`"
        more = counted_clones(facts.sightings) + 1
        hint = f"To start another, type `/clone scale {facts.fleet} {more}`."
        # What AWS remembers of it changes within the hour, and is no news.
        yield Difference(key=server, what=f"`{server}` should serve, but {how}", hint=hint, gone=True)


def _is_there(each: Sighting) -> bool:
    return each.state not in GOING if each.tagged else each.service in _REGISTERED


def cannot_read(why: str, since: datetime) -> Difference:
    """Say that nothing is known of the fleet, and since when."""
    what = f"Could not read AWS since {since:%Y-%m-%d %H:%M} UTC: {why}"
    hint = "What I say of this fleet may be out of date; I try again by myself."
    return Difference(key=AWS, what=what, hint=hint, since=since)


def add_unread(known: Sequence[Difference], difference: Difference) -> Change:
    """Tell it once that AWS cannot be read; whatever was known stays known."""
    if any(each.key == AWS for each in known):
        return Change(known=tuple(known))
    return Change(known=(*known, difference), news=(_told(difference),))


def compare(
    known: Sequence[Difference], now: Mapping[str, Difference], doubts: Mapping[str, str], around: Around
) -> Change:
    """What is new, different or settled. Only what was seen twice in a row counts: AWS takes its time."""
    before = {each.key: each for each in known}
    steps = {
        key: _step(before.get(key), now.get(key), doubts.get(key), around)
        for key in dict.fromkeys((*before, *now))
    }
    return Change(
        known=tuple(step.keep for step in steps.values() if step.keep),
        news=tuple(step.news for step in steps.values() if step.news),
        forgotten=tuple(key for key, step in steps.items() if step.forget),
        doubts={key: step.doubt for key, step in steps.items() if step.doubt is not None},
    )


def _step(old: Difference | None, new: Difference | None, doubt: str | None, around: Around) -> _Step:
    if old and old.key in around.busy:
        return _Step(keep=old)
    if old and old.gone and new and new.gone:
        return _mourn(old, around)
    if old and new and new.what == old.what:
        return _Step(keep=old)
    what = new.what if new else ""
    if doubt != what and not (old and old.key == AWS):
        return _Step(keep=old, doubt=what)
    if new:
        return _Step(keep=replace(new, since=around.at), news=_told(new))
    return _Step(news=_settled(old) if old else "")


def _mourn(old: Difference, around: Around) -> _Step:
    """It never comes back: it is over once the fleet has enough clones again, or nobody wants that."""
    if around.enough:
        return _Step(news=_settled(old), forget=True)
    if old.since and around.at - old.since > _MOURNED:
        return _Step(forget=True)
    return _Step(keep=old)


def _told(difference: Difference) -> str:
    return f"⚠️ {difference.what}. {difference.hint}"


def _settled(difference: Difference) -> str:
    if difference.key == AWS:
        return f"✅ AWS can be read again. It was: {difference.what}"
    how = "there are enough clones without it" if difference.gone else "it is so no more"
    return f"✅ Settled, {how}: {difference.what}"


def title(fleet: str, known: Sequence[Difference], answers: Collection[str]) -> str:
    """The headline of what a channel is told; never better than is known."""
    if any(each.key == AWS for each in known):
        return f"*{fleet}*: AWS cannot be read, so I do not know how the fleet is"
    if known and all(each.over for each in known):
        return f"*{fleet}*: somebody should decide about what is quarantined"
    if known:
        return f"*{fleet}*: AWS and what I recorded differ"
    if answers:
        return f"*{fleet}*: I know now what came of a request that AWS did not answer"
    return f"*{fleet}*: AWS and what I recorded agree again"


def line(fleet: str, difference: Difference) -> str:
    """One difference, as the digest and `status` show it."""
    since = (
        f" (found {difference.since:%Y-%m-%d %H:%M} UTC)"
        if difference.since and difference.key != AWS
        else ""
    )
    return f"⚠️ {fleet}: {difference.what}{since}"
