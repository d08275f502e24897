"""Column statistics become manifest entries whose bounds are always sound, and never show a personal value."""

from __future__ import annotations

import math
from decimal import Decimal as Number
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema as IcebergSchema

from lakeflow.adapters.iceberg.manifests.entries import bytes_above, data_files, text_above
from lakeflow.adapters.iceberg.metadata.layouts import Placed
from lakeflow.adapters.iceberg.metadata.types import schema_to_json, with_ids
from lakeflow.core.errors import AssetError
from lakeflow.core.model.schema import Decimal, Field, Fixed, List, Map, Primitive, Schema, Struct, Type
from lakeflow.core.model.table import ColumnStats, Staging, WrittenFile
from lakeflow.core.model.type_names import parse_value
from lakeflow.core.model.write_mode import WriteMode
from tests.iceberg.lab import primitive

PLAINLY = Placed({"spec-id": 0, "fields": []}, 0)


def _entries(
    schema: Schema, iceberg: IcebergSchema, *files: WrittenFile, pii: frozenset[str] = frozenset()
) -> list[DataFile]:
    staging = Staging("audit_x", None, WriteMode.APPEND, schema, files, {}, pii=pii)
    return data_files(staging, PLAINLY, iceberg)


def _file(type_: Type, stats: ColumnStats, pii: frozenset[str] = frozenset()) -> tuple[DataFile, IcebergSchema]:
    schema = with_ids(Schema((Field("a", type_),)))
    iceberg = IcebergSchema.model_validate(schema_to_json(schema))
    written = WrittenFile("/lake/a.parquet", 3, 100, {("a",): stats})
    return _entries(schema, iceberg, written, pii=pii)[0], iceberg


def _bounds(type_: Type, low: str, high: str) -> tuple[Any, Any]:
    """As a reader decodes them; None where there is no bound."""
    file, iceberg = _file(type_, ColumnStats(3, 0, low=low, high=high))
    found = (file.lower_bounds.get(1), file.upper_bounds.get(1))
    lower, upper = (None if bound is None else from_bytes(primitive(iceberg, 1), bound) for bound in found)
    return lower, upper


@pytest.mark.parametrize(
    ("type_", "low", "high", "expected"),
    [
        (Primitive("boolean"), "false", "true", (False, True)),
        (Primitive("boolean"), "0", "1", (False, True)),
        (Primitive("int"), "-5", "7", (-5, 7)),
        (Primitive("long"), "-9223372036854775808", "9223372036854775807", (-(2**63), 2**63 - 1)),
        (Primitive("double"), "-inf", "inf", (-math.inf, math.inf)),
        (Primitive("date"), "1969-12-31", "1970-01-02", (-1, 1)),
        (Primitive("time"), "00:00:01", "23:59:59.999999", (1_000_000, 86_399_999_999)),
        (Primitive("timestamp"), "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000001", (-1, 1)),
        (Primitive("timestamptz"), "1970-01-01 00:00:00+00", "1970-01-01 02:00:00+01", (0, 3_600_000_000)),
        (Decimal(38, 2), "-1.5", "9" * 36 + ".99", (Number("-1.50"), Number("9" * 36 + ".99"))),
        (Primitive("string"), "", "é", ("", "é")),
        (Primitive("binary"), "00ff", "ff", (b"\x00\xff", b"\xff")),
        (Fixed(2), "0001", "0100", (b"\x00\x01", b"\x01\x00")),
    ],
)
def test_the_engines_text_becomes_a_value(type_: Type, low: str, high: str, expected: tuple[Any, Any]) -> None:
    assert _bounds(type_, low, high) == expected


@pytest.mark.parametrize("text", ["nan", "290309-12-22 (BC)", "x"])
@pytest.mark.parametrize("type_", [Primitive("double"), Primitive("timestamp"), Primitive("int"), Primitive("boolean")])
def test_a_text_that_is_no_value_is_no_bound(type_: Type, text: str) -> None:
    assert parse_value(type_, text) is None


def test_zeros_are_bounded_by_both_zeros() -> None:
    """Engines print -0.0 as 0.0, and a reader that looks for -0.0 must still open the file."""
    low, high = _bounds(Primitive("double"), "0.0", "-0.0")
    assert (math.copysign(1, low), math.copysign(1, high)) == (-1, 1)


def test_long_texts_are_cut_and_the_upper_one_counted_up() -> None:
    assert _bounds(Primitive("string"), "a" * 30, "a" * 30) == ("a" * 16, "a" * 15 + "b")
    assert _bounds(Primitive("binary"), "ff" * 30, "00" * 30) == (b"\xff" * 16, b"\x00" * 15 + b"\x01")


def test_what_cannot_be_counted_up_has_no_upper_bound() -> None:
    assert _bounds(Primitive("string"), "a", "\U0010ffff" * 17) == ("a", None)
    assert _bounds(Primitive("binary"), "00", "ff" * 17) == (b"\x00", None)


def test_counting_up_steps_over_the_surrogates() -> None:
    above = text_above("a" * 15 + "\ud7ff" + "x", 16)
    assert above == "a" * 15 + "\ue000"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_the_upper_bound_of_a_text_is_never_below_it(text: str) -> None:
    above = text_above(text, 16)
    if above is not None:
        assert above.encode() >= text.encode()
        assert len(above) <= 16


@given(st.binary(max_size=40))
def test_the_upper_bound_of_bytes_is_never_below_them(content: bytes) -> None:
    above = bytes_above(content, 16)
    assert above is None or (above >= content and len(above) <= 16)


def test_personal_columns_get_counts_but_no_bounds() -> None:
    file, _ = _file(Primitive("string"), ColumnStats(3, 1, low="ada", high="bob"), frozenset({"a"}))
    assert (dict(file.lower_bounds), dict(file.upper_bounds)) == ({}, {})
    assert (dict(file.value_counts), dict(file.null_value_counts)) == ({1: 3}, {1: 1})


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_an_infinite_time_is_refused(kind: str) -> None:
    with pytest.raises(AssetError, match=f"column a holds an infinite {kind}"):
        _file(Primitive(kind), ColumnStats(3, 0, low="1970-01-01", high="infinity"), frozenset({"a"}))


def test_nested_fields_have_bounds_and_repeated_ones_none() -> None:
    inner = Struct((Field("x", Primitive("int")),))
    tags = List(Field("element", Primitive("int")))
    pairs = Map(Field("key", Primitive("int")), Field("value", Primitive("int")))
    schema = with_ids(Schema((Field("s", inner), Field("tags", tags), Field("m", pairs))))
    stats = ColumnStats(3, 0, bytes=9, low="1", high="2")
    paths = [("s", "x"), ("tags", "element"), ("m", "key"), ("m", "value"), ("gone",)]
    written = WrittenFile("/lake/a.parquet", 3, 100, dict.fromkeys(paths, stats))
    file = _entries(schema, IcebergSchema.model_validate(schema_to_json(schema)), written)[0]
    assert (set(file.lower_bounds), set(file.value_counts)) == ({4}, {4})
    assert len(file.column_sizes) == 4


def test_a_file_without_rows_is_left_out() -> None:
    schema = with_ids(Schema((Field("a", Primitive("int")),)))
    iceberg = IcebergSchema.model_validate(schema_to_json(schema))
    assert _entries(schema, iceberg, WrittenFile("/lake/a.parquet", 0, 100)) == []


def test_locations_carry_their_scheme() -> None:
    file, _ = _file(Primitive("int"), ColumnStats())
    assert file.file_path == "file:///lake/a.parquet"
