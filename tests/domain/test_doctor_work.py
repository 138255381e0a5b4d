"""Work that every clone would do again: what the doctor finds, and what it leaves alone."""

from dataclasses import replace

import pytest

from bot.domain.doctor.facts import Container, Job, Line, Origin, Unit
from bot.domain.doctor.finding import Severity
from bot.domain.doctor.server import examine_server
from bot.domain.fleet import FleetSpec
from bot.domain.recipe import job_files
from tests.domain.doctor_examples import (
    APACHE,
    APACHE_FLEET,
    NGINX,
    NGINX_FLEET,
    blocking,
    but,
    file,
    fleet,
    found,
    hand_made,
    job,
    service,
    timer,
)


def test_a_clean_server_of_either_kind_with_its_recipe_has_nothing_that_blocks() -> None:
    assert blocking(APACHE, APACHE_FLEET) == []
    assert blocking(NGINX, NGINX_FLEET) == []


@pytest.mark.parametrize(
    ("seeded", "where"),
    [
        (job("/etc/cron.d/billing", "/usr/local/bin/bill --all"), "/etc/cron.d/billing"),
        (
            job("crontab:bob", "php /var/www/html/bill.php key=1"),
            "crontab:bob: 17 3 * * * php /var/www",
        ),
        (job("/etc/crontab", "/opt/invoice.sh"), "/etc/crontab: 17 3 * * * /opt/invoice.sh"),
        (job("/etc/cron.hourly/newsletter", "", "hourly"), "/etc/cron.hourly/newsletter"),
        (job("at:a0001", "", "once", user="carol"), "at:a0001"),
        (job("/etc/cron.d/php", "/usr/local/bin/bill", origin=Origin.CHANGED), "/etc/cron.d/php"),
        (job("/etc/anacrontab", "/opt/invoice.sh", "1 5"), "/etc/anacrontab"),
        (job("crontab:www-data", "cd /srv/app && php artisan schedule:run", "* * * * *"), "crontab:www-data"),
    ],
)
def test_a_job_that_nobody_classified_blocks_and_is_named(seeded: Job, where: str) -> None:
    (finding,) = found(but(APACHE, jobs=[seeded]), APACHE_FLEET, 6)
    assert finding.severity is Severity.BLOCKS
    assert finding.where.startswith(where)


@pytest.mark.parametrize(
    ("seeded", "moved"),
    [
        (job("/etc/cron.d/bill", "/opt/bill"), ""),
        (job("crontab:bob", "/opt/bill"), ""),
        (job("/etc/cron.daily/nightly", "mysqldump shop", "daily"), ""),
        (job("/etc/cron.weekly/tls", "certbot renew", "weekly"), ""),
        (job("/etc/cron.d/pull", "ansible-pull -U git.example"), ""),
        (job("at:a0001", "", "once", user="carol"), ""),
        (job("/etc/rc.local", "/opt/queue &", "at boot"), ""),
        (job("/etc/crontab", "/opt/bill"), "/etc/cron.d/bill"),
        (job("/etc/crontab", "certbot renew"), "/etc/cron.d/tls"),
        (job("/etc/crontab", "ansible-pull -U git.example"), "/etc/cron.d/pull"),
        (job("/etc/anacrontab", "/opt/invoice.sh", "1 5"), "/etc/cron.d/invoice"),
    ],
)
def test_who_does_what_the_remedy_of_a_job_says_is_rid_of_it(seeded: Job, moved: str) -> None:
    def told(spec: FleetSpec, now: Job) -> list[str]:
        findings = examine_server(but(APACHE, jobs=[now]), spec).findings
        return [each.remedy for each in findings if each.where.startswith(now.source)]

    (remedy,) = set(told(fleet(), seeded))
    if moved:
        assert "move the line to a file of its own in /etc/cron.d" in remedy
    key = "services" if "recipe.services" in remedy else "jobs"
    name = moved or remedy.partition("name '")[2].partition("'")[0]
    assert key == "services" or job_files(name)
    assert told(fleet(**{key: (name,)}), replace(seeded, source=moved or seeded.source)) == []
    accepted = remedy.rpartition("; ")[2].partition("name '")[2].partition("'")[0] or name
    assert told(fleet(everywhere=(accepted,)), seeded) == []


def test_two_jobs_of_one_crontab_are_two_findings() -> None:
    facts = but(APACHE, jobs=[job("crontab:bob", "/opt/a"), job("crontab:bob", "/opt/b")])
    assert len(found(facts, APACHE_FLEET, 6)) == 2


@pytest.mark.parametrize("key", ["jobs", "everywhere"])
@pytest.mark.parametrize("name", ["/etc/cron.d/billing", "crontab:bob", "at"])
def test_a_job_that_the_recipe_names_is_no_finding(key: str, name: str) -> None:
    seeded = job("at:a0001" if name == "at" else name, "/usr/local/bin/bill")
    spec = fleet(
        services=("mariadb",),
        rewrite=APACHE_FLEET.recipe.rewrite,
        exclude=APACHE_FLEET.content.exclude,
        **{key: (name,)},
    )
    assert blocking(but(APACHE, jobs=[seeded]), spec) == []


@pytest.mark.parametrize(
    "seeded",
    [
        timer("billing", by_hand=True),
        timer("awesome-jobs"),
        timer("logrotate", by_hand=True),
        timer("run-r1f", enabled="transient", file="/run/systemd/transient/run-r1f.timer"),
    ],
)
def test_a_timer_that_nobody_classified_blocks_and_is_named(seeded: Unit) -> None:
    (finding,) = found(but(APACHE, units=[seeded]), APACHE_FLEET, 6)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, seeded.name)


def test_a_timer_of_a_person_blocks_and_is_named() -> None:
    path = "/home/bob/.config/systemd/user/bill.timer"
    (finding,) = found(but(APACHE, places=[file(path, owner="bob")]), APACHE_FLEET, 6)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, path)


def test_a_timer_is_settled_by_its_own_name_or_by_what_it_starts() -> None:
    facts = but(NGINX, units=[timer("billing", by_hand=True)])
    for name in ("billing.timer", "billing", "billing.service"):
        spec = fleet(services=("postgresql", name), rewrite=NGINX_FLEET.recipe.rewrite)
        assert blocking(facts, spec) == []


@pytest.mark.parametrize(
    "seeded",
    [
        hand_made("emails", "/srv/app/venv/bin/celery -A app worker"),
        hand_made("queue", "/usr/bin/php /var/www/app/artisan queue:work --sleep=3"),
        hand_made("pdf-worker", "/usr/bin/python3 /opt/pdf/main.py"),
        hand_made("mystery", "/opt/mystery/run"),
        service("billing", file="/run/systemd/generator.late/billing.service", enabled="generated"),
    ],
)
def test_a_worker_blocks_and_is_named(seeded: Unit) -> None:
    (finding,) = found(but(NGINX, units=[seeded]), NGINX_FLEET, 6)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, seeded.name)


def test_where_nobody_may_see_who_listens_a_service_may_serve() -> None:
    facts = but(NGINX, units=[hand_made("mystery", "/opt/mystery/run")])
    blind = replace(facts, sockets=tuple(replace(each, process="", unit="") for each in facts.sockets))
    assert blocking(blind, NGINX_FLEET) == []


def test_a_worker_under_supervisor_blocks_and_is_named() -> None:
    path = "/etc/supervisor/conf.d/mails.conf"
    program = Line(file=path, text="command=/usr/bin/php /srv/app/artisan queue:work")
    (finding,) = found(but(APACHE, units=[service("supervisor")], settings=[program]), APACHE_FLEET, 6)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, path)


def test_wordpress_that_runs_its_jobs_on_requests_is_a_warning_until_it_is_switched_off() -> None:
    path = "/var/www/html/blog/wp-config.php"
    facts = but(APACHE, settings=[Line(file=path, text="define('WP_HOME', 'https://club.example');")])
    (finding,) = found(facts, APACHE_FLEET, 6)
    assert (finding.severity, finding.where) == (Severity.WARNS, path)
    settled = but(facts, settings=[Line(file=path, text="define('DISABLE_WP_CRON', true);")])
    assert found(settled, APACHE_FLEET, 6) == []


@pytest.mark.parametrize(
    "more",
    [
        {"jobs": [job("crontab:root", "mysqldump --all-databases | gzip > /mnt/all.sql.gz")]},
        {"jobs": [job("/etc/cron.daily/automysqlbackup", "", "daily", origin=Origin.PACKAGE)]},
        {"jobs": [job("/etc/cron.d/offsite", "restic forget --keep-last 7 --prune")]},
        {"jobs": [job("/etc/cron.weekly/copy", "rsnapshot weekly", "weekly")]},
        {"units": [timer("borgmatic")]},
        {"units": [service("bacula-fd")]},
    ],
)
def test_a_backup_blocks_and_is_no_mere_job(more: dict[str, list[object]]) -> None:
    facts = but(APACHE, **more)
    (finding,) = found(facts, APACHE_FLEET, 32)
    assert finding.severity is Severity.BLOCKS
    assert found(facts, APACHE_FLEET, 6) == []


@pytest.mark.parametrize(
    "more",
    [
        {"units": [timer("certbot")]},
        {"jobs": [job("/etc/cron.d/certbot", "certbot -q renew", origin=Origin.PACKAGE)]},
        {"jobs": [job("crontab:root", "/root/.acme.sh/acme.sh --cron")]},
    ],
)
def test_a_renewal_of_certificates_is_a_warning(more: dict[str, list[object]]) -> None:
    facts = but(APACHE, **more)
    (finding,) = found(facts, APACHE_FLEET, 34)
    assert finding.severity is Severity.WARNS
    assert found(facts, APACHE_FLEET, 6) == []


def test_updates_by_themselves_are_warnings() -> None:
    assert [each.where for each in found(APACHE, APACHE_FLEET, 27)] == [
        "apt-daily.timer",
        "apt-daily-upgrade.timer",
    ]
    assert {each.severity for each in found(APACHE, APACHE_FLEET, 27)} == {Severity.WARNS}


@pytest.mark.parametrize(
    "more",
    [
        {"units": [timer("billing", by_hand=True, load="masked", enabled="masked")]},
        {"units": [timer("billing", by_hand=True, active="inactive", enabled="disabled")]},
        {"units": [hand_made("mails-worker", "/opt/run", active="inactive", enabled="disabled")]},
        {"units": [service("redis-server", load="masked", enabled="masked", active="inactive")]},
        {"units": [service("openssh", file="/run/systemd/generator.late/openssh.service")]},
        {"jobs": [job("/etc/cron.d/sysstat", "debian-sa1 1 1", origin=Origin.PACKAGE)]},
        {"jobs": [job("/etc/cron.daily/man-db", "", "daily", origin=Origin.UNKNOWN)]},
    ],
)
def test_what_only_looks_like_work_blocks_nothing(more: dict[str, list[object]]) -> None:
    assert blocking(but(APACHE, **more), APACHE_FLEET) == []


@pytest.mark.parametrize(
    ("pitfall", "name", "image"),
    [
        (8, "shop-db-1", "mysql:8"),
        (8, "db", "registry.example/postgres@sha256:1"),
        (8, "cache", "bitnami/redis-cluster:7"),
        (6, "shop-web-1", "shop:latest"),
        (6, "mysqladmin", "example/mysqladmin"),
    ],
)
def test_a_container_blocks_until_the_recipe_stops_or_accepts_it(pitfall: int, name: str, image: str) -> None:
    facts = but(NGINX, containers=[Container(name=name, image=image)])
    (finding,) = found(facts, NGINX_FLEET, pitfall)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, f"container {name}")
    assert found(facts, fleet(everywhere=(f"container {name}",)), 6) == []
    stopped = fleet(services=("docker", "postgresql"), rewrite=NGINX_FLEET.recipe.rewrite)
    assert blocking(facts, stopped) == []


@pytest.mark.parametrize("name", ["jenkins.service", "incron.service", "incoming.path"])
def test_what_starts_work_by_itself_blocks_and_is_named(name: str) -> None:
    seeded = Unit(name=name, active="active", enabled="enabled", file=f"/etc/systemd/system/{name}")
    findings = found(but(APACHE, units=[seeded]), APACHE_FLEET, 6)
    assert {(each.severity, each.where) for each in findings} == {(Severity.BLOCKS, name)}
    assert (
        blocking(
            but(APACHE, units=[seeded]),
            fleet(
                services=("mariadb", name),
                rewrite=APACHE_FLEET.recipe.rewrite,
                exclude=APACHE_FLEET.content.exclude,
            ),
        )
        == []
    )


@pytest.mark.parametrize(
    ("runner", "seeded"),
    [
        ("cron", job("crontab:bob", "/opt/bill")),
        ("crond", job("/etc/cron.daily/bill", "", "daily")),
        ("atd", job("at:a0001", "", "once")),
        ("rc-local", job("/etc/rc.local", "/opt/bill", "at boot")),
    ],
)
def test_a_job_that_nothing_runs_on_clones_is_no_finding(runner: str, seeded: Job) -> None:
    facts = but(APACHE, jobs=[seeded])
    services = (*APACHE_FLEET.recipe.services, runner)
    assert [each.where for each in found(facts, fleet(services=services), 6) if "bill" in each.where] == []
    assert any(each.where.startswith(seeded.source) for each in found(facts, APACHE_FLEET, 6))


@pytest.mark.parametrize(
    ("number", "command", "script"),
    [
        (27, "apt-get -qy update && apt-get -qy upgrade", ""),
        (32, "/opt/nightly", "tar cz . | aws s3 cp - s3://x/y"),
        (34, "/opt/tls", "lego --domains x renew"),
    ],
)
def test_a_job_is_told_by_what_it_does(number: int, command: str, script: str) -> None:
    facts = but(APACHE, jobs=[job("/etc/cron.d/x", command, script=script)])
    assert [each.where for each in found(facts, APACHE_FLEET, 6)] == []
    assert any(each.where.startswith("/etc/cron.d/x") for each in found(facts, APACHE_FLEET, number))


def test_a_site_whose_processes_are_called_workers_is_no_worker() -> None:
    site = hand_made("shop", "/opt/shop/bin/gunicorn --workers 3 --worker-class gthread shop:app")
    assert found(but(APACHE, units=[site]), APACHE_FLEET, 6) == []
