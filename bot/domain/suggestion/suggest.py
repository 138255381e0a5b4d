"""Puts a draft of a fleet file together from what AWS and the server say. Pure."""

from collections.abc import Iterator

from bot.domain.doctor.facts import ServerFacts, Unread
from bot.domain.fleet import Health
from bot.domain.suggestion import network, web
from bot.domain.suggestion.database import elsewhere
from bot.domain.suggestion.draft import FILL_IN, Draft, Item, Part, Setting, Standing, Wish
from bot.domain.suggestion.site import Site, left_over, provisional, read_site
from bot.domain.suggestion.surroundings import Surroundings

_OFFERED, _ASKED = Standing.OFFERED, Standing.ASKED
_UNSEEN = Site(paths=(Item(FILL_IN, "the folders with the site's pages, absolute", _ASKED),))


def suggest(wish: Wish, around: Surroundings, facts: ServerFacts | None) -> Draft:
    """Write down what was found, and why. Without facts the server was not looked at."""
    spec = provisional(wish, around)
    site = read_site(facts, spec) if facts else _UNSEEN
    at = ("fleets", wish.fleet)
    return Draft(
        parts=(
            Part(name=at, settings=_fleet(wish, around)),
            *_balancer(at, around),
            _ssh(at, wish),
            _health(at, around, facts or ServerFacts(), site),
            _content(at, site),
            _writes(at, around, site),
            _recipe(at, site),
            *_rewrites(at, site),
            *_policy(),
        ),
        seen=(*network.remarks(around), *_seen(facts, spec.ssh.user)),
        left=tuple(left_over(facts, spec, site)) if facts else (),
    )


def _fleet(wish: Wish, around: Surroundings) -> tuple[Setting, ...]:
    channel = "the fleet's Slack channel, by its id (C…, from the channel's details); invite the bot there"
    named = f", named {around.name!r}" if around.name else ""
    site = network.find_site(around)
    return (
        Setting("region", wish.region),
        Setting("channel", wish.channel) if wish.channel else Setting("channel", FILL_IN, channel, _ASKED),
        Setting("master", around.server.id, f"{around.server.type} at {around.server.address}{named}"),
        network.target_group(around, site),
        network.subnets(around, site),
        *network.of_its_own(around),
    )


def _balancer(at: tuple[str, ...], around: Surroundings) -> Iterator[Part]:
    if settings := network.balancer(network.find_site(around)):
        note = "The load balancer that `/clone adopt` makes."
        yield Part(name=(*at, "balancer"), settings=settings, note=note)


def _ssh(at: tuple[str, ...], wish: Wish) -> Part:
    ssh = wish.ssh
    keys = tuple(Item(key) for key in ssh.master_host_keys) if ssh else ()
    settings = (
        (
            Setting("user", ssh.user),
            Setting("key_file", ssh.key_file),
            Setting("port", ssh.port),
            Setting("root", ssh.root),
            Setting("sudo", ssh.sudo, "what needs it runs through `sudo -n`" if ssh.sudo else ""),
            *_list("master_host_keys", keys),
        )
        if ssh
        else (
            Setting("user", FILL_IN, "the account to log in with", _ASKED),
            Setting("key_file", FILL_IN, "its private key", _ASKED),
        )
    )
    return Part(name=(*at, "ssh"), settings=settings, note="How the bot reaches the servers.")


def _health(at: tuple[str, ...], around: Surroundings, facts: ServerFacts, site: Site) -> Part:
    group = network.find_site(around)
    if group:
        number, path = network.health_of(group)
        why = f"what the target group {group.name} asks"
        settings = (Setting("port", number, why), Setting("path", path, why))
    else:
        settings = (_port(facts), _page(site))
    return Part(
        name=(*at, "health"),
        settings=settings,
        note="The page that the load balancer asks for; an answer of 200 to 399 is healthy.",
    )


def _port(facts: ServerFacts) -> Setting:
    number, why = web.port(facts)
    if number:
        return Setting("port", number, why)
    return Setting("port", Health().port, "no web server was seen to listen; where does the site?", _OFFERED)


def _page(site: Site) -> Setting:
    if not site.pages:
        why = "no page made for it was found; better one that fails when the site does"
        return Setting("path", Health().path, why, _OFFERED)
    first, *others = site.pages
    also = f"; also found: {', '.join(page.value for page in others)}" if others else ""
    return Setting("path", first.value, f"{first.why}{also}")


def _content(at: tuple[str, ...], site: Site) -> Part:
    settings = (Setting("paths", site.paths), *_list("exclude", site.exclude))
    return Part(
        name=(*at, "content"), settings=settings, note="What is copied from the master to the clones."
    )


def _writes(at: tuple[str, ...], around: Surroundings, site: Site) -> Part:
    group = network.find_writes(around, network.find_site(around))
    settings = (network.writes_group(group), *_list("prefixes", site.prefixes))
    return Part(
        name=(*at, "writes"),
        settings=settings,
        note="Requests that change something are answered by the master alone.",
    )


def _recipe(at: tuple[str, ...], site: Site) -> Part:
    return Part(
        name=(*at, "recipe"),
        settings=(
            *_list("services", site.services),
            *_list("jobs", site.jobs),
            *_list("spools", site.spools),
            *_list("agents", site.agents),
            *_list("restart", site.restart),
        ),
        note="What a clone must not do, and what it must be told. "
        "Move to a list `everywhere` what each server should do for itself.",
    )


def _rewrites(at: tuple[str, ...], site: Site) -> Iterator[Part]:
    for each in site.rewrite:
        settings = (
            Setting("file", each.file),
            Setting("find", each.find),
            Setting("replace", each.replace),
        )
        note = f"{each.file} names a database on the server itself; clones use the master's."
        yield Part(name=(*at, "recipe", "rewrite"), settings=settings, note=note, repeated=True)


def _policy() -> tuple[Part, ...]:
    operators = Item(FILL_IN, "who may scale and bake: Slack user ids (U…) and user groups (S…)", _ASKED)
    approvers = Item(FILL_IN, "who approves what others ask for", _ASKED)
    roles = (
        Setting("viewer", (Item(FILL_IN, "who may only look", _OFFERED),), "", _OFFERED),
        Setting("operator", (operators,)),
        Setting("approver", (approvers,)),
    )
    above = Setting("scale_out_above", 2, "more clones than this need an approver")
    return (
        Part(name=("policy", "roles"), settings=roles, note="Once for all fleets: who may do what."),
        Part(name=("policy", "approval"), settings=(above,)),
    )


def _list(key: str, items: tuple[Item, ...]) -> tuple[Setting, ...]:
    return (Setting(key, items),) if items else ()


def _seen(facts: ServerFacts | None, user: str) -> Iterator[str]:
    if facts is None:
        yield "The server itself was not looked at, for want of --ssh-key."
        return
    if facts.no_sudo:
        yield (
            f"{user} may not use sudo there ({facts.no_sudo.rstrip('.')}), so less was seen, and no clone "
            f"could be prepared. Let {user} use it without a password, then draw this up again."
        )
    running = [unit.name.removesuffix(".service") for unit in web.web_servers(facts)]
    if running:
        yield f"The web server is {' and '.join(running)}."
    yield from elsewhere(facts)
    yield from dict.fromkeys(_unread(each) for each in facts.unread)


def _unread(each: Unread) -> str:
    where = f", {each.path}" if each.path and each.path not in each.why else ""
    return f"Not looked at: {each.part.replace('_', ' ')}{where}: {each.why}."
