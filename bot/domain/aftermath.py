"""What came after all of an action whose outcome nobody knows, as AWS shows it later."""

from collections.abc import Sequence

from bot.domain.audit import Entry
from bot.domain.capacity import GOING
from bot.domain.fleet import Image, Sighting
from bot.domain.operation import Operation
from bot.domain.plan import Action, Bake, Lane, Launch


def what_came_of(
    row: Entry, operation: Operation, sightings: Sequence[Sighting], images: Sequence[Image]
) -> str:
    """Say what is there now. `row` is the outcome that nobody knew."""
    action = _action(row, operation)
    about = f"`{operation.id}`, {action or row.action}: AWS did not say what came of it."
    if operation.plan.lane is Lane.FRONT:
        plan = operation.plan
        return f"{about} Type `/clone {plan.command}` to go on, or `/clone {plan.inverse}` to lead back."
    match action:
        case Launch():
            started = [each for each in sightings if each.action == row.action and each.state not in GOING]
            return f"{about} {_found(started) or 'Nothing that it started is there'}."
        case Bake():
            baked = ", ".join(f"`{image.id}`" for image in images if image.action == row.action)
            return f"{about} {f'Found {baked}' if baked else 'There is no image of it'}."
    return (
        f"{about} {_found(_concerned(action, row, operation, sightings)) or 'None of its servers is left'}."
    )


def is_bake(row: Entry, operation: Operation) -> bool:
    """Whether images are to be looked for."""
    return isinstance(_action(row, operation), Bake)


def _action(row: Entry, operation: Operation) -> Action | None:
    """The plan's own action, if the row is about one: "op-1.3", and not "op-1.3/i-1"."""
    number = row.action.removeprefix(f"{operation.id}.")
    if not number.isdecimal() or not 0 < int(number) <= len(operation.plan.actions):
        return None
    return operation.plan.actions[int(number) - 1]


def _concerned(
    action: Action | None, row: Entry, operation: Operation, sightings: Sequence[Sighting]
) -> list[Sighting]:
    """The servers that it was about, as far as that can be told: else all that its operation started."""
    named = {*getattr(action, "servers", ()), row.action.rpartition("/")[2]}
    there = [each for each in sightings if each.state not in GOING]
    return [each for each in there if each.id in named] or [
        each for each in there if each.operation == operation.id and not getattr(action, "servers", ())
    ]


def _found(sightings: Sequence[Sighting]) -> str:
    listed = ", ".join(f"`{each.id}` ({each.state}, {each.service})" for each in sightings)
    return f"Found {listed}" if listed else ""
