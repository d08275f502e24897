"""Tables that Spark wrote are read row by row as Spark reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spark.engine import Spark
from tests.spark.theirs import TABLE, assert_read_as_spark_does, materialized

MERGE_ON_READ = (
    "'format-version'='2','write.delete.mode'='merge-on-read','write.update.mode'='merge-on-read',"
    "'write.merge.mode'='merge-on-read'"
)


@pytest.mark.parametrize("format_", ["parquet", "avro", "orc"])
@pytest.mark.parametrize("partitioned", ["", "partitioned by (kind)"])
def test_rows_behind_position_deletes_stay_hidden(tmp_path: Path, spark: Spark, format_: str, partitioned: str) -> None:
    properties = f"{MERGE_ON_READ},'write.delete.format.default'='{format_}'"
    spark.sql(f"create table {TABLE} (id bigint, kind string) using iceberg {partitioned} tblproperties ({properties})")
    spark.sql(f"insert into {TABLE} select id, if(id % 2 = 0, 'even', 'odd') from range(20)")
    spark.sql(f"insert into {TABLE} select id, 'late' from range(20, 23)")
    spark.sql(f"delete from {TABLE} where id in (3, 4, 21)")
    spark.sql(f"update {TABLE} set kind = 'new' where id = 7")
    spark.sql(f"delete from {TABLE} where id = 9")
    files = spark.rows(f"select file_format as f, count(*) as n from {TABLE}.delete_files group by file_format")
    assert [row["f"].lower() for row in files] == [format_]
    assert len(assert_read_as_spark_does(spark, tmp_path)) == 19


def test_files_that_were_added_without_field_ids_are_read_by_their_names(tmp_path: Path, spark: Spark) -> None:
    """Partition columns of Hive stand in the paths alone; times are INT96, structs and lists have no ids either."""
    spark.sql(
        f"create table hive_t using parquet partitioned by (day, part) location '{tmp_path}/hive' as "
        "select id, cast(id as int) as n, timestamp '2024-01-01 10:00:00.123456' as at, "
        "named_struct('a', id, 'b', array(named_struct('c', 'x'))) as s, map('k', named_struct('v', id)) as m, "
        "cast(1.25 as decimal(9,2)) as d, date '2024-01-01' as day, if(id = 1, null, 'a b/ü') as part from range(3)"
    )
    spark.sql(
        f"create table {TABLE} (id bigint, n int, at timestamp, s struct<a: bigint, b: array<struct<c: string>>>, "
        "m map<string, struct<v: bigint>>, d decimal(9,2), day date, part string) using iceberg "
        "partitioned by (day, part)"
    )
    spark.sql(f"call theirs.system.add_files(table => 'db.t', source_table => '`parquet`.`{tmp_path}/hive`')")
    spark.sql(f"insert into {TABLE} select id + 10, n, at, s, m, d, date '2025-01-01', part from {TABLE}")
    spark.sql(f"alter table {TABLE} rename column n to number")
    spark.sql(f"alter table {TABLE} rename column s.b to bs")
    spark.sql(f"alter table {TABLE} alter column number type bigint")
    spark.sql(f"alter table {TABLE} add column note string")
    rows = assert_read_as_spark_does(spark, tmp_path)
    assert [row["part"] for row in rows] == ["a b/ü", None, "a b/ü"] * 2
    assert rows[2]["number"] == 2
    spark.sql("drop table hive_t")


def test_columns_are_those_that_the_table_has_now(tmp_path: Path, spark: Spark) -> None:
    """Renamed, added, dropped, dropped and added again, without a write after it."""
    spark.sql(f"create table {TABLE} (id bigint, a string, b string, c string, s struct<x: int, y: int>) using iceberg")
    spark.sql(f"insert into {TABLE} values (1, 'a', 'b', 'c', named_struct('x', 1, 'y', 2))")
    for change in (
        "rename column a to was_a",
        "drop column b",
        "add column b string",
        "drop column c",
        "add column added int",
        "rename column s.x to z",
        "add column s.x int",
        "alter column added first",
    ):
        spark.sql(f"alter table {TABLE} {change}")
    (row,) = assert_read_as_spark_does(spark, tmp_path)
    assert row == {"added": None, "id": 1, "was_a": "a", "s": {"z": 1, "y": 2, "x": None}, "b": None}


def test_files_of_several_partition_specs_orders_and_format_versions_are_one_table(
    tmp_path: Path, spark: Spark
) -> None:
    spark.sql(
        f"create table {TABLE} (id bigint, kind string, at timestamp) using iceberg partitioned by (kind) "
        "tblproperties ('format-version'='1','write.metadata.compression-codec'='gzip')"
    )
    row = "select id, if(id = 1, null, 'x') as kind, timestamp '2024-01-01 00:00:00' + make_interval(0,0,0,id) as at"
    spark.sql(f"insert into {TABLE} {row} from range(3)")
    spark.sql(f"alter table {TABLE} replace partition field kind with bucket(4, id)")
    spark.sql(f"alter table {TABLE} set tblproperties ({MERGE_ON_READ})")
    spark.sql(f"insert into {TABLE} {row} from range(3, 6)")
    spark.sql(f"alter table {TABLE} write ordered by at desc")
    spark.sql(f"alter table {TABLE} add partition field days(at)")
    spark.sql(f"insert into {TABLE} {row} from range(6, 9)")
    spark.sql(f"alter table {TABLE} create tag before")
    spark.sql(f"alter table {TABLE} create branch work")
    spark.sql(f"insert into theirs.db.t.branch_work {row} from range(100, 101)")
    spark.sql(f"delete from {TABLE} where id in (1, 4, 7)")
    assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == [0, 2, 3, 5, 6, 8]


@pytest.mark.parametrize("format_", ["avro", "orc"])
def test_data_files_in_another_format_are_refused_by_name(tmp_path: Path, spark: Spark, format_: str) -> None:
    spark.sql(
        f"create table {TABLE} using iceberg tblproperties ('write.format.default'='{format_}') as select 1 as id"
    )
    reason = materialized(tmp_path).steps[0].reason
    assert f".{format_} is not a Parquet file: data in {format_.upper()} is not read" in reason
    assert "'write.format.default' = 'parquet'" in reason
