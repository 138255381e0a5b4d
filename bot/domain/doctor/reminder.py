"""What the doctor last said of a master, where that is still of interest: in one short line."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from bot.domain.capacity import usable_image
from bot.domain.doctor.diagnosis import Diagnosis
from bot.domain.doctor.finding import Finding
from bot.domain.fleet import Fleet
from bot.domain.moment import span
from bot.domain.words import plural

_NAMED = 3


def is_unexamined(fleet: Fleet, last: Diagnosis | None) -> bool:
    """Whether an image is to be made some day, and nobody knows yet if it can be."""
    return usable_image(fleet) is None and not _is_of(fleet, last)


def blocked(fleet: Fleet, last: Diagnosis | None, now: datetime) -> str:
    """What blocked when the doctor last looked and is not waived now; empty if nothing did."""
    if last is None or not _is_of(fleet, last):
        return ""
    blocking = replace(last, at=now).blocking
    if not blocking:
        return ""
    verb = "blocks" if len(blocking) == 1 else "block"
    return (
        f"No new image of *{fleet.name}*: {_names(blocking)} {verb}, as the doctor saw "
        f"{span(now - last.at)} ago. Type `/clone doctor {fleet.name}`."
    )


def _is_of(fleet: Fleet, last: Diagnosis | None) -> bool:
    return last is not None and last.master == fleet.master.id


def _names(blocking: Sequence[Finding]) -> str:
    names = [f"`{each.id}`" for each in blocking[:_NAMED]]
    more = len(blocking) - _NAMED
    return ", ".join((*names, plural(more, "more thing"))) if more > 0 else " and ".join(names)
