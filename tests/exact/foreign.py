"""Files that the engine wrote, read as rows of an Iceberg table by pyiceberg."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan, PyArrowFileIO
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.table import FileScanTask
from pyiceberg.table.metadata import TableMetadataV2
from pyiceberg.typedef import Record

from lakeflow.adapters.iceberg.metadata.types import schema_to_json
from lakeflow.core.model.schema import List, Map, Schema, Struct, Type


def column(files: Iterable[str], schema: Schema, name: str) -> list[Any]:
    """The values of a column as pyiceberg reads them, file by file, but for the one kind that `as_written` names."""
    field = schema.find(name)
    assert field is not None
    found = list[Any]()
    for path in files:
        known = pq.read_table(path, columns=[name]).column(name).to_pylist()
        rows = read(path, schema).column(name).to_pylist()
        assert len(rows) == len(known)
        found += (as_written(*pair, field.type) for pair in zip(rows, known, strict=True))
    return found


def as_written(read: Any, known: Any, type_: Type) -> Any:
    """What pyiceberg read. Only a NULL list of structs, which pyiceberg 0.12 reads as an empty list (tests/traps), is
    what pyarrow reads of the file.
    """
    match type_:
        case _ if read is None or (known is None and not isinstance(type_, List)):
            return read
        case List(element) if isinstance(element.type, Struct) and read == []:
            return known
        case List(element) if known is not None and len(read) == len(known):
            return [as_written(*pair, element.type) for pair in zip(read, known, strict=True)]
        case Struct(fields):
            return {each.name: as_written(read[each.name], known[each.name], each.type) for each in fields}
        case Map(_, value) if len(read) == len(known):
            sides = zip(read, known, strict=True)
            return [(key, as_written(mine, theirs, value.type)) for (key, mine), (_, theirs) in sides]
    return read


def read(path: str, schema: Schema) -> pa.Table:
    """The file as pyiceberg reads it."""
    return _scan(schema).to_table([_task(path)])


def _scan(schema: Schema) -> ArrowScan:
    told = schema_to_json(schema)
    theirs = IcebergSchema.model_validate(told)
    metadata = {
        "format-version": 2,
        "location": "file:///nowhere",
        "last-column-id": theirs.highest_field_id,
        "schemas": [told],
        "current-schema-id": theirs.schema_id,
        "partition-specs": [{"spec-id": 0, "fields": []}],
    }
    return ArrowScan(TableMetadataV2.model_validate(metadata), PyArrowFileIO(), theirs, AlwaysTrue())


def _task(path: str) -> FileScanTask:
    file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=pq.read_metadata(path).num_rows,
        file_size_in_bytes=Path(path).stat().st_size,
    )
    file.spec_id = 0
    return FileScanTask(file)
