"""Reads delete files that are not Parquet as Arrow: Avro with pyiceberg's own reader, ORC with Arrow's.

The import of this module brings both libraries, so it happens only where a table has such files.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from duckdb import DuckDBPyConnection
from pyarrow import orc
from pyiceberg.avro.file import AvroFile
from pyiceberg.schema import Schema
from pyiceberg.typedef import Record

from lakeflow.adapters.duckdb.names import is_in_store, local
from lakeflow.adapters.duckdb.store.whole import content_of
from lakeflow.adapters.objects.content import Content
from lakeflow.core.errors import AssetError
from lakeflow.core.model.schema import Decimal, Field, Type
from lakeflow.core.model.table import DeleteFile

_ORC_ID: Final = b"iceberg.id"
_RESERVED: Final = 2147483447
"""Iceberg reserves the ids from here on, and their names."""
_DAMAGES: Final = (
    *(ValueError, TypeError, LookupError, EOFError, ArithmeticError, AssertionError, zlib.error),
    *(SystemError, MemoryError),  # pyiceberg's compiled decoder raises these on absurd lengths in a damaged file
)
_ARROW: Final = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "timestamp_ns": pa.timestamp("ns"),
    "timestamptz_ns": pa.timestamp("ns", "UTC"),
}
"""The type of each number that Avro stores for a date or time; anything else is bytes."""


def rows_of(cursor: DuckDBPyConnection, delete: DeleteFile, fields: Sequence[Field]) -> pa.Table:
    """Columns `f<id>`, one for each of these top-level fields. AssetError for a file that is damaged, missing or
    without such a column.
    """
    read = {"avro": _avro, "orc": _orc}.get(delete.format)
    if read is None:
        raise AssetError(
            f"{delete.path} holds deletes as {delete.format}, which this release cannot read",
            hint="compact the table with the engine that wrote them (in Spark: CALL system.rewrite_data_files)",
        )
    try:
        return read(Content(delete.path, _content(cursor, delete.path)), fields)
    except OSError as error:
        raise AssetError(f"cannot read the deletes in {delete.path}: {error.strerror or error}") from error
    except _DAMAGES as error:
        raise AssetError(f"the deletes in {delete.path} cannot be read ({type(error).__name__}: {error})") from error


def _content(cursor: DuckDBPyConnection, path: str) -> bytes:
    return content_of(cursor, path) if is_in_store(path) else Path(local(path)).read_bytes()


def _avro(file: Content, fields: Sequence[Field]) -> pa.Table:
    wanted = [{"id": field.id, "name": field.name, "type": str(field.type), "required": False} for field in fields]
    schema = Schema.model_validate({"type": "struct", "fields": wanted})
    records: AvroFile[Record]
    with AvroFile(file, schema) as records:
        if absent := [field.name for field in fields if records.schema.find_column_name(field.id) is None]:
            raise LookupError(f"no column {', '.join(absent)}")
        rows: list[Any] = list(records)
    columns = ([record[place] for record in rows] for place in range(len(fields)))
    return pa.table({f"f{field.id}": _array(values, field.type) for field, values in zip(fields, columns, strict=True)})


def _array(values: Sequence[Any], type_: Type) -> pa.Array:
    if isinstance(type_, Decimal):
        return pa.array(values, pa.decimal128(type_.precision, type_.scale))
    if str(type_) == "uuid":
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values, _ARROW.get(str(type_), pa.binary()))


def _orc(content: Content, fields: Sequence[Field]) -> pa.Table:
    file = orc.ORCFile(content.open())
    names = {field.id: field.name for field in fields if field.id >= _RESERVED}
    names |= {int((each.metadata or {}).get(_ORC_ID, b"-1")): each.name for each in file.schema}
    table = file.read(columns=[names[field.id] for field in fields])
    return pa.table({f"f{field.id}": table[names[field.id]] for field in fields})
