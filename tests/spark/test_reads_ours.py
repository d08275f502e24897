"""Spark reads the tables that we publish, value by value as pyiceberg and DuckDB do."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from lakeflow.core.model.run import RunState
from tests.external.lab import make, opened
from tests.runs import ran
from tests.spark.answers import alike, ours
from tests.spark.engine import Spark

PYPROJECT = "[tool.lakeflow]\n"
TYPES = """/*
key = ["id"]
*/
select * from (values
    (1, true, 2147483647::int, 9223372036854775807::bigint, 3.5::float, 1e300::double, 1.25::decimal(9,2),
     12345678901234.5678::decimal(18,4), 12345678901234567890123456789.123456789::decimal(38,9), date '1582-10-15',
     timestamp '2024-02-29 23:59:59.999999', timestamptz '2024-06-01 10:00:00+02', 'é'::varchar, '\\xAB\\x00'::blob,
     '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid, {'a': 1::int, 'b': {'c': 'x'}}, [1::bigint, null, 3],
     map {'k': 1.5::decimal(5,1)}, [{'x': timestamp '1970-01-01 00:00:00'}]),
    (2, false, (-2147483648)::int, (-9223372036854775808)::bigint, 'nan'::float, '-inf'::double, (-0.01)::decimal(9,2),
     0::decimal(18,4), (-1)::decimal(38,9), date '0001-01-01', timestamp '0001-01-01 00:00:00',
     timestamptz '9999-12-31 23:59:59.999999+00', '', ''::blob, '00000000-0000-0000-0000-000000000000'::uuid,
     {'a': null, 'b': {'c': null}}, [], map {}, []),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)
) as t(id, yes, i, l, f, d, small, middle, large, day, noted, moment, txt, raw, uid, nested, numbers, mapped, many)
"""


@pytest.fixture
def types(tmp_path: Path) -> Path:
    make(tmp_path, {"pyproject.toml": PYPROJECT, "layers/silver/types.sql": TYPES})
    with opened(tmp_path) as lake:
        assert ran(lake.materialize()).state is RunState.PUBLISHED
    return tmp_path


def by_pyiceberg(root: Path, table: str) -> list[dict[str, Any]]:
    uri = f"sqlite:///{root}/.lakeflow/catalog.db"
    with closing(SqlCatalog("lakeflow", uri=uri, warehouse=f"file://{root}/.lakeflow/warehouse")) as catalog:
        return list(catalog.load_table(table).scan().to_arrow().to_pylist())


def test_every_type_is_read_by_spark_as_by_pyiceberg_and_duckdb(types: Path, spark: Spark) -> None:
    answer = alike(spark.rows("select * from lakeflow.silver.types"))
    assert answer == alike(ours(types, "silver.types"))
    theirs = by_pyiceberg(types, "silver.types")
    theirs[-1]["many"] = None  # pyiceberg 0.12 reads a NULL list of structs as an empty one
    assert answer == alike(theirs)


WIDER = [
    "select 1 as id, 7::int as n, 1.5::float as f, 1.25::decimal(9,2) as d, {'a': 1::int} as s, [1::int] as l",
    "select 2 as id, 3000000000 as n, 1e300::double as f, 1234567890.25::decimal(12,2) as d, "
    "{'a': 3000000000, 'b': 'x'} as s, [3000000000] as l, 'new' as added",
]


def test_columns_that_were_widened_and_added_are_read_in_old_and_new_files(tmp_path: Path, spark: Spark) -> None:
    for number, text in enumerate(WIDER):
        make(tmp_path, {"pyproject.toml": PYPROJECT, "layers/bronze/wide.sql": text})
        with opened(tmp_path) as lake:
            run = ran(lake.materialize("bronze.wide", force=True))
            assert run.state is RunState.PUBLISHED, run.steps[0].reason
            assert len(ours(tmp_path, "bronze.wide")) == number + 1
    assert alike(spark.rows("select * from lakeflow.bronze.wide")) == alike(ours(tmp_path, "bronze.wide"))


def test_rows_that_an_upsert_replaced_are_gone_for_spark(tmp_path: Path, spark: Spark) -> None:
    header = "/*\nkey = ['id']\nwrite = 'upsert'\n*/\n"
    for text in ("select i as id, 'old' as v from range(4) t(i)", "select 2 as id, 'new' as v"):
        make(tmp_path, {"pyproject.toml": PYPROJECT, "layers/silver/kept.sql": header + text})
        with opened(tmp_path) as lake:
            assert ran(lake.materialize()).state is RunState.PUBLISHED
    rows = spark.rows("select v, count(*) as n from lakeflow.silver.kept group by v order by v")
    assert rows == [{"v": "new", "n": 1}, {"v": "old", "n": 3}]


def test_months_of_a_partitioned_table_are_pruned_to_the_right_rows(tmp_path: Path, spark: Spark) -> None:
    text = "/*\nkey = ['id']\npartition_by = ['month(day)', 'kind']\n*/\n" + (
        "select i as id, date '2024-01-15' + i::int * 10 as day, case i % 3 when 0 then null when 1 then 'a=b/ü' "
        "else 'c' end as kind from range(9) t(i)"
    )
    make(tmp_path, {"pyproject.toml": PYPROJECT, "layers/silver/days.sql": text})
    with opened(tmp_path) as lake:
        assert ran(lake.materialize()).state is RunState.PUBLISHED
    assert alike(spark.rows("select * from lakeflow.silver.days")) == alike(ours(tmp_path, "silver.days"))
    march = "day >= date '2024-03-01' and day < date '2024-04-01'"
    found = spark.rows(f"select id, kind from lakeflow.silver.days where {march} order by id")
    assert found == [{"id": 5, "kind": "c"}, {"id": 6, "kind": None}, {"id": 7, "kind": "a=b/ü"}]
    assert spark.rows("select count(*) as n from lakeflow.silver.days where kind = 'a=b/ü'") == [{"n": 3}]


def test_landed_rows_are_read_with_all_their_columns(tmp_path: Path, spark: Spark) -> None:
    """None of them has a name that Iceberg keeps for itself, of which Spark refuses the whole table."""
    source = 'folder = "in"\nfiles = "*.csv"\nformat = "csv"\ncolumns = ["id", "Sepal.Length"]'
    asset = f"/*\n[source]\n{source}\n*/\nfrom source\n"
    files = {"layers/bronze/landed.sql": asset, "in/1.csv": "id,Sepal.Length\n1,5.1\n2,\n"}
    make(tmp_path, {"pyproject.toml": PYPROJECT, **files})
    with opened(tmp_path) as lake:
        assert ran(lake.materialize()).state is RunState.PUBLISHED
    answer = alike(spark.rows("select * from lakeflow.bronze.landed"))
    assert answer == alike(ours(tmp_path, "bronze.landed"))
    assert answer == alike(by_pyiceberg(tmp_path, "bronze.landed"))
