"""The graph of all columns of a lake: DuckDB plans each SELECT over the columns that are known, and nothing runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import field

from lakeflow.adapters.duckdb.code.bind import PUBLISHED
from lakeflow.adapters.duckdb.code.plans import Planner
from lakeflow.core.columns.derivation import SelectColumns, UnknownColumns
from lakeflow.core.columns.graph import ColumnGraph
from lakeflow.core.columns.table_columns import TableColumns, columns_of, files_of, of_external, of_files, of_quarantine
from lakeflow.core.keys import AssetKey, ExternalKey
from lakeflow.core.model.asset import Asset, Project, SqlCode
from lakeflow.core.model.file_source import LANDED_ROWS
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import External, Table
from lakeflow.core.values import dataclass
from lakeflow.lake.binding import Binding, bound, landed_schema, text_of_any_window


def column_graph(
    project: Project, tables: Mapping[AssetKey, Table], externals: Mapping[ExternalKey, External]
) -> ColumnGraph:
    """`tables` are those that readers see."""
    seen = {key: table for key, table in tables.items() if table.main is not None}
    schemas = {key: found.table.schema for key, found in externals.items() if found.table}
    with closing(Planner()) as planner:
        work = _Columns(bound(project, seen), planner)
        for key, schema in schemas.items():
            work.know(str(key), str(key), schema)
        found = {str(key): work.take(asset) for key, asset in project.assets.items()}
    outside = (of_external(str(key), schema) for key, schema in schemas.items())
    return ColumnGraph(found | {each.table: each for each in (*outside, *_files(project, found.values()))})


@dataclass
class _Columns:
    binding: Binding
    planner: Planner
    known: set[str] = field(default_factory=set)
    found: dict[AssetKey, TableColumns] = field(default_factory=dict)

    def take(self, asset: Asset) -> TableColumns:
        key = asset.key
        schema = self.binding.schemas.get(key, self.binding.published.get(key))
        found = self._found(asset, schema)
        self.found[key] = found
        if schema is not None:
            self.know(str(key), str(key), schema)
            self.know(f"{PUBLISHED}.{key}", str(key), self.binding.published.get(key, schema))
        return found

    def _found(self, asset: Asset, schema: Schema | None) -> TableColumns:
        owner = owner_of(asset.key)
        if owner is not None:
            return of_quarantine(asset, schema, self.found[owner])
        return columns_of(asset, schema, self._said(asset))

    def know(self, name: str, called: str, schema: Schema) -> None:
        if self.planner.know(name, called, schema):
            self.known.add(name)

    def _said(self, asset: Asset) -> SelectColumns | UnknownColumns | None:
        """What the SELECT of an asset says; None for a function."""
        if not isinstance(asset.code, SqlCode):
            return None
        inputs = sorted(map(str, (*asset.upstreams, *asset.external)))
        if missing := [name for name in inputs if name not in self.known]:
            return UnknownColumns(f"the columns of {missing[0]} are not known")
        source = landed_schema(asset.files)
        if asset.files is not None and source is None:
            return UnknownColumns("its files say which columns they have")
        with self.planner.landed(LANDED_ROWS, files_of(asset), source):
            return self.planner.columns(text_of_any_window(asset, asset.code))


def _files(project: Project, found: Collection[TableColumns]) -> Iterator[TableColumns]:
    """Files with the columns that are taken from them."""
    names: dict[str, dict[str, None]] = {files_of(asset): {} for asset in project.assets.values() if asset.outside}
    for table in found:
        for ref in (*table.rows, *(ref for column in table.columns for ref in column.flows)):
            if ref.table in names:
                names[ref.table][ref.column] = None
    return (of_files(table, columns) for table, columns in names.items())
