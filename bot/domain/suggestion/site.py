"""All that was found on the server, and what a fleet with it would be."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from posixpath import dirname

from bot.domain.agents import AGENTS
from bot.domain.doctor.facts import ServerFacts
from bot.domain.doctor.finding import Severity
from bot.domain.doctor.server import examine_server
from bot.domain.fleet import Content, FleetSpec, Recipe, Rewrite, Ssh, Writes
from bot.domain.suggestion import database, web, work
from bot.domain.suggestion.draft import FILL_IN, Item, Standing, Wish
from bot.domain.suggestion.surroundings import Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What was found on the server."""

    paths: tuple[Item, ...] = ()
    exclude: tuple[Item, ...] = ()
    prefixes: tuple[Item, ...] = ()
    pages: tuple[Item, ...] = ()
    """Pages for a load balancer."""
    services: tuple[Item, ...] = ()
    jobs: tuple[Item, ...] = ()
    spools: tuple[Item, ...] = ()
    agents: tuple[Item, ...] = ()
    restart: tuple[Item, ...] = ()
    rewrite: tuple[Rewrite, ...] = ()


def provisional(wish: Wish, around: Surroundings) -> FleetSpec:
    """As much of a fleet as the first look at the server needs."""
    return FleetSpec(
        name=wish.fleet,
        region=wish.region,
        channel=wish.channel or FILL_IN,
        master=around.server.id,
        target_group=FILL_IN,
        subnets=(around.server.subnet or FILL_IN,),
        ssh=wish.ssh or Ssh(user=FILL_IN, key_file=FILL_IN),
        content=Content(paths=(web.USUAL,)),
        writes=Writes(target_group=FILL_IN),
    )


def look_closer(spec: FleetSpec, facts: ServerFacts) -> FleetSpec | None:
    """The fleet with the content that was found, where the first look saw nothing in it; else None."""
    paths = found(web.content_paths(facts))
    above = {dirname(file.path) for file in facts.content}
    if not paths or all(path in above for path in paths):
        return None
    return replace(spec, content=Content(paths=paths))


def read_site(facts: ServerFacts, spec: FleetSpec) -> Site:
    """Judge what was seen of the server."""
    paths = web.content_paths(facts)
    copied = found(paths)
    spec = replace(spec, content=Content(paths=copied or (web.USUAL,)))
    rewrite = database.rewrites(facts)
    stopped = work.services(facts, spec)
    return Site(
        paths=paths,
        exclude=(*_kept(rewrite, copied), *web.passing(facts, spec)),
        prefixes=tuple(web.upload_prefixes(facts, spec)),
        pages=web.health_pages(facts, copied),
        services=stopped,
        jobs=work.jobs(facts, spec),
        spools=work.spools(facts),
        agents=work.agents(facts, spec),
        restart=tuple(database.restarts(facts, rewrite, stopped)),
        rewrite=rewrite,
    )


def _kept(rewrite: Sequence[Rewrite], paths: Iterable[str]) -> Iterator[Item]:
    """Rewritten files within the content: a sync would bring the master's back."""
    for path in paths:
        for file in dict.fromkeys(each.file for each in rewrite if each.file.startswith(f"{path}/")):
            yield Item(file.removeprefix(path), "rewritten on clones, see below; a sync would undo that")


def left_over(facts: ServerFacts, spec: FleetSpec, site: Site) -> Iterator[str]:
    """What the doctor says of the server as the draft would have it."""
    recipe = Recipe(
        services=found(site.services),
        jobs=found(site.jobs),
        spools=found(site.spools),
        agents=tuple(name for name in AGENTS if name in found(site.agents)),
        restart=found(site.restart),
        rewrite=site.rewrite,
    )
    content = Content(paths=found(site.paths) or (web.USUAL,), exclude=found(site.exclude))
    writes = Writes(target_group=FILL_IN, prefixes=found(site.prefixes))
    synced = tuple(replace(file, excluded=_is_left_out(file.path, content)) for file in facts.content)
    spec = replace(spec, recipe=recipe, content=content, writes=writes)
    said = examine_server(replace(facts, content=synced), spec)
    for severity in (Severity.BLOCKS, Severity.WARNS):
        for finding in said.of(severity):
            yield f"{finding.what} {finding.remedy}"


def _is_left_out(path: str, content: Content) -> bool:
    """By a pattern of ours, which names one place and begins with /."""
    places = (f"{root}{pattern.rstrip('/')}/" for root in content.paths for pattern in content.exclude)
    return any(f"{path}/".startswith(place) for place in places)


def found(items: Iterable[Item]) -> tuple[str, ...]:
    """The values that are meant."""
    return tuple(item.value for item in items if item.standing is Standing.FOUND)
