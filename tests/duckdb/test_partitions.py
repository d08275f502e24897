"""Our transforms in SQL give what pyiceberg's own give, value by value."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.transforms import parse_transform

from lakeflow.adapters.duckdb.types import spelled
from lakeflow.adapters.duckdb.write.partitions import partitioning
from lakeflow.adapters.iceberg.metadata.types import schema_to_json
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.layout import Layout, Partition, PartitionField, Transform, read_partition_field
from lakeflow.core.model.schema import Decimal, Field, Primitive, Schema, Type
from lakeflow.core.time.units import EPOCH

MOMENTS = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1))
VALUES: dict[str, tuple[Type, st.SearchStrategy[Any]]] = {
    "int": (Primitive("int"), st.integers(-(2**31) + 1000, 2**31 - 1)),
    "long": (Primitive("long"), st.integers(-(2**63) + 1000, 2**63 - 1)),
    "date": (Primitive("date"), st.dates(date(1900, 1, 1), date(2200, 1, 1))),
    "time": (Primitive("time"), st.times()),
    "timestamp": (Primitive("timestamp"), MOMENTS),
    "timestamptz": (Primitive("timestamptz"), MOMENTS.map(lambda at: at.replace(tzinfo=UTC))),
    "string": (Primitive("string"), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)),
    "binary": (Primitive("binary"), st.binary(max_size=6)),
    "uuid": (Primitive("uuid"), st.uuids()),
    "decimal": (Decimal(9, 2), st.decimals(-1_000_000, 1_000_000, places=2)),
    "boolean": (Primitive("boolean"), st.booleans()),
}
TIMES = ["year({0})", "month({0})", "day({0})"]
ALLOWED = {
    "int": ["{0}", "bucket(7, {0})", "truncate(10, {0})"],
    "long": ["{0}", "bucket(16, {0})", "truncate(3, {0})"],
    "date": ["{0}", *TIMES, "bucket(5, {0})"],
    "time": ["{0}", "bucket(5, {0})"],
    "timestamp": ["{0}", *TIMES, "hour({0})", "bucket(5, {0})"],
    "timestamptz": ["{0}", *TIMES, "hour({0})", "bucket(5, {0})"],
    "string": ["{0}", "bucket(9, {0})", "truncate(2, {0})"],
    "binary": ["{0}", "bucket(9, {0})", "truncate(2, {0})"],
    "uuid": ["{0}", "bucket(9, {0})"],
    "decimal": ["{0}", "bucket(9, {0})", "truncate(50, {0})"],
    "boolean": ["{0}"],
}
CASES = [(kind, text.format("v")) for kind, texts in ALLOWED.items() for text in texts]


def internal(value: Any) -> Any:
    """As pyiceberg's transforms take it."""
    match value:
        case datetime():
            return (value.replace(tzinfo=UTC) - EPOCH) // (EPOCH.resolution)
        case date():
            return (value - EPOCH.date()).days
        case time():
            return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return value


def partitions_of(type_: Type, text: str, values: list[Any]) -> list[Partition]:
    schema = Schema((Field("v", type_, 1),))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE t (n INTEGER, v {spelled(type_)})")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [[n, _given(each)] for n, each in enumerate(values)])
        with partitioning(connection.cursor(), Layout((read_partition_field(text),)), schema) as parts:
            rows = connection.execute(f"SELECT {parts.texts} FROM t ORDER BY n").fetchall()
            return [parts.partition(row) for row in rows]


def _given(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


@pytest.mark.sampled(4)
@pytest.mark.parametrize(("kind", "text"), CASES)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_a_transform_gives_what_pyiceberg_gives(kind: str, text: str, data: st.DataObject) -> None:
    type_, strategy = VALUES[kind]
    values = [None, *data.draw(st.lists(strategy, min_size=1, max_size=20))]
    iceberg = IcebergSchema.model_validate(schema_to_json(Schema((Field("v", type_, 1),)))).find_type(1)
    theirs = parse_transform(read_partition_field(text).spelled).transform(iceberg)
    expected = [None if value is None else theirs(internal(value)) for value in values]
    assert [found for (found,) in partitions_of(type_, text, values)] == expected


@pytest.mark.parametrize("text", ["day(v)", "v"])
def test_a_year_that_iceberg_libraries_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="outside the years 1 to 9999"):
        partitions_of(Primitive("date"), text, ["12000-01-01"])


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("carrier", PartitionField("carrier")),
        (" day( at ) ", PartitionField("at", Transform.DAY)),
        ("bucket(16,id)", PartitionField("id", Transform.BUCKET, 16)),
        ("TRUNCATE(2, code)", PartitionField("code", Transform.TRUNCATE, 2)),
    ],
)
def test_a_partition_field_is_read_as_it_is_written(text: str, field: PartitionField) -> None:
    assert read_partition_field(text) == field
    assert read_partition_field(str(field)) == field


@pytest.mark.parametrize("text", ["", "day()", "days(at)", "day(3, at)", "bucket(id)", "bucket(0, id)", "a b", "day(a"])
def test_what_is_no_partition_field_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no partition field|size|Transform"):
        read_partition_field(text)


@pytest.mark.parametrize("text", ["hour(v)", "truncate(3, v)"])
def test_a_transform_of_a_type_that_it_does_not_take_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match=r"cannot partition by .*: v is date"):
        partitions_of(Primitive("date"), text, [None])
