"""Another team's lake, written with pyiceberg, beside a small project of ours that reads from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.lake.lake import Lake

PYPROJECT = """[tool.lakeflow]

[tool.lakeflow.catalogs.sales]
uri = "sqlite:///theirs/catalog.db"
"""
ORDERS = """/*
key = ["id"]
external = ["sales.shop.orders"]
*/
select id, amount from sales.shop.orders
"""


@dataclass(frozen=True)
class Theirs:
    """The other team."""

    root: Path

    def catalog(self) -> SqlCatalog:
        return SqlCatalog("sales", uri=f"sqlite:///{self.root}/catalog.db", warehouse=f"file://{self.root}/warehouse")

    def write(self, ids: range, table: str = "shop.orders", **properties: str) -> int:
        """Append rows of these ids, making the table when it is new; the new snapshot."""
        rows = pa.table({"id": pa.array(ids, pa.int64()), "amount": pa.array([i * 1.5 for i in ids])})
        with closing(self.catalog()) as catalog:
            catalog.create_namespace_if_not_exists("shop")
            made = catalog.create_table_if_not_exists(table, rows.schema, properties=properties)
            made.append(rows)
            now = made.current_snapshot()
            assert now is not None
            return now.snapshot_id

    def location(self, table: str = "shop.orders") -> str:
        with closing(self.catalog()) as catalog:
            return catalog.load_table(table).metadata_location


def make(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in {"pyproject.toml": PYPROJECT, **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def opened(root: Path, **settings: str) -> Lake:
    return lakeflow.open(root, settings=settings)


def ids(lake: Lake, asset: str) -> list[int]:
    return sorted(row[0] for row in lake.read(asset).select("id").fetchall())


def reasons(lake: Lake, *selection: str) -> list[str]:
    return [str(reason) for step in lake.plan(*selection).steps for reason in step.reasons]


def only_step(run: Any) -> Any:
    (step,) = run.steps
    return step
