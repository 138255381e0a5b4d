"""What a clone passes on to the master, and how its web server is told."""

import re

import pytest

from bot.domain.fleet import Health, Writes
from bot.domain.relay import MARK, Relay, is_under, probes, relay_to
from bot.domain.relay_rules import for_apache, for_nginx

HEALTH = Health(port=8080, path="/healthz.php?deep=1")
WRITES = Writes(by="proxy", methods=("POST", "PUT"), prefixes=("/upload.php", "/admin/"))
RELAY = Relay(
    master="10.64.1.10",
    port=8080,
    health="/healthz.php?deep=1",
    methods=("POST", "PUT"),
    prefixes=("/upload.php", "/admin"),
)
BOTH = pytest.mark.parametrize("rules", [for_apache, for_nginx])


def test_a_relay_is_what_the_fleet_file_says_and_where_the_master_is() -> None:
    assert relay_to("10.64.1.10", WRITES, HEALTH) == RELAY


@pytest.mark.parametrize(
    "writes", [None, Writes(target_group="arn:…"), Writes(by="proxy", methods=(), prefixes=())]
)
def test_there_is_no_relay_where_nothing_is_to_be_passed_on_by_clones(writes: Writes | None) -> None:
    assert relay_to("10.64.1.10", writes, HEALTH) is None


@pytest.mark.parametrize(
    ("path", "prefix", "under"),
    [
        ("/upload", "/upload", True),
        ("/upload/1?x", "/upload", True),
        ("/upload?x=/", "/upload/", True),
        ("/uploads", "/upload", False),
        ("/", "/upload", False),
        ("/anything", "/", True),
    ],
)
def test_a_prefix_is_a_path_and_all_below_it(path: str, prefix: str, under: object) -> None:
    assert is_under(path, prefix) is under


def test_each_method_and_each_prefix_has_a_probe_that_never_is_a_page_of_the_site() -> None:
    assert [(probe.method, probe.path, probe.shown) for probe in probes(RELAY)] == [
        ("POST", "/.well-known/clonebot-probe", "POST"),
        ("PUT", "/.well-known/clonebot-probe", "PUT"),
        ("GET", "/upload.php/clonebot-probe", "/upload.php"),
        ("GET", "/admin/clonebot-probe", "/admin"),
    ]


def test_a_probe_can_be_asked_for_whatever_its_prefix_holds() -> None:
    relay = Relay(master="10.0.0.1", port=80, health="/", methods=(), prefixes=("/é?x",))
    assert [probe.path for probe in probes(relay)] == ["/%C3%A9%3Fx/clonebot-probe"]


@BOTH
def test_rules_name_what_is_passed_on_and_where_to_and_are_marked(rules: object) -> None:
    assert callable(rules)
    text = rules(RELAY)
    assert '"^(?:POST|PUT)$"' in text
    assert '"^(?:/upload\\x2ephp|/admin)(?:/|$)"' in text
    assert "http://10.64.1.10:8080" in text
    assert f'{MARK} "{RELAY.fingerprint}"' in text


@pytest.mark.parametrize(
    ("methods", "prefixes", "apache", "nginx"),
    [
        (
            ("POST",),
            (),
            'RewriteCond %{REQUEST_METHOD} "^(?:POST)$"\nRewriteCond %{SERVER_ADDR} "!=10.64.1.10"\n',
            'if ($request_method ~ "^(?:POST)$") { set $clonebot write; }\n',
        ),
        (
            (),
            ("/up",),
            'RewriteCond %{REQUEST_URI} "^(?:/up)(?:/|$)"\nRewriteCond %{SERVER_ADDR} "!=10.64.1.10"\n',
            'if ($uri ~ "^(?:/up)(?:/|$)") { set $clonebot write; }\n',
        ),
        (
            ("POST",),
            ("",),
            'RewriteCond %{REQUEST_METHOD} "^(?:POST)$" [OR]\nRewriteCond %{REQUEST_URI} "^(?:)(?:/|$)"\n',
            'if ($uri ~ "^(?:)(?:/|$)") { set $clonebot write; }\n',
        ),
    ],
)
def test_methods_or_prefixes_alone_suffice(
    methods: tuple[str, ...], prefixes: tuple[str, ...], apache: str, nginx: str
) -> None:
    relay = Relay(master="10.64.1.10", port=80, health="/", methods=methods, prefixes=prefixes)
    assert apache in for_apache(relay)
    assert nginx in for_nginx(relay)


@BOTH
@pytest.mark.parametrize(
    "hostile",
    ['/"\nRequestHeader', "/${PATH}", "/$uri", "/%{ENV:x}", "/a b", "/'};", "/\\", "/#", "/.*", "/é", "/{"],
)
def test_whatever_a_prefix_holds_it_stays_a_prefix(rules: object, hostile: str) -> None:
    assert callable(rules)
    relay = Relay(master="10.0.0.1", port=80, health=hostile, methods=(), prefixes=(hostile,))
    plain = Relay(master="10.0.0.1", port=80, health="/x", methods=(), prefixes=("/x",))
    (pattern,) = re.findall(r'"\^\(\?:(.*)\)\(\?:/\|\$\)"', rules(relay))
    assert re.fullmatch(r"[A-Za-z0-9/_\\-]+", pattern)
    assert re.fullmatch(pattern.encode(), hostile.encode())
    assert len(rules(relay).splitlines()) == len(rules(plain).splitlines())


def test_other_rules_have_another_mark() -> None:
    other = Relay(master="10.64.1.11", port=8080, health="/", methods=("POST",), prefixes=())
    assert other.fingerprint != RELAY.fingerprint
