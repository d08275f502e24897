"""Binds a SELECT before there are rows: DuckDB checks it against empty views of the known schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

import duckdb
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from lakeflow.adapters.duckdb.code.syntax import tree_of
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.types import schema_of
from lakeflow.core.column_names import hint_of_renamed
from lakeflow.core.declare.sql_header import line_of_select
from lakeflow.core.errors import Fault, SchemaError
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.file_source import LANDED_ROWS
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.sql.statements import tables

Bound: TypeAlias = Schema | Fault | None
"""The columns that a SELECT gives, or its fault; None where that cannot be known without its files."""

PUBLISHED: Final = "published"
_SETTINGS: Final = {"TimeZone": "UTC", "python_enable_replacements": "false", "enable_external_access": "false"}
_LINE: Final = re.compile(r"^LINE (\d+):", re.MULTILINE)
_KIND: Final = re.compile(r"^[A-Z][A-Za-z ]* Error: ")
_QUOTED: Final = re.compile(r'"([^"]+)"')
_NO_TABLE: Final = "name an asset as layer.name; `lakeflow list` shows them"


class Binder:
    """An empty lake in memory that reads no file: `layer.name`, and `published.layer.name`, with these schemas."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:")
        self._known: set[str] = set()
        self._connection.execute(f"ATTACH ':memory:' AS {quoted(PUBLISHED)}")
        for layer in Layer:
            self._connection.execute(f"CREATE SCHEMA {quoted(layer)}")
            self._connection.execute(f"CREATE SCHEMA {quoted(PUBLISHED)}.{quoted(layer)}")
        for name, value in _SETTINGS.items():
            self._connection.execute(f"SET {name} = {literal(value)}")

    def close(self) -> None:
        self._connection.close()

    def know(self, name: str, key: AssetKey, schema: Schema) -> None:
        """Register the columns of the table with that full name. A table with a type of another engine stays
        unknown.
        """
        try:
            self._view(name, key, schema)
        except (duckdb.Error, KeyError):
            return
        self._known.add(name.lower())

    def asset(self, key: AssetKey, text: str, path: str, source: Schema | None = None) -> Bound:
        """Bind the SQL of an asset. `source` has the rows that the asset lands."""
        with self._landed(key, source):
            found = self._bound(text, path)
            if found is None or isinstance(found, Fault):
                return found
            try:
                return schema_of(found.columns, found.types)
            except SchemaError as error:
                return Fault(path, line_of_select(text), error.message, error.hint or "")

    def check(self, text: str, path: str) -> Fault | None:
        """Bind the SQL of a row check."""
        found = self._bound(text, path)
        return found if isinstance(found, Fault) else None

    @contextmanager
    def _landed(self, key: AssetKey, source: Schema | None) -> Iterator[None]:
        if source is None:
            yield
            return
        self._view(LANDED_ROWS, key, source)
        try:
            yield
        finally:
            self._connection.execute(f"DROP VIEW {quoted(LANDED_ROWS)}")

    def _view(self, name: str, key: AssetKey, schema: Schema) -> None:
        view, nothing = ".".join(map(quoted, name.split("."))), Scan(key, None, schema)
        self._connection.execute(f"CREATE OR REPLACE VIEW {view} AS {scans.select(self._connection, nothing)}")

    def _bound(self, text: str, path: str) -> DuckDBPyRelation | Fault | None:
        try:
            return self._connection.sql(text) if self._names_known(text) else None
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            said = self._placed(text) or str(error)
            # Only the machine that will run the SQL knows whether an extension is installed.
            return None if " extension" in said else _fault(said, path, text)
        except duckdb.Error:  # it reads files, or is no SQL: the parser has told
            return None

    def _placed(self, text: str) -> str:
        """The error with its line, which a lazy relation leaves out."""
        try:
            self._connection.execute(f"DESCRIBE {text}")
        except duckdb.Error as error:
            return str(error)
        return ""

    def _names_known(self, text: str) -> bool:
        """Are all tables known that the text names with layer or catalog? DuckDB reports the others."""
        return all(name in self._known for name in _names(self._connection, text))


def _names(connection: DuckDBPyConnection, text: str) -> Iterator[str]:
    for table in tables(tree_of(connection, text) or {}):
        parts = [str(table.get(part, "")) for part in ("catalog_name", "schema_name", "table_name")]
        if parts[1]:
            yield ".".join(filter(None, parts)).lower()


def _fault(said: str, path: str, text: str) -> Fault:
    line = int(found[1]) if (found := _LINE.search(said)) else line_of_select(text)
    first, *others = said.split("\n")
    message = _KIND.sub("", first)
    return Fault(path, line, message, _hint(message, [each.strip() for each in others]))


def _hint(message: str, others: list[str]) -> str:
    """The hint that DuckDB gives, unless it names tables of its own."""
    if message.startswith("Table with name"):
        return _NO_TABLE
    if hint := hint_of_renamed(message):
        return hint
    for line in others:
        if line.startswith(("Did you mean", "Candidate bindings")) and (names := _QUOTED.findall(line)):
            return f"did you mean {', '.join(map(repr, names[:5]))}?"
    if message.startswith("No function matches"):
        return "cast its arguments to types that the function takes"
    return "mend the SQL; it is DuckDB's"
