"""Spark reads what landed from files, with where it came from: no column has a name that Iceberg reserves."""

from __future__ import annotations

from pathlib import Path

from lakeflow.core.model.run import RunState
from tests.external.lab import make, opened
from tests.runs import ran
from tests.spark.answers import alike, ours
from tests.spark.engine import Spark

ASSET = """/*
[source]
folder = "data"
files = "*.csv"
format = "csv"
columns = ["id", "amount", "noted"]
*/
select * replace (id::bigint as id, nullif(amount, '')::decimal(9,2) as amount, noted::timestamp as noted) from source
"""


def test_every_column_of_a_landed_table_is_selected(tmp_path: Path, spark: Spark) -> None:
    lines = "id,amount,noted\n1,1.25,2024-02-29 23:59:59.999999\n2,,0001-01-01 00:00:00\n"
    make(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/t.sql": ASSET, "data/a.csv": lines})
    with opened(tmp_path) as lake:
        run = ran(lake.materialize())
        assert run.state is RunState.PUBLISHED, run.steps[0].reason
    rows = spark.rows("select * from lakeflow.bronze.t")
    assert {"_source_file", "_source_row", "_loaded_at"} < set(rows[0])
    assert alike(rows) == alike(ours(tmp_path, "bronze.t"))
    assert [row["_source_row"] for row in sorted(rows, key=lambda row: row["id"])] == [1, 2]
