"""Which databases a lake can use, and what a message may show of a URL."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from lakeflow.core.errors import LakeError

_KINDS: Final = ("sqlite", "postgresql")
_DRIVERS: Final = {"sqlite": "pysqlite", "postgresql": "psycopg"}
"""The one driver of each kind whose errors, transactions and time-outs are known."""
_OTHER_DRIVERS: Final = frozenset(
    {"psycopg2", "psycopg2cffi", "psycopg_async", "asyncpg", "pg8000", "pygresql", "pypostgresql", "aiosqlite"}
)
_OTHER_PLACES: Final = frozenset({"http", "https", "s3", "s3a", "gs", "abfs", "abfss", "file", "thrift", "hdfs"})
INSTALL: Final = "pip install 'lakeflow-wap[postgres]'"
POSTGRESQL: Final = "postgresql://host/database"


def parse(url: str) -> URL:
    """The URL; `postgresql://` without a driver means psycopg 3, which SQLAlchemy itself would take for psycopg2."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The text may hold a password: neither the message nor its cause may repeat it.
        raise LakeError(
            "the catalog's database URL cannot be read",
            hint=f"write it like sqlite:///path/to/catalog.db or {POSTGRESQL}",
        ) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    _refuse_spilt(parsed)
    return parsed


def refuse_other_kinds(url: URL) -> None:
    """LakeError for a database whose locks and transactions are not proved by lakeflow's tests."""
    kind, _, driver = url.drivername.partition("+")
    if kind not in _KINDS:
        raise no_such_kind(kind)
    if driver not in {"", _DRIVERS[kind], *_OTHER_DRIVERS}:
        raise no_such_kind(kind)  # and not by its name: nobody knows what was typed there
    if driver in _OTHER_DRIVERS:
        plain = f"write {POSTGRESQL}, and {INSTALL}" if kind == "postgresql" else "write sqlite:///path/to/catalog.db"
        raise LakeError(
            f"{driver} is no driver that a lake's database is reached by: for {kind} it is {_DRIVERS[kind]}", hint=plain
        )


def no_such_kind(scheme: str) -> LakeError:
    place = f"a URL {scheme}://… is no database that" if scheme in _OTHER_PLACES else f"{scheme} is no database that"
    return LakeError(
        f"{place} a lake can be kept in",
        hint=f"write sqlite:///path/to/catalog.db or {POSTGRESQL}; without the setting it "
        "is a SQLite file in state_dir. Tables of a REST catalog are read as external ones: "
        "[tool.lakeflow.catalogs.NAME]",
    )


def place_of(url: URL) -> str:
    """The server and the database's name, without anything that may be secret."""
    kind = url.drivername.partition("+")[0]
    return URL.create(kind, host=url.host, port=url.port, database=url.database).render_as_string()


def _refuse_spilt(url: URL) -> None:
    """LakeError where a password with `@` or `/` was not encoded: a part of it is then taken for host or database, and
    would be shown.
    """
    if not url.drivername.startswith("sqlite") and "@" in f"{url.host}{url.database}":
        raise LakeError(
            "the catalog's database URL has an @ after its login",
            hint="write each of @ / : ? # % in user and password as %40 %2F %3A %3F %23 %25",
        )
