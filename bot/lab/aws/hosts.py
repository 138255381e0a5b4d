"""What the local AWS needs of the machine it runs on, and how long things take."""

from dataclasses import dataclass
from typing import Protocol


class Hosts(Protocol):
    """Servers with a disk and an address, each backing one instance. Called from several threads."""

    def create(self, host: str, address: str) -> None:
        """Make a new disk from the site's template."""

    def clone_disk(self, host: str, address: str, image: str, user_data: str) -> None:
        """Make a new disk as a copy of an image, and put there what its launch says for the first boot."""

    def boot(self, host: str) -> None:
        """Start its services."""

    def shut_down(self, host: str) -> None:
        """Stop its services; the disk stays."""

    def destroy(self, host: str) -> None:
        """Stop its services and delete the disk."""

    def console_output(self, host: str) -> str:
        """What it printed while it booted."""

    def snapshot(self, host: str, image: str) -> None:
        """Copy its disk as an image."""

    def delete_image(self, image: str) -> None:
        """Delete an image's copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long things take at least, in seconds; the hosts' own time is part of it."""

    pending: float = 1.0
    """From launch or start to running."""
    stopping: float = 0.5
    shutting_down: float = 0.5
    image: float = 1.0
    """From CreateImage to available."""
    pace: float = 0.2
    """The load balancer's clock: check intervals and deregistration delays take this part of their time."""


NO_DELAYS = Delays(pending=0, stopping=0, shutting_down=0, image=0, pace=0.02)
"""For tests and benchmarks."""
