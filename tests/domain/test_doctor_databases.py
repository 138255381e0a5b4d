"""Databases that must run once: what the doctor finds, and what it leaves alone."""

from dataclasses import replace

import pytest

from bot.domain.doctor.facts import Line, Socket, Unit
from bot.domain.doctor.finding import Severity
from tests.domain.doctor_examples import (
    ANYWHERE,
    APACHE,
    APACHE_FLEET,
    NGINX,
    NGINX_FLEET,
    PAGES,
    blocking,
    but,
    fleet,
    found,
    listens,
    service,
)


def test_a_database_without_a_recipe_blocks_and_so_does_what_connects_to_it() -> None:
    assert [each.where for each in found(APACHE, fleet(), 8)] == ["mariadb.service", f"{PAGES}/config.php"]
    assert [each.where for each in found(NGINX, fleet(), 8)] == [
        "postgresql@15-main.service",
        "/srv/club/settings.py",
    ]


@pytest.mark.parametrize("name", ["redis-server", "mongod", "mysql", "valkey-server"])
def test_one_more_database_blocks_and_is_named(name: str) -> None:
    (finding,) = found(but(APACHE, units=[service(name)]), APACHE_FLEET, 8)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, f"{name}.service")


@pytest.mark.parametrize(
    ("socket", "where"),
    [
        (listens(ANYWHERE, 27017, "docker-proxy", "docker.service"), "docker-proxy on port 27017"),
        (listens("127.0.0.1", 3307, "mysqld", "cron.service"), "mysqld on port 3307"),
        (listens("127.0.0.1", 6379), "Redis on port 6379"),
        (listens("127.0.0.1", 3310, "mysqld", "members.service"), "members.service"),
    ],
)
def test_a_database_without_a_unit_of_its_own_blocks_and_is_named(socket: Socket, where: str) -> None:
    (finding,) = found(but(APACHE, sockets=[socket]), APACHE_FLEET, 8)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, where)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{PAGES}/include/db.php", '$link = mysqli_connect("localhost", …'),
        (f"{PAGES}/include/db.php", "$db = new PDO('mysql:host=127.0.0.1;dbname=shop', …"),
        (f"{PAGES}/configuration.php", "public $host = 'localhost';"),
        (f"{PAGES}/sites/default/settings.php", "'host' => 'localhost',"),
        ("/srv/app/.env", "DB_HOST=127.0.0.1"),
        ("/srv/app/.env", "DATABASE_URL=postgres://shop:…@localhost:5432/shop"),
        ("/srv/app/.env", "REDIS_URL=redis://localhost:6379/0"),
        ("/srv/app/database.yml", "host: localhost"),
        ("/etc/systemd/system/app.service", "Environment=X=1"),
        ("/srv/app/settings.py", "'HOST': '',"),
        ("/srv/app/app.py", 'conn = psycopg2.connect("host=localhost dbname=shop")'),
        ("/srv/app/app.py", 'host = os.environ.get("DB_HOST", "localhost")'),
    ],
)
def test_a_setting_that_looks_for_a_database_here_blocks_and_is_named(path: str, text: str) -> None:
    django = Line(file="/srv/app/settings.py", text="'ENGINE': 'django.db.backends.mysql',")
    findings = found(but(APACHE, settings=[django, Line(file=path, text=text)]), APACHE_FLEET, 8)
    expected = [] if path.startswith("/etc/systemd") else [path]
    assert [each.where for each in findings] == expected


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/nginx/sites-enabled/club", "server_name localhost;"),
        ("/etc/mysql/mariadb.conf.d/60.cnf", "bind-address = 127.0.0.1"),
        ("/etc/postfix/main.cf", "mydestination = shop, localhost"),
        ("/srv/app/gunicorn.conf", "bind = 127.0.0.1:8000"),
        ("/srv/app/config.ini", "host = 127.0.0.1"),
        (f"{PAGES}/config.php", "define('SMTP_HOST', 'localhost');"),
        ("/srv/app/settings.py", "ALLOWED_HOSTS = ['localhost']"),
        ("/etc/php/8.2/fpm/php.ini", "mysqli.default_host = localhost"),
    ],
)
def test_another_localhost_blocks_nothing(path: str, text: str) -> None:
    assert blocking(but(APACHE, settings=[Line(file=path, text=text)]), APACHE_FLEET) == []


def test_what_a_program_falls_back_to_counts_only_where_no_settings_file_says_otherwise() -> None:
    code = Line(file="/srv/app/app.py", text='host = settings.get("db_host", "localhost")')
    says = Line(file="/etc/app.conf", text="db_host = 10.0.0.9")
    assert found(but(APACHE, settings=[code]), APACHE_FLEET, 8) != []
    assert found(but(APACHE, settings=[code, says]), APACHE_FLEET, 8) == []


@pytest.mark.parametrize("unit", ["mysql.service", "mariadb.service"])
def test_only_the_name_under_which_systemd_knows_it_settles_a_database(unit: str) -> None:
    spec = fleet(services=(unit,), rewrite=APACHE_FLEET.recipe.rewrite, exclude=APACHE_FLEET.content.exclude)
    assert (found(APACHE, spec, 8) == []) is (unit == "mariadb.service")


def test_a_database_that_starts_when_somebody_knocks_blocks_until_the_recipe_names_its_service() -> None:
    asleep = service("mariadb", active="inactive", sub="dead", enabled="disabled")
    knock = Unit(
        name="mariadb.socket", active="active", sub="listening", enabled="enabled", triggers="mariadb.service"
    )
    facts = but(NGINX, units=[asleep, knock], sockets=[listens(ANYWHERE, 3306, "systemd", "init.scope")])
    (finding,) = found(facts, NGINX_FLEET, 8)
    assert (finding.severity, finding.where) == (Severity.BLOCKS, "mariadb.socket")
    assert "Name 'mariadb' in recipe.services" in finding.remedy
    recipe = replace(NGINX_FLEET.recipe, services=(*NGINX_FLEET.recipe.services, "mariadb"))
    assert found(facts, replace(NGINX_FLEET, recipe=recipe), 8) == []


def test_a_database_that_clones_cannot_reach_blocks() -> None:
    here = listens("127.0.0.1", 3306, "mariadbd", "mariadb.service")
    (finding,) = found(replace(APACHE, sockets=(here,)), APACHE_FLEET, 8)
    assert finding.where == "mariadb.service on 127.0.0.1:3306"


def test_a_database_that_answers_on_no_port_blocks_where_it_is_known_who_listens() -> None:
    others = tuple(each for each in APACHE.sockets if each.unit != "mariadb.service")
    (finding,) = found(replace(APACHE, sockets=others), APACHE_FLEET, 8)
    assert finding.where == "mariadb.service on no port"
    assert found(replace(APACHE, sockets=()), APACHE_FLEET, 8) == []


@pytest.mark.parametrize(
    "unit",
    [
        service("mysql", active="inactive", sub="dead", enabled="disabled"),
        service("redis-server", load="masked", enabled="masked", active="inactive"),
        service("postgresql-setup", active="inactive", enabled="static"),
    ],
)
def test_a_database_that_sleeps_blocks_nothing(unit: Unit) -> None:
    assert blocking(but(NGINX, units=[unit]), NGINX_FLEET) == []


@pytest.mark.parametrize(
    ("exclude", "kept"),
    [
        ((), False),
        (("/config.php",), True),
        (("config.php",), True),
        (("*.php",), True),
        (("/cache/",), False),
        (("other.php", "config.ph"), False),
    ],
)
def test_a_rewritten_file_that_a_sync_would_bring_back_blocks(
    exclude: tuple[str, ...], *, kept: bool
) -> None:
    spec = fleet(services=("mariadb",), rewrite=APACHE_FLEET.recipe.rewrite, exclude=exclude)
    assert blocking(APACHE, spec) == ([] if kept else [f"overwritten at {PAGES}/config.php"])


def test_a_rewritten_file_outside_of_the_content_stays_as_it_is() -> None:
    assert blocking(NGINX, NGINX_FLEET) == []


def test_what_only_developers_use_is_no_finding() -> None:
    texts = ("development:", "host: localhost", "production:", "host: db.club.example")
    lines = [Line(file="/srv/a/config/database.yml", text=text) for text in texts]
    assert found(but(APACHE, settings=lines), APACHE_FLEET, 8) == []
    lines += [Line(file="/srv/a/config/database.yml", text="host: localhost")]
    assert [each.where for each in found(but(APACHE, settings=lines), APACHE_FLEET, 8)] == [lines[0].file]


@pytest.mark.parametrize("text", ["SetEnv DB_HOST localhost", "fastcgi_param DB_HOST 127.0.0.1;"])
def test_a_web_server_that_tells_the_site_where_its_database_is_blocks(text: str) -> None:
    line = Line(file="/etc/apache2/sites-enabled/shop.conf", text=text)
    assert [each.where for each in found(but(APACHE, settings=[line]), APACHE_FLEET, 8)] == [line.file]
