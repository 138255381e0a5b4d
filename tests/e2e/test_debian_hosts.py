"""The Debian servers of these tests are real ones, and nothing of them stays."""

import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from bot.domain.fleet import Recipe
from bot.lab.folders import run_folder
from tests.e2e.cgroups import forget_dead_runs
from tests.e2e.debian import Debian, Master
from tests.e2e.stacks import APACHE, Stack

pytestmark = [pytest.mark.xdist_group("debian"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stack() -> Stack:
    """One is enough to see how servers boot and end."""
    return APACHE


def test_a_master_boots_by_systemd_and_cloud_init_and_serves_its_site(master: Master) -> None:
    assert master.shell("systemctl is-system-running").strip() == "running"
    assert "status: done" in master.shell("cloud-init status")
    with urllib.request.urlopen(f"http://{master.server.address}/", timeout=20) as page:
        assert b"hello from the first day" in page.read()


def test_the_bot_finds_its_way_in_by_the_keys_on_its_console(master: Master) -> None:
    facts = master.servers.facts(master.spec, master.server, Recipe(services=("mariadb",)))

    assert facts.running == {"mariadb"}
    assert facts.health == 200
    assert facts.machine_id == (master.disk / "etc/machine-id").read_text().strip()


def test_what_is_changed_on_its_disk_from_outside_it_sees_at_once(master: Master) -> None:
    (master.disk / "etc/cron.d/report").write_text("@daily root true\n")

    assert master.shell("cat /etc/cron.d/report; rm /etc/cron.d/report") == "@daily root true\n"
    assert master.shell("tr a-z A-Z", text="typed\n") == "TYPED\n"
    with pytest.raises(RuntimeError, match="sitedb"):
        master.shell("systemctl start sitedb")


def test_a_clone_of_its_disk_is_a_server_of_its_own_and_a_shut_down_one_boots_again(
    place: Debian, master: Master
) -> None:
    hosts, clone = place.hosts, "i-clone"
    hosts.snapshot(master.server.id, "ami-1")
    hosts.clone_disk(clone, "10.64.2.2", "ami-1")
    hosts.boot(clone)
    try:
        assert hosts.shell(clone, "systemctl is-system-running --wait").strip() == "running"
        assert hosts.shell(clone, "hostname").strip() == "ip-10-64-2-2"
        identity = hosts.shell(clone, "cat /etc/machine-id /etc/ssh/ssh_host_*.pub")
        hosts.shut_down(clone)
        assert "Halting system" in hosts.console_output(clone)
        hosts.boot(clone)
        assert hosts.shell(clone, "systemctl is-system-running --wait").strip() == "running"
        assert hosts.shell(clone, "cat /etc/machine-id /etc/ssh/ssh_host_*.pub") == identity
    finally:
        hosts.destroy(clone)
        hosts.delete_image("ami-1")


_ENDLESS = """
from tests.e2e.debian import debian, lone_master
from tests.e2e.stacks import APACHE
import time
with debian(APACHE) as place, lone_master(place) as master:
    print(place.folder, flush=True)
    time.sleep(600)
"""


@pytest.mark.usefixtures("place")
def test_when_a_run_is_killed_its_servers_end_and_the_next_run_removes_what_they_left() -> None:
    run = subprocess.Popen([sys.executable, "-c", _ENDLESS], stdout=subprocess.PIPE, text=True)
    assert run.stdout
    folder = Path(run.stdout.readline().strip())
    assert "/lib/systemd/systemd" in _processes_in(folder.name)

    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()

    deadline = time.monotonic() + 10
    while _processes_in(folder.name):
        assert time.monotonic() < deadline, "its servers run on"
        time.sleep(0.05)
    assert folder.exists()
    with run_folder(folder.parent):
        forget_dead_runs(folder.parent)
    assert not folder.exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"**/clonebot-e2e-{folder.name}-*"))


def _processes_in(run: str) -> str:
    """The commands that run in the cgroups of a run's servers."""
    files = Path("/sys/fs/cgroup").glob(f"**/clonebot-e2e-{run}-*/**/cgroup.procs")
    pids = {pid for file in files for pid in file.read_text().split()}
    listing = ["ps", "-o", "args=", "-p", ",".join(pids)]
    return subprocess.run(listing, check=False, capture_output=True, text=True).stdout if pids else ""
