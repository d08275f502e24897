"""All rows of a lake, copied from SQLite's file to a server in one transaction and compared there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from lakeflow.adapters.database.connected import Connected
from lakeflow.adapters.database.database import Database
from lakeflow.adapters.database.failures import translate_sqlite
from lakeflow.core.errors import LakeError

_TABLES: Final = "select name from sqlite_master where type = 'table' order by name"
_OWN: Final = "lakeflow_"
_NOT_COPIED: Final = frozenset({"lakeflow_migrations", "lakeflow_leases"})
"""The layout is made by the target itself; and nobody is at work while a lake moves."""
_ICEBERG: Final = frozenset({"iceberg_tables", "iceberg_namespace_properties"})
_BATCH: Final = 1_000

Rows = Sequence[tuple[Any, ...]]


@contextmanager
def held_still(path: Path, timeout: float = 15.0) -> Iterator[sqlite3.Connection]:
    """SQLite's file while nobody else can write to it."""
    try:
        with closing(sqlite3.connect(path, timeout, isolation_level=None)) as connection:
            connection.execute("begin immediate")
            yield connection
    except sqlite3.Error as error:
        raise translate_sqlite(error, str(path), timeout) or error from error


def copy_rows(source: sqlite3.Connection, target: Database, catalog: str) -> Mapping[str, int]:
    """Replace what the target holds of a lake by what the source holds, or change nothing; rows by table.

    LakeError where the target does not give back each row as it was.
    """
    tables = [name for (name,) in source.execute(_TABLES) if _is_copied(name)]
    with target.transaction() as connection:
        for table in tables:
            _fill(source, connection, table, catalog)
        for table in tables:
            _compare(source, connection, table, catalog)
    return {table: len(_rows_of(source, table, catalog)[1]) for table in tables}


def _is_copied(table: str) -> bool:
    return table in _ICEBERG or (table.startswith(_OWN) and table not in _NOT_COPIED)


def _where(table: str, catalog: str) -> tuple[str, dict[str, str]]:
    """Other catalogs in the same tables are somebody else's."""
    return (" where catalog_name = :catalog", {"catalog": catalog}) if table in _ICEBERG else ("", {})


def _rows_of(source: sqlite3.Connection, table: str, catalog: str) -> tuple[list[str], Rows]:
    condition, bound = _where(table, catalog)
    found = source.execute(f"select * from {table}{condition}", bound)
    return [column[0] for column in found.description], found.fetchall()


def _fill(source: sqlite3.Connection, connection: Connected, table: str, catalog: str) -> None:
    condition, bound = _where(table, catalog)
    connection.driver.execute(text(f"delete from {table}{condition}"), bound)
    columns, rows = _rows_of(source, table, catalog)
    names = ", ".join(columns)
    values = ", ".join(f":{column}" for column in columns)
    insert = text(f"insert into {table} ({names}) values ({values})")
    for start in range(0, len(rows), _BATCH):
        some = rows[start : start + _BATCH]
        connection.driver.execute(insert, [dict(zip(columns, row, strict=True)) for row in some])


def _compare(source: sqlite3.Connection, connection: Connected, table: str, catalog: str) -> None:
    """Every value of every row, as the server gives it back."""
    condition, bound = _where(table, catalog)
    columns, rows = _rows_of(source, table, catalog)
    there = connection.driver.execute(text(f"select {', '.join(columns)} from {table}{condition}"), bound).all()
    if sorted(map(_spelled, rows)) != sorted(_spelled(tuple(row)) for row in there):
        raise LakeError(
            f"{table} came back from the server with other rows than it had; nothing was moved",
            hint="`lakeflow doctor` says what is wrong with the lake as it is",
        )


def _spelled(row: tuple[Any, ...]) -> str:
    return repr(tuple(row))
