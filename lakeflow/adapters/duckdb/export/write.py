"""Bound tables as Parquet files in a folder, or as tables of one DuckDB file. Rows pass through, however many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.export.found import SCHEMA, TABLE, require_room
from lakeflow.adapters.duckdb.export.place import made_apart, put_in_place
from lakeflow.adapters.duckdb.failures import ErrorContext, failures
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.core.export.exported import ExportedTable, ExportForm, ExportOrder, name_in
from lakeflow.core.export.replacing import LIST, listed
from lakeflow.core.keys import AssetKey

_LIST: Final = "asset VARCHAR, snapshot_id BIGINT, row_count BIGINT"


def export(cursor: DuckDBPyConnection, order: ExportOrder) -> tuple[ExportedTable, ...]:
    """Write the tables, which are bound under their names, and put all of it in its place at once.

    UsageError where something else stands there, also when it came meanwhile.
    """
    target = Path(order.to)
    require_room(target, order.form)
    with made_apart(target) as made:
        tables = (_folder if order.form is ExportForm.PARQUET else _database)(cursor, order, made)
        require_room(target, order.form)
        put_in_place(made, target)
    return tables


def _folder(cursor: DuckDBPyConnection, order: ExportOrder, folder: Path) -> tuple[ExportedTable, ...]:
    tables = []
    for name in order.tables:
        path = folder / name_in(order.form, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        options = "FORMAT parquet, COMPRESSION zstd"
        text = f"COPY (SELECT * FROM {_path(name)}) TO {literal(str(path))} ({options})"
        tables.append(_written(order, name, cursor, text))
    folder.mkdir(exist_ok=True)
    (folder / LIST).write_text(json.dumps(listed(tables), indent=2) + "\n", "utf-8")
    return tuple(tables)


def _database(cursor: DuckDBPyConnection, order: ExportOrder, file: Path) -> tuple[ExportedTable, ...]:
    into = quoted(f"export_{uuid4().hex}")
    tables = []
    cursor.execute(f"ATTACH {literal(str(file))} AS {into}")
    try:
        for name in order.tables:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {into}.{quoted(name.partition('.')[0])}")
            text = f"CREATE TABLE {into}.{_path(name)} AS SELECT * FROM {_path(name)}"
            tables.append(_written(order, name, cursor, text))
        _list(cursor, into, tables)
        cursor.execute(f"CHECKPOINT {into}")
    finally:
        cursor.execute(f"DETACH {into}")
    return tuple(tables)


def _list(cursor: DuckDBPyConnection, into: str, tables: Sequence[ExportedTable]) -> None:
    cursor.execute(f"CREATE SCHEMA {into}.{SCHEMA}")
    cursor.execute(f"CREATE TABLE {into}.{SCHEMA}.{TABLE} ({_LIST})")
    for one in tables:
        cursor.execute(
            f"INSERT INTO {into}.{SCHEMA}.{TABLE} VALUES (?, ?, ?)", [str(one.asset), one.snapshot_id, one.rows]
        )


def _written(order: ExportOrder, name: str, cursor: DuckDBPyConnection, text: str) -> ExportedTable:
    """Carry the text out, which says how many rows it wrote."""
    scan = order.tables[name]
    with failures(ErrorContext(scan.key, personal=True)):
        ((rows,),) = cursor.execute(text).fetchall()
    hidden = tuple(column for column in scan.schema.names if column.lower() in order.hidden.get(name, ()))
    assert scan.snapshot_id is not None, "what is exported was published"
    return ExportedTable(AssetKey.parse(name), scan.snapshot_id, rows, name_in(order.form, name), hidden)


def _path(name: str) -> str:
    return ".".join(quoted(part) for part in name.split("."))
