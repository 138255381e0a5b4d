"""One step of an operation in words: on its card, and in its thread when it ended."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.domain.moment import about
from bot.domain.plan import Action, CheckStrays, Launch, TakeOut, Terminate
from bot.domain.tally import Tally
from bot.domain.words import plural

NEW_CLONES_ONLY = frozenset({"boot", "prepare", "sync", "prove", "put_in_service"})
"""Actions that there is nothing to do for once no new clone is sound."""


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
    sign = "⚠️" if len(after.failed) + len(after.kept) > len(before.failed) + len(before.kept) else "✅"
    return f"{sign} {step}, {about(took)}: {text}{_yield(action, before, after)}"


def _yield(action: Action, before: Tally, after: Tally) -> str:
    if after.image != before.image:
        return f" → `{after.image}`"
    fresh = [server for server in after.launched if server not in before.launched]
    if fresh:
        return " → " + ", ".join(f"`{server}`" for server in fresh)
    if action.kind in NEW_CLONES_ONLY and after.launched:
        return f" → {len(after.sound)} of {plural(len(after.launched), 'clone')}"
    return ""
