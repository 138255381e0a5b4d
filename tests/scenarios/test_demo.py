"""The lab as a newcomer starts it: one command, a process of its own."""

import fcntl
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.lab.folders import run_folder
from bot.lab.tools import find_tools

ROOT = Path(__file__).parents[2]
READ_ONLY = """
mount --bind "$0" "$0" && mount --bind "$1" "$1" && mount --rbind /dev/shm /dev/shm &&
mount -o remount,bind,ro / && ! touch /etc/written-by-the-lab 2>/dev/null && shift && exec "$@"
"""


def lab_command(folder: Path) -> list[str]:
    return [
        sys.executable,
        "-B",
        "-m",
        "bot",
        "lab",
        "--folder",
        str(folder),
        "--run",
        "scale 4",
        "--run",
        "scale 1",
    ]


def test_without_a_person_it_scales_out_and_in_and_says_what_came_of_it(tmp_path: Path) -> None:
    done = run(lab_command(tmp_path / "lab"))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "web: 4 of 4 clones serve." in done.stdout
    assert "web: 1 clone left." in done.stdout
    fleet = done.stdout.partition("--- the fleet")[2].split()
    assert (fleet.count("master"), fleet.count("clone"), fleet.count("healthy")) == (1, 1, 2)


def test_it_works_over_http_too(tmp_path: Path) -> None:
    done = run([*lab_command(tmp_path / "lab")[:7], "--http", "--run", "scale 1"])

    assert done.returncode == 0, done.stdout + done.stderr
    assert "web: 1 of 1 clones serve." in done.stdout


def test_it_exits_1_if_the_fleet_is_not_as_asked(tmp_path: Path) -> None:
    command = [*lab_command(tmp_path / "lab")[:7], "--run", "scale 99"]

    done = run(command)

    assert done.returncode == 1
    assert "8 clones at most" in done.stdout


def test_as_root_the_whole_lab_changes_nothing_outside_its_folder(tmp_path: Path) -> None:
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if os.geteuid() or subprocess.run(trial, check=False, capture_output=True).returncode:
        pytest.skip("needs root that may mount")
    folder = tmp_path / "lab"
    folder.mkdir()
    find_tools(folder)
    everything_else_read_only = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(folder), str(folder)]

    done = run([*everything_else_read_only, *lab_command(folder)])

    assert done.returncode == 0, done.stdout + done.stderr
    assert [each.name for each in folder.iterdir()] == ["tools"]


def test_what_a_killed_lab_left_behind_is_removed_by_the_next(tmp_path: Path) -> None:
    left, held = tmp_path / "run-left", tmp_path / "run-held"
    for folder in (left, held):
        folder.mkdir()
        (folder / "lab.lock").touch()
    with (held / "lab.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with run_folder(tmp_path) as mine:
            assert {each.name for each in tmp_path.iterdir()} == {"run-held", mine.name}

    assert [each.name for each in tmp_path.iterdir()] == ["run-held"]


def test_labs_that_start_at_once_leave_each_others_folders_alone(tmp_path: Path) -> None:
    def start(_: int) -> bool:
        with run_folder(tmp_path) as mine:
            (mine / "records.db").touch()
            return mine.is_dir()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(start, range(100)))
    assert not list(tmp_path.iterdir())


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SLACK_"))}
    return subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=110, check=False
    )
