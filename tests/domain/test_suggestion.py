"""What `clonebot config suggest` makes of a server, and what of it a person must fill in."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.doctor.facts import Connection, File, Kind, Line, ServerFacts, Unit, Unread
from bot.domain.errors import BotError, ConfigError
from bot.domain.fleet import Balancer, Content, FleetSpec, Rewrite, State
from bot.domain.suggestion import database, network, web
from bot.domain.suggestion.draft import FILL_IN, Item, Standing
from bot.domain.suggestion.site import look_closer, provisional
from bot.domain.suggestion.surroundings import Surroundings, refuse_unfit
from bot.settings import load
from tests.domain.doctor_examples import (
    APACHE,
    PAGES,
    blocking,
    but,
    file,
    folder,
    hand_made,
    job,
    listens,
    service,
    timer,
)
from tests.domain.suggestion_examples import (
    CLUB,
    MASTER,
    SHOP,
    around,
    drafted,
    filled,
    subnet,
    table,
    target_group,
    values,
    wish,
    written,
)

SITE = "/etc/nginx/sites-enabled/site"


def site_in(path: str) -> FleetSpec:
    return replace(provisional(wish(), around()), content=Content(paths=(path,)))


def test_of_a_server_with_apache_php_and_mariadb_comes_a_fleet_that_only_a_channel_and_people_lack(
    tmp_path: Path,
) -> None:
    spec = filled(tmp_path, drafted(SHOP))

    assert spec.subnets == ("subnet-a", "subnet-b")
    assert (spec.health.port, spec.health.path) == (80, "/ok.php")
    assert spec.content.paths == (PAGES,)
    assert spec.content.exclude == ("/config.php", "/var/cache/")
    assert spec.writes.target_group.endswith("/shop-writes/1")
    assert spec.writes.prefixes == ("/uploads",)
    assert spec.recipe.services == ("mariadb", "apt-daily.timer", "apt-daily-upgrade.timer")
    assert set(spec.recipe.jobs) == {"crontab:www-data", "/etc/cron.d/dump"}
    assert spec.recipe.restart == ("php8.2-fpm",)
    (rewrite,) = spec.recipe.rewrite
    assert rewrite.file == f"{PAGES}/config.php"
    assert rewrite.replace == "define('DB_HOST', '{{ master.private_ip }}');"
    assert blocking(SHOP, spec) == []


def test_of_a_server_with_nginx_python_and_postgresql_too(tmp_path: Path) -> None:
    draft = drafted(CLUB, around(target_groups=(target_group("club", MASTER), target_group("writes"))))
    spec = filled(tmp_path, draft)

    assert spec.content.paths == ("/srv/club/static",)
    assert "/srv/club" in written(draft), "where the application works is offered"
    assert spec.writes.prefixes == ("/media",)
    assert spec.recipe.services[0] == "postgresql"
    assert spec.recipe.restart == ("club",)
    assert spec.recipe.rewrite == (
        Rewrite(
            file="/srv/club/settings.py",
            find="'HOST': '127.0.0.1',",
            replace="'HOST': '{{ master.private_ip }}',",
        ),
    )
    assert blocking(CLUB, spec) == []


def test_what_is_not_known_is_named_with_its_line_when_the_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "fleets.toml"
    draft = drafted(None, around(target_groups=(), subnets=()), ssh=None)
    path.write_text(written(draft))

    with pytest.raises(ConfigError) as raised:
        load(path)

    named = [line.partition(": ")[2] for line in str(raised.value).splitlines()]
    keys = ("channel", "subnets[0]", "ssh.user", "ssh.key_file", "content.paths[0]")
    assert [line for line in named if FILL_IN in line] == [
        *(f"fleets.shop.{key}: FILL IN stands here still" for key in keys),
        "policy.roles.operator[0]: FILL IN stands here still",
        "policy.roles.approver[0]: FILL IN stands here still",
    ]
    assert draft.asked == len(keys) + 2


def test_every_line_that_was_found_says_where_it_comes_from() -> None:
    text = written(drafted(SHOP))

    assert "# the document root in /etc/apache2/sites-enabled/000-default.conf" in text
    assert "# the database mariadb.service runs there; clones use the master's" in text
    assert "makes a backup 17 3 * * *" in text
    assert "--key secret" not in text, "arguments may be secret"
    assert max(map(len, text.splitlines())) <= 110


def test_what_could_not_be_looked_at_and_what_the_doctor_still_says_stand_there_as_comments() -> None:
    facts = but(
        SHOP,
        unread=[Unread(part="jobs", path="/var/spool/cron", why="admin may not read /var/spool/cron")],
        connections=[Connection(peer="10.0.0.9", port=5432, local_port=40000)],
        settings=[Line(file="/etc/supervisor/conf.d/mail.conf", text="command=/opt/celery worker")],
        units=[
            replace(hand_made("supervisor", "supervisord"), file="/lib/systemd/system/supervisor.service")
        ],
    )

    text = written(drafted(facts))

    assert "# - Not looked at: jobs: admin may not read /var/spool/cron." in text
    assert "# - The master uses PostgreSQL at 10.0.0.9:5432; clones will too, if that lets them in." in text
    assert "# - /etc/supervisor/conf.d/mail.conf keeps a worker running" in text


def test_where_sudo_does_not_work_that_is_said_first_with_what_to_do() -> None:
    text = written(drafted(replace(SHOP, no_sudo="sudo: a password is required.")))
    assert "# - admin may not use sudo there (sudo: a password is required), so less was seen" in text
    assert "Let admin use it without a password" in " ".join(text.replace("#  ", "").split())


@pytest.mark.parametrize(
    ("lines", "seen", "paths"),
    [
        ([(SITE, 'root "/srv/www";')], ["/srv/www"], ["/srv/www"]),
        ([(SITE, "root /srv/a/b;"), (SITE, "root /srv/a;")], ["/srv/a"], ["/srv/a"]),
        ([(SITE, "root /srv/a/;"), (SITE, "root /srv/b;")], [], ["/srv/a", "/srv/b"]),
        ([(SITE, "location /uploads/ { root /srv/club; }")], [], ["/srv/club"]),
        ([(SITE, "root /usr/share/nginx/html;")], [PAGES], [PAGES]),
        ([(SITE, "root /;"), (SITE, "root /var;"), (SITE, "root $site/pages;")], [PAGES], [PAGES]),
        ([(SITE, "root /srv/a%b;"), (SITE, "root /srv/../etc;")], [], [FILL_IN]),
        ([("/etc/sudoers", "root /srv/www")], [], [FILL_IN]),
        ([], [], [FILL_IN]),
    ],
)
def test_the_content_is_where_the_web_server_finds_the_pages(
    lines: list[tuple[str, str]], seen: list[str], paths: list[str]
) -> None:
    settings = tuple(Line(file=path, text=text) for path, text in lines)
    facts = ServerFacts(settings=settings, content=tuple(folder(path) for path in seen))
    assert values(web.content_paths(facts)) == paths


def test_a_web_server_that_does_not_run_says_nothing_of_the_content() -> None:
    left_over = Line(file="/etc/nginx/sites-enabled/default", text="root /srv/nothing;")
    assert values(web.content_paths(but(SHOP, settings=[left_over]))) == [PAGES]


def test_an_application_without_document_root_is_copied_from_where_it_works() -> None:
    unit = hand_made("club", "/srv/club/venv/bin/gunicorn club.wsgi")
    settings = (Line(file=unit.file, text="WorkingDirectory=/srv/club"),)
    facts = ServerFacts(units=(unit,), settings=settings)
    assert web.content_paths(facts) == (Item("/srv/club", "club.service works there"),)


def test_beside_a_public_folder_the_programs_are_offered() -> None:
    settings = (
        Line(file=SITE, text="root /srv/shop/public;"),
        Line(file="/srv/shop/.env", text="DB_HOST=localhost"),
    )
    pages, programs = web.content_paths(ServerFacts(settings=settings))
    assert (pages.value, pages.standing) == ("/srv/shop/public", Standing.FOUND)
    assert (programs.value, programs.standing) == ("/srv/shop", Standing.OFFERED)


def test_where_apache_runs_php_itself_apache_is_restarted() -> None:
    facts = replace(SHOP, units=tuple(unit for unit in SHOP.units if "fpm" not in unit.name))
    assert table(drafted(facts))["recipe"]["restart"] == ["apache2"]


def test_a_template_that_starts_at_boot_is_not_restarted() -> None:
    facts = but(CLUB, units=[Unit(name="getty@.service", enabled="enabled")])
    assert table(drafted(facts))["recipe"]["restart"] == ["club"]


def test_a_second_look_is_taken_only_where_the_first_did_not_see_the_content() -> None:
    spec = provisional(wish(), around())
    assert look_closer(spec, SHOP) is None
    assert look_closer(spec, ServerFacts()) is None

    closer = look_closer(spec, ServerFacts(settings=(Line(file=SITE, text="root /srv/www;"),)))

    assert closer
    assert closer.content.paths == ("/srv/www",)
    assert look_closer(spec, ServerFacts(content=(folder(PAGES),))), "it may be empty"


def test_pages_that_are_not_there_are_told() -> None:
    draft = drafted(replace(SHOP, empty=(PAGES,)))
    assert any(f"{PAGES} holds no file" in said for said in draft.left)


@pytest.mark.parametrize(
    ("inside", "patterns"),
    [
        (folder("/srv/www/cache"), ["/cache/"]),
        (folder("/srv/www/app/storage/sessions"), ["/app/storage/sessions/"]),
        (file("/srv/www/app.pid"), ["/app.pid"]),
        (File(path="/srv/www/app.sock", kind=Kind.SOCKET), ["/app.sock"]),
        (file("/srv/www/composer.lock"), []),
        (folder("/srv/www/catalogue"), []),
        (folder("/srv/www/a*b/cache"), []),
        (folder("/srv/other/cache"), []),
    ],
)
def test_what_is_each_servers_own_is_not_copied(inside: File, patterns: list[str]) -> None:
    facts = ServerFacts(content=(folder("/srv/www"), inside))
    assert values(tuple(web.passing(facts, site_in("/srv/www")))) == patterns


@pytest.mark.parametrize(
    ("inside", "prefixes"),
    [
        (folder("/srv/www/uploads"), ["/uploads"]),
        (folder("/srv/www/user-uploads"), ["/user-uploads"]),
        (folder("/srv/www/media", owner="www-data"), ["/media"]),
        (folder("/srv/www/files", mode=0o777), ["/files"]),
        (folder("/srv/www/media"), []),
        (file("/srv/www/upload.php"), []),
        (folder("/srv/www/my uploads"), []),
    ],
)
def test_what_was_just_uploaded_is_asked_of_the_master(inside: File, prefixes: list[str]) -> None:
    facts = ServerFacts(content=(folder("/srv/www"), inside))
    assert values(tuple(web.upload_prefixes(facts, site_in("/srv/www")))) == prefixes


def test_wordpress_is_administered_on_the_master() -> None:
    facts = ServerFacts(settings=(Line(file="/srv/www/blog/wp-config.php", text="define('DB_HOST', 'db');"),))
    found = values(tuple(web.upload_prefixes(facts, site_in("/srv/www"))))
    assert found == ["/blog/wp-admin", "/blog/wp-login.php"]


@pytest.mark.parametrize(
    ("text", "find", "replace"),
    [
        ("db_host = localhost", "db_host = localhost", "db_host = {{ master.private_ip }}"),
        ("DB_HOST=127.0.0.1", "DB_HOST=127.0.0.1", "DB_HOST={{ master.private_ip }}"),
        (
            "DATABASE_URL=postgres://club:…@localhost:5432/club",
            "@localhost:5432/club",
            "@{{ master.private_ip }}:5432/club",
        ),
        ("new mysqli('localhost', …", "new mysqli('localhost',", "new mysqli('{{ master.private_ip }}',"),
    ],
)  # fmt: skip
def test_a_setting_that_names_the_database_is_rewritten_as_far_as_it_is_known(
    text: str, find: str, replace: str
) -> None:
    facts = ServerFacts(settings=(Line(file="/etc/app.conf", text=text),))
    assert database.rewrites(facts) == (Rewrite(file="/etc/app.conf", find=find, replace=replace),)


@pytest.mark.parametrize(
    "text",
    [
        "db = mysql://localhost/a?fallback=localhost",
        "db_socket = /run/mysqld/mysqld.sock",
        "db = mysql://{{user}}@localhost/a",
    ],
)
def test_where_a_person_must_look_is_said(text: str) -> None:
    facts = ServerFacts(settings=(Line(file="/etc/app.conf", text=text),))
    assert database.rewrites(facts) == ()
    assert "/etc/app.conf looks for a database on the server itself" in written(drafted(facts))


def test_a_rewritten_file_of_the_system_is_no_pattern_of_the_sync() -> None:
    facts = but(CLUB, settings=[Line(file="/srv/club/static/db.ini", text="host = localhost")])
    assert table(drafted(facts))["content"]["exclude"] == ["/db.ini"]


def test_a_worker_that_nobody_asks_is_stopped_and_what_runs_at_boot_only_offered() -> None:
    facts = but(
        SHOP,
        units=[
            hand_made("mailer", "/opt/mailer/consumer.py"),
            hand_made("warm-up", "/opt/warm-up.sh", sub="exited"),
            timer("invoices", by_hand=True),
        ],
    )
    services = table(drafted(facts))["recipe"]["services"]
    assert {"mailer", "invoices.timer"} <= set(services)
    assert "warm-up" not in services
    assert '# "warm-up",' in written(drafted(facts))


def test_spools_and_known_agents_get_their_lines_with_the_reason_and_the_doctor_has_no_more_to_say() -> None:
    facts = but(
        SHOP,
        units=[service("postfix", sub="exited"), service("wazuh-agent"), service("falcon-sensor")],
        agents=[file("/etc/puppetlabs/puppet/ssl")],
        mail=[("/var/spool/postfix", 2)],
    )
    draft = drafted(facts)
    recipe = table(draft)["recipe"]
    assert recipe["spools"] == ["/var/spool/postfix"]
    assert recipe["agents"] == ["wazuh", "puppet"]
    assert "2 messages waited there; clones must not send them again" in written(draft)
    assert [said for said in draft.left if "wazuh" in said or "spool" in said or "puppet" in said] == []
    assert any("falcon-sensor" in said for said in draft.left)


def test_two_lines_of_one_crontab_are_one_job_with_both_reasons() -> None:
    facts = but(SHOP, jobs=[job("crontab:bob", "/opt/a"), job("crontab:bob", "/opt/b")])
    text = written(drafted(facts))
    assert table(drafted(facts))["recipe"]["jobs"].count("crontab:bob") == 1
    assert "'/opt/a' of crontab:bob" in text
    assert "'/opt/b' of crontab:bob" in text


def test_a_job_that_no_recipe_can_take_off_is_left_for_a_person() -> None:
    draft = drafted(but(SHOP, jobs=[job("/etc/anacrontab", "/opt/invoice.sh", "1 5")]))
    assert "/etc/anacrontab" not in table(draft)["recipe"]["jobs"]
    assert any("/opt/invoice.sh" in said for said in draft.left)


def test_without_a_target_group_the_port_and_the_page_come_from_the_server() -> None:
    facts = but(CLUB, content=[file("/srv/club/static/ping.html")])
    text = written(drafted(facts, around(target_groups=())))
    assert "port = 80  # nginx.service listens there" in text
    assert 'path = "/healthz"  # named in /etc/nginx/sites-enabled/club; also found: /ping.html' in text
    assert f'\n# target_group = "{FILL_IN}"' in text


def test_of_a_server_that_stands_alone_comes_a_fleet_for_which_adopt_makes_what_is_missing(
    tmp_path: Path,
) -> None:
    draft = drafted(SHOP, around(target_groups=()))
    spec = filled(tmp_path, draft)

    assert (spec.target_group, spec.writes.target_group, spec.balancer) == ("", "", Balancer())
    assert written(draft).count("`/clone adopt` makes") == 3
    assert "# certificate = " in written(draft)
    assert "balancer" not in table(drafted(SHOP))


def test_a_port_that_only_the_server_itself_reaches_is_not_the_sites() -> None:
    facts = replace(APACHE, sockets=(listens("127.0.0.1", 8080, "apache2", "apache2.service"),))
    assert web.port(facts) == (0, "")


@pytest.mark.parametrize(
    ("others", "chosen"),
    [
        ([subnet("b")], ["subnet-a", "subnet-b"]),
        ([subnet("b", way_out="nat")], ["subnet-a"]),
        ([subnet("b", public=False)], ["subnet-a"]),
        ([subnet("b", free=9), subnet("b2"), subnet("a2")], ["subnet-a", "subnet-b2"]),
        ([subnet("c")], ["subnet-a"]),
        ([], ["subnet-a"]),
    ],
)
def test_clones_start_in_each_zone_that_is_served_and_has_the_same_way_out(
    others: list[Any], chosen: list[str]
) -> None:
    surroundings = around(subnets=(subnet("a"), *others))
    setting = network.subnets(surroundings, network.find_site(surroundings))
    assert isinstance(setting.value, tuple)
    assert [item.value for item in setting.value if item.standing is Standing.FOUND] == chosen


@pytest.mark.parametrize(
    ("groups", "site", "writes"),
    [
        ([target_group("web", MASTER), target_group("web-writes", MASTER)], "web", "web-writes"),
        ([target_group("old", MASTER, zones=()), target_group("web", MASTER)], "web", None),
        ([target_group("web", MASTER), target_group("writes", "i-other")], "web", None),
        ([target_group("web", MASTER), target_group("writes", port=8080)], "web", None),
        ([target_group("web", MASTER), target_group("writes"), target_group("writes2")], "web", None),
        ([target_group("web"), target_group("web-writes")], None, None),
    ],
)
def test_the_target_groups_are_told_apart(groups: list[Any], site: str | None, writes: str | None) -> None:
    surroundings = around(target_groups=tuple(groups))
    found = network.find_site(surroundings)
    of_writes = network.find_writes(surroundings, found)
    assert (found and found.name, of_writes and of_writes.name) == (site, writes)


@pytest.mark.parametrize(
    ("surroundings", "reason"),
    [
        (around(windows=True), "runs Windows"),
        (around(scaling_group="shop-asg"), "in the Auto Scaling group shop-asg"),
        (around(fleet="web", role="clone"), "is a clone of the fleet web"),
        (around(server=replace(around().server, state=State.STOPPED)), "is stopped. Start it"),
    ],
)
def test_a_server_that_can_be_no_master_is_refused_with_the_reason(
    surroundings: Surroundings, reason: str
) -> None:
    with pytest.raises(BotError, match=reason):
        refuse_unfit(surroundings)


@pytest.mark.parametrize(
    ("tag", "name"),
    [("The Shop", "the-shop"), ("2nd site!", "nd-site"), ("", "web"), ("中文", "web"), ("x" * 50, "x" * 31)],
)
def test_the_fleet_is_called_as_its_server_is(tag: str, name: str) -> None:
    assert around(name=tag).fleet_name == name


HOSTILE = 'x"\n[policy.approval]\nscale_out_above = 99\x1b[31m\u2028\x7f\\'


def test_whatever_a_server_says_stays_a_text_or_a_comment() -> None:
    facts = but(
        SHOP,
        settings=[
            Line(file=f"/etc/{HOSTILE}", text=f"db_host = localhost {HOSTILE}"),
            Line(file=SITE, text=f"root /srv/{HOSTILE};"),
        ],
        content=[folder(f"{PAGES}/{HOSTILE}/uploads", owner="www-data"), folder(f"{PAGES}/{HOSTILE}/cache")],
        jobs=[job(f"crontab:{HOSTILE}", HOSTILE)],
        unread=[Unread(part="jobs", why=HOSTILE)],
        units=[hand_made(HOSTILE, HOSTILE)],
    )

    text = written(drafted(facts, around(name=HOSTILE, profile=HOSTILE, firewalls=(("sg-1", HOSTILE),))))

    said = tomllib.loads(text)
    assert said["policy"] == tomllib.loads(written(drafted(SHOP)))["policy"]
    assert said["fleets"].keys() == {"shop"}
    assert "\x1b" not in text.replace("\\u001b", "")
