"""Whether a recipe can be carried out: said when the fleet file is read, not at a clone's first boot."""

from collections.abc import Iterator

from bot.domain.errors import ConfigError
from bot.domain.first_boot import LIMIT, too_long, user_data
from bot.domain.fleet import FleetSpec, Recipe
from bot.domain.recipe import fill, job_files, matches, queues
from bot.domain.shape import Key


def problems(spec: FleetSpec) -> Iterator[tuple[Key, str]]:
    """What is wrong with a fleet's recipe: the key below `recipe`, and what."""
    recipe = spec.recipe
    for index, rewrite in enumerate(recipe.rewrite):
        yield from _unfilled(("rewrite", index, "replace"), Recipe(rewrite=(rewrite,)))
    for index, template in enumerate(recipe.template):
        yield from _unfilled(("template", index, "text"), Recipe(template=(template,)))
    for job in recipe.jobs:
        if not job_files(job):
            yield ("jobs",), f'expected "/etc/cron.d/NAME" or so, "crontab:USER" or "at", found "{job}"'
    yield from _locks_us_out(spec)
    if more := too_long(user_data(spec)):
        yield (
            (),
            f"makes {more} bytes of user data over the {LIMIT} that EC2 takes, even packed: name folders",
        )


def _unfilled(key: Key, recipe: Recipe) -> Iterator[tuple[Key, str]]:
    try:
        fill(recipe, master_address="192.0.2.1", clone_address="192.0.2.2", instance="i-0", fleet="web")
    except ConfigError as error:
        yield key, str(error)


def _locks_us_out(spec: FleetSpec) -> Iterator[tuple[Key, str]]:
    home = "/root" if spec.ssh.user == "root" else f"/home/{spec.ssh.user}"
    ours = f"{home}/.ssh/authorized_keys"
    for key in ("remove", "truncate", "clean", "spools"):
        for index, named in enumerate(getattr(spec.recipe, key)):
            patterns = queues(named) if key == "spools" else (named,)
            if any(matches(pattern, ours) for pattern in patterns):
                yield (key, index), f"would take {ours} from clones, with which I log in; name the others"
