"""What starts by itself in other ways than by cron: containers, schedulers, files that appear."""

import re
from collections.abc import Iterator

from bot.domain.doctor.facts import Container, ServerFacts
from bot.domain.doctor.server.check import BLOCKS, Check, Sign
from bot.domain.doctor.server.recipe import handles_unit, stops_unit
from bot.domain.fleet import FleetSpec

_ENGINES = ("docker", "containerd", "snap.docker.dockerd")
_DATABASES = re.compile(
    r"(^|/)(mysql|mariadb|percona|postgres\w*|postgis|mongo|redis|valkey|keydb|couchdb|cassandra|influxdb"
    r"|clickhouse\S*|mssql|oracle|neo4j|timescaledb\S*)([:@-]|$)"
)
_SCHEDULERS = re.compile(
    r"(incrond?|fcron|bcron|jobber|cronicle|rundeckd|jenkins|airflow-scheduler|n8n|node-?red|gitlab-runner"
    r"|actions\.runner\..*|buildkite-agent|teamcity-agent|dkron|nomad)\.service"
)


def database_containers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Databases in containers."""
    for container in _open_containers(facts, spec):
        if _DATABASES.search(container.image):
            what = (
                f"The container {container.name} ({container.image}) is a database that clones would start."
            )
            yield Sign(BLOCKS, f"container {container.name}", what, _remedy(container))


def containers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Other containers: whether they work by themselves, only people know."""
    for container in _open_containers(facts, spec):
        if not _DATABASES.search(container.image):
            what = f"The container {container.name} ({container.image}) would start on every clone."
            yield Sign(BLOCKS, f"container {container.name}", what, _remedy(container))


def _open_containers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Container]:
    if not any(stops_unit(spec.recipe, f"{engine}.service") for engine in _ENGINES):
        for container in facts.containers:
            if f"container {container.name}" not in spec.recipe.everywhere:
                yield container


def _remedy(container: Container) -> str:
    place = f"container {container.name}"
    return (
        "If only the master may run it, name 'docker' in recipe.services; "
        f"if every server should, name {place!r} in recipe.everywhere."
    )


def schedulers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Services that start work by the clock, from outside, or when a file appears."""
    for unit in facts.units:
        name = unit.name.removesuffix(".service")
        watches = unit.name.endswith(".path") and unit.by_hand
        ours = (watches or _SCHEDULERS.fullmatch(unit.name)) and not unit.sleeps
        if ours and not handles_unit(spec.recipe, unit.name):
            what = f"{unit.name} starts work by itself; every clone would too."
            remedy = (
                f"If only the master may run it, name {name!r} in recipe.services; "
                "if every server should, in recipe.everywhere."
            )
            yield Sign(BLOCKS, unit.name, what, remedy)


CONTAINERS = (
    Check("database-container", 8, database_containers, ("containers",)),
    Check("containers", 6, containers, ("containers",)),
    Check("schedulers", 6, schedulers, ("units",)),
)
