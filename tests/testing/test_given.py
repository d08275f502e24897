"""Rows that somebody wrote down, stored in the types of the table whose place they take."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal as Number
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.given.expected import compared
from lakeflow.adapters.duckdb.given.store import GivenRows
from lakeflow.core.errors import LakeflowError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Column
from lakeflow.core.model.schema import Decimal, Field, List, Primitive, Schema, Struct, Type
from lakeflow.core.model.table import Scan
from tests.explored import explored

KEY = AssetKey.parse("silver.things")
KNOWN = Schema(
    (
        Field("id", Primitive("int")),
        Field("at", Primitive("timestamptz")),
        Field("price", Decimal(9, 2)),
        Field("name", Primitive("string")),
        Field("day", Primitive("date")),
    )
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckEngine]:
    folder = str(tmp_path_factory.mktemp("spill"))
    engine = DuckEngine(folder, None, 1, folder)
    yield engine
    engine.close()


@pytest.fixture
def store(engine: DuckEngine, tmp_path: Path) -> GivenRows:
    return GivenRows(engine, tmp_path / "given")


def _read(scan: Scan) -> list[dict[str, Any]]:
    """With a reader that is not ours."""
    rows: list[dict[str, Any]] = [row for path in scan.files for row in pq.read_table(path).to_pylist()]
    return rows


def test_every_form_of_rows_has_the_types_of_the_columns_and_null_where_nothing_is_given(store: GivenRows) -> None:
    empty = dict.fromkeys(KNOWN.names)
    dicts = [{"id": 1, "at": datetime(2013, 1, 1, 5, tzinfo=UTC), "price": 1.1, "day": "2013-01-01"}, {"name": "x"}]
    assert _read(store.store(KEY, dicts, KNOWN)) == [
        {**empty, "id": 1, "at": datetime(2013, 1, 1, 5, tzinfo=UTC), "price": Number("1.10"), "day": date(2013, 1, 1)},
        {**empty, "name": "x"},
    ]
    frame = {"id": [7], "day": [date(2013, 1, 1)]}
    for form in (pa.table(frame), pl.DataFrame(frame), pd.DataFrame(frame), pl.DataFrame(frame).lazy()):
        assert _read(store.store(KEY, form, KNOWN)) == [{**empty, "id": 7, "day": date(2013, 1, 1)}]
    assert store.store(KEY, [], KNOWN).schema.names == KNOWN.names


def test_csv_text_tells_null_from_the_empty_text_and_may_be_indented(store: GivenRows) -> None:
    text = """
        id,name,price
        1,,1.50
        2,"",2
        3,"a
        b ""c"" d",3
    """
    found = [(row["id"], row["name"], row["price"]) for row in _read(store.store(KEY, text, KNOWN))]
    assert found[:2] == [(1, None, Number("1.50")), (2, "", Number("2.00"))]
    assert found[2][1].split("\n")[1] == 'b "c" d'
    assert store.store(KEY, "id,name", KNOWN).files == ()


def test_where_no_column_is_known_values_and_declarations_say_the_types(store: GivenRows) -> None:
    scan = store.store(
        KEY,
        [{"a": 1, "b": [{"c": "x"}], "u": UUID(int=5), "p": 2}],
        None,
        {"p": Column("decimal(5, 1)"), "u": Column("uuid"), "other": Column("int")},
    )
    types = [(field.name, str(field.type)) for field in scan.schema.fields]
    given = [("a", "long"), ("b", "list<struct<c: string>>"), ("u", "uuid"), ("p", "decimal(5,1)")]
    assert types == [*given, ("other", "int")]
    assert _read(scan)[0]["other"] is None
    assert [str(field.type) for field in store.store(KEY, "a,b\n1,", None).schema.fields] == ["string", "string"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"idd": 1}], "has a column 'idd'"),
        ([{"id": "x"}], "column 'id' holds no INTEGER"),
        ([{"id": 2**40}], "column 'id' holds a value"),
        ([{"price": 1.255}], "column 'price' holds a value"),
        ([{"name": "a"}, {"name": 1}], "column 'name' have no common type: int, str"),
        ([{"at": date(2013, 1, 1)}, {"at": datetime(2013, 1, 1)}], "holds dates and times without a zone"),
        ([{"at": datetime(2013, 1, 1)}, {"at": datetime(2013, 1, 1, tzinfo=UTC)}], "times with a zone"),
        ([{"id": 1, "ID": 2}], "two columns are named"),
        ("id,name\n1", "is no CSV"),
        ("id\n1\n\n2", "has an empty line"),
        ("", "has no line"),
        (3, "is a builtins.int, which is no table"),
        ([{1: 2}], "a column whose name is no text"),
        ([{}, {}], "rows that name no column"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value and "\n" not in value else "",
)
def test_what_does_not_fit_is_refused(store: GivenRows, rows: object, said: str) -> None:
    with pytest.raises(LakeflowError) as error:
        store.store(KEY, rows, KNOWN)
    assert said in str(error.value)


def test_nothing_is_given_without_a_column(store: GivenRows) -> None:
    with pytest.raises(LakeflowError, match="names no column"):
        store.store(KEY, [], None)


def test_rows_are_compared_in_the_columns_that_are_expected_and_in_the_types_of_the_table(
    store: GivenRows, engine: DuckEngine
) -> None:
    came = store.store(KEY, [{"id": 1, "price": "1.10", "name": "x"}, {"id": 2, "name": "y"}], KNOWN)
    assert not compared(store, engine, came, "price,id\n,2\n1.1,1")
    found = compared(store, engine, came, [{"id": 1, "name": "x"}, {"id": 2, "name": "z"}])
    assert (found.missing, found.unexpected) == ((("2", "z"),), (("2", "y"),))
    assert len(compared(store, engine, came, []).unexpected) == 2
    assert not compared(store, engine, store.store(KEY, [], KNOWN), [])


LONG = 2**63
VALUES: dict[str, tuple[Type, st.SearchStrategy[Any]]] = {
    "flag": (Primitive("boolean"), st.booleans()),
    "small": (Primitive("int"), st.integers(-(2**31), 2**31 - 1)),
    "large": (Primitive("long"), st.integers(-LONG, LONG - 1)),
    "real": (Primitive("double"), st.floats(allow_nan=False)),
    "money": (Decimal(9, 2), st.decimals(-9_999_999, 9_999_999, places=2)),
    "name": (Primitive("string"), st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
    "raw": (Primitive("binary"), st.binary(max_size=8)),
    "day": (Primitive("date"), st.dates()),
    "wall": (Primitive("timestamp"), st.datetimes()),
    "moment": (Primitive("timestamptz"), st.datetimes(timezones=st.just(UTC))),
    "parts": (List(Field("element", Primitive("string"))), st.lists(st.none() | st.text("a,'\"[] ", max_size=4))),
    "pair": (Struct((Field("x", Primitive("long")),)), st.fixed_dictionaries({"x": st.none() | st.integers(0, 9)})),
}
TYPED = Schema(tuple(Field(name, type_) for name, (type_, _) in VALUES.items()))
ROWS = st.lists(
    st.fixed_dictionaries({}, optional={name: st.none() | values for name, (_, values) in VALUES.items()}), max_size=4
)


@pytest.mark.long
@explored(60)
@given(rows=ROWS)
def test_every_value_comes_back_as_it_was_given(store: GivenRows, rows: list[dict[str, Any]]) -> None:
    assume(not rows or any(rows))
    found = _read(store.store(KEY, rows, TYPED))
    wanted = [{name: row.get(name) for name in TYPED.names} for row in rows]
    assert [row | _in_utc(row) for row in found] == wanted


def _in_utc(row: dict[str, Any]) -> dict[str, Any]:
    """Arrow says UTC in a class of its own."""
    return {"moment": row["moment"] and row["moment"].astimezone(UTC)}
