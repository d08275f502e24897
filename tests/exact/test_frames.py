"""Frames on the way into Python code and back: no form changes a value, and none its type."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.asset import Column
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.run.schema_evolution import settle
from tests.duckdb.lab import RAW, numbered, python_asset, scan_of, whole
from tests.exact import foreign
from tests.exact.lab import Lab
from tests.exact.values import Kind, array, columns, same
from tests.explored import explored


def table(raw: pa.Table) -> Any:
    return raw


def reader(raw: pa.RecordBatchReader) -> Any:
    return raw


def pandas(raw: pd.DataFrame) -> Any:
    return raw


def polars(raw: pl.DataFrame) -> Any:
    return raw


def lazy(raw: pl.LazyFrame) -> Any:
    return raw


def written(engine: DuckEngine, function: Callable[..., Any], folder: Path, raw: Scan | None, **types: str) -> Scan:
    """What the function gives, in a table that is new."""
    asset = python_asset(function, columns={name: Column(type=type_) for name, type_ in types.items()})
    with engine.produce(asset, {RAW: raw} if raw else {}) as produced:
        schema = numbered(settle(produced.schema, asset.columns, None, parse_type))
        return scan_of(produced.write(whole(schema, Path(tempfile.mkdtemp(dir=folder)))).files, schema)


def read(scan: Scan) -> list[Any]:
    """Column `v` as pyiceberg reads it."""
    return foreign.column(scan.files, scan.schema, "v")


@pytest.mark.sampled(5)
@pytest.mark.parametrize("form", [table, reader, pandas, polars, lazy])
@explored(20)
@given(column=columns())
def test_each_form_gives_back_every_value_in_its_type(lab: Lab, form: Any, column: tuple[Kind, list[Any]]) -> None:
    kind, values = column
    given_table = pa.table({"v": array(kind, values)})
    expected = given_table.column("v").to_pylist()
    raw = written(lab.engine, lambda: given_table, lab.data, None, v=kind.declared)
    came = written(lab.engine, form, lab.data, raw)
    assert str(came.schema.fields[0].type) == str(parse_type(kind.declared))
    assert same(read(raw), expected)
    assert same(read(came), expected)


EMPTY = {
    "pandas": pd.DataFrame({"v": []}, dtype=object),
    "pandas of NULL": pd.DataFrame({"v": [None]}),
    "polars": pl.DataFrame({"v": []}),
    "polars of NULL": pl.DataFrame({"v": [None]}),
    "arrow of NULL": pa.table({"v": [None]}),
    "SQL": "SELECT NULL AS v",
    "nothing at all": pl.DataFrame([]),
    "rows of no columns": pa.Table.from_pylist([]),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_column_without_values_has_the_declared_type(lab: Lab, name: str) -> None:
    found = written(lab.engine, lambda: EMPTY[name], lab.data, None, v="decimal(9,2)")
    assert [(field.name, str(field.type)) for field in found.schema.fields] == [("v", "decimal(9,2)")]
    assert read(found) == [None] * ("NULL" in str(EMPTY[name]) + name)


@pytest.mark.parametrize("name", EMPTY)
def test_a_column_without_values_keeps_the_type_that_its_table_has(lab: Lab, name: str) -> None:
    there = numbered(Schema(parse_fields(v="list<date>")))
    with lab.engine.produce(python_asset(lambda: EMPTY[name]), {}) as produced:
        assert types(settle(produced.schema, {}, there, parse_type)) == types(there)


def parse_fields(**declared: str) -> tuple[Field, ...]:
    return tuple(Field(name, parse_type(type_)) for name, type_ in declared.items())


def types(schema: Schema) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in schema.fields]


@pytest.mark.parametrize("value", [pd.DataFrame({"v": [None]}), "SELECT NULL AS v", "SELECT [NULL] AS v"])
def test_a_column_without_values_of_which_nothing_says_the_type_is_refused(lab: Lab, value: Any) -> None:
    with pytest.raises(SchemaError, match="column 'v' holds nothing but NULL") as error:
        written(lab.engine, lambda: value, lab.data, None)
    assert "columns.v" in (error.value.hint or "")


def test_what_a_form_has_no_type_for_takes_the_type_that_the_table_has(lab: Lab) -> None:
    """A UUID is text in every frame; in pandas a date is a time at midnight and a decimal has any number of digits."""
    there = numbered(Schema(parse_fields(u="uuid", d="date", m="decimal(9,2)")))
    frame = pd.DataFrame({"u": [str(UUID(int=1))], "d": pd.to_datetime(["2024-06-01"]), "m": [Decimal("1.5")]})
    with lab.engine.produce(python_asset(lambda: frame), {}) as produced:
        assert types(settle(produced.schema, {}, there, parse_type)) == types(there)


def test_integers_of_any_size_are_kept_or_refused_by_their_column(lab: Lab) -> None:
    found = written(lab.engine, lambda: pd.DataFrame({"v": [2**70, None]}), lab.data, None)
    assert (str(found.schema.fields[0].type), read(found)) == ("decimal(38,0)", [2**70, None])
    with pytest.raises(AssetError, match="column 'v' holds integers of more than 38 digits"):
        written(lab.engine, lambda: pd.DataFrame({"v": [10**38]}), lab.data, None)


def test_integers_with_null_come_as_integers(lab: Lab) -> None:
    raw = written(lab.engine, lambda: pa.table({"v": [9007199254740993, None]}), lab.data, None)

    def looks(raw: pd.DataFrame) -> pd.DataFrame:
        assert raw.v.dtype == "Int64"
        return raw.assign(v=raw.v + 1)

    assert read(written(lab.engine, looks, lab.data, raw)) == [9007199254740994, None]


REFUSED = {
    "polars Object": (
        pl.DataFrame({"v": pl.Series([object()], dtype=pl.Object)}),
        "column 'v' has the polars type Object",
    ),
    "polars Int128": (pl.DataFrame({"v": pl.Series([1], dtype=pl.Int128)}), "column 'v' has the polars type Int128"),
    "polars Float16": (pl.DataFrame({"v": pl.Series([1.5], dtype=pl.Float16)}), "column 'v' holds 16-bit floats"),
    "polars Duration": (pl.DataFrame({"v": pl.Series([1], dtype=pl.Duration)}), "column 'v' has type INTERVAL"),
    "pandas period": (pd.DataFrame({"v": pd.period_range("2024", periods=1)}), "column 'v' holds pandas.period"),
    "pandas interval": (pd.DataFrame({"v": pd.interval_range(0, 1)}), "column 'v' holds pandas.interval"),
    "decimal256": (pa.table({"v": pa.array([1], pa.decimal256(50, 2))}), "column 'v' holds decimals of 50 digits"),
    "nanoseconds": (
        pl.DataFrame({"v": pl.Series([1], dtype=pl.Datetime("ns"))}),
        "column 'v' holds parts of a microsec",
    ),
    "times in nanoseconds": (
        pl.DataFrame({"v": pl.Series([1], dtype=pl.Time)}),
        "column 'v' holds parts of a microsecond",
    ),
    "rows without columns": (pd.DataFrame(index=range(3)), "rows without columns"),
    "an index without a name": (pd.DataFrame({"v": [1]}, index=["a"]), "the index of the frame has no name"),
    "an index called as a column": (pd.DataFrame({"v": [1]}, index=pd.Index([2], name="v")), "are both called 'v'"),
    "names of several parts": (
        pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("v", "w")])),
        "of several parts",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_not_be_kept_is_refused_by_its_column(lab: Lab, name: str) -> None:
    value, says = REFUSED[name]
    with pytest.raises(AssetError) as error:
        written(lab.engine, lambda: value, lab.data, None)
    assert says in error.value.message
    assert error.value.hint


def test_the_index_of_a_group_by_is_columns(lab: Lab) -> None:
    frame = pd.DataFrame({"a": ["x", "x"], "b": [1, 1], "n": [2, 3]}).groupby(["a", "b"]).sum()
    found = written(lab.engine, lambda: frame, lab.data, None)
    assert pq.read_table(found.files[0]).to_pylist() == [{"a": "x", "b": 1, "n": 5}]


def test_a_mere_count_of_rows_is_dropped(lab: Lab) -> None:
    frame = pd.DataFrame({"v": [1, 2, 3]})
    assert read(written(lab.engine, lambda: frame[frame.v > 1], lab.data, None)) == [2, 3]


def test_categories_are_what_they_stand_for(lab: Lab) -> None:
    enum = pl.Series(["a", None], dtype=pl.Enum(["a"]))
    assert read(written(lab.engine, lambda: pd.DataFrame({"v": pd.Categorical(["a", None])}), lab.data, None)) == [
        "a",
        None,
    ]
    assert read(written(lab.engine, lambda: pl.DataFrame({"v": enum}), lab.data, None)) == ["a", None]
    assert read(written(lab.engine, lambda: pl.DataFrame({"v": enum.cast(pl.Categorical)}), lab.data, None)) == [
        "a",
        None,
    ]


STREAMED = {
    "views": pa.array([[("a", "b")], None, []], pa.map_(pa.string_view(), pa.string_view())),
    "a list view": pa.array([["a", None], None, []], pa.list_view(pa.string_view())),
    "runs": pa.RunEndEncodedArray.from_arrays([2, 3], ["a", None]),
    "large": pa.array([["a"], None, []], pa.large_list(pa.large_string())),
    "categories in a map": pa.MapArray.from_arrays([0, 1, 1, 1], pa.array(["k"]).dictionary_encode(), pa.array([1])),
}


@pytest.mark.parametrize("values", STREAMED.values(), ids=STREAMED)
def test_a_stream_of_any_type_of_arrow_passes(lab: Lab, values: pa.Array) -> None:
    given_table = pa.table({"v": values})
    plain = written(lab.engine, lambda: given_table, lab.data, None)
    streamed = read(written(lab.engine, lambda: given_table.to_reader(1), lab.data, None))
    assert same(sorted(streamed, key=repr), sorted(read(plain), key=repr))
    assert read(plain)[0] in ([("a", "b")], ["a", None], "a", ["a"], [("k", 1)])
