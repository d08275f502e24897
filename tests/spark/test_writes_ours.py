"""Spark at work on a table of ours: what it did is read, and our next write goes on from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.model.run import RunState
from tests.external.lab import make, opened
from tests.runs import ran
from tests.spark.answers import alike, ours
from tests.spark.engine import Spark

PYPROJECT = "[tool.lakeflow]\n"
HEADER = "/*\nkey = ['id']\nwrite = '{}'\n*/\n"
FIRST = "select i as id, i * 10 as n, 'v' || i as v, {'a': i} as s from range(8) t(i)"
MERGE_ON_READ = "'write.delete.mode'='merge-on-read','write.update.mode'='merge-on-read'"
TABLE = "lakeflow.silver.t"


def write(root: Path, mode: str, text: str) -> None:
    make(root, {"pyproject.toml": PYPROJECT, "layers/silver/t.sql": HEADER.format(mode) + text})
    with opened(root) as lake:
        run = ran(lake.materialize(force=True))
        assert run.state is RunState.PUBLISHED, run.steps[0].reason


@pytest.mark.parametrize("format_", ["parquet", "avro", "orc"])
def test_rows_that_spark_deleted_stay_deleted_through_our_upsert(tmp_path: Path, spark: Spark, format_: str) -> None:
    write(tmp_path, "upsert", FIRST)
    spark.sql(f"alter table {TABLE} set tblproperties ({MERGE_ON_READ},'write.delete.format.default'='{format_}')")
    spark.sql(f"delete from {TABLE} where id in (1, 2)")
    spark.sql(f"update {TABLE} set n = 0 where id = 3")
    assert alike(ours(tmp_path, "silver.t")) == alike(spark.rows(f"select * from {TABLE}"))
    write(tmp_path, "upsert", "select i as id, -1 as n, 'new' as v, {'a': i} as s from range(2, 5) t(i)")
    rows = sorted(ours(tmp_path, "silver.t"), key=lambda row: row["id"])
    assert [(row["id"], row["n"]) for row in rows] == [(0, 0), (2, -1), (3, -1), (4, -1), (5, 50), (6, 60), (7, 70)]
    assert alike(rows) == alike(spark.rows(f"select * from {TABLE}"))


def test_columns_that_spark_changed_without_a_write_are_those_that_we_read_and_write(
    tmp_path: Path, spark: Spark
) -> None:
    write(tmp_path, "upsert", FIRST)
    spark.sql(f"alter table {TABLE} rename column v to w")
    spark.sql(f"alter table {TABLE} add column note string")
    spark.sql(f"alter table {TABLE} rename column s.a to b")
    assert alike(ours(tmp_path, "silver.t")) == alike(spark.rows(f"select * from {TABLE}"))
    write(tmp_path, "upsert", "select 1 as id, -1 as n, 'new' as w, {'b': 1} as s, 'noted' as note")
    rows = ours(tmp_path, "silver.t")
    assert sorted((row["id"], row["w"], row["note"]) for row in rows)[:2] == [(0, "v0", None), (1, "new", "noted")]
    assert alike(rows) == alike(spark.rows(f"select * from {TABLE}"))


def test_files_that_spark_added_are_read_and_merged_into(tmp_path: Path, spark: Spark) -> None:
    write(tmp_path, "upsert", "select i as id, i * 10 as n, 'v' as v from range(3) t(i)")
    spark.sql(
        f"create table plain_o using parquet location '{tmp_path}/plain' as "
        "select id + 10 as id, id as n, 'plain' as v from range(3)"
    )
    spark.sql(f"call lakeflow.system.add_files(table => 'silver.t', source_table => '`parquet`.`{tmp_path}/plain`')")
    assert alike(ours(tmp_path, "silver.t")) == alike(spark.rows(f"select * from {TABLE}"))
    write(tmp_path, "upsert", "select 11 as id, -1 as n, 'new' as v")
    rows = sorted(ours(tmp_path, "silver.t"), key=lambda row: row["id"])
    assert [(row["id"], row["v"]) for row in rows][-3:] == [(10, "plain"), (11, "new"), (12, "plain")]
    assert alike(rows) == alike(spark.rows(f"select * from {TABLE}"))
    spark.sql("drop table plain_o")


def test_what_spark_inserts_is_kept_by_our_next_append(tmp_path: Path, spark: Spark) -> None:
    write(tmp_path, "append", "select i as id, i as n from range(3) t(i)")
    spark.sql(f"insert into {TABLE} values (7, 7)")
    write(tmp_path, "append", "select 8 as id, 8 as n")
    assert sorted(row["id"] for row in ours(tmp_path, "silver.t")) == [0, 1, 2, 7, 8]
    assert alike(ours(tmp_path, "silver.t")) == alike(spark.rows(f"select * from {TABLE}"))
