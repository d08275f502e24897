"""A lake made with pyiceberg alone, to show what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table

ROWS = pa.schema([("id", pa.int64())])
NAME = "silver.t"


def some(*ids: int) -> pa.Table:
    return pa.table({"id": list(ids)}, schema=ROWS)


@contextmanager
def lake(root: Path) -> Iterator[SqlCatalog]:
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{root / 'catalog.db'}", warehouse=f"file://{root / 'warehouse'}")
    with closing(catalog):
        catalog.create_namespace("silver")
        yield catalog


@contextmanager
def table(root: Path, *appends: tuple[int, ...]) -> Iterator[Table]:
    """A table after these appends to main."""
    with lake(root) as catalog:
        made = catalog.create_table(NAME, ROWS)
        for ids in appends:
            made.append(some(*ids))
        yield made


def again(of: Table) -> Table:
    """The same table, as another process loads it."""
    return of.catalog.load_table(NAME)


def ids(of: Table, snapshot_id: int | None = None) -> list[int]:
    return sorted(of.scan(snapshot_id=snapshot_id).to_arrow()["id"].to_pylist())


def main(of: Table) -> int:
    snapshot = again(of).current_snapshot()
    assert snapshot is not None
    return int(snapshot.snapshot_id)
