"""What is special to PostgreSQL: how its connections are made and kept, and which servers are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from lakeflow.adapters.database.server_failures import may_come_back
from lakeflow.adapters.database.urls import place_of
from lakeflow.core.errors import LakeError

T = TypeVar("T")

_WRITER: Final = 4_741_502_017  # the key of the advisory lock that gives PostgreSQL one writer, like SQLite
_OLDEST: Final = 12
_KINDRED: Final = ("CockroachDB", "YugabyteDB", "-YB-", "Redshift", "Greenplum", "Materialize", "RisingWave", "QuestDB")
"""Databases that speak PostgreSQL's protocol. Advisory locks do nothing in some of them, and nothing else says so."""
_CONNECTION: Final = {
    "application_name": "lakeflow",
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
    # A prepared `select *` fails once another process has migrated the tables, and poolers do not know it.
    "prepare_threshold": None,
}
_SESSION: Final = {
    "timezone": "UTC",
    "statement_timeout": "120s",
    # A host that died, or a process that was stopped, may not keep the writer's lock from all others.
    "idle_in_transaction_session_timeout": "120s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_ASKED: Final = (
    "select version(), current_setting('server_version_num')::int, current_setting('server_encoding'), "
    "current_setting('synchronous_commit')"
)


def make_engine(url: URL, timeout: float) -> Engine:
    """The engine. What the URL says of a connection counts more than what stands here."""
    wanted = {key: value for key, value in _CONNECTION.items() if key not in url.query}
    engine = create_engine(
        url, connect_args=wanted, hide_parameters=True, pool_pre_ping=True, isolation_level="READ COMMITTED"
    )

    def set_up(connection: Any, _record: object) -> None:
        try:
            _set_up(connection, place_of(url), timeout)
        except BaseException as error:
            connection.close()
            if isinstance(error, engine.dialect.loaded_dbapi.Error):
                raise OperationalError("set up", None, error, hide_parameters=True) from error
            raise

    event.listen(engine, "connect", set_up)
    return engine


def begin_writing(connection: Connection) -> None:
    """Wait for the one writer's lock, as long as the session's `lock_timeout`."""
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _WRITER})


def patiently(connect: Callable[[], T], timeout: float) -> T:
    """A connection, also while the server restarts. For a process that was connected before: another one is told at
    once that there is no server.
    """
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, DBAPIError) and may_come_back(error)),
        stop=stop_after_delay(timeout),
        wait=wait_random(0.05, 0.5),
        reraise=True,
    )
    return retrying(connect)


def _set_up(connection: Any, place: str, timeout: float) -> None:
    """Ask a new connection of the driver who is there, and set what all its statements rest on."""
    connection.autocommit = True  # a setting made in a transaction goes with it
    with connection.cursor() as cursor:
        words, number, encoding, synchronous = cursor.execute(_ASKED).fetchone()
        _refuse_unfit(place, words, number, encoding)
        settings = _SESSION | {"lock_timeout": f"{int(timeout * 1000)}ms"}
        if synchronous == "off":  # else a publish that was acknowledged is lost when the server dies
            settings["synchronous_commit"] = "on"
        calls = ", ".join(["set_config(%s, %s, false)"] * len(settings))
        cursor.execute(f"select {calls}", [word for pair in settings.items() for word in pair])
    connection.autocommit = False


def _refuse_unfit(place: str, words: str, number: int, encoding: str) -> None:
    kindred = next((each for each in _KINDRED if each in words), None)
    if kindred or not words.startswith("PostgreSQL"):
        name = "YugabyteDB" if kindred == "-YB-" else kindred or words.split(" ", 1)[0]
        raise LakeError(
            f"{place} is {name}, whose locks do not hold as PostgreSQL's do",
            hint=f"keep the lake's catalog in PostgreSQL {_OLDEST} or newer, or in SQLite",
        )
    if number < _OLDEST * 10_000:
        raise LakeError(
            f"{place} is PostgreSQL {number // 10_000}, and a lake needs {_OLDEST} or newer",
            hint="upgrade the server, or keep the lake's catalog in another one",
        )
    if encoding != "UTF8":
        raise LakeError(
            f"{place} keeps its text as {encoding}, where not every name and message can be kept",
            hint="make the database with: create database NAME encoding 'UTF8' template template0",
        )
