"""How an image is made of a server that is in use: what each way means for what the image holds."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Ge, Le, MinLen

Command = Annotated[str, MinLen(1)]


class Way(StrEnum):
    """How the master is treated while its image is begun."""

    RUNNING = "running"
    REBOOTED = "rebooted"
    QUIESCED = "quiesced"

    @property
    def meaning(self) -> str:
        """What it means for the image, and for those who use the site."""
        return _MEANINGS[self]


_MEANINGS = {
    Way.RUNNING: "The image is made while the server runs, as a power cut would leave its disks: a database "
    "recovers from its own log, and a file that is just being written may be torn.",
    Way.REBOOTED: "AWS shuts the master down, begins the image and boots it again: its disks are consistent. "
    "For some minutes it answers nothing, and no clone can take a write.",
    Way.QUIESCED: "The master's own commands make its disks consistent and hold them so while the image "
    "is begun. Writes wait meanwhile.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiesce:
    """What makes the running master's disks consistent for `bake --quiesce`: commands for its shell.

    They are run by root where the fleet has `ssh.sudo`, otherwise by the login user.
    """

    before: tuple[Command, ...] = ()
    """Run in this order before the image is begun: flush tables and hold them, sync, fsfreeze."""
    after: tuple[Command, ...] = ()
    """Undo it. Run in any case: when the image is begun, when something fails, when the time is over."""
    seconds: Annotated[int, Ge(1), Le(300)] = 30
    """The most that the master is held so; it lets go by itself even if nobody can reach it any more."""

    @property
    def shown(self) -> str:
        """The commands in words."""
        first = ", ".join(f"`{command}`" for command in self.before)
        last = ", ".join(f"`{command}`" for command in self.after) or "nothing"
        return f"before: {first}; after: {last}; {self.seconds} s at most"
