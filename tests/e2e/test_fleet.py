"""The main job on real Debian servers, with the stacks that hand-built servers have: from alone, and back."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.domain.operation import Stage
from bot.lab.lab import Lab
from tests.e2e.club import Club
from tests.e2e.conftest import BOTH
from tests.e2e.debian import Debian
from tests.e2e.newcomer import suggest
from tests.e2e.stacks import Stack
from tests.scenarios.account import things
from tests.scenarios.newcomer import clonebot
from tests.scenarios.visitor import get

pytestmark = [pytest.mark.timeout(600), pytest.mark.in_order]

DATABASES = {"mariadbd", "postgres"}
HABITS = {
    "agent", "at-job", "certbot", "cron-job", "lock", "mail", "queue-worker", "timer", "user-crontab",
}  # fmt: skip
ACTED = "find /var/lib/habits -newer /run/systemd/private"


@pytest.fixture(scope="module", params=BOTH)
def stack(request: pytest.FixtureRequest) -> Stack:
    """What is on the servers, and all the habits that a server can have."""
    plain: Stack = request.param
    return replace(plain, habits=True)


@pytest.fixture(scope="module")
def club(lab: Lab, place: Debian) -> Iterator[Club]:
    """A server that stands alone, with the fleet file that was suggested for it."""
    club = Club(lab, place)
    yield club
    assert set(club.bills()) <= {club.says(club.master, "hostname")}
    club.visitor.tidy()
    club.visitor.assert_audit_is_complete()


@pytest.fixture
def fleet(club: Club) -> Club:
    """The club's server behind a load balancer, with clones."""
    if not things(club.lab)["balancers"]:
        assert club.visitor.agreed(f"adopt {club.master} as web").stage is Stage.DONE
    if len(club.clones) < 2:
        assert club.visitor.scale(2).stage is Stage.DONE
    return club


@pytest.mark.parametrize("stack", BOTH[:1], indirect=True)
def test_of_a_server_without_its_pages_a_suggestion_says_so_and_no_image_is_made(
    club: Club, place: Debian
) -> None:
    nowhere = f"{club.stack.content}.gone"
    club.says(club.master, f"mkdir {nowhere} && mount --bind {nowhere} {club.stack.content}")
    try:
        done = suggest(club.lab, place)
        refused = club.visitor.hear("bake web")
    finally:
        club.says(club.master, f"umount {club.stack.content} && rmdir {nowhere}")

    assert done.returncode == 0, done.stderr
    for said in (" ".join(done.stdout.replace("\n#  ", "").split()), refused):
        assert f"{club.stack.content} holds no file, and a sync refuses an empty folder" in said
    assert not club.visitor.audit("SELECT 1 FROM audit WHERE kind = 'intent'")


@pytest.mark.parametrize("stack", BOTH[:1], indirect=True)
def test_to_who_may_not_use_sudo_a_suggestion_says_what_that_hides(club: Club, place: Debian) -> None:
    keys = "/home/guest/.ssh"
    club.says(club.master, f"useradd -m guest && cp -r /home/admin/.ssh {keys} && chown -R guest: {keys}")
    try:
        done = suggest(club.lab, place, user="guest")
    finally:
        club.says(club.master, "userdel --remove guest")

    assert done.returncode == 0, done.stderr
    assert "# - guest may not use sudo there" in done.stdout
    assert "Not looked at: settings: guest may not read /var/www/html/config.php" in done.stdout
    assert "recipe.rewrite" not in done.stdout


def test_a_newcomer_gets_from_the_server_alone_to_a_clean_report_and_two_clones(club: Club) -> None:
    visitor = club.visitor
    for words in (("config", "check"), ("check",)):
        done = clonebot(club.lab, *words)
        assert done.returncode == 0, done.stdout + done.stderr
    assert f"`/clone adopt {club.master} as web`" in done.stdout

    adopted = visitor.agreed(f"adopt {club.master} as web")
    assert adopted.stage is Stage.DONE, adopted.result
    assert get(club.url) == get(club.lab.site.site_url)

    assert "nothing blocks a clone image" in visitor.hear("doctor")
    card, report = club.newest_report()
    assert card.startswith("*web*: nothing blocks a clone image")
    assert report.startswith(f"The doctor on {club.master}, the master of web")
    assert report.splitlines()[1].startswith("0 blocking · ")
    assert visitor.scale(2).result == "web: 2 of 2 clones serve."
    assert len(club.clones) == 2
    assert len({club.page(server).partition("Served by ")[0] for server in club.all}) == 1


def test_the_load_balancer_sends_visitors_to_the_master_and_to_both_clones(fleet: Club) -> None:
    names = {fleet.says(server, "hostname") for server in fleet.all}

    pages = [get(fleet.url) for _ in range(30)]

    assert {status for status, _ in pages} == {200}
    served_by = {found[1] for _, page in pages if (found := re.search("Served by (.*)</p>", page.decode()))}
    assert served_by == names
    assert len(names) == len(fleet.all)


def test_no_two_servers_have_a_name_a_machine_id_or_a_host_key_in_common(fleet: Club) -> None:
    for what in ("hostname", "cat /etc/machine-id", "cut -d ' ' -f 2 /etc/ssh/ssh_host_ed25519_key.pub"):
        said = {fleet.says(server, what) for server in fleet.all}
        assert len(said) == len(fleet.all), what


def test_clones_run_well_and_their_own_database_never_wrote_a_byte(fleet: Club) -> None:
    written_since_boot = f"find {fleet.stack.data} -newer /run/systemd/private"
    for clone in fleet.clones:
        assert fleet.says(clone, "systemctl is-system-running") == "running"
        assert not DATABASES & set(fleet.says(clone, "cat /proc/[0-9]*/comm").splitlines())
        assert fleet.says(clone, f"systemctl is-active {fleet.stack.database}") == "inactive"
        assert fleet.says(clone, f"systemctl is-enabled {fleet.stack.database}") == "masked"
        assert fleet.says(clone, fleet.stack.biller) == "inactive"
        assert not fleet.says(clone, "ss -Hltn 'sport = :3306 or sport = :5432'")
        assert not fleet.says(clone, written_since_boot)
        started = f"journalctl --merge --boot --quiet --unit '{fleet.stack.database}*' --grep '^Start'"
        assert not fleet.says(clone, started)
    assert fleet.says(fleet.master, written_since_boot)


def test_none_of_the_masters_habits_acts_on_a_clone(fleet: Club) -> None:
    assert set(fleet.says(fleet.master, "ls /var/lib/habits").split()) == HABITS
    for clone in fleet.clones:
        assert not fleet.says(clone, ACTED)
        assert (
            fleet.says(clone, "systemctl is-active postfix wazuh-agent club-cache").split() == ["active"] * 3
        )
        assert not fleet.says(clone, "find /var/spool/postfix/maildrop /var/spool/postfix/deferred -type f")
        assert "localhost" in fleet.says(clone, "cat /var/spool/postfix/etc/hosts")
        assert not fleet.says(clone, "ls /var/lib/club; ls /root/.ssh/id_*; cat /etc/club.token")
        assert fleet.says(clone, "cat /etc/club.role") == f"{clone} of web"
        assert fleet.says(clone, "stat -c %a /etc/club.token") == "640"
        # Its identity was its own before its services started.
        identity = fleet.says(clone, "echo $(hostname) $(cat /etc/machine-id)")
        assert fleet.says(clone, "cat /var/ossec/etc/client.keys") == identity
    enrolled = {fleet.says(server, "cat /var/ossec/etc/client.keys") for server in fleet.all}
    assert len(enrolled) == len(fleet.all)


def test_what_visitors_write_the_master_keeps_and_every_server_shows(fleet: Club) -> None:
    master = fleet.says(fleet.master, "hostname")

    for number in range(6):
        assert fleet.write(f"line+{number}") == f"written by {master}"
        assert fleet.upload(f"photo-{number}.txt", "a photo") == f"kept by {master}"

    for server in fleet.all:
        assert "line 5" in fleet.page(server)
    list_photos = f"ls {fleet.uploads} | grep -c ^photo-"
    assert fleet.says(fleet.master, list_photos) == "6"
    assert [fleet.says(clone, list_photos) for clone in fleet.clones] == ["0"] * len(fleet.clones)


def test_the_next_sync_brings_uploads_to_the_clones_and_leaves_their_settings_alone(fleet: Club) -> None:
    fleet.upload("regatta.txt", "silver")

    assert fleet.visitor.scale(3).stage is Stage.DONE

    assert len(fleet.clones) == 3
    for clone in fleet.clones:
        assert fleet.page(clone, "/uploads/regatta.txt") == "silver"
        assert "localhost" not in fleet.says(clone, f"cat {fleet.stack.settings}")
        owner = fleet.says(clone, f"stat -c '%U %G %a' {fleet.uploads}/regatta.txt")
        assert owner == fleet.says(fleet.master, f"stat -c '%U %G %a' {fleet.uploads}/regatta.txt")


def test_only_the_master_bills(fleet: Club) -> None:
    fleet.says(fleet.master, "su www-data -s /bin/sh -c /usr/local/bin/bill")

    assert set(fleet.bills()) == {fleet.says(fleet.master, "hostname")}
    assert fleet.says(fleet.master, fleet.stack.biller) == "active"


def test_a_clone_that_reboots_is_still_none_of_the_masters_doubles(fleet: Club) -> None:
    clone = fleet.clones[0]
    before = fleet.says(clone, "cat /etc/machine-id; hostname")

    fleet.lab.client("ec2").reboot_instances(InstanceIds=[clone])

    fleet.visitor.until(
        lambda: fleet.hosts.console_output(clone).count("Welcome to") == 2, "it does not reboot"
    )
    assert fleet.says(clone, "systemctl is-system-running --wait") == "running"
    assert fleet.says(clone, f"systemctl is-active {fleet.stack.database}") == "inactive"
    assert fleet.says(clone, fleet.stack.biller) == "inactive"
    assert fleet.says(clone, "cat /etc/machine-id; hostname") == before
    assert not fleet.says(clone, ACTED)
    fleet.visitor.until(lambda: clone in fleet.clones, "it does not serve again")


def test_an_image_whose_program_does_not_start_is_bad_and_the_one_before_stays(fleet: Club) -> None:
    before = fleet.clones
    drop_in = (
        fleet.hosts.disk(fleet.master) / f"etc/systemd/system/{fleet.stack.program}.service.d/broken.conf"
    )
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nExecStartPre=/bin/false\n")

    ended = fleet.visitor.end_of(fleet.visitor.open("bake web"))

    drop_in.unlink()
    assert ended.stage is Stage.FAILED
    assert " is bad: " in ended.result
    assert fleet.stack.program in ended.result
    assert "It is kept for a look, and not used; new clones start from ami-" in ended.result
    assert fleet.clones == before
    (apart,) = set(fleet.visitor.clones()) - set(before)
    assert "quarantined" in {tag["Value"] for tag in fleet.visitor.clones()[apart]["Tags"]}
    fleet.lab.client("ec2").terminate_instances(InstanceIds=[apart])


def test_what_was_written_on_a_clone_alone_is_not_lost_unasked(fleet: Club) -> None:
    before = fleet.clones
    for clone in before:
        fleet.says(clone, f"echo 'the only copy' >'{fleet.uploads}/only here.txt'")

    ended = fleet.visitor.scale(0)

    assert ended.stage is Stage.FAILED
    assert f"{fleet.uploads}/only here.txt" in ended.result
    assert fleet.clones == before
    for clone in before:
        assert fleet.says(clone, f"cat '{fleet.uploads}/only here.txt'") == "the only copy"
        fleet.says(clone, f"rm '{fleet.uploads}/only here.txt'")


def test_without_clones_the_master_stands_alone_again_and_all_that_was_written_is_there(fleet: Club) -> None:
    fleet.write("so+long")
    assert fleet.visitor.scale(0).stage is Stage.DONE

    ended = fleet.visitor.agreed("disown")

    assert ended.stage is Stage.DONE, ended.result
    assert things(fleet.lab) == fleet.alone
    status, page = get(fleet.lab.site.site_url)
    assert (status, b"so long" in page) == (200, True)
