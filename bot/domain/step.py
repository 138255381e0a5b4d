"""One step of an operation in words: on its card, and in its thread when it ended."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.domain.moment import about
from bot.domain.plan import Action, CheckStrays, Launch, TakeOut, Terminate
from bot.domain.tally import Tally
from bot.domain.words import plural

NEW_CLONES_ONLY = frozenset({"boot", "prepare", "sync", "prove", "put_in_service"})
"""Actions that there is nothing to do for once no new clone is sound."""


def is_needless(action: Action, tally: Tally) -> bool:
    """Whether nothing is left for this action to do."""
    match action.kind:
        case "launch":
            return bool(tally.refused)
        case "launch_elsewhere":
            return bool(tally.refused) or not tally.missing
        case "end_canary":
            return not tally.sound
        case "set_aside":
            return not tally.failed
        case "readmit":
            return not tally.proved
        case kind:
            return kind in NEW_CLONES_ONLY and not tally.sound


def in_words(actions: Sequence[Action]) -> Iterator[str]:
    """Each action; what an earlier one named is not named again, so that a phone shows them all."""
    named: set[str] = set()
    for action in actions:
        name, again = _name(action)
        yield str(action).replace(name, again) if name in named else str(action)
        named.add(name)


def _name(action: Action) -> tuple[str, str]:
    """What is long to read in an action, and what stands for it from the second time on."""
    match action:
        case Launch():
            return f" from {action.image or 'the new image'}", ""
        case CheckStrays() | TakeOut() | Terminate():
            count = len(action.servers)
            return ", ".join(action.servers), "it" if count == 1 else f"these {count}"
        case _:
            return str(action), str(action)


def ended(number: int, actions: Sequence[Action], before: Tally, after: Tally, took: timedelta) -> str:
    """Say that one action ended, how long it took, and which servers it made or concerns."""
    action, text = actions[number - 1], tuple(in_words(actions))[number - 1]
    step = f"{number} of {len(actions)}"
    if after.cancelled:
        return f"🛑 {step}, after {about(took)}: {text}: cancelled"
    if after.stopped:
        return f"❌ {step}, after {about(took)}: {after.stopped}"
    sign = "⚠️" if _troubles(after) > _troubles(before) else "✅"
    return f"{sign} {step}, {about(took)}: {text}{_yield(action, before, after)}"


def _troubles(tally: Tally) -> int:
    return len(tally.failed) + len(tally.unknown) + len(tally.kept) + len(tally.short)


def _yield(action: Action, before: Tally, after: Tally) -> str:
    if after.image != before.image:
        return f" → `{after.image}`"
    fresh = [server for server in after.launched if server not in before.launched]
    lacking = [f"{place}: {why}" for place, why in after.short.items() if place not in before.short]
    if fresh or lacking:
        return " → " + "; ".join(
            [*([", ".join(f"`{server}`" for server in fresh)] if fresh else []), *lacking]
        )
    if action.kind in NEW_CLONES_ONLY and after.launched:
        return f" → {len(after.sound)} of {plural(len(after.launched), 'clone')}"
    return ""
