"""A small lake with environments, and what pyiceberg reads of its main."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

from tests.external.lab import make

FILES = {
    "pyproject.toml": "[tool.lakeflow]\nkeep_snapshots = 1\n",
    "data/orders/1.csv": "id,city\n1,oslo\n2,bergen\n",
    "layers/bronze/orders.sql": "/*\n[source]\nfolder = 'data/orders'\nfiles = '*.csv'\n"
    "format = 'csv'\ncolumns = ['id', 'city']\n*/\nselect * from source",
    "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\nselect id::bigint as id, city from bronze.orders",
    "layers/gold/cities.sql": "/*\nkey = ['city']\n*/\nselect city, count(*) as orders from silver.orders group by all",
}
CHANGED = {
    "layers/silver/orders.sql": "/*\nkey = ['id']\n*/\nselect id::bigint as id, city, id::bigint * 2 as twice "
    "from bronze.orders"
}
BAD = {"checks/silver/orders.small.sql": "select id from silver.orders where id > 1"}


def project(root: Path, settings: str = "") -> None:
    make(root, {**FILES, "pyproject.toml": FILES["pyproject.toml"] + settings})


def change(root: Path, files: Mapping[str, str]) -> None:
    """Other files of a project; its settings stay as they are."""
    make(root, {"pyproject.toml": (root / "pyproject.toml").read_text(), **files})


def tables(root: Path) -> dict[str, Table]:
    """Every table of the lake, as pyiceberg loads it."""
    state = root / ".lakeflow"
    with closing(SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=str(state))) as catalog:
        names = [name for layer in ("bronze", "silver", "gold") for name in catalog.list_tables(layer)]
        return {".".join(name): catalog.load_table(name) for name in names}


def main_of(root: Path) -> dict[str, tuple[Any, ...]]:
    """What readers of main see of each table: the snapshot, the columns, the rows."""
    return {name: seen_of(table) for name, table in tables(root).items()}


def seen_of(table: Table) -> tuple[Any, ...]:
    head = table.current_snapshot()
    columns = tuple(table.schema().column_names)
    if head is None:
        return (None, columns)
    rows = table.scan().to_arrow().to_pylist()
    kept = [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows]
    return (head.snapshot_id, columns, sorted(map(str, kept)))
