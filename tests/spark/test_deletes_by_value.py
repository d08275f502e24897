"""Rows that other engines delete by their values (equality deletes) stay hidden, as Spark hides them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.spark.engine import Spark
from tests.spark.theirs import TABLE, assert_read_as_spark_does, copied

pytest.importorskip("pyspark")
from tests.spark.java import JavaTable

V2 = "tblproperties ('format-version'='2','write.delete.mode'='merge-on-read')"
VALUES = """select id, if(id = 2, null, cast(id as string)) as txt, id * 10 as n, cast(id * 1.25 as decimal(9,2)) as d,
  date '2024-01-01' + cast(id as int) as day, timestamp '2024-01-01 00:00:00.123456' + make_interval(0,0,0,id) as at,
  timestamp_ntz '2024-01-01 00:00:00' + make_interval(0,0,0,id) as noted, id = 4 as flag,
  cast(cast(id as string) as binary) as raw, named_struct('x', id, 'y', 'y') as s from range(12)"""
KEYS = ["txt", "n", "d", "day", "at", "noted", "id, flag", "raw", "id, txt, day"]


@pytest.mark.parametrize("format_", ["PARQUET", "AVRO", "ORC"])
def test_values_of_every_type_and_format_hide_what_is_equal(tmp_path: Path, spark: Spark, format_: str) -> None:
    spark.sql(f"create table {TABLE} using iceberg {V2} as {VALUES}")
    table = JavaTable(spark, TABLE)
    for number, key in enumerate(KEYS):
        table.delete_equal(f"select {key} from ({VALUES}) where id = {number + 1}", format_)
    assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == [0, 10, 11]


def test_null_is_equal_to_null_and_later_rows_stand(tmp_path: Path, spark: Spark) -> None:
    spark.sql(f"create table {TABLE} using iceberg {V2} as {VALUES}")
    table = JavaTable(spark, TABLE)
    table.delete_equal("select cast(null as string) as txt")
    table.delete_equal("select cast(5 as bigint) as id")
    spark.sql(f"insert into {TABLE} select 5, null, n, d, day, at, noted, flag, raw, s from {TABLE} where id = 7")
    spark.sql(f"delete from {TABLE} where id = 8")
    rows = assert_read_as_spark_does(spark, tmp_path)
    assert [(row["id"], row["txt"]) for row in rows if row["id"] in {2, 5, 6, 8}] == [(5, None), (6, "6")]


def test_zero_and_minus_zero_are_two_values_and_nan_is_one(tmp_path: Path, spark: Spark) -> None:
    numbers = "double('0.0'), double('-0.0'), double('NaN'), cast(null as double), 1.5D, double('-Infinity')"
    spark.sql(
        f"create table {TABLE} using iceberg {V2} as select cast(pos as bigint) as id, col as v "
        f"from (select posexplode(array({numbers})))"
    )
    for gone, left in (("double('-0.0')", [0, 2, 3, 4, 5]), ("double('NaN')", [0, 3, 4, 5]), ("0.0D", [3, 4, 5])):
        JavaTable(spark, TABLE).delete_equal(f"select {gone} as v")
        assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == left


def test_a_delete_in_one_partition_leaves_the_others_and_one_without_reaches_all(tmp_path: Path, spark: Spark) -> None:
    spark.sql(f"create table {TABLE} (id bigint, kind string, n bigint) using iceberg {V2}")
    spark.sql(f"insert into {TABLE} select id, 'plain', id % 4 from range(8)")
    spark.sql(f"alter table {TABLE} add partition field kind")
    spark.sql(f"insert into {TABLE} select id, if(id % 2 = 0, 'a', null), id % 4 from range(8, 24)")
    table = JavaTable(spark, TABLE)
    table.delete_equal("select cast(0 as bigint) as n", kind="a")
    table.delete_equal("select cast(1 as bigint) as n", kind=None)
    table.delete_equal("select cast(2 as bigint) as n", kind="absent")
    table.delete_equal("select cast(11 as bigint) as id")
    spark.sql(f"alter table {TABLE} replace partition field kind with bucket(2, id)")
    rows = assert_read_as_spark_does(spark, tmp_path)
    assert [row["id"] for row in rows] == [*range(8), 10, 14, 15, 18, 19, 22, 23]


def test_columns_that_were_renamed_or_came_later_still_say_what_is_gone(tmp_path: Path, spark: Spark) -> None:
    spark.sql(f"create table {TABLE} using iceberg {V2} as select id, n, day from ({VALUES})")
    JavaTable(spark, TABLE).delete_equal("select cast(10 as bigint) as n")
    spark.sql(f"alter table {TABLE} rename column n to number")
    spark.sql(f"alter table {TABLE} add column txt string")
    spark.sql(f"insert into {TABLE} select id + 100, number, day, 'new' from {TABLE} where id in (4, 5)")
    JavaTable(spark, TABLE).delete_equal("select date '2024-01-05' as day, 'new' as txt")
    assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == [0, *range(2, 12), 105]
    JavaTable(spark, TABLE).delete_equal("select cast(null as string) as txt")
    assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == [105]


def test_a_column_that_was_dropped_says_it_too(tmp_path: Path, spark: Spark) -> None:
    """By the spec; Iceberg 1.10 itself fails with a NullPointerException there, so Spark is not asked."""
    spark.sql(f"create table {TABLE} using iceberg {V2} as select id, txt from ({VALUES})")
    JavaTable(spark, TABLE).delete_equal("select '3' as txt")
    spark.sql(f"alter table {TABLE} drop column txt")
    assert sorted(row["id"] for row in copied(tmp_path)) == [0, 1, 2, *range(4, 12)]


def test_files_without_field_ids_are_reached_too(tmp_path: Path, spark: Spark) -> None:
    """Their rows have a partition's value that only the path tells, and it counts as equal."""
    spark.sql(
        f"create table plain_t using parquet partitioned by (kind) location '{tmp_path}/plain' as "
        "select id, id * 10 as n, if(id % 2 = 0, 'a', 'b') as kind from range(6)"
    )
    spark.sql(f"create table {TABLE} (id bigint, n bigint, kind string) using iceberg partitioned by (kind) {V2}")
    spark.sql(f"call theirs.system.add_files(table => 'db.t', source_table => '`parquet`.`{tmp_path}/plain`')")
    table = JavaTable(spark, TABLE)
    table.delete_equal("select cast(20 as bigint) as n", kind="a")
    table.delete_equal("select cast(3 as bigint) as id, 'b' as kind", kind="b")
    spark.sql(f"delete from {TABLE} where id = 4")
    assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == [0, 1, 5]
    spark.sql("drop table plain_t")


DEFAULTS = {
    "i": ("int", 7),
    "l": ("long", -1),
    "txt": ("string", "é'x"),
    "d": ("decimal(9,2)", "1.25"),
    "day": ("date", "2024-02-29"),
    "noted": ("timestamp", "2024-01-01T10:00:00.123456"),
    "at": ("timestamptz", "2024-01-01T10:00:00+00:00"),
    "yes": ("boolean", True),
    "f": ("double", 1.5),
}


def test_a_column_that_came_with_a_default_has_it_in_older_files(tmp_path: Path, spark: Spark) -> None:
    # Iceberg's vectorized reader cannot take a decimal's default
    v3 = "tblproperties ('format-version'='3','read.parquet.vectorization.enabled'='false')"
    spark.sql(f"create table {TABLE} (id bigint) using iceberg {v3}")
    spark.sql(f"insert into {TABLE} values (1), (2)")
    table = JavaTable(spark, TABLE)
    for name, (type_, default) in DEFAULTS.items():
        table.add_column(name, type_, default)
    columns = ", ".join(["id", *DEFAULTS])
    spark.sql(f"insert into {TABLE} ({columns}) select 3, 1, 2, null, 0.5, null, null, null, false, null")
    rows = assert_read_as_spark_does(spark, tmp_path)
    assert [row["txt"] for row in rows] == ["é'x", "é'x", None]
    table.delete_equal("select cast(2 as bigint) as id, 7 as i")
    assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == [1, 3]


def test_deletion_vectors_hide_rows(tmp_path: Path, spark: Spark) -> None:
    v3 = "tblproperties ('format-version'='3','write.delete.mode'='merge-on-read')"
    spark.sql(f"create table {TABLE} using iceberg {v3} as select id from range(10)")
    spark.sql(f"delete from {TABLE} where id in (2, 3)")
    spark.sql(f"delete from {TABLE} where id = 5")
    assert [row["id"] for row in assert_read_as_spark_does(spark, tmp_path)] == [0, 1, 4, 6, 7, 8, 9]
