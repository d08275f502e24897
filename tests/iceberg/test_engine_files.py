"""Files and statistics as DuckDB gives them, stored here and read by others: every bound holds."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile

from lakeflow.adapters.duckdb.write.partitions import partitioning
from lakeflow.adapters.duckdb.write.write import write_files
from lakeflow.core.model.schema import Decimal, Field, List, Primitive, Schema, Struct
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.run.write import Write
from tests.iceberg import foreign
from tests.iceberg.lab import FLIGHTS, Lab, primitive, staging

_COLUMNS = Schema(
    (
        *(Field(name, Primitive(name)) for name in ("boolean", "int", "long", "float", "double", "date", "time")),
        *(Field(name, Primitive(name)) for name in ("timestamp", "timestamptz", "string", "uuid", "binary")),
        Field("small", Decimal(9, 2)),
        Field("huge", Decimal(38, 10)),
        Field("place", Struct((Field("x", Primitive("int")), Field('we.ird "name"', Primitive("string"))))),
        Field("tags", List(Field("element", Primitive("string")))),
    )
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUERY = """
select i % 2 = 0 as boolean, i::integer as int, i * 10000000000 as long, (i / 4)::float as float,
  case when i = 7 then 'nan'::double else -i / 3 end as double, date '1969-12-01' + i::integer as date,
  time '00:00:01' + interval (i) minute as time, timestamp '1969-12-31 23:59:00' + interval (i) second as timestamp,
  timestamptz '1969-12-31 23:59:00.000001+00' + interval (i) hour as timestamptz,
  case when i = 3 then null else repeat('é', i::integer) end as string,
  ('00000000-0000-0000-0000-0000000000' || lpad(i::varchar, 2, '0'))::uuid as uuid,
  unhex(repeat('ff', i::integer)) as binary, (i - 15)::decimal(9, 2) / 4 as small, (i - 15)::decimal(38, 10) as huge,
  {'x': i::integer, 'we.ird "name"': 'w' || i} as place, ['t' || i] as tags
from range(30) r(i)
"""


@pytest.fixture
def stored(lab: Lab) -> tuple[Table, DataFile]:
    """(published table, the entry of its one file)"""
    table = lab.catalog.create(FLIGHTS, _COLUMNS)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        write = Write(WriteMode.REPLACE, table.schema, lab.catalog.data_directory(table))
        with partitioning(connection.cursor(), write.layout, write.schema) as parts:
            files = write_files(connection.sql(_QUERY), write, parts, Path(write.directory) / "new")
    published = lab.publish(lab.catalog.stage(table, staging(table, files)))
    with foreign.opened(lab, FLIGHTS) as theirs:
        (task,) = theirs.scan().plan_files()
        return published, task.file


def test_pyiceberg_reads_every_type(lab: Lab, stored: tuple[Table, DataFile]) -> None:
    del stored
    rows = foreign.rows(lab, FLIGHTS)
    assert rows.num_rows == 30
    assert rows.column_names == list(_COLUMNS.names)


def test_every_bound_holds_every_value(lab: Lab, stored: tuple[Table, DataFile]) -> None:
    table, file = stored
    rows = foreign.rows(lab, FLIGHTS)
    with foreign.opened(lab, FLIGHTS) as theirs:
        schema = theirs.schema()
    for field in table.schema.fields[:-2]:
        low, high = (
            from_bytes(primitive(schema, field.id), bounds[field.id]) if field.id in bounds else None
            for bounds in (file.lower_bounds, file.upper_bounds)
        )
        assert low is not None, field.name
        values = [_raw(value) for value in rows[field.name].to_pylist()]
        present = [value for value in values if value is not None and not _nan(value)]
        assert _raw(low) <= min(present), field.name
        assert high is None or _raw(high) >= max(present), field.name


def test_filters_of_other_readers_find_their_rows(lab: Lab, stored: tuple[Table, DataFile]) -> None:
    del stored
    with foreign.opened(lab, FLIGHTS) as theirs:
        assert theirs.scan(row_filter="int = 29").to_arrow().num_rows == 1
        assert theirs.scan(row_filter="double < -9.5").to_arrow().num_rows == 1
        assert theirs.scan(row_filter="string is null").to_arrow().num_rows == 1
        assert theirs.scan(row_filter="int > 29").to_arrow().num_rows == 0
        assert not list(theirs.scan(row_filter="int > 29").plan_files())


def test_counts_are_those_of_the_data(stored: tuple[Table, DataFile]) -> None:
    table, file = stored
    by_name = {field.name: field.id for field in table.schema.fields}
    assert file.null_value_counts[by_name["string"]] == 1
    assert file.nan_value_counts[by_name["double"]] == 1
    assert file.value_counts[by_name["int"]] == 30
    assert Path(file.file_path.removeprefix("file://")).stat().st_size == file.file_size_in_bytes


def _raw(value: Any) -> Any:
    """Dates and times as Iceberg counts them, so that a bound and a value can be compared."""
    match value:
        case datetime():
            return (value.replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
        case date():
            return (value - _EPOCH.date()).days
        case time():
            return (datetime.combine(_EPOCH.date(), value, UTC) - _EPOCH) // timedelta(microseconds=1)
        case UUID():
            return value.bytes
    return value


def _nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)
