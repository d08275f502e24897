"""Another team's table, written by Spark, as an asset of ours reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lakeflow.core.model.run import RunRecord, RunState
from tests.external.lab import make, opened
from tests.runs import ran
from tests.spark.answers import alike, ours
from tests.spark.engine import Spark

TABLE = "theirs.db.t"
_PROJECT = """[tool.lakeflow]

[tool.lakeflow.catalogs.theirs]
path = "theirs"
"""
_ASSET = """/*
key = ["id"]
external = ["theirs.db.t"]
*/
select {} from theirs.db.t
"""


def materialized(root: Path, columns: str = "*") -> RunRecord:
    """A run of an asset that copies the table."""
    make(root, {"pyproject.toml": _PROJECT, "layers/silver/t.sql": _ASSET.format(columns)})
    with opened(root) as lake:
        return ran(lake.materialize())


def copied(root: Path, columns: str = "*") -> list[dict[str, Any]]:
    run = materialized(root, columns)
    assert run.state is RunState.PUBLISHED, run.steps[0].reason
    return ours(root, "silver.t")


def assert_read_as_spark_does(spark: Spark, root: Path) -> list[dict[str, Any]]:
    """The rows, which are not none."""
    rows = spark.rows(f"select * from {TABLE} order by id")
    assert rows
    assert alike(copied(root)) == alike(rows)
    return rows
