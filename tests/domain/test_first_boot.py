"""What a clone's cloud-init is told: as YAML that it takes, and as a shell script that does what it says."""

import gzip
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest

from bot.domain.first_boot import LIMIT, as_sent, too_long, user_data
from bot.domain.fleet import FleetSpec
from bot.domain.sweeping import AMONG, SWEEP
from tests.domain.doctor_examples import fleet

FULL = fleet(
    services=("mariadb", "it's; odd"),
    jobs=("/etc/cron.d/billing", "crontab:bob"),
    remove=("/root/.ssh/authorized_keys",),
    truncate=("/etc/club token",),
    clean=("/var/cache/club/",),
    spools=("/var/spool/postfix",),
    agents=("zabbix",),
)


HEAD = "#cloud-config\npreserve_hostname: true\nbootcmd:\n- |\n"


def script_of(spec: FleetSpec) -> str:
    """What a block of YAML holds: its lines, less their indentation."""
    text = user_data(spec)
    assert text.startswith(HEAD)
    block = text.removeprefix(HEAD)
    assert all(line.startswith("  ") or not line for line in block.split("\n"))
    return dedent(block)


def ran(folder: Path, *calls: str, mark: bool = False) -> str:
    """Run calls of the shell functions on a folder that stands for a server's disk."""
    state = folder / "state"
    state.mkdir(exist_ok=True)
    if mark:
        (state / "mark").touch()
    begin = (
        f"R='{folder}' state='{state}' mark='{state}/mark'\nsystemctl() {{ :; }}\nfail() {{ echo \"$1\"; }}\n"
    )
    done = subprocess.run(
        ["sh", "-s"],
        input="\n".join((begin, AMONG, SWEEP, *calls)),
        text=True,
        capture_output=True,
        check=True,
    )
    assert not done.stderr
    return done.stdout


def put(folder: Path, *paths: str) -> None:
    for path in paths:
        file = folder / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("the master's\n")


def files(folder: Path) -> set[str]:
    return {
        f"/{file.relative_to(folder)}"
        for file in folder.rglob("*")
        if not file.is_dir() and "state" not in file.parts
    }


def test_it_is_one_script_that_a_shell_understands_and_that_names_it_all() -> None:
    script = script_of(FULL)
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    lines = [line.strip() for line in script.splitlines()]
    for line in (
        """hold_back mariadb 'it'"'"'s; odd'""",
        "drop /root/.ssh/authorized_keys",
        "empty '/etc/club token'",
        "sweep /var/cache/club/",
        "comment_out /etc/zabbix/zabbix_agentd.conf ' *Hostname='",
        "be_called web-clone-",
        "renew_machine_id",
    ):
        assert line in lines
    assert "take_off /var/spool/cron/crontabs/bob" in script.replace("/etc/cron.d/billing ", "")
    assert "/var/spool/postfix/maildrop/" in script


def test_jobs_and_services_are_held_back_at_every_boot_and_the_rest_is_done_once() -> None:
    often, _, once = script_of(FULL).partition('if [ ! -e "$mark" ]; then\n')
    assert {"take_off", "hold_back"} <= {line.split(" ")[0] for line in often.splitlines()}
    assert once.splitlines()[-2:] == ['    : >"$mark"', "fi"]


def test_what_would_start_a_service_when_somebody_knocks_is_held_back_with_it(tmp_path: Path) -> None:
    script = script_of(fleet(services=("mariadb", "club.timer"))).split("if [ ! -e")[0]
    mocks = 'systemctl() { echo "$*"; }; install() { :; }; INSTANCE_ID=i-1\n'
    told = script.replace("/etc/systemd/system", str(tmp_path))
    (tmp_path / "club.timer").write_text("somebody's own")
    said = subprocess.run(["sh", "-s"], input=mocks + told, text=True, check=True, capture_output=True).stdout
    held = {file.name for file in tmp_path.iterdir() if file.samefile("/dev/null")}
    assert held == {"mariadb.service", "mariadb.socket", "club.timer"}
    assert (tmp_path / "club.timer.before-clone").read_text() == "somebody's own"
    assert said.splitlines() == [
        "daemon-reload",
        "--no-block stop -- mariadb.socket mariadb club.timer",
    ]


def test_every_clone_gets_an_identity_of_its_own_whatever_the_recipe_says() -> None:
    script = script_of(fleet())
    assert script.rstrip().endswith('    renew_machine_id\n    be_called web-clone-\n    : >"$mark"\nfi')


def test_what_ec2_would_not_take_is_packed_and_what_is_too_long_even_so_is_said() -> None:
    def long(count: int) -> str:
        return user_data(fleet(remove=tuple(f"/srv/{number**5}/x" for number in range(count))))

    assert as_sent(user_data(FULL)) == user_data(FULL)
    sent = as_sent(long(600))
    assert isinstance(sent, bytes)
    assert gzip.decompress(sent).decode() == long(600)
    assert (too_long(long(600)), too_long(user_data(FULL))) == (0, 0)
    assert too_long(long(6000)) == len(as_sent(long(6000))) - LIMIT > 0


@pytest.mark.parametrize(
    ("call", "left"),
    [
        ("drop '/srv/*.pid'", {"/srv/.hidden.pid", "/srv/a b/c.pid", "/srv/a b/d/e"}),
        ("drop '/srv/a b/'", {"/srv/x.pid", "/srv/.hidden.pid"}),
        ("drop '/srv/a*/c.pid' /nowhere/at/all", {"/srv/x.pid", "/srv/.hidden.pid", "/srv/a b/d/e"}),
        ("drop '/srv/a b'", {"/srv/x.pid", "/srv/.hidden.pid", "/srv/a b/c.pid", "/srv/a b/d/e"}),
    ],
)
def test_a_pattern_means_files_and_with_a_slash_all_below_a_folder(
    tmp_path: Path, call: str, left: set[str]
) -> None:
    put(tmp_path, "/srv/x.pid", "/srv/.hidden.pid", "/srv/a b/c.pid", "/srv/a b/d/e")
    ran(tmp_path, call)
    assert files(tmp_path) == left
    assert (tmp_path / "srv/a b/d").is_dir()


def test_a_link_that_leads_off_the_disk_is_not_followed(tmp_path: Path) -> None:
    disk, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
    put(elsewhere, "/kept")
    put(disk, "/srv/x")
    (disk / "srv/out").symlink_to(elsewhere)
    ran(disk, "drop /srv/out/ /srv/out/kept '/srv/*/kept'")
    assert files(elsewhere) == {"/kept"}
    ran(disk, "drop /srv/out")
    assert files(disk) == {"/srv/x"}


def test_what_is_swept_is_what_came_with_the_image(tmp_path: Path) -> None:
    put(tmp_path, "/var/spool/mail/old")
    ran(tmp_path, "sweep /var/spool/mail/")
    assert not files(tmp_path)
    put(tmp_path, "/var/spool/mail/old")
    ran(tmp_path, mark=True)
    put(tmp_path, "/var/spool/mail/new")
    ran(tmp_path, "sweep /var/spool/mail/")
    assert files(tmp_path) == {"/var/spool/mail/new"}


def test_a_file_that_is_emptied_keeps_its_mode(tmp_path: Path) -> None:
    put(tmp_path, "/etc/token")
    file = tmp_path / "etc/token"
    file.chmod(0o640)
    ran(tmp_path, "empty /etc/token")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("", 0o640)


@pytest.mark.parametrize(
    ("agent", "before", "after"),
    [
        ("/etc/z.conf Hostname=", "Server=a\nHostname=web1\n", "Server=a\n# the master's: Hostname=web1\n"),
        ("/etc/z.conf Hostname=", "# Hostname=web1\n", "# Hostname=web1\n"),
        ("/etc/z.conf '(display_name|b):'", "display_name: x\n", "# the master's: display_name: x\n"),
        ("/etc/z.conf name:", "outputs:\n  name: x\n", "outputs:\n  name: x\n"),
        ("/etc/z.conf ' *hostname *='", "  hostname = x\n", "# the master's:   hostname = x\n"),
    ],
)
def test_a_line_that_names_the_server_becomes_a_comment(
    tmp_path: Path, agent: str, before: str, after: str
) -> None:
    put(tmp_path, "/etc/z.conf")
    (tmp_path / "etc/z.conf").write_text(before)
    for _ in range(2):
        ran(tmp_path, f"comment_out {agent}", "comment_out /etc/nowhere x")
    assert (tmp_path / "etc/z.conf").read_text() == after


def test_a_new_machine_id_is_made_once(tmp_path: Path) -> None:
    put(tmp_path, "/etc/machine-id", "/var/lib/dbus/machine-id")
    ran(tmp_path, "renew_machine_id")
    first = (tmp_path / "etc/machine-id").read_text()
    ran(tmp_path, "renew_machine_id")
    assert len(first) == 33
    assert (tmp_path / "etc/machine-id").read_text() == first
    assert (tmp_path / "var/lib/dbus/machine-id").read_text() == first
