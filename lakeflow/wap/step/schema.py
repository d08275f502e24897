"""The schema that an asset is written with: the columns of its code, as declared, evolved from the table's schema."""

from __future__ import annotations

from lakeflow.core.model.asset import Asset
from lakeflow.core.model.layout import check_layout
from lakeflow.core.model.scd2_columns import unversioned, versioned
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Table
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import ANEW, WriteMode
from lakeflow.core.run.schema_evolution import evolve, settle
from lakeflow.wap.attempt import Attempt


def columns_of(asset: Asset, produced: Schema, table: Table | None) -> Schema:
    """The produced columns as the table stores them. SchemaError when they cannot be stored as declared."""
    current = table.schema if table else None
    if current is not None and asset.write.traits.versioned:
        current = unversioned(current)
    columns = settle(produced, asset.columns, current, parse_type)
    columns = versioned(columns, asset.at) if asset.write.traits.versioned else columns
    check_layout(asset.layout, columns)
    return columns


def stored_schema(table: Table | None, columns: Schema, mode: WriteMode) -> Schema:
    """The schema to write with: the table's, evolved. SchemaError when these columns cannot follow it."""
    if table is None:
        return evolve(None, columns, mode, 0)
    mode = ANEW if table.main is None else mode
    return evolve(table.schema, columns, mode, table.last_column_id)


def target(attempt: Attempt, columns: Schema, asset: Asset) -> tuple[Table, Schema]:
    """The table, created if it is new, and the schema to write with."""
    table = attempt.tables.get(asset.key)
    if table is None:
        new = stored_schema(None, columns, asset.write)
        table = attempt.tables[asset.key] = attempt.world.catalog.create(asset.key, new)
    return table, stored_schema(table, columns, asset.write)
