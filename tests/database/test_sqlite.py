"""SQLite's file, read by its own driver: the same rows and errors as by SQLAlchemy, which only a write imports."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.database.sqlite import SqliteDatabase
from lakeflow.core.errors import LakeError
from lakeflow.core.ports.database import Connection, Statement, sql

MIGRATIONS = (("create table notes (id integer primary key, words text, weight double precision)",),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.db"


@pytest.fixture
def database(path: Path) -> Iterator[SqliteDatabase]:
    opened = SqliteDatabase(path, timeout=0.2)
    opened.initialise(MIGRATIONS)
    yield opened
    opened.close()


def note(database: SqliteDatabase, *words: str) -> None:
    with database.transaction() as connection:
        for each in words:
            connection.execute(sql("insert into notes (words) values (:words)"), {"words": each})


ASKED: dict[str, tuple[Statement, dict[str, Any]]] = {
    "some": (sql("select * from notes where words in :words order by id", "words"), {"words": ["a", "c"]}),
    "all but some": (sql("select id from notes where words not in :words order by id", "words"), {"words": ["a"]}),
    "none": (sql("select id from notes where words in :words", "words"), {"words": []}),
    "all but none": (sql("select id from notes where words not in :words order by id", "words"), {"words": []}),
    "two lists and a value": (
        sql("select words from notes where id in :ids and words in :words and id > :least", "ids", "words"),
        {"ids": [1, 2, 3], "words": ["b", "c"], "least": 1},
    ),
    "one": (sql("select count(*) as number from notes where words = :words"), {"words": "a"}),
}


@pytest.mark.parametrize("asked", ASKED)
def test_both_drivers_find_the_same(asked: str, database: SqliteDatabase, path: Path) -> None:
    note(database, "a", "b", "c")
    statement, values = ASKED[asked]

    def found(connection: Connection) -> list[tuple[object, ...]]:
        rows = connection.execute(statement, values).all()
        return [(*row, row._fields, getattr(row, row._fields[0])) for row in rows]

    with closing(Database(f"sqlite:///{path}")) as other, other.read() as theirs, database.read() as ours:
        assert found(ours) == found(theirs)


@pytest.mark.parametrize("words", ["a", "nobody"])
def test_both_drivers_tell_single_values_alike(words: str, database: SqliteDatabase, path: Path) -> None:
    note(database, "a", "b")
    wanted = sql("select id from notes where words = :words")

    def found(connection: Connection) -> tuple[object, ...]:
        first = connection.execute(wanted, {"words": words}).first()
        return (
            first and tuple(first),
            connection.execute(wanted, {"words": words}).scalar(),
            connection.execute(wanted, {"words": words}).scalar_one_or_none(),
            connection.tables(),
        )

    with closing(Database(f"sqlite:///{path}")) as other, other.read() as theirs, database.read() as ours:
        assert found(ours) == found(theirs)


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(words=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=40))
def test_what_was_written_is_read(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    with closing(SqliteDatabase(tmp_path_factory.mktemp("lake") / "catalog.db")) as database:
        database.initialise(MIGRATIONS)
        note(database, *words)
        with database.read() as connection:
            asked = sql("select words from notes where words in :words order by id", "words")
            assert [row.words for row in connection.execute(asked, {"words": words})] == words


def test_a_read_sees_one_state_and_the_next_one_what_was_committed(database: SqliteDatabase) -> None:
    asked = sql("select count(*) from notes")
    with database.read() as connection:
        before = connection.execute(asked).scalar_one()
        note(database, "a")
        assert connection.execute(asked).scalar_one() == before
    with database.read() as connection:
        assert connection.execute(asked).scalar_one() == before + 1


def test_a_read_cannot_write(database: SqliteDatabase) -> None:
    """Whatever is said in a read transaction is rolled back."""
    with database.read() as connection:
        connection.execute(sql("insert into notes (words) values ('lost')"))
    with database.read() as connection:
        assert connection.execute(sql("select count(*) from notes")).scalar_one() == 0


def test_many_threads_read_at_once(database: SqliteDatabase) -> None:
    note(database, "a", "b")

    def read(_: int) -> int:
        with database.read() as connection:
            return int(connection.execute(sql("select count(*) from notes")).scalar_one())

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(100))) == {2}


def test_a_file_that_was_replaced_after_it_was_read_is_not_written(database: SqliteDatabase, path: Path) -> None:
    with database.read():
        pass
    copy = path.with_name("copy.db")
    database.copy_to(copy)
    copy.replace(path)
    with pytest.raises(LakeError, match="was removed or replaced while it was open"):
        note(database, "lost")


def test_a_lake_of_today_is_opened_without_a_write(database: SqliteDatabase, path: Path) -> None:
    database.close()
    before = {each.name: each.stat().st_mtime_ns for each in path.parent.iterdir()}
    code = (
        "import sys, pathlib; from lakeflow.adapters.database.sqlite import SqliteDatabase; "
        f"database = SqliteDatabase(pathlib.Path(sys.argv[1])); database.initialise({MIGRATIONS!r}); "
        "print(database.layout(), 'sqlalchemy' in sys.modules); database.close()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout == "1 False\n"
    assert {each.name: each.stat().st_mtime_ns for each in path.parent.iterdir()} == before


def test_a_copy_is_put_into_write_ahead_mode_when_it_is_opened(database: SqliteDatabase, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    database.copy_to(copy)
    with closing(SqliteDatabase(copy)) as opened:
        opened.initialise(MIGRATIONS)
    with closing(sqlite3.connect(copy)) as found:
        assert found.execute("pragma journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("content", [b"no database at all, and long enough to have a header" * 40, b"short"])
def test_a_file_that_is_no_database_is_told_as_such(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(LakeError, match="is not a SQLite database"):
        SqliteDatabase(path).initialise(MIGRATIONS)
