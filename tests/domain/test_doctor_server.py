"""Identity, disks, services and the network: what the doctor finds, and what it leaves alone."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.doctor.facts import Connection, Line, Mount, Socket, Unit, Unread
from bot.domain.doctor.finding import Severity
from bot.domain.doctor.server import CHECKS, examine_server
from bot.domain.fleet import Template
from tests.domain.doctor_examples import (
    ANYWHERE,
    APACHE,
    APACHE_FLEET,
    NGINX,
    NGINX_FLEET,
    PAGES,
    blocking,
    but,
    file,
    fleet,
    found,
    job,
    listens,
    service,
    timer,
)

BLOCKS, WARNS, FIXED = Severity.BLOCKS, Severity.WARNS, Severity.FIXED
More = dict[str, Any]
SITES = "/etc/nginx/sites-enabled"


def setting(path: str, text: str) -> Line:
    return Line(file=path, text=text)


def mount(device: str, where: str, kind: str = "ext4", options: str = "defaults") -> Mount:
    return Mount(device=device, where=where, kind=kind, options=options)


def by_unit(device: str, where: str) -> Mount:
    return Mount(device=device, where=where, kind="ext4", file="/etc/systemd/system/some.mount")


def test_a_unit_that_mounts_by_uuid_is_judged_as_fstab_is() -> None:
    mounted = [mount("/dev/nvme1n1", "/srv/media")]
    (finding,) = found(
        but(APACHE, mounts=mounted, fstab=[by_unit("UUID=9f", "/srv/media")]), APACHE_FLEET, 22
    )
    assert (finding.severity, finding.where) == (WARNS, "/srv/media")
    by_name = but(APACHE, mounts=mounted, fstab=[by_unit("/dev/nvme1n1", "/srv/media")])
    (finding,) = found(by_name, APACHE_FLEET, 22)
    assert finding.severity is BLOCKS
    assert finding.what.startswith("/etc/systemd/system/some.mount mounts /srv/media from /dev/nvme1n1")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        (
            {"settings": [setting("/root/.aws/config", "credential_source = Ec2InstanceMetadata")]},
            "/root/.aws/config",
        ),
        ({"fstab": [mount("s3fs#club", "/srv/pictures", "fuse", "_netdev,iam_role=auto")]}, "/srv/pictures"),
        (
            {"jobs": [job("/etc/cron.d/t", "curl -s 169.254.169.254/latest/meta-data/iam/info")]},
            "/etc/cron.d/t",
        ),
        ({"units": [service("s3-files", command="/opt/s3files --iam_role")]}, "s3-files.service"),
    ],
)
def test_what_uses_the_masters_role_is_a_warning(more: More, where: str) -> None:
    (finding,) = found(but(APACHE, **more), APACHE_FLEET, 18)
    assert (finding.severity, finding.where) == (WARNS, where)
    accepted = where.removesuffix(".service")
    assert found(but(APACHE, **more), fleet(everywhere=(accepted,)), 18) == []


def test_other_words_about_roles_are_no_finding() -> None:
    lines = [
        setting("/srv/shop/.env", "USER_ROLE=iam_admin"),
        setting("/root/.aws/config", "region = eu-west-1"),
        setting("/etc/fstab", "s3fs#club /srv/pictures fuse iam_role=auto 0 0"),
    ]
    assert found(but(APACHE, settings=lines), APACHE_FLEET, 18) == []


def test_what_first_boot_and_preparation_renew_is_told_as_fixed() -> None:
    fixed = {(each.pitfall, each.where) for each in examine_server(APACHE, APACHE_FLEET).of(FIXED)}
    assert fixed >= {(1, "/etc/ssh/ssh_host_*_key"), (2, "/etc/machine-id"), (5, "hostname shop")}


def masked(name: str) -> Unit:
    return service(name, load="masked", active="inactive", enabled="masked")


OFF: tuple[tuple[More, str, str], ...] = (
    ({"cloud_init": False}, "/usr/bin/cloud-init", "sudo apt-get install cloud-init"),
    (
        {"cloud_init_off": ("/etc/cloud/cloud-init.disabled",)},
        "/etc/cloud/cloud-init.disabled",
        "sudo rm /etc/cloud/cloud-init.disabled",
    ),
    ({"cloud_init_off": ("/etc/cloud/ds-identify.cfg",)}, "/etc/cloud/ds-identify.cfg", "policy: disabled"),
    ({"cloud_init_off": ("/boot/grub/grub.cfg",)}, "/boot/grub/grub.cfg", "/etc/default/grub"),
    ({"cloud_init_off": ("/etc/default/grub.d/50.cfg",)}, "/etc/default/grub.d/50.cfg", "sudo update-grub"),
    ({"cloud_init_off": ("/etc/kernel/cmdline",)}, "/etc/kernel/cmdline", "from /etc/kernel/cmdline."),
    ({"units": (masked("cloud-init-local"),)}, "cloud-init-local.service", "sudo systemctl unmask"),
    (
        {"units": (service("cloud-init-network", active="inactive", enabled="disabled"),)},
        "cloud-init-network.service",
        "sudo systemctl enable cloud-init-network.service",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("more", "where", "type_this"), OFF)
def test_without_cloud_init_nothing_is_held_back_at_first_boot(
    more: More, where: str, type_this: str
) -> None:
    findings = found(replace(APACHE, **more), fleet(services=("mariadb", "cron"), jobs=("at",)), 6)
    (finding,) = (each for each in findings if each.check != "unknown-names")
    assert (finding.check, finding.severity, finding.where) == ("hold-back", BLOCKS, where)
    assert "keeps mariadb and 2 others quiet at a clone's first boot" in finding.what
    assert type_this in finding.remedy


def test_a_cloud_init_that_ignores_user_data_holds_nothing_back() -> None:
    line = setting("/etc/cloud/cloud.cfg.d/90-ours.cfg", "allow_userdata: false")
    (finding,) = found(but(APACHE, settings=[line]), APACHE_FLEET, 6)
    assert (finding.check, finding.severity, finding.where) == ("hold-back", BLOCKS, line.file)
    assert found(but(APACHE, settings=[line]), fleet(), 6) == []
    allowed = replace(line, text="allow_userdata: true")
    assert found(but(APACHE, settings=[allowed]), APACHE_FLEET, 6) == []


@pytest.mark.parametrize(("more", "where", "type_this"), OFF)
def test_where_nothing_is_to_be_held_back_only_the_host_keys_block(
    more: More, where: str, type_this: str
) -> None:
    facts = replace(APACHE, **more)
    assert found(facts, fleet(), 6) == []
    (finding,) = found(facts, fleet(), 1)
    assert finding.severity is BLOCKS
    assert type_this in finding.remedy
    assert where.rpartition("/")[2] in finding.what or where == "/usr/bin/cloud-init"


@pytest.mark.parametrize(
    "unit",
    [
        service("cloud-init", sub="exited"),
        service("cloud-init-hotplugd", active="inactive", enabled="static"),
        masked("cloud-final"),
    ],
)
def test_a_cloud_init_that_runs_is_no_finding(unit: Unit) -> None:
    assert found(but(APACHE, units=[unit]), fleet(services=("mariadb",)), 6) == []


def test_host_keys_that_nothing_renews_block() -> None:
    keeps = setting("/etc/cloud/cloud.cfg", "ssh_deletekeys: false")
    (finding,) = found(but(APACHE, settings=[keeps]), APACHE_FLEET, 1)
    assert (finding.severity, finding.where) == (BLOCKS, "/etc/cloud/cloud.cfg")


@pytest.mark.parametrize(
    ("more", "where"),
    [
        (
            {"settings": [setting("/etc/cloud/cloud.cfg.d/99.cfg", "manual_cache_clean: true")]},
            "/etc/cloud/cloud.cfg.d/99.cfg",
        ),
        (
            {"settings": [setting("/etc/cloud/cloud.cfg.d/50.cfg", "runcmd:")]},
            "/etc/cloud/cloud.cfg.d/50.cfg",
        ),
        ({"settings": [setting("/etc/cloud/ds.cfg", "datasource_list: [ None ]")]}, "/etc/cloud/ds.cfg"),
        (
            {"places": [file("/var/lib/cloud/scripts/per-boot/join.sh")]},
            "/var/lib/cloud/scripts/per-boot/join.sh",
        ),
        (
            {"places": [file("/var/lib/cloud/scripts/per-instance/seed")]},
            "/var/lib/cloud/scripts/per-instance/seed",
        ),
    ],
)
def test_a_first_boot_that_goes_wrong_blocks(more: More, where: str) -> None:
    (finding,) = found(but(APACHE, **more), APACHE_FLEET, 3)
    assert (finding.severity, finding.where) == (BLOCKS, where)


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["/root/.ssh/authorized_keys"], ["/root/.ssh/authorized_keys"]),
        (["/home/admin/.ssh/authorized_keys"] * 2, ["/home/admin/.ssh/authorized_keys"]),
        (["/home/admin/.ssh/authorized_keys"], []),
    ],
)
def test_keys_that_open_clones_are_warnings_but_for_the_bots_own(paths: list[str], told: list[str]) -> None:
    facts = but(APACHE, authorized_keys=[setting(path, "bob@laptop") for path in paths])
    assert [each.where for each in found(facts, APACHE_FLEET, 4)] == told


@pytest.mark.parametrize(
    "line",
    [
        setting("/etc/postfix/main.cf", "myhostname = shop.example"),
        setting("/etc/exim4/update-exim4.conf.conf", "dc_other_hostnames='shop.example'"),
        setting("/etc/hosts", "10.0.0.5 shop.example shop"),
    ],
)
def test_a_name_that_is_written_down_is_a_warning(line: Line) -> None:
    findings = found(but(APACHE, settings=[line]), APACHE_FLEET, 5)
    assert [each.where for each in findings if each.severity is WARNS] == [line.file]


@pytest.mark.parametrize(
    "line",
    [
        setting("/etc/tomcat10/server.xml", '<Engine name="Catalina" jvmRoute="one">'),
        setting("/srv/app/.env", "WORKER_ID=1"),
        setting("/etc/elasticsearch/elasticsearch.yml", "node.name: one"),
    ],
)
def test_an_id_of_an_instance_is_a_warning(line: Line) -> None:
    (finding,) = found(but(APACHE, settings=[line]), APACHE_FLEET, 13)
    assert (finding.severity, finding.where) == (WARNS, line.file)


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"places": [file("/opt/erp/server.lic")]}, "/opt/erp/server.lic"),
        ({"packages": ["plesk-core"]}, "plesk-core"),
    ],
)
def test_a_licence_is_a_warning_until_somebody_asked(more: More, where: str) -> None:
    (finding,) = found(but(APACHE, **more), APACHE_FLEET, 14)
    assert (finding.severity, finding.where) == (WARNS, where)
    assert found(but(APACHE, **more), fleet(everywhere=(where,)), 14) == []


@pytest.mark.parametrize(
    ("pitfall", "more", "where"),
    [
        (16, {"agents": [file("/var/ossec/etc/client.keys")]}, "/var/ossec/etc/client.keys"),
        (16, {"units": [service("amazon-ssm-agent")]}, "amazon-ssm-agent.service"),
        (16, {"units": [service("tailscaled")]}, "tailscaled.service"),
        (17, {"units": [service("filebeat")]}, "filebeat.service"),
        (17, {"agents": [file("/var/lib/promtail/positions.yaml")]}, "/var/lib/promtail/positions.yaml"),
        (33, {"units": [service("puppet")]}, "puppet.service"),
        (33, {"jobs": [job("/etc/cron.d/pull", "ansible-pull -U https://x")]}, "/etc/cron.d/pull"),
        (7, {}, "/var/spool/postfix"),
        (28, {"swaps": ["/swapfile"]}, "/swapfile"),
        (28, {"swaps": ["/dev/nvme1n1p2"]}, "/dev/nvme1n1p2"),
        (26, {}, "clock"),
        (22, {"mounts": [mount("nas:/x", "/mnt/x", "nfs4")]}, "/mnt/x"),
    ],
)
def test_what_knows_this_server_is_a_warning(pitfall: int, more: More, where: str) -> None:
    facts = but(replace(APACHE, mail=(("/var/spool/postfix", 3),), clock_synchronized=False), **more)
    found_here = [each for each in found(facts, APACHE_FLEET, pitfall) if each.severity is WARNS]
    assert [each.where for each in found_here] == [where]


@pytest.mark.parametrize(
    ("pitfall", "more", "recipe", "where"),
    [
        (
            16,
            {"agents": [file("/var/ossec/etc/client.keys")]},
            {"agents": ("wazuh",)},
            "/var/ossec/etc/client.keys",
        ),
        (16, {"units": [service("zabbix-agent2")]}, {"agents": ("zabbix",)}, "zabbix-agent2.service"),
        (17, {"units": [service("filebeat")]}, {"agents": ("filebeat",)}, "filebeat.service"),
        (33, {"units": [service("puppet")]}, {"agents": ("puppet",)}, "puppet.service"),
        (
            7,
            {"mail": [("/var/spool/postfix", 1)]},
            {"spools": ("/var/spool/postfix/",)},
            "/var/spool/postfix",
        ),
        (
            4,
            {"authorized_keys": [Line(file="/root/.ssh/authorized_keys", text="ann")]},
            {"remove": ("/root/.ssh/*",)},
            "/root/.ssh/authorized_keys",
        ),
    ],
)
def test_what_the_recipe_takes_from_clones_is_fixed_and_else_the_remedy_names_the_line_to_write(
    pitfall: int, more: More, recipe: dict[str, Any], where: str
) -> None:
    facts = but(APACHE, **more)
    (before,) = (each for each in found(facts, APACHE_FLEET, pitfall) if each.where == where)
    (after,) = (each for each in found(facts, fleet(**recipe), pitfall) if each.where == where)
    assert (before.severity, after.severity) == (WARNS, FIXED)
    (key,) = recipe
    assert f"recipe.{key}" in before.remedy
    assert "proved" in after.what


@pytest.mark.parametrize(
    ("recipe", "lost", "severity", "where", "remedy"),
    [
        ({"services": ("mariadbd",)}, {}, WARNS, "mariadbd", "Did you mean `mariadb`?"),
        ({"restart": ("apache",)}, {}, BLOCKS, "apache", "Correct recipe.restart."),
        (
            {"jobs": ("/etc/cron.d/bill",)},
            {},
            WARNS,
            "/etc/cron.d/bill",
            "Correct or remove it in recipe.jobs.",
        ),
        ({}, {"lost_files": ("/etc/shop.conf",)}, BLOCKS, "/etc/shop.conf", "recipe.rewrite"),
        ({}, {"lost_settings": ("/etc/shop.conf",)}, BLOCKS, "/etc/shop.conf", "Correct `find`"),
    ],
)
def test_what_the_recipe_names_and_the_master_lacks_is_said_before_an_image_is_made(
    recipe: dict[str, Any], lost: More, severity: Severity, where: str, remedy: str
) -> None:
    told = examine_server(replace(APACHE, **lost), fleet(**recipe)).findings
    (finding,) = (each for each in told if each.check.startswith("unknown-"))
    assert (finding.severity, finding.where) == (severity, where)
    assert remedy in finding.remedy


def test_what_the_recipe_names_and_the_master_has_is_no_finding_nor_is_what_a_preset_adds() -> None:
    spec = fleet(preset=("redis",), services=("mariadb", "redis-server", "logrotate.timer"), jobs=("at",))
    assert not [each for each in examine_server(APACHE, spec).findings if each.check.startswith("unknown-")]
    blind = replace(APACHE, unread=(Unread(part="units", why="no"),))
    said = examine_server(blind, fleet(restart=("apache",))).findings
    assert not [each for each in said if each.check.startswith("unknown-")]


def test_what_waits_is_counted_in_words() -> None:
    facts = but(APACHE, mail=[("/var/spool/exim4", 1), ("/var/spool/postfix", 3)])
    one, many = (each.what for each in found(facts, APACHE_FLEET, 7))
    assert one == "1 message waits in /var/spool/exim4 to be sent, and every clone would send it again."
    assert many.startswith(
        "3 messages wait in /var/spool/postfix to be sent, and every clone would send them"
    )


@pytest.mark.parametrize(
    ("recipe", "where"),
    [
        ({"template": (Template(file=f"{PAGES}/role", text="x"),)}, f"{PAGES}/role"),
        ({"remove": (f"{PAGES}/*.bak",)}, f"{PAGES}/*.bak"),
        ({"clean": (f"{PAGES}/cache/",)}, f"{PAGES}/cache/"),
    ],
)
def test_what_the_next_sync_would_bring_back_blocks(recipe: dict[str, Any], where: str) -> None:
    assert [each.where for each in found(APACHE, fleet(**recipe), 8) if each.check == "overwritten"] == [
        where
    ]
    kept = fleet(**recipe, exclude=("role", "*.bak", "cache/"))
    assert not [each for each in found(APACHE, kept, 8) if each.check == "overwritten"]


def test_an_agent_that_the_recipe_names_is_no_finding() -> None:
    facts = but(APACHE, units=[service("filebeat")], agents=[file("/var/lib/filebeat/registry")])
    for key in ("services", "everywhere"):
        assert found(facts, fleet(**{key: ("filebeat",)}), 17) == []


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"fstab": [mount("/dev/xvdf", "/data")], "mounts": [mount("/dev/xvdf", "/data")]}, "/data"),
        ({"fstab": [mount("/dev/nvme1n1p1", "/data", "xfs")]}, "/data"),
        ({"mounts": [mount("/dev/nvme1n1", "/srv/files", "xfs")]}, "/srv/files"),
        ({"fstab": [by_unit("/dev/xvdg", "/srv/media")]}, "/srv/media"),
    ],
)
def test_a_disk_that_a_clone_would_not_find_blocks(more: More, where: str) -> None:
    findings = found(but(APACHE, **more), APACHE_FLEET, 22)
    assert [each.where for each in findings if each.severity is BLOCKS] == [where]


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"units": [service("elasticsearch")]}, "elasticsearch.service"),
        ({"units": [service("rabbitmq-server")]}, "rabbitmq-server.service"),
        ({"units": [service("vsftpd")]}, "vsftpd.service"),
        ({"units": [service("beanstalkd")]}, "beanstalkd.service"),
        (
            {"sockets": [listens(ANYWHERE, 9200, "docker-proxy", "docker.service")]},
            "docker-proxy on port 9200",
        ),
        ({"sockets": [listens("127.0.0.1", 5672)]}, "something on port 5672"),
    ],
)
def test_what_a_fleet_has_once_blocks(more: More, where: str) -> None:
    (finding,) = found(but(APACHE, **more), APACHE_FLEET, 31)
    assert (finding.severity, finding.where) == (BLOCKS, where)


def test_what_a_fleet_has_once_is_settled_by_its_unit() -> None:
    socket = listens(ANYWHERE, 9200, "java", "elasticsearch.service")
    facts = but(APACHE, units=[service("elasticsearch")], sockets=[socket])
    assert [each.where for each in found(facts, APACHE_FLEET, 31)] == ["elasticsearch.service"]
    assert found(facts, fleet(services=("elasticsearch",)), 31) == []


@pytest.mark.parametrize(
    ("peer", "process", "told"),
    [
        ("93.184.215.14", "php-fpm8.2", True),
        ("93.184.215.14", "", True),
        ("10.0.0.9", "php-fpm8.2", False),
        ("93.184.215.14", "chronyd", False),
        ("garbage", "x", False),
    ],
)
def test_a_connection_to_somebody_elses_server_is_a_warning(peer: str, process: str, *, told: bool) -> None:
    talk = Connection(peer=peer, port=443, local_port=51000, process=process)
    findings = found(but(APACHE, connections=[talk]), APACHE_FLEET, 20)
    assert [each.where for each in findings] == ([f"{peer}:443"] if told else [])


def test_a_visitors_connection_is_none_to_somebody_elses_server() -> None:
    visit = Connection(peer="93.184.215.14", port=51000, local_port=80, process="apache2")
    assert found(but(APACHE, connections=[visit]), APACHE_FLEET, 20) == []


@pytest.mark.parametrize(
    ("pitfall", "more", "where"),
    [
        (29, {"settings": [setting("/srv/a/.env", "APP_URL=http://203.0.113.7")]}, "/srv/a/.env"),
        (29, {"settings": [setting("/srv/a/wp.php", "define('WP_HOME', 'http://shop');")]}, "/srv/a/wp.php"),
        (29, {"settings": [setting(f"{SITES}/a", "ssl_certificate /x.pem;")]}, f"{SITES}/a"),
        (29, {"units": [service("fail2ban")]}, "fail2ban.service"),
        (30, {"settings": [setting(f"{SITES}/a", "proxy_set_header Upgrade $x;")]}, f"{SITES}/a"),
        (
            30,
            {"settings": [setting("/srv/a/config.js", "const ws = 'wss://shop.example'")]},
            "/srv/a/config.js",
        ),
    ],
)
def test_what_a_balancer_changes_is_a_warning(pitfall: int, more: More, where: str) -> None:
    findings = [each for each in found(but(APACHE, **more), APACHE_FLEET, pitfall) if each.where == where]
    assert [each.severity for each in findings] == [WARNS]


def test_a_web_server_that_trusts_the_balancer_is_no_finding() -> None:
    assert [each.where for each in found(NGINX, NGINX_FLEET, 29)] == ["nginx.service"]
    trusts = setting("/etc/nginx/conf.d/real-ip.conf", "set_real_ip_from 10.0.0.0/16;")
    assert found(but(NGINX, settings=[trusts]), NGINX_FLEET, 29) == []


@pytest.mark.parametrize(
    "more",
    [
        {"units": [service("filebeat", active="inactive", enabled="disabled")]},
        {"units": [Unit(name="vsftpd.service", load="masked", enabled="masked")]},
        {"sockets": [Socket(address="127.0.0.1", port=25, process="exim4", unit="exim4.service")]},
        {"sockets": [Socket(address="127.0.0.54", port=53, process="systemd-resolve")]},
        {"settings": [setting(f"{SITES}/tls.conf", "ssl_certificate /etc/ssl/certs/ssl-cert-snakeoil.pem;")]},
        {"mounts": [mount("/dev/loop0", "/snap/core/1", "squashfs"), mount("proc", "/proc", "proc")]},
        {"fstab": [mount("/dev/xvda1", "/"), mount("UUID=9", "/data", options="nofail")]},
    ],
)
def test_harmless_look_alikes_block_nothing(more: More) -> None:
    assert blocking(but(APACHE, **more), APACHE_FLEET) == []


def test_what_could_not_be_read_is_not_checked_and_says_why() -> None:
    missing = Unread(part="jobs", path="/var/spool/cron/crontabs", why="bob may not read it")
    told = examine_server(replace(APACHE, unread=(missing,)), APACHE_FLEET).not_checked
    assert {each.check for each in told} == {
        "cron-jobs",
        "backups",
        "certificates",
        "management",
        "role-in-use",
        "unknown-names",
    }
    assert {each.why for each in told} == {"bob may not read it."}


def test_many_places_that_could_not_be_read_are_told_briefly() -> None:
    unread = tuple(
        Unread(part="jobs", path=path, why=f"bob may not read {path}") for path in ("/a", "/b", "/c", "/d")
    )
    told = examine_server(replace(APACHE, unread=unread), APACHE_FLEET).not_checked
    why = [each.why for each in told if each.check == "cron-jobs"]
    assert why == ["bob may not read /a.", "bob may not read /b, nor 2 more places."]


def test_every_finding_has_a_place_a_reason_and_a_remedy() -> None:
    findings = examine_server(APACHE, fleet()).findings
    assert findings
    assert all(each.where and each.what.endswith(".") and each.remedy for each in findings)


def test_many_warnings_of_one_kind_are_told_in_part_and_all_that_blocks_is_told() -> None:
    units = [service(f"elasticsearch@{number}") for number in range(30)]
    mounts = [mount("nas:/x", f"/mnt/{number}", "nfs4") for number in range(30)]
    facts = but(APACHE, units=units, mounts=mounts)
    assert len(found(facts, APACHE_FLEET, 31)) == 30
    told = found(facts, APACHE_FLEET, 22)
    assert len(told) == 21
    assert (told[-1].where, told[-1].what) == ("more places", "There are 10 more places like these.")


def test_every_check_has_a_name_of_its_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)


def test_host_keys_in_a_place_of_their_own_block() -> None:
    line = Line(file="/etc/ssh/sshd_config.d/a.conf", text="HostKey /etc/ssh/keys/one")
    blocks = [each.where for each in found(but(APACHE, settings=[line]), APACHE_FLEET, 1)]
    assert "/etc/ssh/keys/one" in blocks


def test_a_name_for_its_own_address_in_hosts_is_a_warning() -> None:
    line = Line(file="/etc/hosts", text="10.0.0.5 www.club.example")
    facts = but(replace(APACHE, addresses=("10.0.0.5",)), settings=[line])
    assert "/etc/hosts" in [each.where for each in found(facts, APACHE_FLEET, 5)]
    assert "/etc/hosts" not in [each.where for each in found(but(APACHE, settings=[line]), APACHE_FLEET, 5)]


def test_folders_in_memory_are_warnings_unless_every_system_makes_them_anew() -> None:
    mounts = [Mount(device="tmpfs", where=where, kind="tmpfs") for where in ("/run/user/1", "/srv/scratch")]
    told = found(but(APACHE, mounts=mounts), APACHE_FLEET, 28)
    assert [(each.severity, each.where) for each in told] == [(WARNS, "/srv/scratch")]


def test_a_timer_that_applies_configuration_is_a_warning() -> None:
    units = [
        timer("pull", by_hand=True),
        service("pull", command="/usr/bin/ansible-pull -U x", active="inactive"),
    ]
    told = found(but(APACHE, units=units), APACHE_FLEET, 33)
    assert [(each.severity, each.where) for each in told] == [(WARNS, "pull.timer")]
