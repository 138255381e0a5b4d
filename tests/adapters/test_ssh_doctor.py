"""The doctor's pass over a master: what the script sees on a disk, what it leaves alone, what it survives."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.doctor.facts import Container, Kind, Mount, Origin, ServerFacts, Socket
from bot.domain.doctor.finding import Severity
from bot.domain.doctor.server import examine_server
from bot.domain.errors import RemoteFailed
from bot.domain.fleet import Content, FleetSpec, Health, Recipe, Rewrite
from bot.lab.aws.furnish import Furnished
from bot.lab.fleet_file import fleet_file
from bot.lab.hosts import Hosts
from bot.settings import load
from bot.ssh.doctor.facts import read_facts
from bot.ssh.doctor.files import read_settings
from bot.ssh.doctor.machine import (
    read_connections,
    read_containers,
    read_mounts,
    read_sockets,
    units_of_processes,
)
from bot.ssh.doctor.script import inspecting, limits
from bot.ssh.doctor.sections import Section
from bot.ssh.doctor.units import read_units
from bot.ssh.shell import source
from tests.adapters.conftest import NETWORK
from tests.adapters.servers_worlds import PAGES, RealServers
from tests.domain.doctor_examples import fleet

ARN = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup"
PRIVATE_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n"


def write(root: Path, path: str, text: str = "x\n", mode: int = 0o644) -> None:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    place.chmod(mode)


def inspected(root: Path, spec: FleetSpec, *, enough: int = 0, **more: Any) -> ServerFacts:
    """Run the script here, with this folder as the server's root, and no systemd."""
    asked = inspecting(spec, root=True)
    if enough:
        asked = replace(asked, values={**asked.values, "enough": str(enough)})
    script = source(asked, root=str(root), mark="began")
    path = f"{root}/usr/local/bin:{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-s"], input=script.encode(), capture_output=True, check=True, env={"PATH": path}, **more
    )
    return read_facts(ran.stdout.partition(b"began\n")[2], spec.content.exclude)


def lay_out(root: Path) -> Path:
    """Make a server's disk on which things only look wrong."""
    write(root, f"{PAGES}/index.php")
    write(root, "/usr/bin/cloud-init", mode=0o755)
    write(root, "/usr/local/bin/systemctl", "#!/bin/sh\nexit 1\n", 0o755)
    write(root, "/etc/machine-id", "4f1c2d\n")
    write(root, "/etc/cron.d/.placeholder", "# nothing\n")
    write(root, "/etc/crontab", "# 17 3 * * * root /usr/local/bin/bill\nSHELL=/bin/sh\n")
    write(root, "/etc/mysql/debian.cnf", "[client]\nhost = localhost\n")
    write(root, "/etc/nginx/sites-available/old", "ssl_certificate /etc/x.pem;\n")
    write(root, "/usr/share/doc/openssl/demo.key", PRIVATE_KEY)
    write(root, "/var/lib/packagekit/transactions.db")
    write(root, f"{PAGES}/.env.example", "DB_HOST=localhost\nDB_PASSWORD=changeme\n")
    write(root, f"{PAGES}/config.php", "# DB_HOST was 'localhost'\n// define('DB_HOST', 'localhost');\n")
    write(root, "/var/spool/cron/crontabs/bob", "# m h dom mon dow command\n\n")
    return root


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    return lay_out(tmp_path)


def places(root: Path, spec: FleetSpec | None = None) -> list[tuple[int, str]]:
    findings = examine_server(inspected(root, spec or fleet()), spec or fleet()).findings
    return [(each.pitfall, each.where) for each in findings if each.severity is not Severity.FIXED]


def test_a_disk_on_which_things_only_look_wrong_has_no_findings(disk: Path) -> None:
    assert places(disk) == []


SEEDS = (
    ("/etc/cron.d/billing", "0 3 * * * bob /opt/bill", 6, "/etc/cron.d/billing: 0 3 * * * /opt/bill"),
    ("/etc/crontab", "@daily root /opt/bill", 6, "/etc/crontab: @daily /opt/bill"),
    ("/var/spool/cron/crontabs/bob", "*/5 * * * * /opt/bill", 6, "crontab:bob: */5 * * * * /opt/bill"),
    ("/var/spool/cron/carol", "1 2 3 4 5 /opt/bill", 6, "crontab:carol: 1 2 3 4 5 /opt/bill"),
    ("/var/spool/cron/atjobs/a00001019c", "#!/bin/sh\nbill", 6, "at:a00001019c: once"),
    ("/home/bob/.config/systemd/user/bill.timer", "[Timer]", 6, ""),
    ("/srv/shop/.env", "DB_HOST=127.0.0.1", 8, ""),
    (f"{PAGES}/inc/db.php", "<?php\n  $db = new mysqli('localhost', 'u', 'p');", 8, ""),
    ("/etc/shop.ini", "database_host = localhost", 8, ""),
    (f"{PAGES}/data/guests.sqlite", "SQLite format 3", 9, ""),
    ("/srv/shop/db.sqlite3", "SQLite format 3", 9, ""),
    ("/srv/blog/.env", "SESSION_DRIVER=file", 10, ""),
    (f"{PAGES}/web.pid", "1", 12, ""),
    ("/srv/shop/app.conf", "worker_id = 1", 13, ""),
    ("/opt/erp/server.lic", "x", 14, ""),
    ("/var/ossec/etc/client.keys", "1", 16, ""),
    ("/var/lib/filebeat/registry/log.json", "1", 17, "/var/lib/filebeat/registry"),
    ("/root/.ssh/authorized_keys", "ssh-ed25519 AAAA ada@home", 4, ""),
    ("/home/bob/.ssh/id_rsa", PRIVATE_KEY, 19, ""),
    ("/home/bob/.aws/credentials", "[default]", 19, ""),
    ("/etc/ssl/private/club.key", PRIVATE_KEY, 19, ""),
    ("/srv/shop/config.php", "$password = 'hunter22';", 19, ""),
    ("/root/.bash_history", "mysql -psecret", 19, ""),
    ("/etc/fstab", "/dev/xvdf /data ext4 defaults 0 2", 22, "/data"),
    ("/etc/cloud/cloud.cfg.d/x.cfg", "manual_cache_clean: true", 3, ""),
    ("/etc/cloud/cloud.cfg.d/y.cfg", "bootcmd:\n - [ /opt/join ]", 3, ""),
    ("/var/spool/postfix/deferred/A/A1", "x", 7, "/var/spool/postfix"),
    (f"{PAGES}/.git/config", "x", 42, f"{PAGES}/.git"),
    ("/srv/wiki/.env", "APP_URL=http://203.0.113.7", 29, ""),
    ("/etc/nginx/sites-enabled/a", "proxy_set_header Upgrade $u;", 30, ""),
    ("/etc/cron.d/offsite", "0 1 * * * root restic backup /", 32, "/etc/cron.d/offsite: 0 1 * * * restic"),
    ("/etc/cron.d/pull", "0 1 * * * root ansible-pull x", 33, ""),
    ("/etc/cron.d/tls", "0 1 * * * root certbot renew", 34, "/etc/cron.d/tls: 0 1 * * * certbot"),
    ("/etc/postfix/main.cf", "myhostname = shop.example", 5, ""),
)


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str]]:
    """What is found on a disk with all seeds: the script runs once."""
    root = lay_out(tmp_path_factory.mktemp("seeded"))
    for path, text, _, _ in SEEDS:
        write(root, path, f"{text}\n")
    return places(root)


@pytest.mark.parametrize(
    ("path", "pitfall", "where"), [(path, number, where) for path, _, number, where in SEEDS]
)
def test_what_is_seeded_is_found_and_named(
    seeded: list[tuple[int, str]], path: str, pitfall: int, where: str
) -> None:
    assert (pitfall, where or path) in seeded


def test_a_script_for_every_day_is_found_and_what_it_does_is_told(disk: Path) -> None:
    write(disk, "/etc/cron.daily/copy", "#!/bin/sh\nmysqldump shop | gzip >/mnt/x\n", 0o755)
    write(disk, "/etc/cron.daily/copy.dpkg-old", "#!/bin/sh\nbill\n", 0o755)
    write(disk, "/etc/cron.daily/asleep", "#!/bin/sh\nbill\n", 0o644)
    assert places(disk) == [(32, "/etc/cron.daily/copy: daily")]


def test_a_job_or_timer_is_judged_by_what_its_script_does(disk: Path) -> None:
    write(disk, "/usr/local/sbin/nightly", "#!/bin/sh\ncd /srv\nrestic backup .\n", 0o755)
    write(disk, "/etc/cron.d/nightly", "40 2 * * * root /usr/local/sbin/nightly\n")
    assert places(disk) == [(32, "/etc/cron.d/nightly: 40 2 * * * /usr/local/sbin/nightly")]


def test_the_script_for_the_end_of_booting_is_a_job_if_it_may_run_and_does_anything(disk: Path) -> None:
    write(disk, "/etc/rc.local", "#!/bin/sh -e\n# by hand\nexit 0\n", 0o755)
    assert places(disk) == []
    write(disk, "/etc/rc.local", "#!/bin/sh\n/opt/queue &\nexit 0\n", 0o644)
    assert places(disk) == []
    (disk / "etc/rc.local").chmod(0o755)
    assert places(disk) == [(6, "/etc/rc.local: at boot /opt/queue")]
    assert places(disk, fleet(services=("rc-local",))) == []


def test_cron_of_debian_reads_no_names_with_a_dot(disk: Path) -> None:
    write(disk, "/etc/cron.d/bill.disabled", "* * * * * root /opt/bill\n")
    assert [number for number, _ in places(disk)] == [6]
    write(disk, "/var/lib/dpkg/status", "Package: php\nConffiles:\n /etc/cron.d/php 0123\n")
    assert places(disk) == []


def test_each_unit_is_read_whole_whichever_of_its_properties_comes_first() -> None:
    shown = (
        "ExecStart={ path=/bin/a ; argv[]=/bin/a -f ; ignore_errors=no }",
        "User=ann", "Id=a.service", "ActiveState=active", "",
        "Unit=b.service", "Id=b.timer", "Triggers=b.service", "",
        "ExecStart={ path=/bin/b ; argv[]=/bin/b ; ignore_errors=no }", "User=", "Id=b.service",
    )  # fmt: skip
    units = {unit.name: (unit.command, unit.user, unit.triggers) for unit in read_units(shown, ())}
    assert units == {
        "a.service": ("/bin/a -f", "ann", ""),
        "b.timer": ("", "", "b.service"),
        "b.service": ("/bin/b", "", ""),
    }


def test_a_job_of_a_package_is_known_until_somebody_changes_it(disk: Path) -> None:
    text = "30 4 * * * root /usr/lib/php/sessionclean\n"
    write(disk, "/etc/cron.d/php", text)
    digest = subprocess.run(
        ["md5sum"], input=text, capture_output=True, text=True, check=True
    ).stdout.split()[0]
    write(disk, "/var/lib/dpkg/status", f"Package: php\nConffiles:\n /etc/cron.d/php {digest}\n")
    assert inspected(disk, fleet()).jobs[0].origin is Origin.PACKAGE
    assert places(disk) == []
    write(disk, "/etc/cron.d/php", "30 4 * * * root /opt/bill\n")
    assert places(disk) == [(6, "/etc/cron.d/php: 30 4 * * * /opt/bill")]


def test_folders_for_uploads_are_found_and_the_sync_says_what_it_leaves_out(disk: Path) -> None:
    for name in ("wp-content/uploads", "open", "cache/pages"):
        (disk / f"{PAGES}/{name}".lstrip("/")).mkdir(parents=True)
    (disk / f"{PAGES}/open".lstrip("/")).chmod(0o777)
    spec = fleet(exclude=("cache/",))
    assert places(disk, spec) == [(11, f"{PAGES}/open"), (11, f"{PAGES}/wp-content/uploads")]
    seen = {file.path: file.excluded for file in inspected(disk, spec).content if file.kind is Kind.FOLDER}
    assert seen[f"{PAGES}/cache/pages"]
    assert not seen[f"{PAGES}/open"]


def test_content_without_any_file_is_known_from_content_that_is_missing(disk: Path) -> None:
    for name in ("bare/pages", "full/pages"):
        (disk / "srv" / name).mkdir(parents=True)
    (disk / "srv/full/pages/index.html").touch()
    paths = tuple(f"/srv/{name}" for name in ("bare", "full", "gone"))
    spec = replace(fleet(), content=Content(paths=paths))

    assert inspected(disk, spec).empty == ("/srv/bare",)


OFF = {
    "/etc/cloud/cloud-init.disabled": "",
    "/etc/cloud/ds-identify.cfg": "policy: disabled\n",
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet cloud-init=disabled"\n',
    "/etc/default/grub.d/50-x.cfg": "GRUB_CMDLINE_LINUX=cloud-init=disabled\n",
    "/boot/grub/grub.cfg": "\tlinux /vmlinuz ro cloud-init=disabled\n",
    "/boot/loader/entries/6.1.conf": "options ro cloud-init=disabled\n",
}


def test_what_turns_cloud_init_off_is_named(disk: Path) -> None:
    write(disk, "/etc/cloud/ds-identify.cfg", "# policy: disabled\npolicy: search,found=all\n")
    write(disk, "/etc/default/grub", "# cloud-init=disabled\nGRUB_TIMEOUT=5\n")
    assert inspected(disk, fleet()).cloud_init_off == ()
    for path, text in OFF.items():
        write(disk, path, text)
    facts = inspected(disk, fleet())
    assert (facts.cloud_init, set(facts.cloud_init_off)) == (True, set(OFF))


def test_what_cloud_init_left_behind_is_no_cloud_init(disk: Path) -> None:
    (disk / "usr/bin/cloud-init").unlink()
    write(disk, "/var/lib/cloud/data/instance-id", "i-1\n")
    assert not inspected(disk, fleet()).cloud_init


def test_a_relay_of_ours_is_found_unless_it_is_empty(disk: Path) -> None:
    write(disk, "/etc/nginx/clonebot-relay.conf", "")
    write(disk, "/etc/apache2/conf-enabled/000-clonebot-relay.conf", "RewriteRule ^ x [P]\n")
    assert places(disk) == [(11, "/etc/apache2/conf-enabled/000-clonebot-relay.conf")]


UNIT = "[Mount]\nWhat=/dev/disk/by-uuid/9f\nWhere = {}\nType=ext4\nOptions=nofail\n[Install]\nWantedBy=x\n"


def test_units_that_mount_something_at_boot_are_read_as_fstab_is(disk: Path) -> None:
    units = "/etc/systemd/system"
    for name in ("srv-a", "srv-b", "srv-c"):
        write(disk, f"{units}/{name}.mount", UNIT.format(name.replace("srv-", "/srv/")))
    write(disk, f"{units}/srv-b.automount", "[Automount]\nWhere=/srv/b\n")
    for wants in ("local-fs.target.requires/srv-a.mount", "multi-user.target.wants/srv-b.automount"):
        (disk / f"{units}/{wants}".lstrip("/")).parent.mkdir()
        (disk / f"{units}/{wants}".lstrip("/")).symlink_to(f"{units}/{wants.partition('/')[2]}")
    write(disk, "/etc/fstab", "UUID=1 / ext4 defaults 0 1\n")
    planned = inspected(disk, fleet()).fstab
    assert [(m.device, m.where, m.kind, m.options, m.file) for m in planned] == [
        ("UUID=1", "/", "ext4", "defaults", "/etc/fstab"),
        *(("UUID=9f", f"/srv/{x}", "ext4", "nofail", f"{units}/srv-{x}.mount") for x in "ab"),
    ]


ASKS = "<?php\n// no database\n$db = new PDO('mysql:host=db', 'u', 'geheim');\n"


def test_health_pages_that_say_too_little_or_ask_too_much_are_found(disk: Path) -> None:
    def told() -> set[str]:
        return {where for pitfall, where in places(disk, spec) if pitfall == 43}

    spec = replace(fleet(), health=Health(path="/healthz"))
    write(disk, "/etc/apache2/sites-enabled/000.conf", "  DocumentRoot /srv/www\n")
    write(disk, f"{PAGES}/healthz/index.php", "<?php\n# SELECT\necho 'well';\n")
    assert told() == set()
    write(disk, f"{PAGES}/healthz/index.php", ASKS)
    write(disk, f"{PAGES}/healthz/index.html", "well\n")
    write(disk, "/srv/www/healthz", "well\n")
    write(disk, "/etc/nginx/conf.d/x.conf", "location = /healthz {\n  return 200;\n}\n")
    write(disk, "/etc/apache2/sites-enabled/x.conf", "RewriteRule ^/?healthz$ - [R=200,L]\n")
    assert told() == {
        f"{PAGES}/healthz/index.php",
        f"{PAGES}/healthz/index.html",
        "/srv/www/healthz",
        "/etc/nginx/conf.d/x.conf",
        "/etc/apache2/sites-enabled/x.conf",
    }
    assert "geheim" not in repr([line.text for line in inspected(disk, spec).health_lines])


def test_folders_beside_the_content_that_changed_of_late_are_read(disk: Path) -> None:
    for name in ("srv/exports", "srv/old", "opt/app/cache", "opt/app/.git", "var/lib/dpkg/info"):
        write(disk, f"/{name}/file")
        (disk / name).chmod(0o777)
    (disk / "srv/empty").mkdir(mode=0o777)
    os.utime(disk / "srv/old", (0, 0))
    told = {folder.path for folder in inspected(disk, fleet()).written}
    assert told >= {"/srv/exports", "/opt/app/cache"}
    assert not told & {"/srv/old", "/srv/empty", "/opt/app/.git", "/var/lib/dpkg/info", PAGES}


def test_when_its_time_is_up_what_was_read_is_kept_and_the_rest_is_not_checked(disk: Path) -> None:
    write(disk, "/etc/cron.d/billing", "0 3 * * * bob /opt/bill\n")
    write(disk, "/usr/local/bin/find", "#!/bin/sh\nexec sleep 30\n", 0o755)
    facts = inspected(disk, fleet(), enough=3)
    assert [job.source for job in facts.jobs] == ["/etc/cron.d/billing"]
    late = {each.part for each in facts.unread if each.unreached}
    assert late >= {"fstab", "content", "settings"}
    assert "it took too long to read" in {each.why for each in facts.missing("jobs")}
    assert not facts.whole
    seen = examine_server(facts, fleet())
    assert "/etc/cron.d/billing: 0 3 * * * /opt/bill" in {each.where for each in seen.findings}
    assert {"secrets", "uploads"} <= {each.check for each in seen.not_checked}


def test_a_link_that_leads_out_is_found(disk: Path) -> None:
    (disk / f"{PAGES}/pictures".lstrip("/")).symlink_to("/srv/pictures")
    assert places(disk) == [(41, f"{PAGES}/pictures")]


def test_names_with_anything_in_them_are_read_or_left_out_and_break_nothing(disk: Path) -> None:
    for name in (
        "with space.sqlite",
        "ünï.sqlite",
        "-rf.sqlite",
        "$(id).sqlite",
        "new\nline.sqlite",
        "a\tb.sqlite",
    ):
        write(disk, f"{PAGES}/{name}")
    told = {where.rpartition("/")[2] for pitfall, where in places(disk) if pitfall == 9}
    assert told == {"with space.sqlite", "ünï.sqlite", "-rf.sqlite", "$(id).sqlite"}


def test_secrets_do_not_leave_the_server_in_the_facts(disk: Path) -> None:
    write(disk, "/srv/shop/.env", "DATABASE_URL=mysql://shop:hunter22@localhost/shop\nAPI_TOKEN=hunter22\n")
    write(disk, f"{PAGES}/db.php", "<?php\n$l = mysqli_connect('localhost', 'shop', 'hunter22');\n")
    write(
        disk, f"{PAGES}/wp-config.php", "define('DB_PASSWORD', 'hunter22'); define('DB_HOST', 'localhost');\n"
    )
    facts = inspected(disk, fleet())
    assert [line.text for line in facts.settings if "hunter22" in line.text] == []
    assert {"/srv/shop/.env", f"{PAGES}/wp-config.php"} <= set(facts.secrets)


def test_looking_changes_nothing(disk: Path) -> None:
    write(disk, "/srv/shop/.env", "DB_HOST=localhost\n")
    before = snapshot(disk)
    inspected(disk, fleet())
    assert snapshot(disk) == before


def snapshot(root: Path, but: tuple[str, ...] = ()) -> dict[str, tuple[int, int, int]]:
    """When each file was changed, and its size; `but` names what is written all the time."""
    written = tuple(str(root / each) for each in but)
    stats = {
        str(path): os.lstat(path) for path in (root, *root.rglob("*")) if not str(path).startswith(written)
    }
    return {path: (each.st_mtime_ns, each.st_ctime_ns, each.st_size) for path, each in stats.items()}


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_an_account_without_sudo_says_what_it_may_not_read(disk: Path) -> None:
    write(disk, "/var/spool/cron/crontabs/bob", "1 2 3 4 5 /opt/bill\n", 0o600)
    (disk / "var/spool/cron/crontabs").chmod(0o700)
    for folder in (disk, *disk.parents):
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o777 == 0o700:
            folder.chmod(0o711)
    facts = inspected(disk, fleet(), user=65534, group=65534, cwd="/")
    assert "/var/spool/cron/crontabs" in {each.path.removesuffix("/*") for each in facts.missing("jobs")}
    told = [each for each in examine_server(facts, fleet()).not_checked if each.check == "cron-jobs"]
    assert any("may not read /var/spool/cron/crontabs" in each.why for each in told)


UNITS = """\
Id=cron.service
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
FragmentPath=/lib/systemd/system/cron.service
ExecStart={ path=/usr/sbin/cron ; argv[]=/usr/sbin/cron -f ; ignore_errors=no ; pid=1 ; status=0/0 }

Id=bill.timer
LoadState=loaded
ActiveState=active
SubState=waiting
UnitFileState=enabled
FragmentPath=/etc/systemd/system/bill.timer
Unit=bill.service
Triggers=bill.service

Id=gone.service
LoadState=not-found
ActiveState=inactive
redis-server.service disabled enabled
old.timer masked enabled
cron.service enabled enabled
"""


def test_units_are_read_as_systemctl_shows_and_lists_them() -> None:
    units = {
        unit.name: unit for unit in read_units(UNITS.splitlines(), ["site.service loaded active running x"])
    }
    assert set(units) == {"cron.service", "bill.timer", "redis-server.service", "old.timer", "site.service"}
    assert (units["cron.service"].command, units["cron.service"].sleeps) == ("/usr/sbin/cron -f", False)
    assert (units["bill.timer"].triggers, units["bill.timer"].by_hand) == ("bill.service", True)
    assert units["redis-server.service"].sleeps
    assert units["old.timer"].masked


def test_sockets_connections_and_mounts_are_read_as_the_kernel_shows_them() -> None:
    units = units_of_processes(
        [
            "/proc/77/cgroup\t0::/system.slice/mariadb.service",
            "/proc/78/cgroup\t1:name=systemd:/system.slice/club.service",
            "/proc/79/cgroup\t0::/user.slice/user-0.slice/session-3.scope",
        ]
    )
    sockets = tuple(
        read_sockets(
            [
                'tcp LISTEN 0 80 127.0.0.1:3306 0.0.0.0:* users:(("mariadbd",pid=77,fd=20))',
                "tcp LISTEN 0 511 *:80 *:*",
                'tcp LISTEN 0 9 [::]:8000 [::]:* users:(("gunicorn",pid=80,fd=5),("gunicorn",pid=78,fd=5))',
                "udp UNCONN 0 0 127.0.0.1:323 0.0.0.0:*",
                "nonsense",
            ],
            units,
        )
    )
    assert sockets == (
        Socket(address="127.0.0.1", port=3306, process="mariadbd", unit="mariadb.service"),
        Socket(address="*", port=80),
        Socket(address="[::]", port=8000, process="gunicorn", unit="club.service"),
    )
    assert [socket.local for socket in sockets] == [True, False, False]
    line = '0 0 10.0.0.5:51000 [::ffff:93.184.215.14]:443 users:(("php-fpm",pid=9,fd=1))'
    (talk,) = read_connections([line, "x"])
    assert (talk.peer, talk.port, talk.local_port, talk.process) == ("93.184.215.14", 443, 51000, "php-fpm")
    assert list(read_mounts(["# x", "UUID=1 /data ext4 nofail 0 2", "", "x"])) == [
        Mount(device="UUID=1", where="/data", kind="ext4", options="nofail")
    ]


def test_containers_are_read_as_the_engine_lists_them() -> None:
    lines = [
        "db\tmysql:8\trunning",
        "old\tmysql:5\texited",
        "nonsense",
        "Cannot connect to the Docker daemon",
    ]
    assert list(read_containers(lines)) == [Container(name="db", image="mysql:8")]


def test_what_was_cut_or_took_too_long_or_never_came_is_not_checked() -> None:
    size = limits()["tables"]
    output = (
        b"units\ta.service enabled x\n!124\0tables\t" + b"x" * size + b"\0mounts\tproc /proc proc\n/dev/x"
    )
    facts = read_facts(output, ())
    assert [mount.where for mount in facts.mounts] == ["/proc"]
    assert "there was more of it than I read" in {each.why for each in facts.missing("mounts")}
    assert "it took too long to read" in {each.why for each in facts.missing("units")}
    assert "there was more of it than I read" in {each.why for each in facts.missing("jobs")}
    assert {each.why for each in facts.missing("sockets")} == {"the server said nothing about it"}


@given(st.binary(max_size=2000))
def test_garbage_gives_facts_that_say_what_is_missing_and_never_an_error(garbage: bytes) -> None:
    examine_server(read_facts(garbage, ("cache/",)), fleet())


NAMES = sorted(limits())
HALF_RIGHT = [*UNITS.splitlines(), "path\t/x", "f\t644\t1\troot\troot\t1.5\t./a.db\t", "!124", "=", "\t"]
LINES = st.lists(
    st.one_of(
        st.text(max_size=60),
        st.sampled_from(HALF_RIGHT),
    ),
    max_size=12,
).map("\n".join)  # fmt: skip


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), LINES))
def test_nonsense_in_any_section_never_is_an_error(sections: dict[str, str]) -> None:
    output = b"".join(f"{name}\t{text}".encode(errors="replace") + b"\0" for name, text in sections.items())
    facts = read_facts(output, ("cache/",))
    examine_server(facts, fleet())
    assert len({each.part for each in facts.unread}) > 0 or len(sections) == len(NAMES)


def test_passwords_in_a_line_are_hidden_and_the_rest_is_kept() -> None:
    lines = (
        "/a\tDSN=mysql://u:geheim@localhost/x",
        "/a\t$c = new PDO('mysql:host=localhost', 'u', 'geheim');",
        "/a\thost=localhost password=geheim dbname=x",
        "/a\t'password' => 'geheim', 'host' => 'localhost'",
    )
    texts = [line.text for line in read_settings(Section("texts", lines), "")]
    assert all("localhost" in text and "geheim" not in text for text in texts)


@pytest.fixture
def real(hosts: Hosts) -> Iterator[RealServers]:
    made = RealServers(hosts, NETWORK)
    yield made
    made.servers.close()


def lab_fleet(real: RealServers, folder: Path) -> FleetSpec:
    """What the lab's own fleet file says."""
    furnished = Furnished(
        region="eu-central-1",
        account="123456789012",
        vpc="vpc-1",
        subnets=("subnet-a",),
        security_group="sg-1",
        image="ami-1",
        master="i-0123456789abcdef0",
        master_address=real.master.address,
        load_balancer="site",
        target_group=f"{ARN}/web/1",
        writes_target_group=f"{ARN}/writes/2",
        listener="one",
        site_url="http://site",
    )
    text = fleet_file(furnished, user=real.hosts.user, key_file=real.hosts.key_file)
    (folder / "fleet.toml").write_text(text)
    (spec,) = load(folder / "fleet.toml").fleets
    return spec


def test_nothing_blocks_on_the_labs_own_master_with_its_own_recipe(real: RealServers, tmp_path: Path) -> None:
    spec = lab_fleet(real, tmp_path)
    before = snapshot(real.hosts.disk(real.master.id), ("var/log", "var/lib/sitedb"))
    seen = examine_server(real.servers.inspect(spec, real.master), spec)
    after = snapshot(real.hosts.disk(real.master.id), ("var/log", "var/lib/sitedb"))
    assert seen.of(Severity.BLOCKS) == ()
    assert after == before
    bare = replace(spec, recipe=replace(spec.recipe, jobs=(), rewrite=(), services=()))
    told = {
        each.pitfall
        for each in examine_server(real.servers.inspect(bare, real.master), bare).of(Severity.BLOCKS)
    }
    assert told == {8, 32}


def test_a_setting_that_a_clone_could_not_be_given_is_named(real: RealServers) -> None:
    def rewrite(file: str, find: str, replace: str = "x") -> Rewrite:
        return Rewrite(file=file, find=find, replace=replace)

    real.write(real.master, "/etc/shop $x.conf", "a = 1\nb = it's\n")
    rewrites = (
        rewrite("/etc/shop $x.conf", "a = 1\nb = it's"),
        rewrite("/etc/shop $x.conf", "-e nothing"),
        rewrite("/etc/site.conf", "nowhere", "db_host = localhost"),
        rewrite("/etc/nowhere", "a"),
    )
    facts = real.servers.inspect(replace(real.spec, recipe=Recipe(rewrite=rewrites)), real.master)
    assert facts.lost_files == ("/etc/nowhere",)
    assert facts.lost_settings == ("/etc/shop $x.conf",)


def test_a_server_that_prints_nonsense_is_an_error_that_names_it(real: RealServers) -> None:
    real.write(real.master, "/usr/local/bin/date", "#!/bin/sh\nhead -c 3000 /dev/urandom\n")
    real.path(real.master, "/usr/local/bin/date").chmod(0o755)
    with pytest.raises(RemoteFailed, match="i-master: what it says of itself makes no sense"):
        real.servers.inspect(real.spec, real.master)


def test_without_sudo_it_looks_as_the_login_user(real: RealServers) -> None:
    spec = replace(real.spec, ssh=replace(real.spec.ssh, sudo=True))
    real.write(
        real.master, "/usr/local/bin/sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n"
    )
    real.path(real.master, "/usr/local/bin/sudo").chmod(0o755)
    facts = real.servers.inspect(spec, real.master)
    assert (facts.hostname, "a password is required" in facts.no_sudo) == ("i-master", True)
    assert real.servers.inspect(real.spec, real.master).no_sudo == ""
