from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.database.sqlite import SqliteDatabase
from lakeflow.adapters.database.sqlite_disk import is_network_filesystem
from lakeflow.adapters.database.urls import place_of
from lakeflow.core.errors import BusyError, LakeError, LakeflowError
from lakeflow.core.settings.mounts import filesystem_type

MIGRATIONS = (
    ("create table notes (id integer primary key, words text)", "create index notes_by_words on notes (words)"),
    ("insert into notes values (1, 'made')",),
)
forks = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # other tests may have started threads


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "catalog.db"


@pytest.fixture(params=[Database, SqliteDatabase])
def database(path: Path, request: pytest.FixtureRequest) -> Iterator[Database | SqliteDatabase]:
    """By SQLAlchemy alone, and as a lake has it: read by SQLite's own driver."""
    opened = (
        SqliteDatabase(path, timeout=0.2)
        if request.param is SqliteDatabase
        else Database(f"sqlite:///{path}", timeout=0.2)
    )
    opened.initialise(MIGRATIONS)
    yield opened
    opened.close()


def note(database: Database, words: str) -> None:
    with database.transaction() as connection:
        connection.execute(text("insert into notes (words) values (:words)"), {"words": words})


def notes(database: Database) -> list[str]:
    with database.read() as connection:
        return [row.words for row in connection.execute(text("select words from notes order by id"))]


def test_migrations_are_applied_once_and_in_order(path: Path, database: Database) -> None:
    database.initialise(MIGRATIONS)
    database.initialise((*MIGRATIONS, ("insert into notes values (2, 'later')",)))
    assert notes(database) == ["made", "later"]
    with database.read() as connection:
        found = connection.execute(text("select version from lakeflow_migrations order by version"))
        assert [row.version for row in found] == [1, 2, 3]


def test_a_migration_that_fails_leaves_the_layout_as_it_was(database: Database) -> None:
    with pytest.raises(LakeError, match="no such table"):
        database.initialise((*MIGRATIONS, ("insert into notes values (2, 'later')", "insert into nowhere values (1)")))
    assert notes(database) == ["made"]
    database.initialise((*MIGRATIONS, ("insert into notes values (2, 'mended')",)))
    assert notes(database) == ["made", "mended"]


def test_a_lake_made_by_a_newer_release_is_refused(path: Path, database: Database) -> None:
    with pytest.raises(LakeError, match="newer release: its layout is 2, this release knows up to 1") as caught:
        database.initialise(MIGRATIONS[:1])
    assert caught.value.hint == "install the release of lakeflow that wrote it, or a newer one"


def _open_fresh(url: str, gate: multiprocessing.synchronize.Barrier, done: multiprocessing.Queue[str]) -> None:
    database = Database(url)
    gate.wait()
    try:
        database.initialise(MIGRATIONS)
        note(database, "hello")
        done.put("")
    except LakeflowError as error:
        done.put(repr(error))


@forks
def test_four_processes_may_open_a_fresh_lake_at_once(path: Path) -> None:
    context = multiprocessing.get_context("fork")
    gate, done = context.Barrier(4), context.Queue()
    children = [context.Process(target=_open_fresh, args=(f"sqlite:///{path}", gate, done)) for _ in range(4)]
    for child in children:
        child.start()
    assert [done.get(timeout=30) for _ in children] == [""] * 4
    for child in children:
        child.join()
    database = Database(f"sqlite:///{path}")
    assert notes(database) == ["made"] + ["hello"] * 4
    database.close()


def test_readers_and_a_writer_do_not_wait_for_each_other(database: Database) -> None:
    with database.transaction() as writing:
        writing.execute(text("insert into notes values (7, 'pending')"))
        assert notes(database) == ["made"]
    with database.read() as reading:
        reading.execute(text("select count(*) from notes"))
        note(database, "meanwhile")
    assert notes(database) == ["made", "pending", "meanwhile"]


def test_one_read_sees_one_state_however_many_statements_it_has(database: Database) -> None:
    with database.read() as reading:
        before = reading.execute(text("select count(*) from notes")).scalar_one()
        note(database, "meanwhile")
        assert reading.execute(text("select count(*) from notes")).scalar_one() == before


def test_an_exception_rolls_back_and_the_connection_is_clean_again(database: Database) -> None:
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            _note_and_fail(database)
    assert notes(database) == ["made"]
    note(database, "good")


def _note_and_fail(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute(text("insert into notes (words) values ('lost')"))
        raise ZeroDivisionError


def test_a_commit_that_fails_leaves_nothing_for_the_next_read_to_see(path: Path, database: Database) -> None:
    """In rollback mode a reader can block a COMMIT; our own pending rows must not be taken for committed ones."""
    database.forget_connections()
    with closing(sqlite3.connect(path)) as other:
        other.execute("pragma journal_mode = delete")
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("begin")
    reader.execute("select * from notes").fetchall()
    with pytest.raises(BusyError):
        note(database, "pending")
    assert notes(database) == ["made"]
    reader.execute("rollback")
    reader.close()
    assert notes(database) == ["made"]


def test_a_locked_database_is_busy_within_the_deadline(path: Path, database: Database) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin immediate")
    began = time.monotonic()
    with pytest.raises(BusyError, match=r"catalog\.db is locked by another process; waited 0\.2 s") as caught:
        note(database, "never")
    assert 0.15 < time.monotonic() - began < 2
    assert caught.value.exit_code == 4
    other.execute("rollback")
    other.close()
    note(database, "now")


def test_a_lake_that_somebody_is_opening_is_busy_within_the_deadline(path: Path, database: Database) -> None:
    script = f"import fcntl; f = open({str(path) + '.lock'!r}); fcntl.flock(f, fcntl.LOCK_EX); print(); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as opener:
        assert opener.stdout is not None
        opener.stdout.readline()
        with pytest.raises(BusyError):
            database.initialise((*MIGRATIONS, ("select 1",)))
        opener.communicate(b"\n")
    database.initialise((*MIGRATIONS, ("select 1",)))


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "catalog.db").write_text("this is a letter, not a database, and it is long enough" * 100)
    with pytest.raises(LakeError, match=r"catalog\.db is not a SQLite database"):
        Database(f"sqlite:///{tmp_path}/catalog.db").initialise(MIGRATIONS)


@pytest.mark.long
def test_a_damaged_file_is_said_to_be_damaged(path: Path, database: Database) -> None:
    for number in range(200):
        note(database, "x" * 200 + str(number))
    database.close()
    pages = bytearray(path.read_bytes())
    pages[4096:] = b"\xff" * (len(pages) - 4096)
    path.write_bytes(pages)
    with pytest.raises(LakeError, match=r"is damaged"):
        notes(database)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LakeError, match="cannot write beside"):
        Database(f"sqlite:///{tmp_path}/file/catalog.db").initialise(MIGRATIONS)


@forks
def test_a_forked_child_uses_connections_of_its_own(database: Database) -> None:
    assert notes(database) == ["made"]
    child = multiprocessing.get_context("fork").Process(target=note, args=(database, "from the child"))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert notes(database) == ["made", "from the child"]


def test_a_url_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(LakeError) as caught:
        Database("postgresql:/me:geheim@host/lake")
    assert "geheim" not in caught.value.message
    assert caught.value.__cause__ is None


def test_no_message_holds_the_password() -> None:
    with pytest.raises(LakeError) as caught:
        Database("nosuch://me:geheim@host/lake?password=geheim")
    assert "geheim" not in f"{caught.value.message} {caught.value.hint} {caught.value.__cause__}"


def test_a_server_is_named_without_user_password_and_options() -> None:
    url = make_url("postgresql+psycopg://me:geheim@db:5432/lake?password=geheim")
    assert place_of(url) == "postgresql://db:5432/lake"


def test_a_local_disk_is_accepted(database: Database) -> None:
    database.require_local_disk()
    assert not is_network_filesystem(Path("/"))


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:40 / /mnt/share rw - nfs4 server:/export rw,vers=4.2
31 22 0:41 / /mnt/my\\040disk rw shared:5 - cifs //server/share rw
32 30 0:42 / /mnt/share/local rw - xfs /dev/vdb rw
33 22 0:43 / /data rw - nfs server:/data rw
34 22 0:44 / /data rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/home/me/lake/catalog.db", "ext4"),
        ("/mnt/share/lake/catalog.db", "nfs4"),
        ("/mnt/shared/catalog.db", "ext4"),
        ("/mnt/share/local/catalog.db", "xfs"),
        ("/mnt/my disk/catalog.db", "cifs"),
        ("/data/catalog.db", "tmpfs"),
    ],
)
def test_the_file_system_is_that_of_the_nearest_and_last_mount(path: str, found: str) -> None:
    assert filesystem_type(Path(path), MOUNTS) == found


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://lake.example/api?token=hunter2", "https://"),
        ("s3://bucket/lake", "s3://"),
        ("mysql://ann:hunter2@db/lake", "mysql"),
        ("mongodb+srv://ann:hunter2@db/lake", "mongodb"),
        ("duckdb:///lake.db", "duckdb"),
        ("postgres://ann:hunter2@db/lake", "postgres"),
        ("postgresql+hunter://ann:hunter2@db/lake", "postgresql"),
    ],
)
def test_a_place_that_can_hold_no_lake_is_refused_by_its_name_with_what_can(url: str, named: str) -> None:
    with pytest.raises(LakeError, match="no database that a lake can be kept in") as caught:
        Database(url)
    assert named in caught.value.message
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"
    for works in ("sqlite:///", "postgresql://", "[tool.lakeflow.catalogs.NAME]"):
        assert works in (caught.value.hint or "")
