"""What the recipe takes care of already."""

from bot.domain.agents import agent_of
from bot.domain.doctor.facts import Job, Unit
from bot.domain.fleet import FleetSpec, Recipe
from bot.domain.recipe import matches

_SUFFIX, _SOCKET = ".service", ".socket"
_AT_BOOT = "/etc/rc.local"
_SHARED_TABLES = frozenset({"/etc/crontab", "/etc/anacrontab"})
"""Tables that hold the system's own jobs too, so that a clone cannot do without them."""


def handles_unit(recipe: Recipe, unit: str) -> bool:
    """Whether the recipe stops this unit on clones, or says that it may run everywhere."""
    names = {unit, unit.removesuffix(_SUFFIX)}
    if unit.endswith(_SOCKET):
        # Who stops mariadb.service on a clone stops mariadb.socket, which would start it again.
        names |= {unit.removesuffix(_SOCKET), unit.removesuffix(_SOCKET) + _SUFFIX}
    if "@" in unit:
        # Stopping postgresql.service stops postgresql@15-main.service with it.
        names |= {unit.partition("@")[0], unit.partition("@")[0] + _SUFFIX}
    return bool(names & {*recipe.services, *recipe.everywhere})


def stops_unit(recipe: Recipe, unit: str) -> bool:
    """Whether clones never run this unit."""
    return handles_unit(Recipe(services=recipe.services), unit)


def handles_timer(recipe: Recipe, timer: Unit) -> bool:
    """Whether the recipe names the timer, or what it starts."""
    return handles_unit(recipe, timer.name) or (bool(timer.triggers) and handles_unit(recipe, timer.triggers))


def handles_job(recipe: Recipe, job: Job) -> bool:
    """Whether the recipe says where this job may run, or stops what would run it."""
    named = {job.source, job.source.partition(":")[0]} & {*recipe.jobs, *recipe.everywhere}
    return bool(named) or any(stops_unit(recipe, f"{unit}{_SUFFIX}") for unit in _runners(job))


def classify(name: str, key: str) -> str:
    """What to do about work that nobody has classified; `key` is the recipe's."""
    return (
        f"If only the master may run it, name {name!r} in recipe.{key}; "
        "if every server should, in recipe.everywhere."
    )


def classify_job(job: Job) -> str:
    """The same for a job."""
    if job.source in _SHARED_TABLES:
        return (
            "If only the master may run it, move the line to a file of its own in /etc/cron.d, and name that "
            f"in recipe.jobs; if every server should, name {job.source!r} in recipe.everywhere."
        )
    if job.source == _AT_BOOT:
        return (
            "If only the master may run it, name 'rc-local' in recipe.services; "
            f"if every server should, name {job.source!r} in recipe.everywhere."
        )
    return classify("at" if job.source.startswith("at:") else job.source, "jobs")


def _runners(job: Job) -> tuple[str, ...]:
    """The services without which the job does not run, by the names that distributions give them."""
    if job.source == _AT_BOOT:
        return ("rc-local",)
    return ("atd",) if job.source.startswith("at:") else ("cron", "crond")


def rewrites(spec: FleetSpec, file: str, text: str = "") -> bool:
    """Whether the recipe changes this line of this file on clones."""
    ours = [each for each in spec.recipe.rewrite if each.file == file]
    return any(each.find in text or text in each.find for each in ours)


def takes_away(recipe: Recipe, path: str) -> bool:
    """Whether clones do not have this file, or not what is in it."""
    return any(matches(pattern, path) for pattern in (*recipe.remove, *recipe.truncate))


def cleans(recipe: Recipe, place: str) -> bool:
    """Whether a clone begins without the master's copy of this file; of a folder's, with / at its end."""
    return any(pattern == place or matches(pattern, place.rstrip("/")) for pattern in recipe.clean)


def purges(recipe: Recipe, spool: str) -> bool:
    """Whether nothing of the master's waits in this spool on a clone."""
    return spool in {each.rstrip("/") for each in recipe.spools}


def forgets(recipe: Recipe, unit: str) -> bool:
    """Whether the agent that this unit runs forgets on clones which server it was on."""
    return agent_of(unit) in recipe.agents


def may_differ(recipe: Recipe, path: str) -> bool:
    """Whether the recipe says that this path, or a folder above it, is fine on every server."""
    return any(f"{path}/".startswith(f"{each.rstrip('/')}/") for each in recipe.everywhere if each[0] == "/")
