"""Actions about clone images that are made already: judged, pinned, removed."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Call the image that this plan bakes good or bad, by what came of the servers started from it."""

    kind: Literal["judge"] = "judge"

    def __str__(self) -> str:
        return "call the new image good if one was proved, bad if none was"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCanary:
    """End the server that the image was tried with, unless something is wrong with it."""

    kind: Literal["end_canary"] = "end_canary"

    def __str__(self) -> str:
        return "end the canary; one that failed is kept for a look"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Say of one image that it is to stay, or that it need not."""

    kind: Literal["pin"] = "pin"
    image: str
    pinned: bool

    def __str__(self) -> str:
        return f"pin {self.image}" if self.pinned else f"unpin {self.image}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """An image to remove, and the snapshots that go with it."""

    id: str
    snapshots: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveImages:
    """Deregister images, then delete their snapshots."""

    kind: Literal["remove_images"] = "remove_images"
    images: tuple[Discard, ...]

    def __str__(self) -> str:
        count = sum(len(image.snapshots) for image in self.images)
        them = {0: "", 1: " and delete its snapshot"}.get(count, f" and delete {count} snapshots")
        return f"deregister {', '.join(image.id for image in self.images)}{them}"
