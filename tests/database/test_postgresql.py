"""PostgreSQL as a lake's database: who is refused, what is said of what is wrong, and what a restart leaves."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.database.server import _refuse_unfit
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.core.errors import BusyError, LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Holder, Lease
from lakeflow.wap.run.lease import _heartbeat
from tests.servers.fixture import Servers
from tests.servers.postgres import Postgres

TABLE = (("create table notes (words text)",),)


@pytest.fixture
def server(servers: Servers) -> Postgres:
    return servers.postgres()


@pytest.fixture
def database(server: Postgres) -> Iterator[Database]:
    opened = Database(server.url())
    opened.initialise(TABLE)
    yield opened
    opened.close()


def note(database: Database, words: str) -> None:
    with database.transaction() as connection:
        connection.execute(text("insert into notes values (:words)"), {"words": words})


def notes(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.execute(text("select words from notes order by words")).scalars())


def refused(url: str) -> LakeError:
    """With no word of the password in any message that leads to it."""
    with pytest.raises(LakeError) as caught, closing(Database(url)) as database:
        database.initialise(TABLE)
    error: BaseException | None = caught.value
    while error is not None:
        assert "geheim" not in f"{error!r} {getattr(error, 'hint', '')}"
        error = error.__cause__ or error.__context__
    return caught.value


@pytest.mark.parametrize("driver", ["psycopg2", "asyncpg", "pg8000"])
def test_another_driver_is_refused_by_its_name_with_the_one_that_works(driver: str) -> None:
    error = refused(f"postgresql+{driver}://ann:geheim@db/lake")
    assert error.message == f"{driver} is no driver that a lake's database is reached by: for postgresql it is psycopg"
    assert error.hint == "write postgresql://host/database, and pip install 'lakeflow-wap[postgres]'"


def test_a_password_that_is_not_encoded_is_refused_and_not_shown() -> None:
    error = refused("postgresql://ann:ge@heim@db/lake")
    assert "heim" not in f"{error.message} {error.hint}"


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert refused("postgresql://ann:geheim@db/lake").hint == "pip install 'lakeflow-wap[postgres]'"


@pytest.mark.parametrize(
    ("words", "number", "encoding", "said"),
    [
        ("CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu)", 130_000, "UTF8", "is CockroachDB, whose locks"),
        ("PostgreSQL 11.2-YB-2.19.3.0-b0 on x86_64", 110_002, "UTF8", "is YugabyteDB, whose locks"),
        ("PostgreSQL 8.0.2 on i686, Redshift 1.0.38698", 80_002, "UNICODE", "is Redshift, whose locks"),
        ("Proteus 1.0", 150_000, "UTF8", "is Proteus, whose locks"),
        ("PostgreSQL 9.6.24 on x86_64", 90_624, "UTF8", "is PostgreSQL 9, and a lake needs 12 or newer"),
        ("PostgreSQL 15.10", 150_010, "LATIN1", "keeps its text as LATIN1"),
    ],
)
def test_a_server_that_only_resembles_postgresql_is_refused(words: str, number: int, encoding: str, said: str) -> None:
    with pytest.raises(LakeError, match=said):
        _refuse_unfit("postgresql://db/lake", words, number, encoding)


def test_a_database_that_cannot_keep_every_text_is_refused(server: Postgres) -> None:
    server.sql("create database latin template template0 encoding 'LATIN1' locale 'C'")
    assert "keeps its text as LATIN1" in refused(server.url("latin")).message


def test_a_wrong_password_is_said_to_be_one(server: Postgres) -> None:
    error = refused(server.url_of("lake", "geheim", "postgres"))
    assert error.message == f"the database postgresql://127.0.0.1:{server.port}/postgres refuses the login"


def test_a_database_that_is_not_there_is_said_to_be_missing(server: Postgres) -> None:
    error = refused(server.url("nowhere"))
    assert error.message.endswith("/nowhere does not exist")
    assert "create database NAME" in (error.hint or "")


def test_a_user_without_the_rights_is_told_which(server: Postgres) -> None:
    server.sql("create role reader login password 'geheim'")
    place = server.database()
    error = refused(server.url_of("reader", "geheim", place))
    assert error.message.endswith(f"/{place} does not give its user the rights for this")
    assert "must own its tables" in (error.hint or "")


def test_a_server_that_is_not_there_is_reported_at_once(server: Postgres) -> None:
    server.stop()
    try:
        assert refused(server.url_of("lake", "geheim", "postgres")).message.endswith("cannot be reached")
    finally:
        server.start()


def test_what_was_connected_goes_on_after_a_restart_and_waits_while_it_lasts(
    server: Postgres, database: Database
) -> None:
    note(database, "before")
    server.stop()
    starting = threading.Timer(0.5, server.start)
    starting.start()
    note(database, "meanwhile")
    starting.join()
    assert notes(database) == ["before", "meanwhile"]


def test_a_transaction_that_a_restart_cuts_off_has_not_happened(server: Postgres, database: Database) -> None:
    def cut_off() -> None:
        with database.transaction() as connection:
            connection.execute(text("insert into notes values ('lost')"))
            server.stop()
            server.start()

    with pytest.raises(LakeError, match="cannot be reached"):
        cut_off()
    assert notes(database) == []


def test_a_heartbeat_survives_a_restart_of_the_server(server: Postgres) -> None:
    database = Database(server.url())
    database.initialise(MIGRATIONS)
    beats = threading.Semaphore(0)

    class Ledger(SqlLedger):
        def renew(self, lease: Lease) -> None:
            super().renew(lease)
            beats.release()

    ledger = Ledger(database, lambda _: None, lambda: datetime.now(UTC), 30)
    lease = Lease("r1", "t1", frozenset({AssetKey.parse("silver.a")}), Holder("here", "boot", 1, "0"))
    ledger.acquire(lease)
    with _heartbeat(ledger, lease, 0.05):
        assert beats.acquire(timeout=30)
        server.stop()
        while beats.acquire(blocking=False):
            pass
        server.start()
        assert beats.acquire(timeout=60)
    ledger.release(lease)
    database.close()


def test_one_writer_at_a_time_and_the_others_are_told_who_waits_too_long(server: Postgres) -> None:
    url = server.url()
    first, second = Database(url), Database(url, timeout=0.1)
    first.initialise(TABLE)
    with first.transaction(), pytest.raises(BusyError, match="locked by another process"):
        note(second, "too early")
    note(second, "later")
    assert notes(first) == ["later"]
    first.close()
    second.close()


def test_two_layouts_that_are_made_at_once_are_made_once(server: Postgres) -> None:
    url = server.url()
    databases = [Database(url) for _ in range(4)]
    faults: list[BaseException] = []

    def make(database: Database) -> None:
        try:
            database.initialise(MIGRATIONS)
        except BaseException as error:  # noqa: BLE001 - a thread's fault is the test's
            faults.append(error)

    threads = [threading.Thread(target=make, args=(each,)) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {each.layout() for each in databases} == {len(MIGRATIONS)}
    for each in databases:
        each.close()


def test_a_session_says_what_its_statements_rest_on(server: Postgres, database: Database) -> None:
    names = [
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "lock_timeout",
        "synchronous_commit",
        "timezone",
    ]
    with database.read() as connection:
        said = [connection.execute(text(f"show {name}")).scalar_one() for name in names]
    assert said == ["2min", "2min", "15s", "on", "UTC"]


def test_a_commit_is_durable_where_the_servers_own_setting_is_not(server: Postgres) -> None:
    place = server.database()
    server.sql(f'alter database "{place}" set synchronous_commit = off')
    database = Database(server.url(place))
    with database.read() as connection:
        assert connection.execute(text("show synchronous_commit")).scalar_one() == "on"
    database.close()


def test_the_place_of_a_database_has_no_secret(server: Postgres) -> None:
    assert Database(server.url("lake")).place == f"postgresql://127.0.0.1:{server.port}/lake"
