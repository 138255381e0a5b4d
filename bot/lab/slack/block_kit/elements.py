"""The parts of blocks with which people do something."""

from collections.abc import Iterable, Iterator

from bot.lab.slack.board import Json


def find_elements(blocks: Iterable[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield each interactive element together with the block that holds it."""
    for block in blocks:
        held = block["elements"] if block["type"] == "actions" else ()
        for element in (*held, block.get("accessory"), block.get("element")):
            if isinstance(element, dict) and "action_id" in element:
                yield block, element


def find_options(element: Json) -> Iterator[Json]:
    """Yield the options of a menu, in or out of groups."""
    for group in (element, *(element.get("option_groups") or ())):
        yield from group.get("options") or ()
