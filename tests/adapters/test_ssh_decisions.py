"""What the SSH adapter decides without any server: settings, names, patterns, lines of authorized_keys."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from bot.domain.errors import RemoteFailed
from bot.domain.fleet import Content, Rewrite
from bot.domain.recipe import host_name
from bot.lab.tools import Tools
from bot.ssh.names import check_content, check_path, read_keys
from bot.ssh.offering import Terms, authorized_line
from bot.ssh.patterns import find_conditions, understand
from bot.ssh.rewriting import holds, rewritten
from bot.ssh.shell import Script, one_line, source

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0tK3uXCZqZxXd3qiOWr7LWw9pArinEt2/fywr9nkU6"


def setting(find: str, replace: str) -> Rewrite:
    return Rewrite(file="/etc/site.conf", find=find, replace=replace)


@pytest.mark.parametrize(
    ("text", "find", "replace", "result"),
    [
        ("db = localhost", "localhost", "10.0.0.1", "db = 10.0.0.1"),
        ("a localhost b localhost", "localhost", "10.0.0.1", "a 10.0.0.1 b 10.0.0.1"),
        ("db = 10.0.0.1", "localhost", "10.0.0.1", "db = 10.0.0.1"),
        ("db = localhost", "localhost", "localhost.master", "db = localhost.master"),
        ("db = localhost.master", "localhost", "localhost.master", "db = localhost.master"),
        ("localhost localhost.master", "localhost", "localhost.master", "localhost.master localhost.master"),
        ("db.internal.old", "db.internal.old", "db.internal", "db.internal"),
        ("$x = 'a.b*[c]'", "'a.b*[c]'", "'$(rm)'", "$x = '$(rm)'"),
        ("ä = localhost\r\n", "localhost", "ö", "ä = ö\r\n"),
    ],
)
def test_a_setting_is_replaced_literally_and_only_once(
    text: str, find: str, replace: str, result: str
) -> None:
    once = rewritten(text.encode(), [setting(find, replace)])
    assert once == result.encode()
    assert rewritten(once, [setting(find, replace)]) == once
    assert holds(once, [setting(find, replace)])


def test_a_setting_that_is_in_its_old_form_somewhere_does_not_hold() -> None:
    assert not holds(b"db = 10.0.0.1\nother = localhost", [setting("localhost", "10.0.0.1")])


def test_a_setting_that_has_no_place_is_named() -> None:
    with pytest.raises(RemoteFailed, match=r"/etc/site\.conf holds neither 'localhost'"):
        rewritten(b"db = 10.9.9.9", [setting("localhost", "10.0.0.1")])


@pytest.mark.parametrize(
    "path", ["relative", "/", "/.", "/a/../b", "-rf", "/a\nb", "/a\0b", "", "/a/..", "//", "/a\x1b[0m"]
)
def test_a_path_with_surprises_is_refused(path: str) -> None:
    with pytest.raises(RemoteFailed, match="Correct it in the fleet file"):
        check_path(path)


@pytest.mark.parametrize(
    ("path", "clean"), [("/var/www/", "/var/www"), ("//a/./b", "/a/b"), ("/it's a / ü", "/it's a / ü")]
)
def test_an_ordinary_path_is_cleaned(path: str, clean: str) -> None:
    assert check_path(path) == clean


@pytest.mark.parametrize("path", ["/100%", "/a\\b", '/a"b'])
def test_a_content_path_that_tools_would_read_differently_is_refused(path: str) -> None:
    with pytest.raises(RemoteFailed, match="content path"):
        check_content(Content(paths=(path,)))


def test_the_host_name_of_a_clone_is_its_own_and_short_enough() -> None:
    clone = "i-0123456789abcdef0"
    assert host_name("web", clone) == "web-clone-0123456789abcdef0"
    assert len(host_name("A very_long fleet name " * 5, clone)) <= 63


@pytest.mark.parametrize(
    "line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-rsa " + ED25519.split()[1], 'x" y', "-----BEGIN"]
)
def test_what_is_no_host_key_is_left_out(line: str) -> None:
    assert read_keys([line]) == ()


def test_host_keys_are_read_as_the_console_shows_them() -> None:
    kind, key = ED25519.split()
    assert read_keys([f"{ED25519} root@web\r"]) == ((kind, key),)


TERMS = Terms(rrsync="/usr/bin/rrsync", until="20260101120000", folders=("/srv/a", '/srv/it\'s "b"'))


def test_a_key_may_only_read_its_folder() -> None:
    line = authorized_line(TERMS, 0, ("ssh-ed25519", "AAAA"), sudo=False, comment="clonebot-sync-s1:i-1:0")
    assert line == (
        'command="/usr/bin/rrsync -ro /srv/a",restrict,expiry-time="20260101120000" '
        "ssh-ed25519 AAAA clonebot-sync-s1:i-1:0\n"
    )


def test_a_folder_with_quotes_stays_one_argument_of_one_option() -> None:
    line = authorized_line(TERMS, 1, ("ssh-ed25519", "AAAA"), sudo=False, comment="c")
    match = re.match(r'command="((?:[^"\\]|\\.)*)",restrict,', line)
    assert match
    assert shlex.split(match[1].replace('\\"', '"')) == ["/usr/bin/rrsync", "-ro", '/srv/it\'s "b"']


def test_with_sudo_rrsync_still_learns_what_was_asked() -> None:
    line = authorized_line(TERMS, 0, ("ssh-ed25519", "AAAA"), sudo=True, comment="c")
    assert r'command="sudo -n env \"SSH_ORIGINAL_COMMAND=$SSH_ORIGINAL_COMMAND\" /usr/bin/rrsync' in line


HOSTILE = [
    "",
    " ",
    "a b",
    "$(touch x)",
    "`touch x`",
    "'; touch x; '",
    '"',
    "\\",
    "-n",
    "*",
    "a\nb",
    "ü",
    "#",
    "&",
]


def test_values_and_arguments_reach_the_script_as_they_are(tmp_path: Path) -> None:
    script = Script(
        what="a test",
        functions='show() { printf "%s\\0" "$value" "$@"; }',
        calls=[("show", *HOSTILE)],
        values={"value": "it's $HOME"},
    )
    text = source(script, root=str(tmp_path), mark="mark")
    said = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said.stdout.removeprefix("mark\n").split("\0")[:-1] == ["it's $HOME", *HOSTILE]
    assert list(tmp_path.iterdir()) == []


def test_of_a_script_that_arrives_in_part_nothing_runs(tmp_path: Path) -> None:
    script = Script(what="a test", functions="", calls=[("touch", "x"), ("touch", "y")])
    text = source(script, root=str(tmp_path), mark="mark")
    begins, ends = text.rindex("{ while"), text.rindex("}")
    for end in [*range(0, begins, 50), *range(begins, ends, 5), ends]:
        subprocess.run(["sh", "-s"], input=text[:end], capture_output=True, text=True, check=False)
    assert list(tmp_path.iterdir()) == []


def test_what_a_command_said_becomes_one_short_line() -> None:
    assert (
        one_line(b"rsync: failed\n\x1b[31mred\x00  \xff")
        == "rsync: failed ?[31mred? \N{REPLACEMENT CHARACTER}"
    )
    assert len(one_line(b"word " * 1000)) <= 302


NAMES = ["a", "b", "ab", "a.b", "a+b", "cache", "x.pid", "-a", "a b", "a\nb", "é", "a[1]", "ba"]
PATTERNS = [
    "a", "a/", "/a", "/a/", "a/b", "/a/b", "a/b/", "*", "*/", "/*", "a*", "*b", "?", "a?b", "[ab]",
    "[!a]", "[^a]b", "[a-b]b", "a.b", "a+b", "*.pid", "cache/", "**/b", "a/**", "a/**/b", "**b",
    "/a/**/b", "a**b", "a/*", "*/b", "a/***", "/a/***", "a/b/***", "x.*", "a b", "é", "*/*/b", "a*/b",
    "b/**", "/**/b", "**/a/*",
]  # fmt: skip


def make_tree(root: Path, names: list[str], depth: int) -> None:
    root.mkdir()
    for name in names:
        if depth and len(name) < 3:
            make_tree(root / name, names if depth > 1 else ["a", "b", "ab", "a.b", "x.pid"], depth - 1)
        else:
            (root / name).touch()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("patterns") / "tree"
    make_tree(root, NAMES, 2)
    (root / "cache" / "inside").parent.unlink()
    (root / "cache").mkdir()
    (root / "cache" / "inside").touch()
    return root


def left_by_find(tree: Path, pattern: str) -> set[str]:
    command = [
        "find",
        ".",
        "-regextype",
        "posix-extended",
        "(",
        *find_conditions([pattern]),
        ")",
        "-prune",
        "-o",
    ]
    said = subprocess.run(
        [*command, "-print0"],
        cwd=tree,
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    )
    return {name.decode() for name in said.stdout.split(b"\0")[:-1]} - {"."}


def left_by_rsync(tree: Path, pattern: str, tools: Tools, target: Path) -> set[str]:
    command = [
        str(tools.rsync),
        "-r",
        "--delete",
        "--delete-excluded",
        f"--exclude={pattern}",
        "--",
        f"{tree}/",
        f"{target}/",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return {f"./{path.relative_to(target)}" for path in target.rglob("*")}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_find_leaves_out_what_rsync_leaves_out(
    tree: Path, pattern: str, tools: Tools, tmp_path: Path
) -> None:
    assert left_by_find(tree, pattern) == left_by_rsync(tree, pattern, tools, tmp_path / "copy")


@pytest.mark.parametrize(
    "pattern", ["", "/", "- a", "+ a", "!", "a\\*", "[]a]", "[a", "a//b", "a\nb", "[[:alpha:]]"]
)
def test_a_pattern_that_find_could_not_judge_alike_is_refused(pattern: str) -> None:
    with pytest.raises(RemoteFailed, match="exclude pattern"):
        understand(pattern)
