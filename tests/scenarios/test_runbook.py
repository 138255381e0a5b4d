"""Every block of the runbook is typed in the lab, in the state in which somebody would type it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from bot.domain.operation import Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.scenarios.runbook import Night

pytestmark = [pytest.mark.xdist_group("runbook"), pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    """A server on which nothing is set up yet, and then all that its first section says."""
    folder = tmp_path_factory.mktemp("runbook")
    with Lab(folder / "lab", delays=NO_DELAYS, rate_limits=False) as lab:
        lab.stop_bot()
        shutil.rmtree(lab.data)
        file = lab.fleet_file.read_text()
        lab.fleet_file.write_text(file.replace('operator = ["S0OPS"]', 'operator = ["S0OPS", "U0BOB"]'))
        night = Night(lab, folder / "server")
        night.follow("Set up")
        yield night


@pytest.fixture(autouse=True)
def _as_it_was(night: Night) -> Iterator[None]:
    night.visitor.tidy()
    yield
    night.lab.slack.faults.clear()
    for backup in (night.folder / "backups").iterdir():
        shutil.rmtree(backup)


def test_whoever_sets_it_up_has_a_clone_at_the_end(night: Night) -> None:
    assert (night.folder / "etc" / "key").stat().st_mode & 0o777 == 0o640
    ended = night.visitor.audit("SELECT text FROM audit WHERE kind = 'finished'")
    assert ("web: 1 of 1 clones serve.",) in ended


def test_a_backup_is_whole_and_nobody_elses(night: Night) -> None:
    night.follow("Back up")
    (newest,) = (night.folder / "backups").iterdir()
    files = {file.name: file.stat().st_mode & 0o777 for file in newest.glob("*.db")}
    assert files == {"records.db": 0o600, "workflow.db": 0o600}
    assert newest.stat().st_mode & 0o777 == 0o700


def test_a_restored_backup_knows_nothing_of_what_came_after_and_the_fleet_is_told(night: Night) -> None:
    night.follow("Back up")
    night.visitor.scale(1)
    (after,) = night.visitor.audit("SELECT count(*) FROM audit")
    night.follow("Restore")
    (now,) = night.visitor.audit("SELECT count(*) FROM audit")
    assert now < after
    (clone,) = night.visitor.clones()
    assert clone in night.visitor.hear("status")
    assert night.visitor.scale(2).stage is Stage.DONE


def test_an_upgrade_leaves_a_bot_that_serves(night: Night) -> None:
    night.follow("Upgrade")
    assert night.lab.slack.connected


def test_after_a_rotation_the_bot_serves(night: Night) -> None:
    night.follow("Rotate")
    assert night.lab.slack.connected


def test_the_first_look_at_a_broken_bot_breaks_nothing(night: Night) -> None:
    night.follow("It is broken")


def test_a_bot_that_is_down_is_started(night: Night) -> None:
    night.lab.kill_bot()
    night.follow("The bot is down")
    assert night.lab.slack.connected


def test_while_slack_is_down_the_terminal_does_it(night: Night) -> None:
    night.lab.slack.faults.break_down("*", times=100_000)
    night.before["Slack is down", 2] = lambda _: night.lab.slack.faults.clear()
    night.follow("Slack is down")
    assert len(night.visitor.serving()) == 2


def test_while_aws_is_down_slack_says_so_and_afterwards_nothing_is_wrong(night: Night) -> None:
    faults = night.lab.aws.faults
    night.before["AWS is down", 0] = lambda _: faults.unavailable("DescribeInstances", times=None)
    night.before["AWS is down", 1] = lambda _: faults.clear()
    night.follow("AWS is down")
    assert "AWS" in night.heard[-1]


def test_a_log_that_was_tampered_with_is_named_and_a_backup_put_in_its_place(night: Night) -> None:
    night.follow("Back up")
    night.lab.stop_bot()
    tamper(night.lab)
    night.follow("The log was tampered with")
    night.follow("Restore")
    assert night.visitor.scale(1).stage is Stage.DONE


def tamper(lab: Lab) -> None:
    """Change a row, and put the trigger back that forbids it."""
    with closing(sqlite3.connect(lab.records)) as db:
        (trigger,) = db.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'audit_rows_never_change'"
        ).fetchone()
        db.execute("DROP TRIGGER audit_rows_never_change")
        db.execute("UPDATE audit SET text = 'nothing' WHERE seq = 1")
        db.execute(trigger)
        db.commit()


def test_what_is_to_be_looked_at_on_a_full_disk_can_be_looked_at(night: Night) -> None:
    night.follow("The disk is full")


def test_a_quarantined_clone_is_mended_and_serves_or_ends_and_another_does(night: Night) -> None:
    night.visitor.scale(1)
    (clone,) = night.visitor.serving()
    night.before["A clone is quarantined", 0] = lambda night: night.visitor.spoil(clone)
    night.before["A clone is quarantined", 1] = lambda night: night.visitor.give_name(clone, "mended")
    night.before["A clone is quarantined", 2] = lambda night: night.visitor.spoil(clone)
    night.follow("A clone is quarantined")
    status, audit = night.heard[-2:]
    assert "the proof failed: hostname: it is the master's" in status
    assert "quarantined" in audit
    assert len(night.visitor.serving()) == 1
    assert clone not in night.visitor.clones()


def test_an_operation_that_is_stuck_is_cancelled(night: Night) -> None:
    stuck = night.visitor.open("scale web 8")
    night.follow("An operation is stuck")
    assert night.visitor.end_of(stuck).stage is Stage.CANCELLED
