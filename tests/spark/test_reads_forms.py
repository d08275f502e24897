"""Spark reads what each form of output was cast to, at the limits of every declared type, as pyiceberg does."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.model.run import RunState
from tests.external.lab import make, opened
from tests.spark.answers import alike, ours
from tests.spark.engine import Spark
from tests.spark.test_reads_ours import PYPROJECT, by_pyiceberg

CODE = """
import datetime as dt
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
from lakeflow import asset

TYPED = {
    "id": "int", "yes": "boolean", "l": "long", "f": "float", "d": "double", "small": "decimal(9,2)",
    "large": "decimal(38,9)", "day": "date", "noted": "timestamp", "moment": "timestamptz", "txt": "string",
    "raw": "binary", "uid": "uuid", "numbers": "list<long>", "nested": "struct<a: int, b: struct<c: decimal(38,0)>>",
    "mapped": "map<string, decimal(5,1)>", "many": "list<struct<x: timestamp, y: double>>",
}
COLUMNS = {name: {"type": type_} for name, type_ in TYPED.items()}
UTC = dt.timezone.utc
FIRST = {
    "id": 1, "yes": True, "l": 2**63 - 1, "f": float("inf"), "d": float("nan"), "small": Decimal("-9999999.99"),
    "large": Decimal("99999999999999999999999999999.999999999"), "day": dt.date(9999, 12, 31),
    "noted": dt.datetime(9999, 12, 31, 23, 59, 59, 999999), "moment": dt.datetime(1, 1, 1, tzinfo=UTC),
    "txt": "é\\U0001f642 '\\"\\\\\\n", "raw": b"\\x00\\xff", "uid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "numbers": [-(2**63), None, 0], "nested": {"a": None, "b": {"c": Decimal(10**38 - 1)}},
    "mapped": [("k", Decimal("1.5")), ("", None)], "many": [{"x": dt.datetime(1, 1, 1), "y": float("-inf")}, None],
}
SECOND = {
    "id": 2, "yes": False, "l": -(2**63), "f": 1.5, "d": 5e-324, "small": Decimal("0.01"), "large": Decimal("-1E-9"),
    "day": dt.date(1, 1, 1), "noted": dt.datetime(1, 1, 1),
    "moment": dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), "txt": "",
    "raw": b"", "uid": "00000000-0000-0000-0000-000000000000", "numbers": [],
    "nested": {"a": -(2**31), "b": {"c": None}}, "mapped": [], "many": [],
}
TYPES = {
    "id": pa.int32(), "yes": pa.bool_(), "l": pa.int64(), "f": pa.float32(), "d": pa.float64(),
    "small": pa.decimal128(9, 2), "large": pa.decimal128(38, 9), "day": pa.date32(), "noted": pa.timestamp("us"),
    "moment": pa.timestamp("us", "UTC"), "txt": pa.string(), "raw": pa.binary(), "uid": pa.string(),
    "numbers": pa.list_(pa.int64()),
    "nested": pa.struct([("a", pa.int32()), ("b", pa.struct([("c", pa.decimal128(38, 0))]))]),
    "mapped": pa.map_(pa.string(), pa.decimal128(5, 1)),
    "many": pa.list_(pa.struct([("x", pa.timestamp("us")), ("y", pa.float64())])),
}


def rows():
    return pa.Table.from_pylist([FIRST, SECOND, {"id": 3}], pa.schema(list(TYPES.items())))


@asset(key=["id"], columns=COLUMNS)
def arrow():
    return rows()


@asset(key=["id"], columns=COLUMNS)
def stream():
    return rows().to_reader()


@asset(key=["id"], columns=COLUMNS)
def pandas():
    return rows().to_pandas(types_mapper=pd.ArrowDtype)


@asset(key=["id"], columns={name: type_ for name, type_ in COLUMNS.items() if name != "mapped"})
def polars():
    return pl.from_arrow(rows().drop(["mapped"]))


@asset(inputs={"arrow": "silver.arrow"}, key=["id"], columns=COLUMNS)
def again(arrow: pa.Table):
    return arrow
"""
TEXTS = """/*
key = ["id"]

[columns]
day = {type = "date"}
large = {type = "decimal(38,9)"}
d = {type = "double"}
moment = {type = "timestamptz"}
uid = {type = "uuid"}
nested = {type = "struct<a: int, b: struct<c: decimal(38,0)>>"}
mapped = {type = "map<string, decimal(5,1)>"}
*/
select 1 as id, '9999-12-31' as day, '99999999999999999999999999999.999999999' as large, '-inf' as d,
    '0001-01-01T00:00:00Z' as moment, '6ba7b810-9dad-11d1-80b4-00c04fd430c8' as uid,
    '{"a": null, "b": {"c": 99999999999999999999999999999999999999}}' as nested,
    '{"k": 1.5, "é\\u00e9": null}' as mapped
"""


@pytest.fixture
def forms(tmp_path: Path) -> Path:
    layers = {"layers/silver/forms.py": CODE, "layers/silver/texts.sql": TEXTS}
    make(tmp_path, {"pyproject.toml": PYPROJECT, **layers})
    with opened(tmp_path) as lake:
        run = lake.materialize()
        assert run is not None
        assert run.state is RunState.PUBLISHED, [step.reason for step in run.steps]
    return tmp_path


def test_every_form_at_the_limits_of_every_type_is_read_by_spark_as_by_pyiceberg_and_duckdb(
    forms: Path, spark: Spark
) -> None:
    first = alike(spark.rows("select * from lakeflow.silver.arrow"))
    assert len(first) == 3
    for name in ("arrow", "stream", "pandas", "polars", "again", "texts"):
        answer = alike(spark.rows(f"select * from lakeflow.silver.{name}"))
        assert answer == alike(ours(forms, f"silver.{name}"))
        theirs = by_pyiceberg(forms, f"silver.{name}")
        for row in theirs:
            if row["id"] == 3:
                row["many"] = None  # pyiceberg 0.12 reads a NULL list of structs as an empty one
        assert answer == alike(theirs)
        if name in {"stream", "pandas", "again"}:
            assert answer == first
    (last,) = spark.rows("select string(noted) as t from lakeflow.silver.arrow where id = 1")
    assert last["t"] == "9999-12-31 23:59:59.999999"
    (row,) = spark.rows(
        "select string(mapped) as m, string(nested) as n, string(large) as l from lakeflow.silver.texts"
    )
    assert row == {
        "m": "{k -> 1.5, éé -> null}",
        "n": "{null, {99999999999999999999999999999999999999}}",
        "l": "99999999999999999999999999999.999999999",
    }
