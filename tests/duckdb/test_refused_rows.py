"""A value that an asset's output cannot keep is told with its row: number, and key unless that is personal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, PythonCode, SqlCode
from lakeflow.core.model.foreign import Mapped
from lakeflow.core.model.layout import Layout, PartitionField, SortField, Transform
from lakeflow.core.model.quarantine import Refusal
from lakeflow.core.model.scd2_columns import versioned
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import RefusedRows, Write
from tests.duckdb.lab import RAW, numbered

ROWS = {"id": [7, 8, 9], "day": ["mon", "tue", "wed"], "v": ["1", "1.7", "x"]}
SELECT = "SELECT unnest([7, 8, 9]) AS id, unnest(['mon', 'tue', 'wed']) AS day, unnest(['1', '1.7', 'x']) AS v"


def columns(**types: str) -> Schema:
    return numbered(Schema(tuple(Field(name, parse_type(type_)) for name, type_ in types.items())))


COLUMNS = columns(id="int", day="string", v="long")
SQL = SqlCode(SELECT, "layers/silver/out.sql", 1)


def python(value: Callable[..., Any]) -> PythonCode:
    return PythonCode(value, "layers/silver/out.py", 1)


CODES = {
    "sql": SQL,
    "relation": python(lambda: SELECT),
    "arrow": python(lambda: pa.table(ROWS)),
    "pandas": python(lambda: pd.DataFrame(ROWS)),
    "polars": python(lambda: pl.DataFrame(ROWS)),
}


@pytest.fixture
def refused(engine: DuckEngine, tmp_path: Path) -> Callable[..., str]:
    def write(code: SqlCode | PythonCode = SQL, mode: WriteMode = WriteMode.REPLACE, **how: Any) -> str:
        asset = Asset(AssetKey.parse("silver.out"), code, mode, {}, primary_key=("id",))
        how = {"schema": COLUMNS, "key": ("id",), **how}
        (tmp_path / "out").mkdir(exist_ok=True)
        with pytest.raises(LakeflowError) as caught, engine.produce(asset, {}) as produced:
            produced.write(Write(mode, directory=str(tmp_path / "out"), **how))
        assert not list(tmp_path.rglob("*.parquet"))
        return caught.value.message

    return write


@pytest.mark.parametrize("code", CODES.values(), ids=CODES)
def test_of_what_can_be_read_twice_the_first_such_row_is_told_by_number_and_key(
    refused: Callable[..., str], code: SqlCode | PythonCode
) -> None:
    assert "silver.out: row 2 (id = 8): column 'v' holds no BIGINT (layers/silver/out" in refused(code)


def streamed(before: int, *batches: Sequence[str]) -> PythonCode:
    """A stream of these batches of `v`, behind so many of one row that can be kept."""

    def code() -> pa.RecordBatchReader:
        every = enumerate(itertools.chain(itertools.repeat(["1"], before), batches))
        made = [pa.record_batch({"id": [at] * len(each), "v": each}) for at, each in every]
        return pa.RecordBatchReader.from_batches(made[0].schema, iter(made))

    return python(code)


LONG = columns(id="long", v="long")


def test_of_a_stream_the_row_is_told_by_number_and_key_though_it_can_be_read_once(refused: Callable[..., str]) -> None:
    stream = streamed(300, ["1", "2"], ["3", "1.7", "x"])
    assert "silver.out: row 304 (id = 301): column 'v' holds no BIGINT" in refused(stream, schema=LONG)
    assert "silver.out: row 304: column 'v' holds no BIGINT" in refused(stream, schema=LONG, key=())


TWICE = [("k", 1), ("k", 2)]


def test_a_stream_of_an_input_may_be_open_while_its_row_is_looked_for(engine: DuckEngine, tmp_path: Path) -> None:
    def code(given: duckdb.DuckDBPyRelation) -> pa.RecordBatchReader:
        return given.order("id").project("id, case when id = 2 then 1.5 else 1 end as v").to_arrow_reader()

    pq.write_table(pa.table({"id": pa.array([1, 2, 3])}), tmp_path / "in.parquet")
    schema, path = columns(id="long", v="int"), str(tmp_path / "in.parquet")
    asset = Asset(AssetKey.parse("silver.out"), python(code), WriteMode.REPLACE, {"given": RAW}, primary_key=("id",))
    named = (Mapped(frozenset({"id"}), 1),)
    base = Scan(RAW, 1, numbered(Schema((schema.fields[0],))), (path,), unmarked=True, names=named)
    with pytest.raises(LakeflowError) as caught, engine.produce(asset, {RAW: base}) as made:
        made.write(Write(WriteMode.REPLACE, schema, str(tmp_path), ("id",)))
    assert "row 2 (id = 2): column 'v'" in caught.value.message


WRONG: dict[str, tuple[pa.Array, str]] = {
    "a map": (pa.array([[("k", 1)], TWICE], pa.map_(pa.string(), pa.int64())), "'v' holds a key that comes twice"),
    "a map within": (
        pa.array([None, [None, TWICE]], pa.list_(pa.map_(pa.string(), pa.int64()))),
        "'v.element' holds a key that comes twice",
    ),
    "zeros": (
        pa.array([[(0.0, 1)], [(0.0, 1), (-0.0, 2)]], pa.map_(pa.float64(), pa.int64())),
        "'v' holds a key that comes twice",
    ),
    "nested keys": (
        pa.array([None, [({"a": 1}, 1), ({"a": 1}, 2)]], pa.map_(pa.struct([("a", pa.int64())]), pa.int64())),
        "'v' holds a key that comes twice",
    ),
    "bytes as text": (pa.array([b"a", b"\xff"]).view(pa.string()), "'v' holds text that is no UTF-8"),
    "a cut date": (pa.array([86_400_000, 1]).view(pa.date64()), "'v' holds a date with a time of day"),
    "a cut date within": (
        pa.StructArray.from_arrays([pa.array([86_400_000, 1]).view(pa.date64())], ["a"]),
        "'v.a' holds a date with a time of day",
    ),
}


@pytest.mark.parametrize("form", [pa.Table, pa.RecordBatchReader], ids=["table", "stream"])
@pytest.mark.parametrize(("values", "says"), WRONG.values(), ids=WRONG)
def test_what_duckdb_refuses_without_its_place_or_would_cut_is_told_with_row_and_column(
    refused: Callable[..., str], values: pa.Array, says: str, form: type
) -> None:
    table = pa.table({"id": [7, 8], "v": values})
    code = python(lambda: table if form is pa.Table else table.to_reader(max_chunksize=1))
    message = refused(code, schema=columns(id="long", v="string"))
    assert f"silver.out: row 2: column {says}" in message
    assert "xff" not in message


@pytest.mark.parametrize("given", ["sql", "arrow", "pandas", "stream"])
def test_a_missing_value_is_told_with_its_first_row(refused: Callable[..., str], given: str) -> None:
    rows = pa.table({"id": [7, None, 9, None], "day": ["mon", "tue", None, None], "v": ["1", "2", "3", "4"]})
    listed = ", ".join(map(str, zip(*rows.to_pydict().values(), strict=True))).replace("None", "NULL")
    codes = {
        "sql": replace(SQL, text=f"FROM (VALUES {listed}) t(id, day, v)"),
        "arrow": python(lambda: rows),
        "pandas": python(rows.to_pandas),
        "stream": python(lambda: rows.to_reader(max_chunksize=1)),
    }
    needed = numbered(Schema(tuple(replace(each, required=each.name == "day") for each in COLUMNS.fields)))
    assert "column 'day' is required, and 2 rows without it came, first in row 3 (id = 9" in refused(
        codes[given], schema=needed
    )
    upsert = {"mode": WriteMode.UPSERT, "key": ("day", "id")}
    assert "key column 'day' is NULL in 2 rows, first in row 3 (day = NULL, id = 9" in refused(codes[given], **upsert)
    hidden = refused(codes[given], hidden=frozenset({"day"}), **upsert)
    assert hidden.endswith("first in row 3")


def test_a_history_without_a_time_tells_the_row(refused: Callable[..., str]) -> None:
    rows = pa.table({"id": [7, 8], "at": pa.array([1, None], pa.timestamp("us"))})
    schema = numbered(versioned(columns(id="long", at="timestamp"), "at"))
    how = {"schema": schema, "at": "at", "moment": datetime(2026, 1, 1, tzinfo=UTC)}
    message = refused(python(lambda: rows), mode=WriteMode.SCD2, **how)
    assert "column 'at' is NULL in 1 row, first in row 2 (id = 8)" in message


HISTORY = numbered(versioned(COLUMNS, ""))


@pytest.mark.parametrize(
    ("mode", "how"),
    [
        (WriteMode.APPEND, {}),
        (WriteMode.REPLACE, {"layout": Layout((), (SortField("id"),))}),
        (WriteMode.UPSERT, {}),
        (WriteMode.UPSERT, {"last_by": "day"}),
        (WriteMode.PARTITION, {"layout": Layout((PartitionField("day", Transform("identity")),), ())}),
        (WriteMode.SCD2, {"schema": HISTORY, "moment": datetime(2026, 1, 1, tzinfo=UTC)}),
        (WriteMode.REPLACE, {"refused": RefusedRows((Refusal("small", "id > 8", 1.0),), COLUMNS, "", "r", "{}")}),
    ],
    ids=["append", "sorted", "upsert", "keep", "partition", "scd2", "quarantine"],
)
def test_every_way_to_write_tells_the_row(
    refused: Callable[..., str], tmp_path: Path, mode: WriteMode, how: dict[str, Any]
) -> None:
    if "refused" in how:
        how = {"refused": replace(how["refused"], directory=str(tmp_path / "beside"))}
    assert "row 2 (id = 8): column 'v' holds no BIGINT" in refused(mode=mode, **how)


def test_a_preview_tells_the_number_of_the_row(engine: DuckEngine) -> None:
    asset = Asset(AssetKey.parse("silver.out"), SQL, WriteMode.REPLACE, {})
    with pytest.raises(LakeflowError, match=r"row 2: column 'v'"), engine.produce(asset, {}) as produced:
        produced.first(COLUMNS, 10)


def test_a_nested_value_is_told_with_its_row_and_its_place(refused: Callable[..., str]) -> None:
    nested = python(lambda: pa.table({"id": [1, 2], "v": [[{"a": 1.0}], [{"a": 2.0}, {"a": 1.5}]]}))
    types = columns(id="int", v="list<struct<a: long>>")
    assert "row 2 (id = 2): column 'v.element.a' holds a value of DOUBLE" in refused(nested, schema=types)


def test_a_key_is_not_told_where_a_column_of_it_is_personal_and_its_values_do_not_break_the_message(
    refused: Callable[..., str],
) -> None:
    two = {"key": ("id", "day")}
    assert "row 2 (id = 8, day = tue): column 'v'" in refused(**two)
    message = refused(**two, hidden=frozenset({"day"}))
    assert "row 2: column 'v'" in message
    assert "tue" not in message
    odd = python(lambda: pa.table({"id": ["a\n?b" + "c" * 99, None], "v": ["x", "y"]}).to_reader())
    told = refused(odd, schema=columns(id="string", v="long"))
    assert "row 1 (id = a ?" in told
    assert len(told) < 200


def test_a_relation_that_gives_other_rows_when_it_is_asked_again_tells_its_key(refused: Callable[..., str]) -> None:
    def code() -> Any:
        once = pa.table({"id": pa.array([5], pa.int32()), "v": ["x"]}).to_reader()
        return duckdb.connect().from_arrow(once)

    assert "the row where id = 5: column 'v'" in refused(python(code), schema=columns(id="int", v="long"))
