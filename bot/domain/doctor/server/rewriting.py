"""Whether what the recipe rewrites on a clone stays so."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from bot.domain.doctor.facts import ServerFacts
from bot.domain.doctor.server.check import BLOCKS, Check, Sign
from bot.domain.fleet import Content, FleetSpec


def overwritten(_facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Files that the recipe changes and the next sync brings back as the master has them."""
    for place, folder, inside in _synced(spec):
        what = f"Each sync would bring the master's {place} back to clones, past the recipe."
        remedy = f"Add '/{inside}' to content.exclude."
        if inside == PurePosixPath("."):
            remedy = f"Take {folder} out of content.paths, or {place!r} out of the recipe."
        yield Sign(BLOCKS, place, what, remedy)


def _synced(spec: FleetSpec) -> Iterator[tuple[str, str, PurePosixPath]]:
    recipe = spec.recipe
    written = (*(each.file for each in recipe.rewrite), *(each.file for each in recipe.template))
    for place in (*written, *recipe.remove, *recipe.truncate, *recipe.clean):
        for path in spec.content.paths:
            file, folder = PurePosixPath(place), PurePosixPath(path)
            if file.is_relative_to(folder) and not _left_out(file.relative_to(folder), spec.content):
                yield place, path, file.relative_to(folder)


def _left_out(file: PurePosixPath, content: Content) -> bool:
    """Whether a pattern may mean the file or a folder above it; rsync may be stricter."""
    places = [str(place) for place in (file, *file.parents) if place.name]
    names = [*places, *(PurePosixPath(place).name for place in places)]
    return any(fnmatchcase(name, pattern.strip("/")) for name in names for pattern in content.exclude)


REWRITING = (Check("overwritten", 8, overwritten, ()),)
