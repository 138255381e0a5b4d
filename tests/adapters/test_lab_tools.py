"""The lab's programs: the system's, or unpacked without installing."""

import subprocess
import sys
from pathlib import Path

import pytest

from bot.domain.errors import ConfigError
from bot.lab import packages
from bot.lab.packages import NotFetched, unpack_packages
from bot.lab.tools import Tools, find_tools

BARE = {"PATH": "/usr/bin:/bin"}


def output_of(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command], check=False, capture_output=True, text=True, env=BARE, timeout=20
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def tools(pytestconfig: pytest.Config) -> Tools:
    assert pytestconfig.cache
    return find_tools(pytestconfig.cache.mkdir("lab"))


def make_system(folder: Path, **programs: str) -> Path:
    """A system that has these programs, and nothing else."""
    for place, text in programs.items():
        path = folder / place.replace("__", "/").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return folder


def test_every_program_runs_from_a_bare_environment(tools: Tools) -> None:
    assert "OpenSSH" in output_of(tools.sshd, "-V")
    assert "OpenSSH" in output_of(tools.ssh, "-V")
    assert "protocol version" in output_of(tools.rsync, "--version")
    assert "DIR" in output_of(tools.rrsync)


def test_a_second_call_finds_the_same_and_changes_nothing(tools: Tools, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache
    folder = pytestconfig.cache.mkdir("lab")
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if path.name != "lock"}
    said: list[str] = []
    assert find_tools(folder, said.append) == tools
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*") if path.name != "lock"} == before
    assert said == []


def test_what_the_system_has_is_used_as_it_is(tmp_path: Path) -> None:
    speaks = "#!/bin/sh\necho 'OpenSSH_9.9p1' >&2\n"
    system = make_system(
        tmp_path / "system",
        usr__sbin__sshd=speaks,
        usr__bin__ssh=speaks,
        usr__bin__ssh_keygen=speaks,
        usr__local__bin__rsync="#!/bin/sh\n",
        usr__bin__rrsync="RSYNC = '/usr/bin/rsync'\n",
    )
    tools = find_tools(tmp_path / "lab", system=system)
    assert tools.sshd == system / "usr/sbin/sshd"
    assert tools.rsync == system / "usr/local/bin/rsync"
    assert tools.rrsync.read_text() == f"RSYNC = '{system}/usr/local/bin/rsync'\n"
    assert (tools.sshd_options, tools.sshd_arguments) == (("PerSourcePenalties no",), ())
    assert tools.sftp_server is None


def test_what_the_system_lacks_is_unpacked_and_nothing_is_installed(tmp_path: Path) -> None:
    said: list[str] = []
    dpkg = Path("/var/lib/dpkg/status")
    before = dpkg.stat()
    found = find_tools(tmp_path, said.append, system=tmp_path / "empty")
    assert said == ["Fetching sshd and ssh and ssh-keygen and rsync and rrsync (nothing gets installed) …"]
    assert found.rsync.is_relative_to(tmp_path)
    assert "protocol version" in output_of(found.rsync, "--version")
    assert dpkg.stat() == before


def test_where_there_is_no_apt_one_sentence_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ConfigError, match=r"sudo apt-get install openssh-server rsync.*then start the lab again\.$"
    ):
        find_tools(tmp_path / "lab", system=tmp_path / "empty")
    assert not (tmp_path / "lab/tools/root").exists()


def test_a_package_that_does_not_exist_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "SYSTEM_LISTS", tmp_path / "none")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(NotFetched, match="rsync"):
        unpack_packages(["rsync"], tmp_path / "root", tmp_path / "apt")


def test_two_labs_at_once_fetch_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from bot.lab.tools import find_tools;"
        "print(find_tools(Path(sys.argv[1]), print, system=Path(sys.argv[2])).rsync)"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "lab"), str(tmp_path / "empty")]
    labs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(lab.communicate(timeout=60)[0] for lab in labs)
    assert said.count("Fetching") == 1
    assert said.count(str(tmp_path / "lab/tools/bin/rsync")) == 2
