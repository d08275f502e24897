"""Opens every Parquet file of a table and compares what is in it with what its manifest says: rows, NULLs, bounds, and
the checksums of its pages where its writer left some (Iceberg spec, "Manifests"; Parquet spec, "Checksumming").

A file is read in batches, several files at a time, so memory depends on neither the table nor a file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lakeflow.adapters.iceberg.manifests.statistics import bound_reader
from lakeflow.adapters.objects import DISK
from lakeflow.core.model.schema import Field
from lakeflow.core.model.table import Table
from lakeflow.core.ports.locations import path_of
from lakeflow.core.ports.objects import Objects
from lakeflow.core.values import dataclass

_BATCH: Final = 65_536
_AT_ONCE: Final = 256
"""So many entries of manifests are held in memory."""
_ID: Final = b"PARQUET:field_id"
_WHOLE: Final = frozenset({"int", "long", "date", "timestamp", "timestamptz"})
_FLOATS: Final = {"float": "<f", "double": "<d"}
_DATA: Final = 0  # the content of a file of rows, as against one of deletes

Entry = Mapping[str, Any]
"""A data file as its manifest describes it."""


def row_faults(table: Table, entries: Iterable[Entry], objects: Objects = DISK) -> Iterator[tuple[str, str]]:
    """The path of each file that is not as its manifest says, and in what. Files of other formats are left out."""
    fields = {field.id: field for schema in table.schemas.values() for field in schema.fields}
    parquet = (one for one in entries if str(one["file_format"]).upper() == "PARQUET")
    with ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="rows") as pool:
        while some := list(islice(parquet, _AT_ONCE)):
            for one, fault in zip(some, pool.map(lambda entry: _fault(entry, fields, objects), some), strict=True):
                if fault:
                    yield path_of(one["file_path"]), fault


@dataclass
class _CheckedColumn:
    """One column of a file: what its manifest says, and what was seen. None: it does not say."""

    field: Field
    nulls: int | None
    low: Any
    high: Any
    seen_nulls: int = 0
    fits: bool = True

    def see(self, values: pa.Array) -> None:
        self.seen_nulls += values.null_count
        if self.low is None and self.high is None:
            return
        least = pc.min_max(_comparable(values, str(self.field.type))).as_py()
        if least["min"] is not None:
            low, high = (value if value is not None else least["min"] for value in (self.low, self.high))
            self.fits &= (self.low is None or low <= least["min"]) and (self.high is None or least["max"] <= high)

    @property
    def fault(self) -> str:
        if self.nulls is not None and self.nulls != self.seen_nulls:
            return f"column {self.field.name} holds {self.seen_nulls:,} NULLs, and its manifest says {self.nulls:,}"
        return "" if self.fits else f"column {self.field.name} holds values outside of the bounds in its manifest"


def _fault(entry: Entry, fields: Mapping[int, Field], objects: Objects) -> str:
    path = path_of(entry["file_path"])
    try:
        with objects.opened(path) as file, pq.ParquetFile(file, page_checksum_verification=True) as opened:
            if opened.metadata.num_rows != entry["record_count"]:
                return (
                    f"{path} holds {opened.metadata.num_rows:,} rows, and its manifest says {entry['record_count']:,}"
                )
            columns = _columns(opened.schema_arrow, entry, fields)
            for batch in opened.iter_batches(_BATCH):
                for place, column in columns:
                    column.see(batch.column(place))
    except (OSError, ValueError, pa.ArrowException) as error:
        return f"{path} cannot be read: {(str(error).splitlines() or [type(error).__name__])[0]}"
    wrong = next((column.fault for _, column in columns if column.fault), "")
    return f"{path}: {wrong}" if wrong else ""


def _columns(schema: pa.Schema, entry: Entry, fields: Mapping[int, Field]) -> list[tuple[int, _CheckedColumn]]:
    """The columns of which a manifest may say something: no lists, maps or structs, which it counts in other ways."""
    if entry.get("content", _DATA) != _DATA:
        return []
    told = {name: _by_id(entry.get(name)) for name in ("null_value_counts", "lower_bounds", "upper_bounds")}
    found = []
    for place, each in enumerate(schema):
        field = fields.get(_id_of(each, fields))
        if field is not None and not pa.types.is_nested(each.type):
            nulls = told["null_value_counts"].get(field.id)
            low, high = (_bound(field, told[name].get(field.id)) for name in ("lower_bounds", "upper_bounds"))
            found.append((place, _CheckedColumn(field, nulls, low, high)))
    return found


def _id_of(column: pa.Field, fields: Mapping[int, Field]) -> int:
    """The id of a column; by its name in a file without ids."""
    said = (column.metadata or {}).get(_ID)
    if said is not None:
        return int(said)
    return next((field.id for field in fields.values() if field.name == column.name), -1)


def _by_id(pairs: Sequence[Mapping[str, Any]] | None) -> dict[int, Any]:
    return {pair["key"]: pair["value"] for pair in pairs or ()}


def _bound(field: Field, content: bytes | None) -> Any:
    if content is None:
        return None
    if form := _FLOATS.get(str(field.type)):
        return struct.unpack("<f" if len(content) == struct.calcsize("<f") else form, content)[0]
    read = bound_reader(field.type)
    return read(content) if read else None


def _comparable(values: pa.Array, type_: str) -> pa.Array:
    """As the bounds are: numbers of days and microseconds, no NaN."""
    if type_ in _FLOATS:
        return values.filter(pc.invert(pc.is_nan(values)))
    if type_.startswith("timestamp"):
        return values.cast(pa.timestamp("us", values.type.tz), safe=False).cast(pa.int64())
    if type_ == "date":
        return values.cast(pa.date32()).cast(pa.int32())
    return values.cast(pa.int64()) if type_ in _WHOLE else values
