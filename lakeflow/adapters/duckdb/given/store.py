"""Rows that somebody wrote down as a pinned snapshot that code and checks can read, without a catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.given.table import table_of
from lakeflow.core.column_names import alike
from lakeflow.core.errors import AssetError, UsageError
from lakeflow.core.keys import EMPTY, AssetKey, Layer, TableKey
from lakeflow.core.model.asset import Asset, Column, PythonCode
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.engine import Produced
from lakeflow.core.run.schema_evolution import evolve, settle
from lakeflow.core.run.write import all_rows
from lakeflow.core.wording import did_you_mean

_GIVING: Final = AssetKey(Layer.BRONZE, "given")
"""Whose code gives the rows, to the engine: no table has it."""


class GivenRows:
    """Stores rows below a folder, exactly and in the types of the table whose place they take."""

    def __init__(self, engine: DuckEngine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def store(
        self, key: TableKey, given: object, known: Schema | None, declared: Mapping[str, Column] = EMPTY, what: str = ""
    ) -> Scan:
        """The rows as a snapshot of the table. Where all its columns are `known`, those that are not given are NULL;
        otherwise it has the given columns, in the types that are `declared` or that the values have, and those that are
        declared with a type.

        UsageError, which calls the rows `what`, for a column that the table does not have and for a value that does not
        fit its column.
        """
        what = what or f"what is given as {key}"
        table = table_of(given, what)
        if known is not None:
            _refuse_unknown(table.column_names, known, what)
            table = table if table.num_columns else None
        elif not table.num_columns:
            raise UsageError(f"{what} names no column", hint='a CSV text may have no rows: "id,name"')
        if table is None:
            return Scan(key, None, evolve(None, known or Schema(()), WriteMode.REPLACE, 0))
        mentioned = {name: declared[name] for name in declared if alike(name) in set(map(alike, table.column_names))}
        columns = {name: Column(column.type) for name, column in mentioned.items()} if known is None else EMPTY
        asset = Asset(_GIVING, PythonCode(lambda: table, what, 1), WriteMode.REPLACE, columns=columns)
        try:
            with self._engine.produce(asset, {}) as output:
                schema = known or _with_declared(settle(output.schema, columns, None, parse_type), declared)
                return self.write(key, output, schema)
        except AssetError as error:
            # The rows have no code: neither its place nor the name of the asset helps.
            told = error.message.removeprefix(f"{_GIVING}: ").removesuffix(f" ({what}:1)")
            raise UsageError(f"{what}: {told}", hint=error.hint) from None

    def write(self, key: TableKey, output: Produced, schema: Schema) -> Scan:
        """What code gave as a snapshot with exactly these columns."""
        schema = evolve(None, schema, WriteMode.REPLACE, 0)
        written = output.write(all_rows(schema, str(self._folder)))
        found = Scan(key, 1, schema, tuple(file.path for file in written.files), written.rows)
        return found if written.files else replace(found, snapshot_id=None)


def _with_declared(given: Schema, declared: Mapping[str, Column]) -> Schema:
    """The given columns, and those that are declared with their type, which will be NULL."""
    types = {name: column.type for name, column in declared.items() if column.type and given.find(name) is None}
    return Schema((*given.fields, *(Field(name, parse_type(type_)) for name, type_ in types.items())))


def _refuse_unknown(given: list[str], known: Schema, what: str) -> None:
    for name in given:
        if known.find(name) is None:
            hint = did_you_mean(name, known.names, f"it has {', '.join(known.names)}")
            raise UsageError(f"{what} has a column {name!r}, which the table does not have", hint=hint)
