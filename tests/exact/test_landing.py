"""Values of every type land from every format as they were, nested or not, declared or not."""

from __future__ import annotations

import math
import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from json import loads as json_of
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.exact.lab import Lab
from tests.exact.texts import as_csv, as_json, as_literal
from tests.exact.values import LEAVES, NESTED, Kind, array, columns, same
from tests.explored import explored

Column = tuple[Kind, list[Any]]
LEAF = st.sampled_from(LEAVES)


def for_json(kind: Kind, values: list[Any]) -> list[Any]:
    """Arrow gives a map as its pairs."""
    return [plain(value, kind.arrow) for value in values]


def plain(value: Any, type_: pa.DataType) -> Any:
    match type_:
        case _ if value is None:
            return None
        case pa.MapType():
            return {key: plain(each, type_.item_type) for key, each in value}
        case pa.ListType():
            return [plain(each, type_.value_type) for each in value]
        case pa.StructType():
            return {each.name: plain(value[each.name], each.type) for each in type_}
    return value


@explored(25)
@given(columns(LEAF, rows=1))
def test_csv_gives_each_value_in_its_declared_type(lab: Lab, column: Column) -> None:
    kind, values = column
    expected = array(kind, values).to_pylist()
    lines = "".join(as_csv([value], n) for n, value in enumerate(expected))
    assert same(lab.text("csv", f"n,v\n{lines}", kind.declared).read, expected)


@pytest.mark.long
@explored(40)
@given(columns(NESTED, rows=1), st.booleans())
def test_csv_gives_nested_values_that_stand_there_as_json_or_as_duckdb_spells_them(
    lab: Lab, column: Column, json: bool
) -> None:
    kind, values = column
    expected = array(kind, values).to_pylist()
    assume(json or not any("\x01" in repr_of(value) for value in expected))
    fields = (
        None if came is None else as_json(value) if json else as_literal(came, kind.arrow)
        for came, value in zip(expected, for_json(kind, expected), strict=True)
    )
    told = lab.text("csv", "n,v\n" + "".join(as_csv([field], n) for n, field in enumerate(fields)), kind.declared)
    assert told.error == ""
    assert same(told.read, expected)


def repr_of(value: Any) -> str:
    """With control characters as they are."""
    return repr(value).replace("\\x01", "\x01")


@pytest.mark.long
@explored(25)
@given(columns(rows=1), st.sampled_from(["ndjson", "json"]))
def test_json_that_is_not_declared_is_the_text_that_stood_there(lab: Lab, column: Column, format_: str) -> None:
    """A string without its quotes, anything else as JSON with all its digits."""
    kind, values = column
    came = for_json(kind, array(kind, values).to_pylist())
    rows = [f'{{"n": {n}, "v": {as_json(value)}}}' for n, value in enumerate(came)]
    told = lab.text(format_, "\n".join(rows) if format_ == "ndjson" else f"[{', '.join(rows)}]", "")
    assert (told.error, told.type) == ("", "string")
    for value, text in zip((digits(as_json(value)) for value in came), told.read, strict=True):
        assert text == value if isinstance(value, str | None) else digits(text) == value


def digits(text: str) -> Any:
    """What the JSON says, each number as it is spelled."""
    return json_of(text, parse_float=number, parse_int=number)


def number(text: str) -> tuple[str]:
    """No text, whatever its digits are."""
    return (text,)


@pytest.mark.long
@explored(25)
@given(columns(rows=1))
def test_ndjson_gives_each_value_in_its_declared_type(lab: Lab, column: Column) -> None:
    kind, values = column
    expected = array(kind, values).to_pylist()
    lines = "".join(f'{{"n": {n}, "v": {as_json(value)}}}\n' for n, value in enumerate(for_json(kind, expected)))
    assert same(lab.text("ndjson", lines, kind.declared).read, expected)


@pytest.mark.long
@explored(15)
@given(columns(rows=1))
def test_a_json_array_gives_each_value_in_its_declared_type(lab: Lab, column: Column) -> None:
    kind, values = column
    expected = array(kind, values).to_pylist()
    objects = (f'{{"n": {n},\n "v": {as_json(value)}}}' for n, value in enumerate(for_json(kind, expected)))
    assert same(lab.text("json", f"[{', '.join(objects)}]", kind.declared).read, expected)


@pytest.mark.long
@explored(25)
@given(columns(rows=1), st.booleans())
def test_parquet_gives_each_value_in_its_type(lab: Lab, column: Column, declared: bool) -> None:
    kind, values = column
    told = lab.parquet(kind.declared if declared else "", array(kind, values))
    assert (told.error, told.type) == ("", kind.declared)
    assert same(told.read, array(kind, values).to_pylist())


@pytest.mark.long
@explored(60)
@given(columns(LEAF, rows=1), LEAF)
def test_a_value_in_another_type_is_the_same_or_refused(lab: Lab, column: Column, target: Kind) -> None:
    """What is stored means what came; that it is refused without need is told by the limits."""
    kind, values = column
    told = lab.parquet(target.declared, array(kind, values))
    if told.stored and target.declared not in {"string", "binary"}:
        came = array(kind, values).to_pylist()
        assert all(is_meant(*pair, target.declared) for pair in zip(came, told.read, strict=True)), (told, came)
    assert told.stored or "column 'v'" in told.error


def is_meant(came: Any, stored: Any, target: str) -> bool:  # noqa: PLR0911 - one for each pair
    """By Python's own arithmetic."""
    match came, stored:
        case None, None:
            return True
        case datetime(), datetime():
            return bool(
                came.replace(tzinfo=came.tzinfo or UTC) == stored.replace(tzinfo=stored.tzinfo or UTC)
            ) and not (came.tzinfo and not stored.tzinfo)
        case date(), datetime():
            return bool(datetime.combine(came, time()) == stored.replace(tzinfo=None))
        case datetime(), date():
            return came.tzinfo is None and datetime.combine(stored, time()) == came
        case float(), float():
            return came == stored or (math.isnan(came) and math.isnan(stored))
        case Decimal(), float():
            return nearest(float(came), target) == stored and (abs(stored) < 2**53 or Decimal(stored) == came)
        case float(), Decimal():
            return came == float(stored)
    return bool(came == stored) if not isinstance(came, str | bytes) else True


def nearest(value: float, target: str) -> float:
    if target != "float":
        return value
    (found,) = struct.unpack("f", struct.pack("f", value))
    return float(found)
