"""Content over real SSH and real rsync: names, kinds and times of files, keys, crashes, two at once."""

import os
import re
import stat
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from paramiko import PKey

from bot.domain.errors import RemoteFailed, ServerUnreachable, UnsafeSource
from bot.domain.fleet import Content, Recipe, Server
from bot.lab.hosts import PORT, Hosts
from bot.lab.tools import Tools
from bot.ssh.connections import Connections
from bot.ssh.shell import Shell
from bot.ssh.sync import pull
from tests.adapters.conftest import NETWORK
from tests.adapters.servers_worlds import PAGES, RealServers, World, recipe_for

NAMES = [
    b"with space",
    b" leading and trailing ",
    b"new\nline",
    b'quote\'s "and" more',
    b"-rf",
    b"--exclude=x",
    "ünïcödé €".encode(),
    b"not \xff\xfe text",
    b"star* [x] ? {a,b}",
    b"back\\slash",
    b"back\\slash*",
    b"$(touch x) `touch y` $HOME",
    b"#comment",
    b"; semicolon",
    b"+ plus",
    b"! bang",
    b"~tilde",
    b"%P\\0",
    b"\x01\x1b[31m",
]


@pytest.fixture
def real(hosts: Hosts) -> Iterator[RealServers]:
    made = RealServers(hosts, NETWORK)
    yield made
    made.servers.close()


@pytest.fixture
def world(real: RealServers) -> World:
    return real.world()


def pages(real: RealServers, server: Server) -> Path:
    return real.path(server, PAGES)


def fingerprints(real: RealServers) -> set[str]:
    return {real.servers.facts(real.spec, s, Recipe()).content for s in (real.master, real.clone)}


def are_equal(real: RealServers) -> bool:
    return len(fingerprints(real)) == 1 and "" not in fingerprints(real)


def write_all(folder: Path, text: str) -> None:
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(text)


def test_files_with_any_name_are_copied(real: RealServers, world: World) -> None:
    write_all(pages(real, real.master), "one")
    world.sync()
    assert set(NAMES) <= {os.fsencode(path.name) for path in pages(real, real.clone).iterdir()}
    assert are_equal(real)


def test_strays_with_any_name_are_named_and_kept(real: RealServers, world: World) -> None:
    write_all(pages(real, real.master), "one")
    world.sync()
    write_all(pages(real, real.clone), "changed here")
    write_all(pages(real, real.master), "changed there")
    assert len(world.strays()) == len(NAMES)
    world.sync(sync="s2")
    for name in NAMES:
        kept = Path(os.fsdecode(os.fsencode(pages(real, real.clone)) + b"/" + name))
        assert kept.read_text() == "changed here"
    assert len(world.strays()) == len(NAMES)


def test_strays_in_a_folder_that_the_master_deleted_are_kept(world: World) -> None:
    world.write(world.master, f"{PAGES}/a*/b/old", "old")
    world.sync()
    world.write(world.clone, f"{PAGES}/a*/b/new", "new")
    world.remove(world.master, f"{PAGES}/a*")
    world.sync(sync="s2")
    assert world.read(world.clone, f"{PAGES}/a*/b/new") == "new"
    assert world.read(world.clone, f"{PAGES}/a*/b/old") is None


def test_a_stray_that_was_rescued_to_the_master_is_none_any_more(
    real: RealServers, world: World, tools: Tools
) -> None:
    new = f"{PAGES}/new.txt"
    world.sync()
    world.write(world.clone, new, "rescued")
    subprocess.run(
        [str(tools.rsync), "-a", "--", str(real.path(real.clone, new)), str(pages(real, real.master))],
        check=True,
    )
    assert world.strays() == ()
    world.sync(sync="s2")
    world.remove(world.master, new)
    assert world.strays() == ()
    world.sync(sync="s3")
    assert world.read(world.clone, new) is None


def test_more_strays_than_anybody_reads_are_counted(world: World) -> None:
    world.sync()
    for number in range(150):
        world.write(world.clone, f"{PAGES}/{number:03}", "new")
    found = world.strays()
    assert (len(found), found[0], found[-1]) == (101, f"{PAGES}/000", "… and 50 more")


def test_kinds_modes_times_and_links_are_copied(real: RealServers, world: World) -> None:
    folder = pages(real, real.master)
    (folder / "link").symlink_to("index.html")
    (folder / "nowhere").symlink_to("/nowhere at all")
    (folder / "hard").write_text("hard")
    (folder / "hard2").hardlink_to(folder / "hard")
    (folder / "secret").write_text("secret")
    (folder / "secret").chmod(0o600)
    (folder / "script").write_text("#!/bin/sh")
    (folder / "script").chmod(0o755)
    (folder / "empty").mkdir(mode=0o750)
    os.utime(folder / "secret", ns=(1, 1_700_000_000_123_456_789))
    with (folder / "sparse").open("wb") as sparse:
        sparse.truncate(50_000_000)
    world.sync()
    copy = pages(real, real.clone)
    assert (copy / "link").readlink() == Path("index.html")
    assert (copy / "nowhere").readlink() == Path("/nowhere at all")
    assert (copy / "hard").stat().st_ino == (copy / "hard2").stat().st_ino
    assert stat.S_IMODE((copy / "secret").stat().st_mode) == 0o600
    assert (copy / "secret").stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert stat.S_IMODE((copy / "empty").stat().st_mode) == 0o750
    assert (copy / "sparse").stat().st_blocks < 1000
    assert are_equal(real)


@pytest.mark.parametrize("change", ["content", "mode", "time", "link", "kind", "extra", "missing", "folder"])
def test_any_difference_makes_another_fingerprint(real: RealServers, world: World, change: str) -> None:
    folder = pages(real, real.master)
    (folder / "file").write_text("one")
    (folder / "link").symlink_to("one")
    world.sync()
    assert are_equal(real)
    file = pages(real, real.clone) / "file"
    match change:
        case "content":
            file.write_text("two")
        case "mode":
            file.chmod(0o600)
        case "time":
            os.utime(file, ns=(0, file.stat().st_mtime_ns + 1000))
        case "link":
            (file.parent / "link").unlink()
            (file.parent / "link").symlink_to("two")
        case "kind":
            file.unlink()
            file.mkdir()
        case "extra":
            (file.parent / "extra").touch()
        case "missing":
            file.unlink()
        case _:
            (file.parent / "folder").mkdir()
    assert len(fingerprints(real)) == 2


def test_a_file_of_the_same_size_changed_in_the_same_second_is_copied(
    real: RealServers, world: World
) -> None:
    file = pages(real, real.master) / "counter"
    file.write_text("1")
    os.utime(file, ns=(0, 1_700_000_000_100_000_000))
    world.sync()
    file.write_text("2")
    os.utime(file, ns=(0, 1_700_000_000_200_000_000))
    world.sync(sync="s2")
    assert world.read(world.clone, f"{PAGES}/counter") == "2"


def test_several_paths_are_copied_each_with_its_own_key(real: RealServers, world: World) -> None:
    real.write(real.master, "/srv/it's a site/a", "a")
    real.write(real.master, "/srv/ünï/b", "b")
    both = Content(paths=("/srv/it's a site", "/srv/ünï"))
    real.spec = world.spec = replace(world.spec, content=both)
    world.sync()
    assert real.read(real.clone, "/srv/it's a site/a") == "a"
    assert real.read(real.clone, "/srv/ünï/b") == "b"
    assert are_equal(real)
    real.write(real.clone, "/srv/ünï/new", "new")
    assert world.strays() == ("/srv/ünï/new",)


def test_a_file_nobody_may_read_makes_the_source_unsafe(real: RealServers, world: World) -> None:
    if os.geteuid() == 0:
        # root may read everything; a folder that is no folder must do.
        world.remove(world.master, PAGES)
        world.write(world.master, PAGES, "a file")
    else:
        world.write(world.master, f"{PAGES}/closed", "x")
        (pages(real, real.master) / "closed").chmod(0)
    with pytest.raises(UnsafeSource, match=PAGES):
        world.sync()


def keys_file(real: RealServers) -> Path:
    return real.path(real.master, f"home/{real.hosts.user}/.ssh/authorized_keys")


def test_other_keys_on_the_master_stay_as_they_are(real: RealServers, world: World) -> None:
    file = keys_file(real)
    before = (
        file.read_bytes()
        + b'# ours: clonebot-sync-\n\n  odd  \\n line "\tnot text \xff\r\nno newline at the end'
    )
    file.write_bytes(before)
    file.chmod(0o640)
    world.servers.offer_content(
        world.spec, world.master, [world.clone, world.other], world.content, sync="s1"
    )
    assert file.read_bytes().startswith(before + b"\n")
    assert file.read_bytes().count(b"restrict,expiry-time=") == 2
    world.servers.withdraw_content(world.spec, world.master, [world.clone, world.other], sync="s1")
    assert file.read_bytes() == before + b"\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert list(file.parent.iterdir()) == [file]


def test_a_linked_file_of_keys_stays_a_link(real: RealServers, world: World) -> None:
    file = keys_file(real)
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")
    world.sync()
    assert file.is_symlink()


def test_keys_left_over_from_a_crash_go_when_they_have_expired(real: RealServers, world: World) -> None:
    now = datetime.now().astimezone()
    line = 'command="x",restrict,expiry-time="{:%Y%m%d%H%M%S}" ssh-ed25519 AAAA clonebot-sync-{}:i-1:0\n'
    old, young = line.format(now - timedelta(hours=3), "old"), line.format(now + timedelta(hours=3), "young")
    with keys_file(real).open("a") as file:
        file.write(old + young)
    world.sync()
    assert old not in keys_file(real).read_text()
    assert young in keys_file(real).read_text()


def test_offers_at_the_same_time_do_not_lose_each_other(real: RealServers, world: World) -> None:
    def offer(sync: str) -> None:
        world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync=sync)

    threads = [threading.Thread(target=offer, args=[f"s{n}"]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(re.findall(r"clonebot-sync-(s\d):", keys_file(real).read_text())) == {
        f"s{n}" for n in range(6)
    }


def key_of(real: RealServers, sync: str = "s1") -> Path:
    return real.path(real.clone, f"/var/lib/clonebot/{real.clone.id}/sync-{sync}/0")


def try_key(real: RealServers, tools: Tools, key: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    known = key.with_name("tried")
    known.write_text(f"[{real.master.address}]:{PORT} {real.keys[real.master.id][0]}\n")
    options = [f"UserKnownHostsFile={known}", "IdentitiesOnly=yes", "IdentityAgent=none", "BatchMode=yes"]
    ssh = [
        str(tools.ssh),
        "-F",
        "none",
        *(f"-o{option}" for option in options),
        "-i",
        str(key),
        "-p",
        str(PORT),
    ]
    where = f"{real.hosts.user}@{real.master.address}"
    return subprocess.run([*ssh, where, command], capture_output=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "command",
    [
        "id",
        "cat ./etc/machine-id",
        "rsync --server -logDtpre.iLsfxCIvu . /x",
        "rsync --server --sender -logDtpre.iLsfxCIvu . ../../../etc/",
        "",
    ],
)
def test_the_key_of_a_sync_opens_nothing_else(
    real: RealServers, world: World, tools: Tools, command: str
) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    done = try_key(real, tools, key_of(real), command)
    assert done.returncode not in {0, 255}
    assert done.stdout == b""


def test_the_key_of_a_sync_is_let_in_only_until_the_withdrawal(
    real: RealServers, world: World, tools: Tools, tmp_path: Path
) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    key = tmp_path / "stolen"
    key.write_bytes(key_of(real).read_bytes())
    key.chmod(0o600)
    assert b"rrsync" in try_key(real, tools, key, "id").stderr
    world.servers.withdraw_content(world.spec, world.master, [world.clone], sync="s1")
    assert b"Permission denied" in try_key(real, tools, key, "id").stderr


def test_the_private_key_is_readable_by_its_owner_only(real: RealServers, world: World) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    assert stat.S_IMODE(key_of(real).stat().st_mode) == 0o600
    assert stat.S_IMODE(key_of(real).parent.stat().st_mode) == 0o700


def test_a_clone_does_not_pull_from_a_server_that_is_not_the_master(real: RealServers, world: World) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    kind, encoded, *_ = real.keys[real.other.id][0].split()
    stranger = PKey.from_type_string(kind, b64decode(encoded))
    world.write(world.clone, f"{PAGES}/mine", "mine")
    with closing(Connections(lambda _spec, server: real.keys[server.id], patience=10)) as connections:
        shell = Shell(connections)
        with pytest.raises(RemoteFailed, match="Host key verification failed"):
            pull(shell, world.spec, world.master, world.clone, world.content, shown=stranger, sync="s1")
    assert world.read(world.clone, f"{PAGES}/mine") == "mine"


def test_a_master_that_is_gone_deletes_nothing(real: RealServers, world: World) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    world.write(world.clone, f"{PAGES}/mine", "mine")
    real.hosts.shut_down(real.master.id)
    with pytest.raises(ServerUnreachable, match="cannot be reached over SSH"):
        world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")
    assert world.read(world.clone, f"{PAGES}/mine") == "mine"


def test_a_master_that_goes_while_a_clone_copies_deletes_nothing(real: RealServers, world: World) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    world.write(world.clone, f"{PAGES}/mine", "mine")
    shown = PKey.from_type_string("ssh-ed25519", b64decode(real.keys[real.master.id][0].split()[1]))
    real.hosts.shut_down(real.master.id)
    with closing(Connections(lambda _spec, server: real.keys[server.id], patience=10)) as connections:
        shell = Shell(connections)
        with pytest.raises(RemoteFailed, match="rsync ended with"):
            pull(shell, world.spec, world.master, world.clone, world.content, shown=shown, sync="s1")
    assert world.read(world.clone, f"{PAGES}/mine") == "mine"


def test_a_content_folder_that_vanished_after_the_offer_deletes_nothing(world: World) -> None:
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    world.write(world.clone, f"{PAGES}/mine", "mine")
    world.remove(world.master, PAGES)
    with pytest.raises(RemoteFailed):
        world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")
    assert world.read(world.clone, f"{PAGES}/mine") == "mine"


def test_two_syncs_of_one_clone_wait_for_each_other(real: RealServers, world: World) -> None:
    write_all(pages(real, real.master), "x" * 100_000)
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")
    problems: list[Exception] = []

    def pull() -> None:
        try:
            world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")
        except RemoteFailed as error:
            problems.append(error)

    threads = [threading.Thread(target=pull) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert are_equal(real)
    assert world.strays() == ()


def test_a_sync_that_was_cut_off_leaves_whole_files_and_the_next_one_finishes_it(
    real: RealServers, world: World
) -> None:
    real.write(real.clone, f"{PAGES}/big", "old")
    (pages(real, real.master) / "big").write_bytes(os.urandom(1_000_000))
    for number in range(8000):
        (pages(real, real.master) / f"small-{number}").write_bytes(b"new")
    world.servers.offer_content(world.spec, world.master, [world.clone], world.content, sync="s1")

    def cut() -> None:
        deadline = time.monotonic() + 20
        while not list(pages(real, real.clone).rglob(".*")) and time.monotonic() < deadline:
            time.sleep(0.002)
        real.hosts.freeze(real.clone.id)
        real.hosts.shut_down(real.clone.id)

    cutter = threading.Thread(target=cut)
    cutter.start()
    with pytest.raises(Exception, match="i-0c1"):
        world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")
    cutter.join()
    assert real.path(real.clone, f"{PAGES}/big").read_bytes() == b"old"
    real.hosts.boot(real.clone.id)
    world.servers.pull_content(world.spec, world.master, world.clone, world.content, sync="s1")
    assert are_equal(real)
    assert not list(pages(real, real.clone).rglob(".*"))


def test_preparing_leaves_no_traces_of_the_image_in_the_identity(real: RealServers, world: World) -> None:
    old = real.path(real.master, "etc/machine-id").read_text()
    world.servers.prepare(world.spec, world.clone, Recipe())
    new = real.path(real.clone, "etc/machine-id").read_text()
    assert re.fullmatch(r"[0-9a-f]{32}\n", new)
    assert new != old


def test_a_rewritten_file_keeps_its_owner_mode_and_place(real: RealServers, world: World) -> None:
    file = real.path(real.clone, "etc/site.conf")
    file.rename(file.with_name("real.conf"))
    file.symlink_to("real.conf")
    file.chmod(0o640)
    world.servers.prepare(world.spec, world.clone, recipe_for(world.master))
    assert file.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert f"db_host = {world.master.address}" in file.read_text()
    assert [path for path in file.parent.iterdir() if "clonebot" in path.name] == []


def test_a_masked_service_does_not_run_after_a_reboot(real: RealServers, world: World) -> None:
    world.servers.prepare(world.spec, world.clone, Recipe(services=("sitedb",)))
    real.hosts.shut_down(real.clone.id)
    real.hosts.boot(real.clone.id)
    facts = world.servers.facts(world.spec, world.clone, Recipe(services=("sitedb",)))
    assert (facts.running, facts.masked) == (frozenset(), frozenset({"sitedb"}))


def test_a_service_that_does_not_restart_is_named(world: World) -> None:
    with pytest.raises(RemoteFailed, match="nothing does not restart"):
        world.servers.prepare(world.spec, world.clone, Recipe(restart=("nothing",)))


def test_an_unknown_service_cannot_run_and_that_is_fine(world: World) -> None:
    recipe = Recipe(services=("mysql",))
    facts = world.servers.facts(world.spec, world.clone, recipe)
    assert (facts.running, facts.masked) == (frozenset(), frozenset({"mysql"}))
    world.servers.prepare(world.spec, world.clone, recipe)


def test_with_sudo_content_is_copied_through_it(real: RealServers, world: World) -> None:
    for server in (real.master, real.clone):
        sudo = real.path(server, "usr/local/bin/sudo")
        kept = " ".join(
            f'{name}="${name}"' for name in ("PATH", "HOST_PATH", "HOST_ROOT", "HOST_ID", "HOST_ADDRESS")
        )
        sudo.write_text(f'#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nexec env -i HOME=/nowhere {kept} "$@"\n')
        sudo.chmod(0o755)
    real.spec = world.spec = replace(world.spec, ssh=replace(world.spec.ssh, sudo=True))
    write_all(pages(real, real.master), "one")
    world.sync()
    assert are_equal(real)


def test_what_was_written_too_late_to_be_counted_is_named(real: RealServers) -> None:
    top = real.path(real.clone, "var/www/html")
    for number, name in enumerate(("old", "new & 100% | late", "newer\nin two lines")):
        (top / name).write_text(name)
        os.utime(top / name, (1_000_000 + number, 1_000_000 + number))
    before = real.servers.facts(real.spec, real.clone, Recipe(), as_of=1_000_000)
    assert {"0/new & 100% | late", "0/newer\nin two lines"} <= before.later
    assert "0/old" not in before.later
    assert real.servers.facts(real.spec, real.clone, Recipe()).later == frozenset()


def test_content_that_cannot_be_read_or_sorted_has_no_version(real: RealServers, world: World) -> None:
    known = world.servers.content_version(world.spec, world.master, world.content)
    sort = real.path(real.master, "/usr/local/bin/sort")
    sort.write_text('#!/bin/sh\nexec /usr/bin/sort "$@"\n')
    sort.chmod(0o755)
    assert world.servers.content_version(world.spec, world.master, world.content) == known
    sort.write_text("#!/bin/sh\ncat >/dev/null\nexit 2\n")
    assert world.servers.content_version(world.spec, world.master, world.content) == ""
    sort.unlink()
    assert known


def test_what_cannot_be_sorted_has_no_fingerprint(real: RealServers, world: World) -> None:
    sort = real.path(real.master, "/usr/local/bin/sort")
    sort.write_text("#!/bin/sh\ncat >/dev/null\nexit 2\n")
    sort.chmod(0o755)
    facts = world.servers.facts(world.spec, world.master, recipe_for(world.master))
    sort.unlink()
    assert facts.content == ""
