"""SSH host keys are taken from a console's output only when they are whole."""

import pytest

from bot.aws.console import read_host_keys
from tests.adapters.cloud_fake import make_host_key
from tests.adapters.cloud_worlds import console_with

KEY, OTHER = make_host_key("one"), make_host_key("two")
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5"
    "YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (KEY, KEY),
        (f"{KEY} root@ip-10-0-0-5", KEY),
        (ECDSA, ECDSA),
        (f"[   12.345678] cloud-init[812]: {KEY} root@web", KEY),
        (f"<14>Nov 22 12:00:00 ec2: {KEY}", KEY),
    ],
    ids=["bare", "with a comment", "another algorithm", "after the kernel's time", "after syslog's"],
)
def test_a_key_is_found_however_the_line_begins(line: str, found: str) -> None:
    assert read_host_keys(console_with(line)) == (found,)


@pytest.mark.parametrize(
    "line",
    [
        "",
        KEY[:-8],
        KEY.replace("ssh-ed25519", "ssh-rsa"),
        KEY.replace("ssh-ed25519", "ssh-dss"),
        "ssh-ed25519 " + "A" * 68,
        "ssh-ed25519 " + "=" * 68,
        KEY[:40] + "[  13.1] random: crng init" + KEY[40:],
        KEY + "AAAA",
        "256 SHA256:abc root@web (ED25519)",
    ],
    ids=["empty", "cut", "other name", "weak", "zeros", "no base64", "torn apart", "too long", "fingerprint"],
)
def test_what_is_no_whole_key_is_left_out(line: str) -> None:
    assert read_host_keys(console_with(line, OTHER)) == (OTHER,)


def test_keys_outside_the_block_do_not_count() -> None:
    assert read_host_keys(f"{KEY}\n{console_with(OTHER)}\n{KEY}\n") == (OTHER,)


def test_the_last_complete_block_counts() -> None:
    begun = console_with(make_host_key("three")).partition("-----END")[0]
    assert read_host_keys(console_with(KEY) + console_with(OTHER) + begun) == (OTHER,)


@pytest.mark.parametrize("output", ["", "Debian GNU/Linux 12 web ttyS0", console_with(KEY)[:80]])
def test_a_console_without_a_complete_block_shows_no_keys(output: str) -> None:
    assert read_host_keys(output) == ()


def test_a_key_that_is_printed_twice_is_one_key() -> None:
    assert read_host_keys(console_with(KEY, OTHER, KEY)) == (KEY, OTHER)
