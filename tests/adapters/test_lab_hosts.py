"""The lab's hosts: real sshd, real rsync, real processes, on loopback."""

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from urllib.error import HTTPError

import pytest

from bot.domain.errors import ServerUnreachable
from bot.lab.hosts import PORT, Hosts
from bot.lab.tools import Tools, find_tools

ROOT = Path(__file__).parents[2]
NETWORK = f"127.{128 + (os.getpid() >> 8) % 100}.{os.getpid() % 256}"
NUMBERS = count(1)
SITE_PORT = 8080


@dataclass
class Lab:
    """Hosts, and how a person with the key uses them."""

    hosts: Hosts
    tools: Tools
    folder: Path
    addresses: dict[str, str] = field(default_factory=dict)

    def claim(self, host: str) -> str:
        return self.addresses.setdefault(host, f"{NETWORK}.{next(NUMBERS)}")

    def master(self) -> None:
        self.hosts.create("i-master", self.claim("i-master"))
        self.hosts.boot("i-master")

    def clone(self, host: str, image: str = "ami-1") -> None:
        self.hosts.clone_disk(host, self.claim(host), image)
        self.hosts.boot(host)

    def address(self, host: str) -> str:
        return self.addresses[host]

    def host_key(self, host: str) -> str:
        shown = self.hosts.console_output(host).partition("-----BEGIN SSH HOST KEY KEYS-----\n")[2]
        return shown.partition("-----END")[0].strip()

    def ssh_options(self, host: str) -> list[str]:
        known = self.folder / f"known-{host}"
        known.write_text(f"[{self.address(host)}]:{PORT} {self.host_key(host)}\n")
        options = ("BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={known}", "ConnectTimeout=3")
        return ["-F", "none", *(part for option in options for part in ("-o", option))]

    def run(self, host: str, command: str, timeout: float = 10) -> subprocess.CompletedProcess[str]:
        where = ["-i", str(self.hosts.key_file), "-p", str(PORT), f"{self.hosts.user}@{self.address(host)}"]
        ssh = [str(self.tools.ssh), *self.ssh_options(host), *where, command]
        return subprocess.run(
            ssh, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout
        )

    def says(self, host: str, command: str) -> str:
        done = self.run(host, command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def url(self, host: str, path: str) -> str:
        return f"http://{self.address(host)}:{SITE_PORT}{path}"

    def fetch(self, host: str, path: str) -> str:
        with urllib.request.urlopen(self.url(host, path), timeout=5) as answer:
            body: bytes = answer.read()
        return body.decode()

    def status(self, host: str, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url(host, path), timeout=5) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    def is_well(self, host: str) -> bool:
        try:
            return self.status(host, "/healthz") == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def tools(pytestconfig: pytest.Config) -> Tools:
    assert pytestconfig.cache
    return find_tools(pytestconfig.cache.mkdir("lab"))


@contextmanager
def opened(tools: Tools, folder: Path) -> Iterator[Lab]:
    hosts = Hosts(folder / "lab", tools)
    try:
        yield Lab(hosts, tools, folder)
    finally:
        hosts.close()


@pytest.fixture
def lab(tools: Tools, tmp_path: Path) -> Iterator[Lab]:
    with opened(tools, tmp_path) as lab:
        yield lab


@pytest.fixture(scope="module")
def calm(tools: Tools, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One master that every test leaves as it was."""
    with opened(tools, tmp_path_factory.mktemp("calm")) as lab:
        lab.master()
        wait_until(lambda: lab.is_well("i-master"))
        yield lab


def wait_until(what: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def processes_of(folder: Path) -> list[str]:
    """What runs anywhere on this machine and has to do with this folder."""
    listing = subprocess.run(
        ["ps", "-eww", "-o", "pid,stat,args"], check=True, capture_output=True, text=True
    ).stdout
    return [line for line in listing.splitlines() if str(folder) in line]


def test_a_login_finds_the_host_and_not_the_machine(calm: Lab) -> None:
    lab = calm
    master, disk = "i-master", lab.hosts.disk("i-master")
    assert lab.says(master, "pwd") == str(disk)
    assert lab.says(master, "echo $HOME") == f"{disk}/home/{lab.hosts.user}"
    assert lab.says(master, "cat ./etc/machine-id") == (disk / "etc/machine-id").read_text().strip()
    assert lab.says(master, "hostname; hostnamectl hostname") == f"{master}\n{master}"
    assert "guestbook.db" in lab.says(master, "crontab -l")
    assert lab.says(master, "command -v systemctl") == f"{disk}/usr/local/bin/systemctl"
    assert lab.run(master, "exit 7").returncode == 7


def test_odd_words_reach_the_host_unchanged(calm: Lab) -> None:
    assert calm.says("i-master", "printf '%s|' 'a b' \"c'd\" '$HOME' 'x;y'") == "a b|c'd|$HOME|x;y|"


def test_the_console_shows_the_key_that_the_host_really_has(calm: Lab) -> None:
    public = calm.hosts.disk("i-master") / "etc/ssh/ssh_host_ed25519_key.pub"
    assert calm.host_key("i-master") == public.read_text().strip()
    assert calm.says("i-master", "echo hello") == "hello"


def test_a_clone_is_a_true_copy_with_a_host_key_and_a_name_of_its_own(lab: Lab) -> None:
    lab.master()
    lab.hosts.snapshot("i-master", "ami-1")
    lab.clone("i-2")
    assert lab.host_key("i-2") != lab.host_key("i-master")
    assert lab.says("i-2", "hostname") == "i-2"
    assert lab.says("i-2", "cat etc/machine-id") == lab.says("i-master", "cat etc/machine-id")
    assert lab.says("i-2", "systemctl is-active site sitedb") == "active\nactive"
    digest = "find var/www/html -type f | sort | xargs cat | sha256sum"
    assert lab.says("i-2", digest) == lab.says("i-master", digest)


def test_a_host_keeps_its_identity_and_its_files_when_it_starts_again(lab: Lab) -> None:
    lab.master()
    key = lab.host_key("i-master")
    lab.says("i-master", "echo kept > kept; touch run/lost")
    lab.hosts.shut_down("i-master")
    lab.hosts.boot("i-master")
    assert lab.host_key("i-master").splitlines()[-1] == key
    assert lab.says("i-master", "cat kept; ls run | grep -c lost || true") == "kept\n0"


def test_an_image_outlives_its_server_until_it_is_deleted(lab: Lab) -> None:
    lab.master()
    lab.hosts.snapshot("i-master", "ami-1")
    lab.hosts.destroy("i-master")
    assert not lab.hosts.disk("i-master").exists()
    lab.clone("i-2")
    assert lab.says("i-2", "hostname") == "i-2"
    lab.hosts.delete_image("ami-1")
    with pytest.raises(subprocess.CalledProcessError):
        lab.hosts.clone_disk("i-3", lab.claim("i-3"), "ami-1")


def test_a_masked_service_starts_neither_by_hand_nor_at_boot(lab: Lab) -> None:
    lab.master()
    lab.says("i-master", "systemctl mask --now sitedb.service")
    assert "is masked" in lab.run("i-master", "systemctl start sitedb").stderr
    lab.hosts.shut_down("i-master")
    lab.hosts.boot("i-master")
    wait_until(lambda: lab.run("i-master", "systemctl is-active site").returncode == 0)
    assert lab.run("i-master", "systemctl is-active sitedb").stdout == "inactive\n"
    assert lab.run("i-master", "systemctl is-enabled sitedb").stdout == "masked\n"
    lab.says("i-master", "systemctl unmask sitedb && systemctl start sitedb")
    assert lab.says("i-master", "systemctl is-active sitedb") == "active"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("is-active site", 0, "active"),
        ("is-active site sitedb", 0, "active\nactive"),
        ("is-enabled site", 0, "enabled"),
        ("is-active --quiet site", 0, ""),
        ("is-active nothing", 3, "inactive"),
        ("status nothing", 4, ""),
        ("start nothing", 5, ""),
        ("stop nothing", 5, ""),
        ("is-enabled nothing", 1, ""),
        ("show -p ActiveState,LoadState site", 0, "ActiveState=active\nLoadState=loaded"),
        ("show --property=ActiveState --value nothing", 0, "inactive"),
        ("show -p MainPID nothing", 0, "MainPID=0"),
        ("list-unit-files", 0, "site.service enabled\nsitedb.service enabled"),
        ("frobnicate site", 1, ""),
    ],
)
def test_systemctl_answers_as_systemd_does(command: str, code: int, said: str, calm: Lab) -> None:
    done = calm.run("i-master", f"systemctl {command}")
    assert (done.returncode, done.stdout.strip()) == (code, said)


def test_systemctl_changes_what_it_is_told_to(lab: Lab) -> None:
    lab.master()
    assert lab.run("i-master", "systemctl disable site; systemctl is-enabled site").stdout == "disabled\n"
    assert lab.run("i-master", "systemctl stop site; systemctl is-active site").stdout == "inactive\n"
    assert lab.run("i-master", "systemctl mask other; systemctl is-enabled other").stdout == "masked\n"
    assert lab.says("i-master", "systemctl enable --now site; systemctl is-active site") == "active"


def test_a_restarted_service_is_a_new_process_that_outlives_the_session(lab: Lab) -> None:
    lab.master()
    first = lab.says("i-master", "systemctl show -p MainPID --value site")
    lab.says("i-master", "systemctl restart site")
    second = lab.says("i-master", "systemctl show -p MainPID --value site")
    assert first != second
    wait_until(lambda: lab.is_well("i-master"))


def test_sessions_leave_neither_processes_nor_zombies(lab: Lab) -> None:
    lab.master()
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(lambda _: lab.says("i-master", "(sleep 0.01 & sleep 0.02 &) >/dev/null 2>&1"), range(8))
        )

    def children() -> list[str]:
        listing = ["ps", "--ppid", str(lab.hosts.process("i-master")), "-o", "stat=,comm="]
        return subprocess.run(listing, check=True, capture_output=True, text=True).stdout.splitlines()

    wait_until(lambda: len(children()) == 3)
    assert not any(line.startswith("Z") for line in children())


def test_a_closed_lab_starts_nothing(lab: Lab) -> None:
    lab.master()
    lab.hosts.close()
    with pytest.raises(ServerUnreachable, match="closed"):
        lab.hosts.boot("i-master")


def test_a_service_that_ends_by_itself_has_failed(lab: Lab) -> None:
    lab.master()
    process = int(lab.says("i-master", "systemctl show -p MainPID --value site"))
    os.kill(process, signal.SIGKILL)
    wait_until(lambda: lab.run("i-master", "systemctl is-active site").stdout == "failed\n")


def test_an_empty_machine_id_is_made_anew(lab: Lab) -> None:
    lab.master()
    before = lab.says("i-master", "cat etc/machine-id")
    made = lab.says("i-master", ": > etc/machine-id; systemd-machine-id-setup; cat etc/machine-id")
    assert len(made) == 32
    assert made != before
    assert lab.says("i-master", "systemd-machine-id-setup; cat etc/machine-id") == made


def offer(lab: Lab, public_key: str, path: str, until: timedelta) -> None:
    """What the bot does on a master: one key, one folder, read only, for a while."""
    content = lab.hosts.disk("i-master") / path
    expires = (datetime.now(UTC) + until).strftime("%Y%m%d%H%MZ")
    keys = lab.hosts.disk("i-master") / f"home/{lab.hosts.user}/.ssh/authorized_keys"
    with keys.open("a") as file:
        file.write(f'command="rrsync -ro {content}",restrict,expiry-time="{expires}" {public_key}\n')


def pull(lab: Lab, *, source: str = "", options: str = "-a --delete", flip: bool = False) -> str:
    """Write the command by which a clone pulls with its own key."""
    lab.says(
        "i-2", f"printf '[%s]:%s %s\\n' {lab.address('i-master')} {PORT} '{lab.host_key('i-master')}' > known"
    )
    ssh = f"ssh -i key -p {PORT} -o BatchMode=yes -o IdentitiesOnly=yes -o UserKnownHostsFile=$PWD/known"
    ends = [f"{lab.hosts.user}@{lab.address('i-master')}:{source}", "./var/www/html/"]
    return f'rsync {options} -e "{ssh}" ' + " ".join(ends[::-1] if flip else ends)


@pytest.fixture
def pair(lab: Lab) -> Lab:
    """A master with a new page, and a clone with a key that has no right anywhere yet."""
    lab.master()
    lab.hosts.snapshot("i-master", "ami-1")
    lab.clone("i-2")
    lab.says("i-master", "echo new > var/www/html/new.html")
    lab.says("i-2", "ssh-keygen -q -t ed25519 -N '' -C sync -f key")
    return lab


def test_a_clone_pulls_the_content_with_a_key_for_just_that(pair: Lab) -> None:
    public = pair.says("i-2", "cat key.pub")
    offer(pair, public, "var/www/html", timedelta(hours=1))
    pair.says("i-2", pull(pair))
    assert pair.says("i-2", "cat var/www/html/new.html") == "new"


def test_that_key_opens_nothing_else(pair: Lab) -> None:
    public = pair.says("i-2", "cat key.pub")
    offer(pair, public, "var/www/html", timedelta(hours=1))
    assert pair.run("i-2", pull(pair, flip=True)).returncode != 0
    assert pair.run("i-2", pull(pair, source="../../../etc/")).returncode != 0
    shell = f"ssh -i key -p {PORT} -o UserKnownHostsFile=$PWD/known {pair.address('i-master')} id"
    assert "uid=" not in pair.run("i-2", shell).stdout


def test_that_key_expires(pair: Lab) -> None:
    offer(pair, pair.says("i-2", "cat key.pub"), "var/www/html", timedelta(minutes=-2))
    assert "Permission denied" in pair.run("i-2", pull(pair)).stderr


def test_ssh_on_a_host_leaves_the_persons_own_files_alone(pair: Lab) -> None:
    offer(pair, pair.says("i-2", "cat key.pub"), "var/www/html", timedelta(hours=1))
    options = f"-i key -p {PORT} -o BatchMode=yes -o StrictHostKeyChecking=accept-new"
    pair.says("i-2", f'rsync -a -e "ssh {options}" {pair.address("i-master")}: ./var/www/html/')
    assert pair.address("i-master") in pair.says("i-2", 'cat "$HOME/.ssh/known_hosts"')


def test_files_travel_by_sftp(lab: Lab) -> None:
    lab.master()
    (lab.folder / "batch").write_text(f"put {ROOT}/pyproject.toml var/tmp/put.toml\n")
    command = ["sftp", *lab.ssh_options("i-master"), "-i", str(lab.hosts.key_file), "-P", str(PORT)]
    target = f"{lab.hosts.user}@{lab.address('i-master')}"
    subprocess.run(
        [*command, "-b", str(lab.folder / "batch"), target], check=True, capture_output=True, timeout=10
    )
    assert (lab.hosts.disk("i-master") / "var/tmp/put.toml").read_bytes() == (
        ROOT / "pyproject.toml"
    ).read_bytes()


def test_a_frozen_host_hangs_and_goes_on_when_thawed(lab: Lab) -> None:
    lab.master()
    wait_until(lambda: lab.is_well("i-master"))
    lab.hosts.freeze("i-master")
    with pytest.raises(subprocess.TimeoutExpired):
        lab.run("i-master", "true", timeout=1)
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(lab.url("i-master", "/"), timeout=0.5)
    lab.hosts.thaw("i-master")
    assert lab.says("i-master", "echo awake") == "awake"
    assert lab.is_well("i-master")


def test_nothing_of_a_host_survives_its_end_not_even_what_hid(lab: Lab) -> None:
    lab.master()
    lab.says(
        "i-master",
        f"(setsid nohup sh -c 'trap : TERM; while :; do sleep 1; : {lab.folder}; done' >/dev/null 2>&1 &)",
    )
    lab.hosts.freeze("i-master")
    assert len(processes_of(lab.folder)) >= 3
    lab.hosts.close()
    assert processes_of(lab.folder) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((lab.address("i-master"), PORT), timeout=1)


LAB_SCRIPT = """
import json, sys
from pathlib import Path
from bot.lab.hosts import Hosts
from bot.lab.tools import find_tools
folder, first, second = Path(sys.argv[1]), *sys.argv[2:4]
hosts = Hosts(folder / "lab", find_tools(Path(sys.argv[4])))
hosts.create("i-master", first)
hosts.boot("i-master")
hosts.snapshot("i-master", "ami-1")
hosts.clone_disk("i-2", second, "ami-1")
hosts.boot("i-2")
hosts.shut_down("i-2")
hosts.boot("i-2")
print("ready", flush=True)
sys.stdin.readline()
hosts.close()
print("closed", flush=True)
"""


def start_lab(
    folder: Path, tools_folder: Path, *before: str, python: str = sys.executable
) -> subprocess.Popen[str]:
    command = [
        *before,
        python,
        "-c",
        LAB_SCRIPT,
        str(folder),
        f"{NETWORK}.{next(NUMBERS)}",
        f"{NETWORK}.{next(NUMBERS)}",
        str(tools_folder),
    ]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "."},
    )


def hear(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_lab_that_is_killed_leaves_nothing_running(tools: Tools, tmp_path: Path) -> None:
    with start_lab(tmp_path, tools.path[0].parents[1]) as process:
        assert hear(process) == "ready"
        assert len(processes_of(tmp_path)) > 4
        process.kill()
        process.wait()
        wait_until(lambda: processes_of(tmp_path) == [])


WATCHED = (
    "/etc",
    "/run",
    "/var/lib/apt",
    "/var/lib/dpkg",
    "/var/cache/apt",
    "/var/log/wtmp",
    "/var/log/btmp",
)


def standing(places: tuple[str, ...]) -> dict[str, tuple[int, int, int]]:
    """Size, time of contents and time of status of every file below these places."""
    homes = [str(home / ".ssh") for home in (Path.home(), *Path("/home").glob("*"))]
    found = {}
    for top in [*places, *homes, "/var/log/lastlog"]:
        walk = os.walk(top) if Path(top).is_dir() else [("/", [], [top])]
        for folder, folders, files in walk:
            for name in (*folders, *files, "."):
                if (path := Path(folder, name)).exists():
                    facts = path.lstat()
                    found[str(path)] = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    found.pop("/", None)
    return found


def test_the_lab_changes_nothing_outside_its_folder(lab: Lab) -> None:
    before = standing(WATCHED)
    lab.master()
    lab.hosts.snapshot("i-master", "ami-1")
    lab.clone("i-2")
    lab.says(
        "i-2", "systemctl mask --now sitedb; systemctl restart site; hostname new-name; systemctl status site"
    )
    lab.run("i-2", "ssh -o BatchMode=yes -p 2222 nobody-else@127.0.0.1 true")
    lab.hosts.close()
    assert standing(WATCHED) == before


def as_root_only() -> None:
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if os.geteuid() or subprocess.run(trial, check=False, capture_output=True).returncode:
        pytest.skip("needs root that may mount")


def test_root_needs_to_write_nowhere_but_in_the_labs_folder(tools: Tools, tmp_path: Path) -> None:
    as_root_only()
    script = (
        'mount --bind "$0" "$0" && mount --bind "$1" "$1" && mount -o remount,bind,ro / && shift && exec "$@"'
    )
    tools_folder = tools.path[0].parents[1]
    alone = ("unshare", "--mount", "sh", "-ec", script, str(tmp_path), str(tools_folder))
    with start_lab(tmp_path, tools_folder, *alone) as process:
        assert hear(process) == "ready"
        process.communicate("\n", timeout=10)
        assert process.returncode == 0


CONTAINER = """
mount -t tmpfs tmpfs /run
setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$@"
test ! -e /run/sshd
"""


def test_root_in_a_container_that_forbids_mounts_has_a_lab_too(tools: Tools, tmp_path: Path) -> None:
    as_root_only()
    with start_lab(
        tmp_path, tools.path[0].parents[1], "unshare", "--mount", "sh", "-ec", CONTAINER, "sh"
    ) as process:
        assert hear(process) == "ready"
        said, _ = process.communicate("\n", timeout=10)
    assert (said.strip(), process.returncode) == ("closed", 0)


ORDINARY = """
mount -t tmpfs tmpfs /mnt; mkdir /mnt/python /mnt/code /mnt/packages /mnt/home; chown 4242 /mnt/home
mount --bind "$1" /mnt/python; mount --bind "$2" /mnt/code; mount --bind "$3" /mnt/packages
{ grep -v ^ada: /etc/passwd; echo 'ada:x:4242:4242::/mnt/home:/bin/bash'; } > /mnt/passwd
mount --bind /mnt/passwd /etc/passwd
echo 'echo NOISE; PATH=/nowhere; touch /mnt/home/touched' > /mnt/home/.bashrc
cd /mnt/code; shift 3
exec setpriv --reuid=4242 --regid=4242 --clear-groups env -i HOME=/mnt/home PATH=/usr/bin:/bin \
  PYTHONPATH=.:/mnt/packages PYTHONDONTWRITEBYTECODE=1 "$@"
"""


def test_an_ordinary_user_has_a_lab_with_what_the_system_offers_or_fetched(tmp_path: Path) -> None:
    as_root_only()
    python = Path(sys.executable).resolve()
    needed = (str(python.parents[1]), str(ROOT), sysconfig.get_path("purelib"))
    become = ("unshare", "--mount", "sh", "-ec", ORDINARY, "sh", *needed)
    folder = Path("/mnt/home/the lab")
    with start_lab(folder, folder / "cache", *become, python=f"/mnt/python/bin/{python.name}") as process:
        assert hear(process) == "ready"
        owners = subprocess.run(
            ["ps", "-eww", "-o", "uid,args"], check=True, capture_output=True, text=True
        ).stdout
        ours = [
            line.split()[0]
            for line in owners.splitlines()
            if "/mnt/home/the lab" in line and "unshare" not in line
        ]
        assert len(ours) > 2
        assert set(ours) == {"4242"}
        said, _ = process.communicate("\n", timeout=10)
    assert said.strip() == "closed"
    assert list(tmp_path.iterdir()) == []


def test_a_host_whose_address_is_taken_says_so(lab: Lab) -> None:
    with socket.create_server((lab.claim("i-master"), PORT)):
        lab.hosts.create("i-master", lab.claim("i-master"))
        with pytest.raises(ServerUnreachable, match="Address already in use"):
            lab.hosts.boot("i-master")
    lab.hosts.boot("i-master")
    assert lab.says("i-master", "echo hello") == "hello"


def test_many_hosts_start_at_once(lab: Lab) -> None:
    lab.master()
    lab.hosts.snapshot("i-master", "ami-1")

    names = [f"i-{number}" for number in range(12)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lab.clone, names))
    assert len({lab.host_key(name) for name in names}) == 12


def point_to_master(lab: Lab, host: str) -> None:
    """What the recipe does on a clone."""
    edit = f"sed -i 's/^db_host = localhost$/db_host = {lab.address('i-master')}/' etc/site.conf"
    lab.says(host, f"systemctl mask --now sitedb && {edit} && systemctl restart site")
    wait_until(lambda: lab.is_well(host))


def post(lab: Lab, host: str, path: str, body: bytes, kind: str) -> dict[str, str]:
    request = urllib.request.Request(lab.url(host, path), body, {"Content-Type": kind}, method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["X-Served-By"] == host
        facts: dict[str, str] = json.load(answer)
    return facts


@pytest.fixture
def site(lab: Lab) -> Lab:
    lab.master()
    wait_until(lambda: lab.is_well("i-master"))
    return lab


def test_the_front_page_says_which_server_answered(calm: Lab) -> None:
    page = calm.fetch("i-master", "/")
    assert "Riverbend Rowing Club" in page
    assert '<span class="served">i-master</span>' in page
    assert calm.status("i-master", "/newsletter/1999/1.html") == 200
    assert calm.status("i-master", "/about/") == 200
    assert calm.status("i-master", "/images/boat.svg") == 200


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../../etc/site.conf",
        "/%2e%2e/%2e%2e/%2e%2e/etc/machine-id",
        "/uploads/",
        "/..%2f..",
        "/%00",
    ],
)
def test_nothing_but_the_content_is_served(path: str, calm: Lab) -> None:
    assert calm.status("i-master", path) == 404


def test_a_guestbook_entry_made_through_a_clone_is_in_the_masters_database(site: Lab) -> None:
    site.hosts.snapshot("i-master", "ami-1")
    site.clone("i-2")
    point_to_master(site, "i-2")
    post(site, "i-2", "/guestbook", b"name=Ada&text=Ahoy+%3Cb%3E", "application/x-www-form-urlencoded")
    assert "<b>Ada</b> Ahoy &lt;b&gt;" in site.fetch("i-master", "/")
    with sqlite3.connect(site.hosts.disk("i-master") / "var/lib/sitedb/guestbook.db") as database:
        assert database.execute("select name, text, via from entries").fetchall() == [
            ("Ada", "Ahoy <b>", "i-2")
        ]
    assert json.loads(site.fetch("i-2", "/guestbook"))["entries"][0]["via"] == "i-2"


def test_uploads_arrive_whole_by_form_or_as_they_are(calm: Lab) -> None:
    data = os.urandom(300_000)
    assert (
        post(calm, "i-master", "/upload?name=boat.bin", data, "application/octet-stream")["uploaded"]
        == "boat.bin"
    )
    form = (
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="../a b.bin"\r\n\r\n'
        + data
        + b"\r\n--xyz--\r\n"
    )
    facts = post(calm, "i-master", "/upload", form, "multipart/form-data; boundary=xyz")
    assert facts["url"] == "uploads/a%20b.bin"
    uploads = calm.hosts.disk("i-master") / "var/www/html/uploads"
    assert {path.name for path in uploads.iterdir() if path.read_bytes() == data} == {"boat.bin", "a b.bin"}


def test_a_browser_is_told_which_server_keeps_its_upload(calm: Lab) -> None:
    headers = {"Content-Type": "application/octet-stream", "Accept": "text/html"}
    address = calm.url("i-master", "/upload?name=b%26w.txt")
    with urllib.request.urlopen(
        urllib.request.Request(address, b"x", headers, method="POST"), timeout=5
    ) as page:
        text = page.read().decode()
    assert '<a href="uploads/b_w.txt">b_w.txt</a> is kept on <span class="served">i-master</span>' in text


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/upload", b"x", 400),
        ("/guestbook", b"name=x", 400),
        ("/elsewhere", b"x", 404),
        ("/guestbook", b"x" * 70_000, 413),
    ],
)
def test_what_the_site_does_not_understand_it_refuses(path: str, body: bytes, code: int, calm: Lab) -> None:
    with pytest.raises(HTTPError) as refused:
        post(calm, "i-master", path, body, "text/plain")
    assert refused.value.code == code


def test_a_site_without_its_database_is_not_well_but_still_shows_its_pages(site: Lab) -> None:
    site.says("i-master", "systemctl stop sitedb")
    assert site.status("i-master", "/healthz") == 503
    assert "guestbook is asleep" in site.fetch("i-master", "/")


def test_one_connection_serves_many_requests(calm: Lab) -> None:
    connection = http.client.HTTPConnection(calm.address("i-master"), SITE_PORT, timeout=5)
    for method, path in [
        ("GET", "/"),
        ("HEAD", "/"),
        ("POST", "/elsewhere"),
        ("GET", "/robots.txt"),
        ("GET", "/healthz"),
    ]:
        connection.request(method, path, b"body" if method == "POST" else None)
        first = connection.sock
        answer = connection.getresponse()
        assert answer.headers["X-Served-By"] == "i-master"
        assert (answer.read() == b"") == (method == "HEAD")
        assert connection.sock is first
    connection.close()


def test_the_site_bears_many_visitors_at_once(calm: Lab) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        pages = list(pool.map(lambda _: calm.fetch("i-master", "/"), range(100)))
    assert all("served" in page for page in pages)
    assert 100 / (time.monotonic() - began) > 50
