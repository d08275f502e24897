"""The locked DuckDB that checks run on: it reads the pinned files of one audit and can do nothing else.

Lock-down alone is not enough: an allow-listed file may also be written, and in an experiment `COPY … TO` overwrote an
audited file. So a check's own text must also be exactly one SELECT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import duckdb

from lakeflow.adapters.duckdb.code.user_sql import first_line, only_select, refused
from lakeflow.adapters.duckdb.failures import ErrorContext
from lakeflow.adapters.duckdb.names import listed, literal, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.store.attach import attach
from lakeflow.adapters.duckdb.store.kept import KeptFiles
from lakeflow.core.column_names import hint_of_renamed
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import Layer
from lakeflow.core.model.table import Scan

if TYPE_CHECKING:
    from lakeflow.adapters.duckdb.code import check_functions

_BATCH: Final = 2048
"""Rows of an Arrow batch: the size of DuckDB's own vector."""


class Spare:
    """An instance that was made ahead of time: making one takes half the time of a small audit."""

    def __init__(self) -> None:
        self._made: list[duckdb.DuckDBPyConnection] = []

    def make(self) -> None:
        if not self._made:
            self._made.append(_instance())

    def take(self) -> duckdb.DuckDBPyConnection:
        """An instance on which nothing was done yet. The caller closes it: a locked instance cannot be used again."""
        return self._made.pop() if self._made else _instance()


def _instance() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(":memory:")


class LockedDuckDB:
    """Views `layer.name` and `published.layer.name` over pinned scans; no other file, no setting, no network.

    The first of three names in a relation, `published` or another, is a database of its own.

    AssetError when a scan cannot be read. `settings` are DuckDB's own (`threads`, `memory_limit`, `temp_directory`).
    `stores` has the files of object stores, where a scan lies in one.
    """

    def __init__(
        self,
        relations: Mapping[str, Scan],
        settings: Mapping[str, str],
        spare: Spare | None = None,
        stores: KeptFiles | None = None,
    ) -> None:
        self._connection = spare.take() if spare else _instance()
        self._stores = stores
        try:
            self._prepare(relations, settings)
        except duckdb.Error as error:
            self._connection.close()
            raise AssetError(f"the snapshot cannot be read: {first_line(error)}") from error

    def execute(self, sql: str) -> tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]:
        """Names and rows of our own query. AssetError with DuckDB's first line when it fails."""
        try:
            result = self._connection.execute(sql)
            names = tuple(column[0] for column in result.description or ())
            return names, result.fetchall()
        except duckdb.Error as error:
            raise AssetError(_said(error)) from error

    def batches(self, sql: str) -> Iterator[Any]:
        """The rows of our own query as Arrow record batches, one in memory at a time. AssetError as above."""
        try:
            yield from self._connection.sql(sql).to_arrow_reader(_BATCH)
        except (duckdb.Error, OSError) as error:  # the reader raises DuckDB's error as an OSError
            raise AssetError(_said(error)) from error

    def select(self, sql: str) -> str:
        """The user's text without its semicolon, proved to be exactly one SELECT; AssetError otherwise."""
        return only_select(self._connection, sql)

    def call(
        self, function: Callable[..., Any], inputs: Mapping[str, str], place: ErrorContext, shown: int
    ) -> check_functions.CheckFunctionResult:
        """Call a check function on these relations, by parameter, and raise what it raises. AssetError when the
        function asks for something that it cannot have, or when its result cannot be used or computed.
        """
        from lakeflow.adapters.duckdb.code import check_functions  # noqa: PLC0415 - brings pyarrow, which most audits do without

        with refused():
            arguments = check_functions.arguments(self._connection, function, inputs, place)
        value = function(**arguments)
        with refused():
            return check_functions.taken(self._connection, value, place, shown)

    def close(self) -> None:
        with suppress(duckdb.Error):
            self._connection.close()

    def _prepare(self, relations: Mapping[str, Scan], settings: Mapping[str, str]) -> None:
        for name, value in {"TimeZone": "UTC", "python_enable_replacements": "false", **settings}.items():
            self._connection.execute(f"SET {name} = {literal(value)}")
        if self._stores:
            attach(self._connection, self._stores)
        attached = dict.fromkeys(("published", *(name.split(".")[0] for name in relations if name.count(".") == 2)))
        for database in attached:
            self._connection.execute(f"ATTACH ':memory:' AS {quoted(database)}")
        for layer in Layer:
            for place in ("", *(f"{quoted(database)}." for database in attached)):
                self._connection.execute(f"CREATE SCHEMA {place}{quoted(layer)}")
        for name, scan in relations.items():
            view = ".".join(quoted(part) for part in name.split("."))
            self._connection.execute(f"CREATE VIEW {view} AS {scans.select(self._connection, scan)}")
        self._lock(tuple(path for scan in relations.values() for path in scans.paths(scan)))

    def _lock(self, paths: tuple[str, ...]) -> None:
        if paths:
            self._connection.execute(f"SET allowed_paths = {listed(tuple(dict.fromkeys(paths)))}")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")


def _said(error: Exception) -> str:
    """DuckDB's first line, with what to write where it names a column that has another name now."""
    text = first_line(error)
    return f"{text}; {hint}" if (hint := hint_of_renamed(text)) else text
