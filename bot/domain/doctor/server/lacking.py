"""What the recipe names and the master does not have: said before an image is made, not at a clone's boot."""

from collections.abc import Iterator

from bot.domain.doctor.facts import ServerFacts
from bot.domain.doctor.server.check import BLOCKS, WARNS, Check, Sign
from bot.domain.fleet import FleetSpec
from bot.domain.presets import of_presets
from bot.domain.words import did_you_mean


def unknown_names(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Units and jobs of the recipe that the master does not have: perhaps they are misspelt."""
    recipe = spec.recipe
    names = {name for unit in facts.units for name in (unit.name, unit.name.removesuffix(".service"))}
    if names and not facts.missing("units"):
        for service in recipe.restart:
            if service not in names:
                what = f"The recipe restarts {service}, which is not there, so no clone could be prepared."
                yield Sign(BLOCKS, service, what, f"Correct recipe.restart.{did_you_mean(service, names)}")
        for service in recipe.services:
            if service not in names | of_presets(recipe):
                what = f"The recipe keeps {service} off clones, and the master has no such unit."
                remedy = f"Correct or remove it in recipe.services.{did_you_mean(service, names)}"
                yield Sign(WARNS, service, what, remedy)
    sources = {job.source for job in facts.jobs}
    for job in recipe.jobs if sources and not facts.missing("jobs") else ():
        if job not in {*sources, "at"} | of_presets(recipe):
            what = f"The recipe takes {job} off clones, and the master has no such job."
            remedy = f"Correct or remove it in recipe.jobs.{did_you_mean(job, sources)}"
            yield Sign(WARNS, job, what, remedy)


def unknown_settings(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """Files that the recipe rewrites and that are not there, or do not hold what it looks for."""
    for file in facts.lost_files:
        what = f"The recipe rewrites {file}, which is not there, so no clone could be prepared."
        yield Sign(BLOCKS, file, what, "Correct or remove it in recipe.rewrite.")
    for file in facts.lost_settings:
        what = f"{file} does not hold what the recipe looks for, so no clone could be prepared."
        yield Sign(BLOCKS, file, what, "Correct `find` in recipe.rewrite.")


LACKING = (
    Check("unknown-names", 6, unknown_names, ("units", "jobs")),
    Check("unknown-settings", 8, unknown_settings, ("lost_settings",)),
)
