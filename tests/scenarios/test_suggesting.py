"""`clonebot config suggest` in a terminal: a first fleet file for the lab's server, and refusals."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bot.lab.host.login import PORT
from bot.lab.lab import Lab
from bot.settings import load
from tests.adapters.cloud_fake import make_host_key
from tests.scenarios.conftest import Labs
from tests.scenarios.newcomer import fill_in

pytestmark = pytest.mark.xdist_group("http")


@pytest.fixture
def lab(labs: Labs) -> Lab:
    """One way is enough: Slack has no part in it."""
    return labs("http")


def begin(lab: Lab, *more: str, server: str = "", key: str = "", port: int = PORT) -> "subprocess.Popen[str]":
    """Type `clonebot config suggest i-…` where there is no fleet file yet."""
    login = ["--ssh-user", lab.hosts.user, "--ssh-key", key or str(lab.hosts.key_file), "--port", str(port)]
    place = ["--region", lab.site.region, "--root", ".", "--no-sudo"]
    command = ["config", "suggest", server or lab.site.master, *place, *login, *more]
    aws = {
        name: value for name, value in lab.environment.items() if not name.startswith(("SLACK", "CLONEBOT"))
    }
    return subprocess.Popen(
        [sys.executable, "-m", "bot", *command],
        env=aws,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


@contextmanager
def a_port_where_nobody_speaks(address: str) -> Iterator[int]:
    with socket.create_server((address, 0)) as silent:
        yield silent.getsockname()[1]


def test_the_labs_own_server_gets_the_labs_own_fleet_file(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "new.toml"

    said, remarks = begin(
        lab, "--fleet", "web", "--channel", "C0WEB", "--output", str(file)
    ).communicate(timeout=90)  # fmt: skip

    assert (said, file.exists()) == ("", True), remarks
    assert remarks == f"{file}: 2 places to FILL IN. Then type: clonebot config check {file}\n"
    file.write_text(fill_in(file.read_text()))
    (suggested,), (ours,) = load(file).fleets, load(lab.fleet_file).fleets
    # The form that the pages send to /upload is a POST, which the master gets anyway.
    assert set(suggested.writes.prefixes) <= set(ours.writes.prefixes)
    assert suggested == replace(
        ours,
        writes=replace(ours.writes, prefixes=suggested.writes.prefixes),
        max_clones=suggested.max_clones,
        patience=suggested.patience,
        price_per_hour=None,
    )


def test_where_it_cannot_look_it_says_why_and_writes_nothing(lab: Lab, tmp_path: Path) -> None:
    file, taken = tmp_path / "new.toml", tmp_path / "taken.toml"
    taken.write_text("mine")
    output = ("--output", str(file))
    with a_port_where_nobody_speaks(lab.site.master_address) as silent:
        refusals = {
            "cannot be reached over SSH": begin(lab, *output, port=silent),
            "shows another SSH host key": begin(lab, *output, "--host-key", make_host_key("another")),
            "taken.toml is there already": begin(lab, "--output", str(taken)),
        }
        answers = {why: running.communicate(timeout=100) for why, running in refusals.items()}

    for why, running in refusals.items():
        said, remarks = answers[why]
        assert (running.returncode, said) == (2, "")
        assert remarks.startswith("clonebot: ")
        assert why in remarks
        assert "Traceback" not in remarks
    assert [each.name for each in tmp_path.iterdir()] == ["taken.toml"]
    assert taken.read_text() == "mine"
