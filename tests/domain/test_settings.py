"""The fleet file and the environment: what is accepted, and how what is wrong is explained."""

from pathlib import Path

import pytest

from bot.domain.errors import ConfigError
from bot.domain.people import Power
from bot.domain.schedule import Schedule
from bot.domain.terminal import Terminal
from bot.settings import Environment, load
from bot.settings.lines import find_lines, line_of

GOOD = """\
[fleets.web]
region = "eu-central-1"
channel = "C0WEB"
master = "i-0123456789abcdef0"
target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"
subnets = ["subnet-a", "subnet-b"]
max_clones = 8
price_per_hour = 1
ssh = { user = "admin", key_file = "key" }
health = { port = 8080, path = "/healthz" }

[fleets.web.content]
paths = [
  "/var/www/html",
]
exclude = ["cache/"]

[fleets.web.writes]
target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/writes/2"

[[fleets.web.recipe.rewrite]]
file = "/etc/site.conf"
find = "127.0.0.1"
replace = "{{ master.private_ip }}"

[policy.roles]
operator = ["U0BOB", "S0OPS"]
approver = ["U0ADA"]

[policy.approval]
scale_out_above = 2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "key").write_text("a key")
    return tmp_path


ALONE = GOOD.replace(
    'target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"\n', ""
).replace(
    'target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/writes/2"\n', ""
)
CERTIFICATE = "arn:aws:acm:eu-central-1:123456789012:certificate/1b2c"


def complaints(folder: Path, text: str) -> list[str]:
    """What is said of this fleet file, without its name."""
    file = folder / "fleets.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file)
    return [line.removeprefix(f"{file}:") for line in str(raised.value).splitlines()]


def test_a_good_digest_table_becomes_a_schedule(folder: Path) -> None:
    file = folder / "clonebot.toml"
    file.write_text(GOOD + '[digest]\ncron = "0 9 * * 1-5"\ntimezone = "Europe/Berlin"\nchannel = "C0OPS"\n')
    assert load(file).digest == Schedule(cron="0 9 * * 1-5", timezone="Europe/Berlin", channel="C0OPS")


def test_a_good_terminal_table_says_who_people_are(folder: Path) -> None:
    file = folder / "clonebot.toml"
    file.write_text(GOOD + '[terminal]\nteam = "T0LAB"\nusers = { bob = "U0BOB", "ada.l" = "W0ADA" }\n')
    assert load(file).terminal == Terminal(team="T0LAB", users={"bob": "U0BOB", "ada.l": "W0ADA"})


def test_without_a_terminal_table_nobody_is_known(folder: Path) -> None:
    file = folder / "clonebot.toml"
    file.write_text(GOOD)
    assert load(file).terminal is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('team = "T0LAB"', "32: terminal.users: is missing"),
        ('users = { bob = "U0BOB" }', "32: terminal.team: is missing"),
        (
            'team = "lab"\nusers = { bob = "U0BOB" }',
            "33: terminal.team: expected a workspace's id (T…), found 'lab'",
        ),
        (
            'team = "T0LAB"\nusers = {}',
            "34: terminal.users: names nobody; name somebody, or remove the table [terminal]",
        ),
        (
            'team = "T0LAB"\nusers = { bob = "bob" }',
            "34: terminal.users.bob: expected a Slack user id (U…, W…; names can change",
        ),
        (
            'team = "T0LAB"\nusers = { ops = "S0OPS" }',
            "34: terminal.users.ops: expected a Slack user id (U…, W…; names can change",
        ),
        (
            'team = "T0LAB"\nusers = { "-x y" = "U0BOB" }',
            "34: terminal.users.-x y: expected the name of an operating-system user",
        ),
        ('team = "T0LAB"\nusers = "bob"', "34: terminal.users: expected "),
        ('team = "T0LAB"\nusers = { b = "U0BOB" }\ngroup = 1', "35: terminal.group: unknown key."),
    ],
)
def test_a_wrong_terminal_table_is_explained(folder: Path, table: str, said: str) -> None:
    (complaint,) = complaints(folder, f"{GOOD}[terminal]\n{table}\n")
    assert complaint.startswith(said)


def test_a_job_that_cannot_be_taken_off_a_clone_is_refused_with_its_place(folder: Path) -> None:
    recipe = '[fleets.web.recipe]\njobs = ["crontab:bob", "/etc/crontab"]\n[[fleets.web.recipe.rewrite]]'
    (complaint,) = complaints(folder, GOOD.replace("[[fleets.web.recipe.rewrite]]", recipe))
    assert complaint == (
        '22: fleets.web.recipe.jobs: expected "/etc/cron.d/NAME" or so, "crontab:USER" or "at", '
        'found "/etc/crontab"'
    )


def test_without_a_digest_table_there_is_no_schedule(folder: Path) -> None:
    file = folder / "clonebot.toml"
    file.write_text(GOOD)
    assert load(file).digest is None


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('cron = "0 25 * * *"', '33: digest.cron: expected a time such as "0 9 * * 1-5" (Bad hour)'),
        ('cron = "0 0 30 2 *"', '33: digest.cron: expected a time such as "0 9 * * 1-5" (Bad day-of-month)'),
        ('cron = "daily"', '33: digest.cron: expected a time such as "0 9 * * 1-5" (Wrong number of fields)'),
        ('cron = ""', "33: digest.cron: expected at least 1 character"),
        ("cron = 9", "33: digest.cron: expected a valid string, found 9"),
        ('timezone = "UTC"', "32: digest.cron: is missing"),
        (
            'cron = "0 9 * * *"\ntimezone = "Europe/Berlon"',
            '34: digest.timezone: expected a zone such as "UTC" or "Europe/Berlin", found "Europe/Berlon". ',
        ),
        ('cron = "0 9 * * *"\ntimezone = "../../etc/passwd"', "34: digest.timezone: expected a zone such as"),
        ('cron = "0 9 * * *"\nchannel = "#web"', "34: digest.channel: expected a channel id (C…"),
        (
            'cron = "0 9 * * *"\nzone = "UTC"',
            "34: digest.zone: unknown key.",
        ),
    ],
)
def test_a_wrong_digest_table_is_refused_with_its_place(folder: Path, table: str, said: str) -> None:
    (complaint,) = complaints(folder, f"{GOOD}[digest]\n{table}\n")
    assert complaint.startswith(said)


def test_a_digest_that_is_no_table_is_refused(folder: Path) -> None:
    assert complaints(folder, f'digest = "daily"\n{GOOD}') == ['1: digest: expected a table, found "daily"']


def test_a_good_file_becomes_fleets_and_policy(folder: Path) -> None:
    file = folder / "clonebot.toml"
    file.write_text(GOOD)
    (web,), policy = load(file).fleets, load(file).policy
    assert (web.name, web.subnets, web.max_clones, web.price_per_hour) == (
        "web",
        ("subnet-a", "subnet-b"),
        8,
        1.0,
    )
    assert web.ssh.key_file == str(folder / "key")
    assert web.recipe.rewrite[0].replace == "{{ master.private_ip }}"
    assert policy.roles[Power.OPERATOR] == ("U0BOB", "S0OPS")
    assert policy.approval.scale_out_above == 2


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        (
            "max_clones = 8",
            "max_clones = 0",
            "7: fleets.web.max_clones: expected greater than or equal to 1, found 0",
        ),
        (
            "max_clones = 8",
            "max_clones = true",
            "7: fleets.web.max_clones: expected a valid integer, found true",
        ),
        (
            "max_clones = 8",
            'max_clones = "8"',
            '7: fleets.web.max_clones: expected a valid integer, found "8"',
        ),
        (
            "max_clones = 8",
            "max_clone = 8",
            "7: fleets.web.max_clone: unknown key. Did you mean `max_clones`?",
        ),
        (
            "max_clones = 8",
            'name = "shop"',
            "7: fleets.web.name: unknown key; the name stands in [fleets.NAME]",
        ),
        (
            "price_per_hour = 1",
            "price_per_hour = inf",
            "8: fleets.web.price_per_hour: expected a number, found Infinity",
        ),
        ('region = "eu-central-1"\n', "", "1: fleets.web.region: is missing"),
        (
            '"i-0123456789abcdef0"',
            '"master"',
            '4: fleets.web.master: expected an instance id such as i-0123456789abcdef0, found "master"',
        ),
        (
            '"C0WEB"',
            '"#web"',
            "3: fleets.web.channel: expected a channel id (C…, from the channel's details",
        ),
        (
            '["subnet-a", "subnet-b"]',
            "[]",
            "6: fleets.web.subnets: expected at least 1 item, found []",
        ),
        ('"subnet-b"', '"subnet-a"', "6: fleets.web.subnets: a subnet is named twice"),
        (
            "max_clones",
            'instance_types = ["t3.small", "t3.small"]\nmax_clones',
            "7: fleets.web.instance_types: an instance type is named twice",
        ),
        (
            "max_clones",
            'instance_type = "m5.large"\ninstance_types = ["t3.small", "m5.large"]\nmax_clones',
            "8: fleets.web.instance_types: an instance type is named twice",
        ),
        (
            "max_clones",
            'instance_types = ["small"]\nmax_clones',
            '7: fleets.web.instance_types[0]: expected an instance type such as t3.small, found "small"',
        ),
        (
            "max_clones",
            'instance_types = "t3.small"\nmax_clones',
            '7: fleets.web.instance_types: expected a valid array, found "t3.small"',
        ),
        (
            '"/var/www/html"',
            '"/var/../etc"',
            "13: fleets.web.content.paths[0]: expected an absolute path without . and ..",
        ),
        (
            '"/var/www/html"',
            '"/"',
            "13: fleets.web.content.paths[0]: expected an absolute path without . and .., and not all of /",
        ),
        (
            'exclude = ["cache/"]',
            'exclude = ["--rsh=x"]',
            "16: fleets.web.content.exclude[0]: expected an rsync pattern that does not begin with -",
        ),
        (
            "{{ master.private_ip }}",
            "{{ master.name }}",
            "24: fleets.web.recipe.rewrite[0].replace: The recipe's setting for /etc/site.conf cannot be",
        ),
        ('["U0ADA"]', "[]", "28: policy.roles.approver is an empty list; name somebody or remove the line"),
        (
            '"U0ADA"',
            '"@ada"',
            '28: policy.roles.approver: "@ada" is not a Slack user id (U…, W…) or user group id (S…)',
        ),
        (
            "operator = [",
            "operater = [",
            "27: policy.roles.operater: expected 'viewer', 'operator', 'approver' or 'admin', found",
        ),
        (
            "[policy.approval]",
            "[policy.aproval]",
            "30: policy.aproval: unknown key. Did you mean `approval`?",
        ),
        ("[policy.approval]", "[fleet.shop]", "30: fleet: unknown key. Did you mean `fleets`?"),
        (
            'health = { port = 8080, path = "/healthz" }',
            "health = 80",
            "10: fleets.web.health: expected a table, found 80",
        ),
        (
            "targetgroup/writes/2",
            "targetgroup/web/1",
            "19: fleets.web.writes.target_group: expected a target group of its own",
        ),
        (
            'target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/writes/2"',
            'by = "proxy"\nprefixes = ["/upload", "/healthz/"]',
            "20: fleets.web.writes.prefixes: holds the health page",
        ),
        (
            'target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/writes/2"',
            'by = "magic"',
            "19: fleets.web.writes.by: expected 'listener' or 'proxy', found \"magic\"",
        ),
    ],
)
def test_each_mistake_is_explained_with_its_line_and_key(
    folder: Path, right: str, wrong: str, said: str
) -> None:
    assert right in GOOD
    complained = complaints(folder, GOOD.replace(right, wrong, 1))
    assert any(line.startswith(said) for line in complained), complained


def test_all_problems_are_told_at_once_in_the_order_of_the_file(folder: Path) -> None:
    text = GOOD.replace('"C0WEB"', '"web"').replace("= 8\n", "= 9999\n").replace("U0ADA", "ada")
    assert [line.partition(":")[0] for line in complaints(folder, text)] == ["3", "7", "28"]


def test_a_mistake_in_the_syntax_is_told_with_line_and_column(folder: Path) -> None:
    (said,) = complaints(folder, GOOD.replace("max_clones = 8", "max_clones 8"))
    assert said.startswith("7:12: not TOML: Expected '=' after a key")


def test_a_file_without_fleets_is_refused(folder: Path) -> None:
    assert complaints(folder, "") == ["1: fleets: expected at least one table [fleets.NAME]"]


@pytest.mark.parametrize("name", ["4", "Web", "web shop", "-web", "w" * 32])
def test_a_fleet_name_that_could_be_mistaken_is_refused(folder: Path, name: str) -> None:
    said = complaints(folder, GOOD.replace("fleets.web", f'fleets."{name}"'))
    assert said[0].startswith(f"1: fleets.{name}: expected a name of small letters")


def test_one_master_in_two_fleets_is_refused(folder: Path) -> None:
    shop = GOOD.partition("[policy.roles]")[0].replace("fleets.web", "fleets.shop")
    said = complaints(folder, GOOD + shop)
    assert "35: fleets.shop.master: is that of the fleet web already" in said


def test_nobody_is_never_everybody(folder: Path) -> None:
    said = complaints(folder, GOOD.partition("[policy.roles]")[0])
    assert said == [
        "1: policy: more than 0 clones need an approver, and policy.roles names no approver or admin"
    ]


def test_a_key_file_that_is_not_there_is_told(folder: Path) -> None:
    (folder / "key").unlink()
    (said,) = complaints(folder, GOOD)
    assert said.startswith("9: fleets.web.ssh.key_file: expected a readable private key")
    assert said.endswith(f"{folder}/key: No such file or directory")


def test_a_fleet_file_that_is_not_there_is_told_with_what_to_do(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no such fleet file.*CLONEBOT_CONFIG"):
        load(folder / "nowhere.toml")


def test_a_fleet_file_of_other_bytes_is_told_with_its_line(folder: Path) -> None:
    file = folder / "fleets.toml"
    file.write_bytes(b"# fine\n# \xff\n")
    with pytest.raises(ConfigError, match=r"fleets\.toml:2: expected UTF-8"):
        load(file)


@pytest.mark.parametrize("line", GOOD.splitlines())
def test_no_single_lost_line_ends_in_anything_but_an_explanation(folder: Path, line: str) -> None:
    file = folder / "fleets.toml"
    file.write_text(GOOD.replace(line + "\n", "", 1))
    said: list[str] = []
    try:
        load(file)
    except ConfigError as error:
        said = str(error).splitlines()
    assert all(each.startswith(f"{file}:") for each in said)


def test_lines_are_found_in_every_form_of_toml() -> None:
    lines = find_lines(
        '# a comment\na.b = 1\n\n[t]\nlong = """\n[not.a.table]\n"""\ninline = { x = { y = 1 } }\n'
        "[[t.list]]\nk = 1\n[[t.list]]\nk = [\n 1,\n 2]\n[t.list.sub]\nz = 1\n"
    )
    assert [
        line_of(key, lines)
        for key in [
            ("a", "b"),
            ("t",),
            ("t", "long"),
            ("t", "inline", "x", "y"),
            ("t", "list", 0, "k"),
            ("t", "list", 1, "k", 1),
            ("t", "list", 1, "sub", "z"),
            ("t", "unknown"),
            ("nothing",),
        ]
    ] == [2, 4, 5, 8, 10, 12, 16, 4, 1]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("BOT_TOKEN", "APP_TOKEN", "SIGNING_SECRET", "API_URL"):
        monkeypatch.delenv(f"SLACK_{name}", raising=False)
    for name in ("PORT", "BIND", "CLONEBOT_CONFIG", "CLONEBOT_DATA"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_an_empty_environment_has_safe_defaults(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CLONEBOT_DATA", "")
    found = Environment.find()
    assert Environment.data_folder() == Path("data")
    assert (found.bind, found.config, found.data) == ("127.0.0.1", Path("clonebot.toml"), Path("data"))
    assert found.api_url == "https://slack.com/api/"


def test_everything_missing_for_slack_is_named_at_once_with_its_source(
    environment: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ConfigError) as raised:
        Environment.read()
    said = str(raised.value)
    assert "SLACK_BOT_TOKEN is missing" in said
    assert "SLACK_APP_TOKEN is missing" in said
    assert "SLACK_SIGNING_SECRET" in said
    assert said.count("https://api.slack.com/apps") == 2
    del environment


def test_tokens_in_each_others_place_are_noticed_and_never_shown(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SLACK_BOT_TOKEN", "xapp-canary-one")
    environment.setenv("SLACK_APP_TOKEN", "xoxb-canary-two")
    with pytest.raises(ConfigError) as raised:
        Environment.read()
    assert str(raised.value).count("is not such a token") == 2
    assert "canary" not in str(raised.value) + repr(Environment.find())


def test_a_bot_token_and_an_app_token_are_enough(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    environment.setenv("SLACK_APP_TOKEN", "xapp-1")
    environment.setenv("SLACK_API_URL", "http://127.0.0.1:4000/api")
    found = Environment.read()
    assert found.app_token is not None
    assert (found.bot_token.get_secret_value(), found.app_token.get_secret_value()) == ("xoxb-1", "xapp-1")
    assert found.api_url == "http://127.0.0.1:4000/api/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_API_URL", "http://example.com/canary/"),
        ("PORT", "canary"),
        ("PORT", "0"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not_shown(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    with pytest.raises(ConfigError, match=f"{name}: ") as raised:
        Environment.read()
    assert "canary" not in str(raised.value)


def test_a_fleet_may_leave_its_target_groups_to_adopt(folder: Path) -> None:
    (folder / "fleets.toml").write_text(ALONE)
    (spec,) = load(folder / "fleets.toml").fleets
    assert (spec.target_group, spec.writes.target_group) == ("", "")
    assert (spec.balancer.port, spec.balancer.protocol, spec.balancer.scheme) == (
        80,
        "HTTP",
        "internet-facing",
    )


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ('{ protocol = "HTTPS" }', "balancer.certificate: is missing; HTTPS needs one"),
        (f'{{ certificate = "{CERTIFICATE}" }}', 'is of use only with protocol = "HTTPS"'),
        ('{ protocol = "HTTPS", certificate = "mine" }', "expected the ARN of a certificate"),
        ('{ protocol = "FTP" }', "balancer.protocol: expected 'HTTP' or 'HTTPS'"),
        ('{ scheme = "public" }', "balancer.scheme: expected 'internet-facing' or 'internal'"),
        ('{ clients = ["everybody"] }', "expected an IPv4 network such as 0.0.0.0/0"),
        ('{ subnets = ["a"] }', "expected a subnet id"),
        ("{ port = 0 }", "balancer.port: expected greater than or equal to 1"),
    ],
)
def test_a_wrong_balancer_table_is_refused_with_its_place(folder: Path, table: str, complaint: str) -> None:
    text = ALONE.replace("max_clones = 8", f"balancer = {table}\nmax_clones = 8")
    (said,) = complaints(folder, text)
    assert complaint in said
    assert said.startswith("6: fleets.web.balancer")


def test_a_target_group_for_writes_alone_is_of_no_use(folder: Path) -> None:
    text = GOOD.replace(
        'target_group = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1"\n', ""
    )
    (said,) = complaints(folder, text)
    assert "writes.target_group: is of use only beside the fleet's own `target_group`" in said


RECIPE = "[[fleets.web.recipe.rewrite]]"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('remove = ["/etc"]', "recipe.remove[0]: expected files below a folder"),
        ('remove = ["etc/x"]', "recipe.remove[0]: expected files below a folder"),
        ('clean = ["/*/x"]', "recipe.clean[0]: expected files below a folder"),
        ('truncate = ["/var/../etc/x"]', "recipe.truncate[0]: expected files below a folder"),
        (
            'spools = ["/var/spool/*"]',
            "recipe.spools[0]: expected a spool's folder such as /var/spool/postfix",
        ),
        ('agents = ["nagios"]', "recipe.agents[0]: expected 'amazon-ssm-agent', 'datadog'"),
        ('preset = ["iis"]', "recipe.preset[0]: expected 'apache', 'nginx'"),
        (
            'remove = ["/home/*/.ssh/authorized_keys"]',
            "recipe.remove[0]: would take /home/admin/.ssh/authorized_keys from clones, with which I log in",
        ),
        ('spools = ["/home/admin"]', "recipe.spools[0]: would take /home/admin/.ssh/authorized_keys"),
        ('truncate = ["/home/admin/"]', "recipe.truncate[0]: would take /home/admin/.ssh/authorized_keys"),
        (
            f"remove = {[f'/srv/{n**5}/x' for n in range(6000)]}",
            "recipe: makes ",
        ),
        (
            'template = [{ file = "/etc/motd", text = "{{ instance.name }}" }]',
            "recipe.template[0].text: The recipe's setting for /etc/motd cannot be filled in",
        ),
        ('template = [{ file = "motd", text = "x" }]', "recipe.template[0].file: expected an absolute path"),
    ],
)
def test_a_recipe_that_cannot_be_carried_out_is_refused_when_it_is_read(
    folder: Path, lines: str, said: str
) -> None:
    (complaint,) = complaints(folder, GOOD.replace(RECIPE, f"[fleets.web.recipe]\n{lines}\n{RECIPE}"))
    assert f"fleets.web.{said}" in complaint


def test_a_recipe_is_read_with_all_that_its_presets_add(folder: Path) -> None:
    lines = '[fleets.web.recipe]\npreset = ["mariadb", "postfix"]\nservices = ["solr"]\n'
    file = folder / "clonebot.toml"
    file.write_text(GOOD.replace(RECIPE, lines + RECIPE))
    recipe = load(file).fleets[0].recipe
    assert recipe.services == ("solr", "mariadb")
    assert recipe.spools == ("/var/spool/postfix",)
