"""Spark as another team runs it: beside our lake on our own catalog, and over tables of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_CATALOG = "spark.sql.catalog"


@dataclass(frozen=True)
class Spark:
    """A session with two catalogs: `lakeflow`, that of a lake in a folder, and `theirs`, folders below its `theirs/`
    that carry Iceberg's version hint.
    """

    session: SparkSession

    def sql(self, text: str) -> None:
        self.session.sql(text).collect()

    def rows(self, text: str) -> list[dict[str, Any]]:
        """What Spark answers, as plain values; times with a zone are in UTC."""
        batches = self.session.sql(text)._collect_as_arrow()
        return pa.Table.from_batches(batches).to_pylist() if batches else []


def beside(session: SparkSession, root: Path) -> Spark:
    """A session of its own, so that each test may call its catalogs by the same names."""
    mine = session.newSession()
    _catalog(mine, "theirs", {"type": "hadoop", "warehouse": f"{root}/theirs"})
    ours = {
        "type": "jdbc",
        "uri": f"jdbc:sqlite:{root}/.lakeflow/catalog.db?busy_timeout=15000",
        "warehouse": f"{root}/.lakeflow/warehouse",
        "jdbc.schema-version": "V1",
        "jdbc.init-catalog-tables": "false",  # its look for them would hold a read transaction open for ever
    }
    _catalog(mine, "lakeflow", ours)
    return Spark(mine)


def _catalog(session: SparkSession, name: str, settings: dict[str, str]) -> None:
    session.conf.set(f"{_CATALOG}.{name}", "org.apache.iceberg.spark.SparkCatalog")
    session.conf.set(f"{_CATALOG}.{name}.cache-enabled", "false")  # it would hide what others publish
    for key, value in settings.items():
        session.conf.set(f"{_CATALOG}.{name}.{key}", value)
