"""Say of one image that it is to stay, or that it need not."""

from bot.domain.capacity import counted
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, Image
from bot.domain.images import find_image
from bot.domain.imaging import Pin
from bot.domain.plan import Lane, Plan
from bot.domain.words import in_code

_LONGEST_ID = 40


def require_image(fleet: Fleet, image_id: str) -> Image:
    """The fleet's image with this id. BotError if it has none."""
    if image := find_image(fleet, image_id):
        return image
    raise BotError(
        f"*{fleet.name}* has no clone image {in_code(image_id, _LONGEST_ID)}: it was deleted, is of another "
        f"fleet, or never was one. Type `/clone images {fleet.name}` to see those that there are."
    )


def plan_pin(fleet: Fleet, image: str, reason: str, *, pinned: bool) -> Plan:
    """What pins an image, or unpins it."""
    verb, inverse = ("pin", "unpin") if pinned else ("unpin", "pin")
    count = len(counted(fleet))
    return Plan(
        fleet=fleet.name,
        lane=Lane.IMAGE,
        command=f"{verb} {fleet.name} {image}",
        summary=f"{fleet.name}: {verb} the image {image}",
        actions=(Pin(image=image, pinned=pinned),),
        before=count,
        after=count,
        inverse=f"{inverse} {fleet.name} {image}",
        reason=reason,
    )
