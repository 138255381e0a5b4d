"""An operation's messages: its live card, and lines in the card's thread."""

from bot.domain.audit import Entry, Kind
from bot.domain.errors import Conflict
from bot.domain.operation import Operation
from bot.workflow.look import World


class Messages:
    """Sends them, and remembers where the card is. Raises ChatError and RecordsError."""

    def __init__(self, world: World) -> None:
        self._world = world

    def card(self, operation_id: str) -> None:
        """Post the card, or bring it up to date with what the records say now."""
        operation = self._operation(operation_id)
        message = self._world.chat.show(operation)
        if message != operation.message:
            self._world.records.append(
                Entry(
                    kind=Kind.POSTED,
                    at=self._world.clock.now(),
                    key=f"{operation_id}:posted:{message}",
                    operation=operation_id,
                    text="shown in chat",
                    detail={"message": message},
                )
            )

    def line(self, operation_id: str, text: str) -> None:
        """Add a line to the thread."""
        self._world.chat.note(self._operation(operation_id), text)

    def _operation(self, operation_id: str) -> Operation:
        operation = self._world.records.operation(operation_id)
        if operation is None:
            raise Conflict(f"There is no operation `{operation_id}`.")
        return operation
