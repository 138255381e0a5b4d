"""What the Servers promise, kept alike by the fake and by real servers over SSH."""

from collections.abc import Iterator

import pytest

from bot.domain.errors import HostKeyMismatch, RemoteFailed, ServerUnreachable, UnsafeSource
from bot.domain.fleet import Recipe, Rewrite
from bot.domain.proof import prove
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
