"""A full disk makes the engine wait, as another writer does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from dbos._utils import retriable_sqlite_exception
from sqlalchemy.exc import OperationalError

from bot.workflow.room import wait_for_room

LARGEST = "PRAGMA max_page_count"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlalchemy.Connection]:
    wait_for_room()
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'workflow.db'}")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE steps (result)"))
        yield connection
    engine.dispose()


def test_a_full_disk_is_a_reason_to_try_again(connection: sqlalchemy.Connection) -> None:
    insert = sqlalchemy.text("INSERT INTO steps VALUES (zeroblob(100000))")
    connection.execute(sqlalchemy.text(f"{LARGEST} = 2"))
    with pytest.raises(OperationalError, match="disk is full") as caught:
        connection.execute(insert)
    assert retriable_sqlite_exception(caught.value)

    connection.rollback()
    connection.execute(sqlalchemy.text(f"{LARGEST} = 1000"))
    connection.execute(insert)


def test_a_mistake_is_not(connection: sqlalchemy.Connection) -> None:
    with pytest.raises(OperationalError, match="no such table") as caught:
        connection.execute(sqlalchemy.text("SELECT * FROM nowhere"))
    assert not retriable_sqlite_exception(caught.value)
