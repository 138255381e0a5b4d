"""Which operation somebody decides on, and whether they may."""

from collections.abc import Sequence

from bot.domain.errors import Conflict, UsageError
from bot.domain.operation import Operation, Stage, require_stoppable
from bot.domain.people import Person
from bot.domain.policy import Policy, require_may_cancel, require_may_decide
from bot.domain.words import did_you_mean


def undecided(
    operations: Sequence[Operation], operation_id: str, person: Person, policy: Policy
) -> Operation:
    """Find the operation that awaits this person's decision.

    Raises UsageError if there is none of this id, NotAllowed if the person may not decide,
    Conflict if it is decided already.
    """
    operation = next((each for each in operations if each.id == operation_id), None)
    if operation is None:
        raise UsageError(_unknown(operation_id, operations))
    require_may_decide(person, operation, policy)
    if operation.stage is not Stage.AWAITING_APPROVAL:
        raise Conflict(f"`{operation.id}` needs no decision any more: it is {operation.stage}.")
    return operation


def stoppable(
    operations: Sequence[Operation], operation_id: str, person: Person, policy: Policy
) -> Operation:
    """Find the operation that this person wants to cancel.

    Raises UsageError if there is none of this id, NotAllowed if the person may not cancel it,
    Conflict if it has ended or is being cancelled already.
    """
    operation = next((each for each in operations if each.id == operation_id), None)
    if operation is None:
        still = [each.id for each in operations if not each.stage.ended]
        named = f" Open: {', '.join(f'`{name}`' for name in still)}." if still else " Nothing is open now."
        raise UsageError(f"I know no operation `{operation_id}`.{did_you_mean(operation_id, still)}{named}")
    require_may_cancel(person, operation, policy)
    require_stoppable(operation)
    return operation


def _unknown(operation_id: str, operations: Sequence[Operation]) -> str:
    waiting = [each.id for each in operations if each.stage is Stage.AWAITING_APPROVAL]
    wrong = f"I know no operation `{operation_id}`.{did_you_mean(operation_id, waiting)}"
    if not waiting:
        return f"{wrong} Nothing awaits approval now."
    return f"{wrong} Awaiting approval: {', '.join(f'`{name}`' for name in waiting)}."


def parse_id(text: str) -> str:
    """Read an operation's id as people copy it."""
    return text.strip("`.,").lower()
