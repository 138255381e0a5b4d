"""How the check sees the data folder, without touching it."""

import fcntl
import os
from pathlib import Path

from bot.records.folder import look_at
from bot.records.log import SqliteRecords


def test_a_folder_that_the_bot_made_is_writable_and_its_files_are_its_own(tmp_path: Path) -> None:
    SqliteRecords(tmp_path / "data" / "records.db").close()
    folder = look_at(tmp_path / "data")
    assert (folder.exists, folder.writable, folder.exposed, folder.locked) == (True, True, (), ())
    assert folder.free_bytes > 0


def test_a_folder_that_is_not_there_yet_is_not_made_and_judged_by_where_it_will_be(tmp_path: Path) -> None:
    folder = look_at(tmp_path / "deep" / "data")
    assert (folder.exists, folder.writable) == (False, True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert not look_at(tmp_path / "data").writable
    assert not look_at(tmp_path / "data" / "deep").writable


def test_files_that_others_may_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "records.db").touch(0o644)
    (tmp_path / "workflow.db").touch(0o600)
    assert look_at(tmp_path).exposed == (str(tmp_path / "records.db"),)


def test_a_folder_is_held_while_a_bot_has_its_lock_and_looking_does_not_take_it(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        assert not look_at(tmp_path).held
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert look_at(tmp_path).held
    assert not look_at(tmp_path).held
    assert os.listdir(tmp_path) == ["lock"]  # noqa: PTH208 (nothing else)
