"""Content, uploads, sessions and secrets: what the doctor finds, and what it leaves alone."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.doctor.facts import File, Kind, Line, Mount, Unread
from bot.domain.doctor.finding import Severity
from bot.domain.doctor.server import examine_server
from bot.domain.fleet import Health
from tests.domain.doctor_examples import (
    APACHE,
    APACHE_FLEET,
    NGINX,
    PAGES,
    blocking,
    but,
    file,
    fleet,
    folder,
    found,
    service,
)

BLOCKS, WARNS, FIXED = Severity.BLOCKS, Severity.WARNS, Severity.FIXED


def setting(path: str, text: str) -> Line:
    return Line(file=path, text=text)


def link(path: str, target: str, **more: Any) -> File:
    return File(path=path, kind=Kind.LINK, target=target, **more)


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"content": [file(f"{PAGES}/data/guestbook.db")]}, f"{PAGES}/data/guestbook.db"),
        ({"content": [file(f"{PAGES}/app.sqlite3", excluded=True)]}, f"{PAGES}/app.sqlite3"),
        ({"places": [file("/srv/club/db.sqlite3")]}, "/srv/club/db.sqlite3"),
        ({"settings": [setting("/srv/a/.env", "DATABASE_URL=sqlite:////var/lib/a/data")]}, "/srv/a/.env"),
        ({"settings": [setting(f"{PAGES}/db.php", "new PDO('sqlite:/var/lib/a/x')")]}, f"{PAGES}/db.php"),
    ],
)
def test_a_database_in_a_file_blocks_and_is_named(more: dict[str, list[Any]], where: str) -> None:
    (finding,) = found(but(APACHE, **more), APACHE_FLEET, 9)
    assert (finding.severity, finding.where) == (BLOCKS, where)


def test_a_database_that_is_open_blocks_whatever_its_name_but_not_that_of_a_program() -> None:
    opened = ("/var/lib/counter/visits", "/var/lib/fail2ban/fail2ban.sqlite3")
    told = found(replace(APACHE, open_databases=opened), APACHE_FLEET, 9)
    assert [(each.severity, each.where) for each in told] == [(BLOCKS, opened[0])]
    assert found(replace(APACHE, open_databases=opened), fleet(everywhere=opened[:1]), 9) == []


def test_a_database_that_is_only_read_may_be_named_in_the_recipe() -> None:
    path = f"{PAGES}/geo/countries.sqlite"
    assert found(but(APACHE, content=[file(path)]), fleet(everywhere=(f"{PAGES}/geo",)), 9) == []


@pytest.mark.parametrize(
    "more",
    [
        {"places": [file("/var/lib/packagekit/transactions.db")]},
        {"places": [file("/home/bob/.mozilla/places.sqlite")]},
        {"content": [file(f"{PAGES}/images/Thumbs.db")]},
        {"content": [file(f"{PAGES}/empty.db", size=0)]},
        {"content": [folder(f"{PAGES}/guide.db")]},
    ],
)
def test_what_only_looks_like_a_database_blocks_nothing(more: dict[str, list[Any]]) -> None:
    assert found(but(APACHE, **more), APACHE_FLEET, 9) == []


@pytest.mark.parametrize(
    ("seeded", "where"),
    [
        (folder(f"{PAGES}/wp-content/uploads", owner="www-data"), f"{PAGES}/wp-content/uploads"),
        (folder(f"{PAGES}/gallery", mode=0o777), f"{PAGES}/gallery"),
        (File(path=f"{PAGES}/docs", kind=Kind.FOLDER, group="www-data", mode=0o775), f"{PAGES}/docs"),
        (folder(f"{PAGES}/members/avatars"), f"{PAGES}/members/avatars"),
        (folder(f"{PAGES}/attachments", owner="www-data", excluded=True), f"{PAGES}/attachments"),
    ],
)
def test_a_folder_for_uploads_blocks_and_is_named(seeded: File, where: str) -> None:
    (finding,) = found(but(APACHE, content=[seeded]), APACHE_FLEET, 11)
    assert (finding.severity, finding.where) == (BLOCKS, where)


def test_uploads_that_go_to_the_master_by_their_method_come_late_to_clones_unless_the_sync_omits_them() -> (
    None
):
    late, never = (
        found(
            but(APACHE, content=[folder(f"{PAGES}/up", owner="www-data", excluded=out)]),
            fleet(methods=("POST",)),
            11,
        )
        for out in (False, True)
    )
    assert [each.severity for each in (*late, *never)] == [WARNS, BLOCKS]


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/etc/apache2/conf-enabled/000-clonebot-relay.conf", "apache2"),
        ("/etc/nginx/clonebot-relay.conf", "nginx"),
    ],
)
def test_a_relay_on_the_master_blocks_until_its_file_is_emptied(path: str, unit: str) -> None:
    (finding,) = found(but(APACHE, relays=[path]), APACHE_FLEET, 11)
    assert (finding.check, finding.severity, finding.where) == ("relay", BLOCKS, path)
    assert f"`sudo truncate -s 0 {path} && sudo systemctl reload {unit}`" in finding.remedy


def test_a_clone_cannot_pass_writes_on_without_a_web_server_that_does() -> None:
    by_proxy = replace(APACHE_FLEET, writes=replace(APACHE_FLEET.writes, by="proxy"))
    others = tuple(unit for unit in APACHE.units if unit.name != "apache2.service")
    stopped = replace(
        APACHE, units=(*others, service("apache2", active="inactive"), service("nginx", active="failed"))
    )
    (finding,) = (each for each in found(stopped, by_proxy, 11) if each.check == "relay-server")
    assert (finding.severity, finding.where) == (BLOCKS, "writes.by")
    assert "neither runs here" in finding.what
    assert found(APACHE, by_proxy, 11) == found(NGINX, by_proxy, 11) == []
    assert [each for each in found(stopped, APACHE_FLEET, 11) if each.check == "relay-server"] == []


def test_what_the_site_writes_beside_the_content_is_lost_with_a_clone() -> None:
    spots = [
        folder("/srv/exports", owner="www-data"),
        folder("/srv/exports/2026", owner="www-data"),
        folder("/opt/lists", owner="root", mode=0o777),
        folder("/srv/thumbs/cache", owner="www-data"),
        folder("/home/dora", owner="dora"),
        folder("/home/www-data", owner="www-data"),
        folder("/var/lib/php/sessions", owner="root", mode=0o777),
        folder("/var/lib/mysql", owner="mysql"),
        folder(f"{PAGES}/up", owner="www-data"),
    ]
    facts = replace(APACHE, written=tuple(spots))
    by_path, by_method = (found(facts, fleet(methods=methods), 46) for methods in ((), ("POST",)))
    assert [each.where for each in by_path] == ["/opt/lists", "/srv/exports"]
    assert {each.severity for each in by_path} == {BLOCKS}
    assert {each.severity for each in by_method} == {WARNS}
    assert found(facts, fleet(everywhere=("/srv/exports", "/opt/lists")), 46) == []


HEALTH = Health(path="/healthz")
SITE = "/etc/nginx/sites-enabled/club"


def asked(*lines: str, file: str = SITE) -> tuple[Line, ...]:
    return tuple(Line(file=file, text=text) for text in lines)


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"health": (file("/srv/www/healthz"),)}, "/srv/www/healthz"),
        (
            {
                "health": (file(f"{PAGES}/healthz/index.php"),),
                "health_lines": asked("$db->query(1)", file=f"{PAGES}/healthz/index.php"),
            },
            f"{PAGES}/healthz/index.php",
        ),
        ({"health_lines": asked("location = /healthz { return 200 'ok'; }")}, SITE),
        ({"health_lines": asked("location /healthz {", "access_log off;", "return 204;", "}")}, SITE),
        ({"health_lines": asked("Alias /healthz /var/www/ok.txt")}, SITE),
        ({"health_lines": asked('RewriteRule "^/healthz$" - [R=200,L]')}, SITE),
    ],
)  # fmt: skip
def test_a_health_page_that_is_too_shallow_or_too_deep_is_a_warning(more: dict[str, Any], where: str) -> None:
    (finding,) = found(replace(APACHE, **more), replace(APACHE_FLEET, health=HEALTH), 43)
    assert (finding.severity, finding.where) == (WARNS, where)


@pytest.mark.parametrize(
    "more",
    [
        {"health": (file(f"{PAGES}/healthz.php"),)},
        {"health": (file("/srv/cgi/healthz", mode=0o755),)},
        {"health": (file("/x.php"),), "health_lines": asked("// asks no database", file="/x.php")},
        {"health_lines": asked("location = /healthz { proxy_pass http://127.0.0.1:8000; }")},
        {"health_lines": asked("location /healthz {", "proxy_pass http://a;", "}", "return 200;")},
        {"health_lines": asked("location = /healthz.txt { return 200; }")},
        {"health_lines": asked("# location = /healthz { return 200; }")},
        {"health_lines": asked("Alias /healthz /opt/site/health.php")},
        {"health_lines": (*asked("location = /healthz {"), *asked("return 200;", file="/etc/other"))},
    ],
)
def test_another_health_page_is_no_finding(more: dict[str, Any]) -> None:
    assert found(replace(APACHE, **more), replace(APACHE_FLEET, health=HEALTH), 43) == []


@pytest.mark.parametrize(
    ("listens", "told"),
    [
        (["listen 8089;"], []),
        (["<VirtualHost *:8089>"], []),
        (["listen [::]:8089 ssl;", "listen 127.0.0.1:81;"], []),
        (["listen 80 default_server;"], ["/srv/static/healthz", SITE]),
        (["<VirtualHost *:80>", "<VirtualHost *:443>"], ["/srv/static/healthz", SITE]),
        ([], ["/srv/static/healthz", SITE]),
    ],
)
def test_a_site_on_another_port_is_not_what_the_balancer_asks(listens: list[str], told: list[str]) -> None:
    settings = [*asked(*listens), *asked("root /srv/static;")]
    facts = replace(
        but(APACHE, settings=settings),
        health=(file("/srv/static/healthz"),),
        health_lines=asked("location = /healthz { return 200; }"),
    )
    assert [each.where for each in found(facts, replace(APACHE_FLEET, health=HEALTH), 43)] == told


def test_only_the_topmost_folder_for_uploads_is_told() -> None:
    year = folder(f"{PAGES}/files/2026", owner="www-data")
    facts = but(APACHE, content=[folder(f"{PAGES}/files", owner="www-data"), year])
    assert [each.where for each in found(facts, APACHE_FLEET, 11)] == [f"{PAGES}/files"]


def test_uploads_of_the_users_that_pools_and_services_run_as_are_found() -> None:
    pool = setting("/etc/php/8.2/fpm/pool.d/shop.conf", "user = shop")
    facts = but(APACHE, settings=[pool], content=[folder(f"{PAGES}/a", owner="shop")])
    assert [each.where for each in found(facts, APACHE_FLEET, 11)] == [f"{PAGES}/a"]
    facts = but(NGINX, content=[folder(f"{PAGES}/b", owner="club")])
    assert [each.where for each in found(facts, APACHE_FLEET, 11)] == [f"{PAGES}/b"]


def test_uploads_outside_of_the_content_block() -> None:
    facts = but(NGINX, settings=[setting("/srv/club/settings.py", "MEDIA_ROOT = '/srv/media'")])
    (finding,) = found(facts, APACHE_FLEET, 11)
    assert (finding.severity, finding.where) == (BLOCKS, "/srv/media")


@pytest.mark.parametrize(
    ("prefixes", "everywhere"),
    [(("/files",), ()), (("/files/",), ()), ((), (f"{PAGES}/files",))],
)
def test_uploads_that_go_to_the_master_or_are_shared_are_no_finding(
    prefixes: tuple[str, ...], everywhere: tuple[str, ...]
) -> None:
    facts = replace(APACHE, content=(folder(PAGES), folder(f"{PAGES}/files", owner="www-data")))
    assert found(facts, fleet(prefixes=prefixes, everywhere=everywhere), 11) == []


def test_uploads_behind_an_alias_go_to_the_master_by_their_last_name() -> None:
    facts = replace(NGINX, content=(folder("/srv/club/media", owner="club"),))
    assert found(facts, fleet(prefixes=("/media",)), 11) != []
    alias = setting("/etc/nginx/sites-enabled/club", "alias /srv/club/media/;")
    assert found(but(facts, settings=[alias]), fleet(prefixes=("/media",)), 11) == []


def test_a_prefix_counts_from_the_document_root() -> None:
    root = setting("/etc/apache2/sites-enabled/a.conf", f"DocumentRoot {PAGES}/public")
    seeded = folder(f"{PAGES}/public/up/loaded", owner="www-data")
    facts = but(APACHE, settings=[root], content=[seeded])
    assert found(facts, fleet(prefixes=("/uploads", "/up")), 11) == []


def test_content_that_is_writable_as_a_whole_is_one_warning_and_its_uploads_block() -> None:
    everything = [PAGES, f"{PAGES}/css", f"{PAGES}/shop", f"{PAGES}/shop/upload"]
    facts = replace(APACHE, content=tuple(folder(path, owner="www-data") for path in everything))
    told = [(each.severity, each.where) for each in found(facts, APACHE_FLEET, 11)]
    assert told == [(BLOCKS, f"{PAGES}/shop/upload"), (WARNS, PAGES)]


@pytest.mark.parametrize("name", ["cache", "tmp", "sessions", "templates_c"])
def test_a_folder_of_what_passes_is_a_warning_until_the_sync_leaves_it_out(name: str) -> None:
    inside, left_out = (
        found(but(APACHE, content=[folder(f"{PAGES}/{name}", mode=0o777, excluded=out)]), APACHE_FLEET, 12)
        for out in (False, True)
    )
    assert [each.severity for each in (*inside, *left_out)] == [WARNS, FIXED]


@pytest.mark.parametrize("name", ["web.pid", "import.lock", "app.sock", "sess_a1b2"])
def test_a_file_of_a_process_is_a_warning(name: str) -> None:
    (finding,) = found(but(APACHE, content=[file(f"{PAGES}/{name}")]), APACHE_FLEET, 12)
    assert (finding.severity, finding.where) == (WARNS, f"{PAGES}/{name}")


@pytest.mark.parametrize("name", ["composer.lock", "yarn.lock", "Gemfile.lock", "index.php", "poetry.lock"])
def test_a_lock_of_versions_is_none(name: str) -> None:
    assert found(but(APACHE, content=[file(f"{PAGES}/{name}")]), APACHE_FLEET, 12) == []


@pytest.mark.parametrize(
    ("there", "line"),
    [
        (file(f"{PAGES}/shop.pid", excluded=True), f"{PAGES}/shop.pid"),
        (file(f"{PAGES}/shop.pid", excluded=True), f"{PAGES}/*.pid"),
        (folder(f"{PAGES}/cache", excluded=True), f"{PAGES}/cache/"),
    ],
)
def test_what_the_sync_leaves_out_is_in_the_image_still_until_the_recipe_cleans_it(
    there: File, line: str
) -> None:
    facts = but(APACHE, content=[there])
    (before,) = found(facts, APACHE_FLEET, 12)
    (after,) = found(facts, fleet(clean=(line,)), 12)
    assert "in recipe.clean" in before.remedy
    assert (after.severity, after.remedy) == (Severity.FIXED, "Nothing.")
    assert "proved" in after.what


@pytest.mark.parametrize(
    "line",
    [
        setting("/etc/php/8.2/fpm/php.ini", "session.save_handler = files"),
        setting("/etc/php/8.2/fpm/pool.d/www.conf", "php_value[session.save_path] = /var/lib/php/sessions"),
        setting("/srv/app/.env", "SESSION_DRIVER=file"),
        setting("/srv/app/settings.py", "SESSION_ENGINE = 'django.contrib.sessions.backends.file'"),
        setting("/srv/app/app.py", "app.config['SESSION_TYPE'] = 'filesystem'"),
        setting(f"{PAGES}/session.php", "session_save_path('/tmp/sessions');"),
    ],
)
def test_sessions_in_files_are_a_warning(line: Line) -> None:
    (finding,) = found(but(APACHE, settings=[line]), APACHE_FLEET, 10)
    assert (finding.severity, finding.where) == (WARNS, line.file)


@pytest.mark.parametrize(
    "lines",
    [
        [setting("/etc/php/8.2/cli/php.ini", "session.save_handler = files")],
        [setting("/srv/app/.env", "SESSION_DRIVER=redis")],
        [
            setting("/etc/php/8.2/fpm/php.ini", "session.save_handler = redis"),
            setting("/etc/php/8.2/fpm/php.ini", "session.save_path = /x"),
        ],
    ],
)
def test_other_sessions_are_no_finding(lines: list[Line]) -> None:
    assert found(but(APACHE, settings=lines), APACHE_FLEET, 10) == []


def test_content_that_is_not_there_blocks() -> None:
    (finding,) = found(replace(APACHE, content=()), APACHE_FLEET, 40)
    assert (finding.severity, finding.where) == (BLOCKS, PAGES)


def test_content_that_could_not_be_read_is_not_checked() -> None:
    facts = replace(APACHE, content=(), unread=(Unread(part="content", why="it took too long to read"),))
    assert found(facts, APACHE_FLEET, 40) == []
    told = {each.check: each.why for each in examine_server(facts, APACHE_FLEET).not_checked}
    assert told["sync-source"] == told["uploads"] == "it took too long to read."


@pytest.mark.parametrize(
    ("more", "severity", "where"),
    [
        ({"fstab": [Mount(device="UUID=1", where="/var/www", kind="ext4")]}, BLOCKS, "/var/www"),
        ({"empty": [PAGES]}, BLOCKS, PAGES),
        ({"mounts": [Mount(device="tmpfs", where=PAGES, kind="tmpfs")]}, BLOCKS, PAGES),
        ({"mounts": [Mount(device="fs:/", where="/var/www", kind="nfs4")]}, WARNS, "/var/www"),
    ],
)
def test_content_on_a_mount_is_told(more: dict[str, list[Any]], severity: Severity, where: str) -> None:
    (finding,) = found(but(APACHE, **more), APACHE_FLEET, 40)
    assert (finding.severity, finding.where) == (severity, where)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/srv/pictures", True),
        ("../../common/files", True),
        ("css", False),
        (f"{PAGES}/css", False),
        ("/usr/share/javascript/jquery", False),
        ("/etc/alternatives/x", False),
    ],
)
def test_a_link_that_leads_out_of_the_content_is_a_warning(target: str, *, told: bool) -> None:
    findings = found(but(APACHE, content=[link(f"{PAGES}/there", target)]), APACHE_FLEET, 41)
    assert [each.where for each in findings] == ([f"{PAGES}/there"] if told else [])


@pytest.mark.parametrize("name", [".git", ".svn", "deploy.lock"])
def test_content_that_is_deployed_in_place_is_a_warning(name: str) -> None:
    (finding,) = found(but(APACHE, content=[folder(f"{PAGES}/{name}")]), APACHE_FLEET, 42)
    assert (finding.severity, finding.where) == (WARNS, f"{PAGES}/{name}")


@pytest.mark.parametrize(
    ("more", "where", "severity"),
    [
        ({"places": [file("/root/.aws/credentials")]}, "/root/.aws/credentials", BLOCKS),
        ({"places": [file("/home/bob/.s3cfg")]}, "/home/bob/.s3cfg", BLOCKS),
        ({"secrets": ["/home/bob/.ssh/id_ed25519"]}, "/home/bob/.ssh/id_ed25519", WARNS),
        ({"secrets": ["/etc/ssl/private/club.key"]}, "/etc/ssl/private/club.key", WARNS),
        ({"secrets": [f"{PAGES}/wp-config.php"]}, f"{PAGES}/wp-config.php", WARNS),
        ({"content": [file(f"{PAGES}/.env")]}, f"{PAGES}/.env", WARNS),
        ({"places": [file("/root/.bash_history")]}, "/root/.bash_history", WARNS),
        ({"places": [file("/root/.my.cnf")]}, "/root/.my.cnf", WARNS),
        ({"content": [file(f"{PAGES}/old/dump.sql.gz")]}, f"{PAGES}/old/dump.sql.gz", WARNS),
    ],
)
def test_a_secret_is_named_and_never_shown(
    more: dict[str, list[Any]], where: str, severity: Severity
) -> None:
    (finding,) = found(but(APACHE, **more), APACHE_FLEET, 19)
    assert (finding.severity, finding.where) == (severity, where)


@pytest.mark.parametrize(
    "more",
    [
        {"secrets": ["/etc/ssl/private/ssl-cert-snakeoil.key"]},
        {"secrets": ["/usr/share/doc/openssl/demo.key"]},
        {"secrets": ["/etc/nsswitch.conf"]},
        {"content": [file(f"{PAGES}/.env.example")]},
        {"places": [file("/root/.bash_history", size=0)]},
    ],
)
def test_what_only_looks_like_a_secret_is_no_finding(more: dict[str, list[Any]]) -> None:
    assert found(but(APACHE, **more), APACHE_FLEET, 19) == []
    assert blocking(but(APACHE, **more), APACHE_FLEET) == []
