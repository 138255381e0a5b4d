"""What the Servers promise, kept alike by the fake and by real servers over SSH."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest

from bot.domain.errors import HostKeyMismatch, RemoteFailed, ServerUnreachable, UnsafeSource
from bot.domain.fleet import Recipe, Rewrite, Template
from bot.domain.habits import Habits
from bot.domain.identity import identity
from bot.domain.proof import Proof, prove
from bot.domain.quiesce import Quiesce
from bot.domain.relay import Relay
from bot.domain.wider import Beside, widen
from bot.lab.hosts import Hosts
from tests.adapters.conftest import NETWORK
from tests.adapters.servers_worlds import PAGES, World, in_memory, over_ssh, recipe_for

NEW = f"{PAGES}/uploads/new.txt"


@pytest.fixture(params=["in memory", "over SSH"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "in memory":
        with in_memory() as opened:
            yield opened
    else:
        hosts: Hosts = request.getfixturevalue("hosts")
        with over_ssh(hosts, NETWORK) as opened:
            yield opened


def test_a_running_server_is_reached(world: World) -> None:
    world.servers.reach(world.spec, world.clone)


def test_a_server_that_is_gone_is_not_reached(world: World) -> None:
    world.lose(world.clone)
    with pytest.raises(ServerUnreachable, match="i-0c1"):
        world.servers.reach(world.spec, world.clone)


def test_a_server_with_another_host_key_gets_no_command(world: World) -> None:
    world.impersonate(world.clone)
    with pytest.raises(HostKeyMismatch, match="i-0c1"):
        world.servers.prepare(world.spec, world.clone, recipe_for(world.master))


def test_a_clone_fresh_from_the_image_is_not_proved(world: World) -> None:
    recipe = recipe_for(world.master)
    master, clone = (world.servers.facts(world.spec, s, recipe) for s in (world.master, world.clone))
    wrong = {check.name for check in prove(world.clone.id, clone, master, recipe).checks if not check.ok}
    assert {"machine-id", "sitedb", "sitedb masked", "/etc/site.conf"} <= wrong


def test_a_prepared_and_synced_clone_is_proved(world: World) -> None:
    recipe = recipe_for(world.master)
    world.servers.prepare(world.spec, world.clone, recipe)
    world.sync()
    master, clone = (world.servers.facts(world.spec, s, recipe) for s in (world.master, world.clone))
    assert prove(world.clone.id, clone, master, recipe).failures == ""


def test_what_a_server_says_of_itself_as_a_machine_is_the_same_on_all(world: World) -> None:
    recipe = recipe_for(world.master)
    for clone in (world.clone, world.other):
        world.servers.prepare(world.spec, clone, recipe)
    servers = (world.master, world.clone, world.other)
    master, *clones = looks = [world.servers.facts(world.spec, server, recipe) for server in servers]
    assert all(look.machine.zone and look.machine.size >= (look.machine.free or 0) > 0 for look in looks)
    named = dict(zip(("i-1", "i-2"), clones, strict=True))
    beside = Beside(others={each: identity(look) for each, look in named.items()})
    proofs = [widen(Proof(server=each, checks=()), look, master, beside) for each, look in named.items()]
    assert [proof.failures for proof in proofs] == ["", ""]


def test_a_clone_is_asked_what_takes_a_connection_from_it(world: World) -> None:
    site, nobody = (world.master.address, world.spec.health.port), (world.master.address, 9)
    world.close(world.clone, nobody)
    assert world.servers.reaches(world.spec, world.clone, (site, nobody)) == {site}
    assert world.servers.reaches(world.spec, world.clone, ()) == frozenset()


def test_preparing_twice_changes_nothing_more(world: World) -> None:
    recipe = recipe_for(world.master)
    world.servers.prepare(world.spec, world.clone, recipe)
    once = world.servers.facts(world.spec, world.clone, recipe)
    world.servers.prepare(world.spec, world.clone, recipe)
    assert world.servers.facts(world.spec, world.clone, recipe) == once


def test_two_clones_of_one_image_differ_in_their_identity(world: World) -> None:
    recipe = recipe_for(world.master)
    for clone in (world.clone, world.other):
        world.servers.prepare(world.spec, clone, recipe)
    one, two = (world.servers.facts(world.spec, s, recipe) for s in (world.clone, world.other))
    assert one.machine_id != two.machine_id
    assert one.hostname != two.hostname
    assert not one.host_keys & two.host_keys


@pytest.mark.parametrize(
    ("job", "path"),
    [
        ("/etc/cron.d/billing", "/etc/cron.d/billing"),
        ("/etc/cron.daily/backup", "/etc/cron.daily/backup"),
        ("crontab:bob", "/var/spool/cron/crontabs/bob"),
    ],
)
def test_a_job_of_the_recipe_is_taken_off_and_proved_gone(world: World, job: str, path: str) -> None:
    recipe = Recipe(jobs=(job,))
    for server in (world.master, world.clone):
        world.write(server, path, "17 3 * * * root bill\n")
    world.write(world.clone, "/etc/cron.d/other", "17 3 * * * root harmless\n")
    assert world.servers.facts(world.spec, world.clone, recipe).jobs == {job}
    world.servers.prepare(world.spec, world.clone, recipe)
    assert world.servers.facts(world.spec, world.clone, recipe).jobs == frozenset()
    assert world.read(world.clone, path) is None
    assert world.read(world.clone, "/etc/cron.d/other") is not None
    assert world.servers.facts(world.spec, world.master, recipe).jobs == {job}


SWEPT = Recipe(
    remove=("/srv/keys/*.pem",),
    truncate=("/etc/club token",),
    template=(Template(file="/etc/motd", text="a clone\n"), Template(file="/etc/issue", text="new\n")),
    clean=("/var/cache/club/",),
    spools=("/var/spool/club",),
    agents=("wazuh",),
)
OLD = {
    "/srv/keys/*.pem": "/srv/keys/deploy.pem",
    "/etc/club token": "/etc/club token",
    "/var/cache/club/": "/var/cache/club/a/b",
    "/var/spool/club": "/var/spool/club/17",
    "agent wazuh": "/var/ossec/etc/client.keys",
}


def test_what_the_recipe_takes_from_a_clone_is_gone_and_what_the_clone_makes_stays(world: World) -> None:
    for server in (world.master, world.clone):
        for path in ("/etc/issue", "/srv/keys/deploy.pub", *OLD.values()):
            world.write(server, path, "the master's")

    def habits() -> Habits:
        return world.servers.facts(world.spec, world.clone, SWEPT).habits

    before = habits()
    found = {**before.there, **before.full, **before.left}
    assert {name: path[-len(OLD[name]) :] for name, path in found.items()} == OLD
    assert not before.written
    for _ in range(2):
        world.servers.prepare(world.spec, world.clone, SWEPT)
        assert habits() == Habits(written=frozenset({"/etc/motd", "/etc/issue"}))
        world.write(world.clone, "/var/spool/club/18", "its own")
    assert world.read(world.clone, "/var/spool/club/18") == "its own"
    assert world.read(world.clone, "/var/spool/club/17") is None
    assert world.read(world.clone, "/etc/club token") == ""
    assert world.read(world.clone, "/etc/issue") == "new\n"
    assert world.read(world.clone, "/srv/keys/deploy.pub") == "the master's"
    assert world.read(world.master, "/var/spool/club/17") == "the master's"


def test_agents_are_told_apart_by_what_they_keep(world: World) -> None:
    keys = "/var/ossec/etc/client.keys"
    recipe = Recipe(agents=("wazuh", "zabbix"))

    def names() -> list[dict[str, str]]:
        looks = (world.servers.facts(world.spec, each, recipe) for each in (world.clone, world.other))
        return [dict(look.habits.agents) for look in looks]

    assert names() == [{}, {}]
    for clone in (world.clone, world.other):
        world.write(clone, keys, "002 clone")
    one, two = names()
    assert len(one) == 1
    assert one == two
    world.write(world.other, keys, "003 other")
    one, two = names()
    assert len(two) == 1
    assert one != two


def test_a_setting_without_its_place_is_named_and_nothing_is_stopped(world: World) -> None:
    lost = Rewrite(file="/etc/site.conf", find="nowhere", replace="somewhere")
    recipe = Recipe(services=("sitedb",), rewrite=(lost,))
    with pytest.raises(RemoteFailed, match=r"/etc/site\.conf holds neither 'nowhere' nor 'somewhere'"):
        world.servers.prepare(world.spec, world.clone, recipe)
    assert "sitedb" in world.servers.facts(world.spec, world.clone, recipe).running


def test_a_settings_file_that_is_missing_is_named(world: World) -> None:
    recipe = Recipe(rewrite=(Rewrite(file="/etc/other.conf", find="a", replace="b"),))
    with pytest.raises(RemoteFailed, match=r"/etc/other\.conf"):
        world.servers.prepare(world.spec, world.clone, recipe)


def test_a_master_is_inspected_and_keeps_its_name(world: World) -> None:
    facts = world.servers.inspect(world.spec, world.master)
    proved = world.servers.facts(world.spec, world.master, recipe_for(world.master))
    assert (facts.hostname, facts.machine_id) == (proved.hostname, proved.machine_id)


def test_a_master_that_is_gone_is_not_inspected(world: World) -> None:
    world.lose(world.master)
    with pytest.raises(ServerUnreachable, match="i-master"):
        world.servers.inspect(world.spec, world.master)


HELD = Quiesce(before=("echo flushed >>said", "echo frozen >>said"), after=("echo thawed >>said",))


def test_a_master_is_quiesced_until_it_is_let_go_and_that_once(world: World) -> None:
    world.servers.hold_still(world.spec, world.master, HELD, key="op-1.1")
    assert world.read(world.master, "/said") == "flushed\nfrozen\n"
    assert world.servers.let_go(world.spec, world.master, HELD, key="op-1.1")
    assert not world.servers.let_go(world.spec, world.master, HELD, key="op-1.1")
    assert world.read(world.master, "/said") == "flushed\nfrozen\nthawed\n"


def test_a_quiescing_that_fails_is_undone_and_says_which_command_failed(world: World) -> None:
    wrong = replace(HELD, before=("echo flushed >>said", "false", "echo frozen >>said"))
    with pytest.raises(RemoteFailed, match=r"i-master: quiescing it failed: false: .*exit status 1"):
        world.servers.hold_still(world.spec, world.master, wrong, key="op-1.1")
    assert world.read(world.master, "/said") == "flushed\nthawed\n"
    assert not world.servers.let_go(world.spec, world.master, wrong, key="op-1.1")


def test_a_server_whose_web_server_cannot_relay_writes_is_left_as_it_is(world: World) -> None:
    relay = Relay(master=world.master.address, port=8080, health="/", methods=("POST",), prefixes=())
    with pytest.raises(RemoteFailed, match=r"i-0c1: neither Apache.* nor nginx serves"):
        world.servers.prepare(world.spec, world.clone, recipe_for(world.master), relay=relay)
    facts = world.servers.facts(world.spec, world.clone, recipe_for(world.master), relay=relay)
    assert facts.running == {"sitedb"}
    assert not facts.relays


def test_a_sync_brings_new_and_changed_files_and_deletes_what_the_master_lacks(world: World) -> None:
    world.write(world.master, NEW, "new")
    world.write(world.master, f"{PAGES}/index.html", "changed")
    world.write(world.clone, f"{PAGES}/old.html", "came with the image")
    world.sync()
    assert world.read(world.clone, NEW) == "new"
    assert world.read(world.clone, f"{PAGES}/index.html") == "changed"
    assert world.read(world.clone, f"{PAGES}/old.html") is None


def test_a_second_sync_deletes_what_the_master_deleted(world: World) -> None:
    world.write(world.master, NEW, "new")
    world.sync()
    world.remove(world.master, NEW)
    world.sync(sync="s2")
    assert world.read(world.clone, NEW) is None
    assert world.strays() == ()


def test_what_is_excluded_is_neither_copied_nor_deleted_nor_compared(world: World) -> None:
    world.write(world.master, f"{PAGES}/cache/page", "the master's")
    world.write(world.clone, f"{PAGES}/cache/other", "its own")
    world.write(world.clone, f"{PAGES}/web.pid", "17")
    world.sync()
    assert world.read(world.clone, f"{PAGES}/cache/page") is None
    assert world.read(world.clone, f"{PAGES}/cache/other") == "its own"
    assert world.read(world.clone, f"{PAGES}/web.pid") == "17"
    world.write(world.clone, f"{PAGES}/cache/third", "its own")
    assert world.strays() == ()


def test_the_content_has_another_version_once_anything_of_it_was_changed(world: World) -> None:
    seen = [version(world), version(world)]
    assert seen[0]
    assert len(set(seen)) == 1
    world.write(world.master, f"{PAGES}/index.html", "welcome")
    seen.append(version(world))
    world.write(world.master, NEW, "new")
    seen.append(version(world))
    world.write(world.master, NEW, "new")
    seen.append(version(world))
    world.remove(world.master, NEW)
    seen.append(version(world))
    assert all(after and after != before for before, after in pairwise(seen[1:]))


def test_content_that_is_gone_has_no_version(world: World) -> None:
    world.remove(world.master, PAGES)
    world.write(world.master, f"{PAGES}/cache/page", "excluded")
    assert not version(world)


def version(world: World) -> str:
    return world.servers.content_version(world.spec, world.master, world.content)


def test_what_a_clone_holds_counts_as_copied_once_it_is_remembered(world: World) -> None:
    world.servers.remember_content(world.spec, world.clone, world.content)
    assert world.strays() == ()
    world.write(world.clone, NEW, "stray")
    world.servers.remember_content(world.spec, world.clone, world.content)
    assert world.strays() == (NEW,)


def test_without_an_offer_nothing_is_copied(world: World) -> None:
    with pytest.raises(RemoteFailed, match="no key for this sync"):
        world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")


def test_after_the_withdrawal_nothing_is_copied_any_more(world: World) -> None:
    world.sync()
    with pytest.raises(RemoteFailed, match="no key for this sync"):
        world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")


def test_withdrawing_twice_is_safe(world: World) -> None:
    world.sync()
    world.servers.withdraw_content(world.spec, world.master, [world.clone], sync="s1")


def test_offering_twice_is_safe(world: World) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    world.sync()


def test_a_clone_that_is_gone_does_not_keep_the_others_from_the_content(world: World) -> None:
    world.lose(world.other)
    clones = [world.clone, world.other]
    failed = world.servers.offer_content(world.spec, world.master, clones, world.content, sync="s1")
    assert list(failed) == [world.other.id]
    world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")
    world.servers.withdraw_content(world.spec, world.master, clones, sync="s1")


@pytest.mark.parametrize("trouble", ["empty", "missing"])
def test_an_unsafe_source_is_refused_and_nothing_is_deleted(world: World, trouble: str) -> None:
    world.remove(world.master, PAGES)
    if trouble == "empty":
        world.write(world.master, f"{PAGES}/cache/page", "excluded")
    world.write(world.clone, NEW, "still here")
    with pytest.raises(UnsafeSource, match=PAGES):
        world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    assert world.read(world.clone, NEW) == "still here"


def test_a_clone_that_was_never_synced_has_no_strays(world: World) -> None:
    world.write(world.clone, NEW, "came with the image")
    assert world.strays() == ()


def test_a_file_written_on_a_clone_is_a_stray(world: World) -> None:
    world.sync()
    world.write(world.clone, NEW, "an upload that went astray")
    assert world.strays() == (NEW,)


def test_a_file_changed_on_a_clone_is_a_stray(world: World) -> None:
    world.sync()
    world.write(world.clone, f"{PAGES}/index.html", "changed on the clone")
    assert world.strays() == (f"{PAGES}/index.html",)


def test_what_the_master_changed_since_is_no_stray(world: World) -> None:
    world.write(world.master, NEW, "new")
    world.sync()
    world.write(world.master, f"{PAGES}/index.html", "changed on the master")
    world.remove(world.master, NEW)
    assert world.strays() == ()


def test_a_sync_keeps_strays_and_brings_the_rest(world: World) -> None:
    world.sync()
    world.write(world.clone, NEW, "an upload that went astray")
    world.write(world.clone, f"{PAGES}/index.html", "changed on the clone")
    world.write(world.master, f"{PAGES}/index.html", "changed on the master")
    world.write(world.master, f"{PAGES}/news.html", "new on the master")
    world.sync(sync="s2")
    assert world.read(world.clone, NEW) == "an upload that went astray"
    assert world.read(world.clone, f"{PAGES}/index.html") == "changed on the clone"
    assert world.read(world.clone, f"{PAGES}/news.html") == "new on the master"
    assert world.strays() == (f"{PAGES}/index.html", NEW)
