"""Iceberg's partition transforms as SQL, and where a write puts the rows of each partition.

A transform of time gives the moment at which the year, month, day or hour begins, so that names of folders can be read
(`departed_at_day=2013-02-01`). Bytes are spelled in hexadecimal digits. Buckets are hashed by Iceberg's own Rust
library, inside DuckDB's query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal as Number
from typing import Any, Final
from uuid import uuid4

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.model.layout import Layout, Partition, PartitionField, Transform, partition_value, source_of
from lakeflow.core.model.schema import Decimal, Field, Schema
from lakeflow.core.values import dataclass

_HASHED_AS: Final = {"int": "BIGINT", "timestamptz": "TIMESTAMP", "uuid": "BLOB"}
"""The type as which a value is hashed: the spec hashes an int as a long, because its column may be widened."""


@dataclass(frozen=True)
class Parts:
    """The partition columns of a write: their names, which no column of the table has, and their SQL.

    `schema` holds the columns that the SQL names. `alone` is the one partition of all rows, where that is known; then
    there are no partition columns.
    """

    fields: tuple[PartitionField, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]
    schema: Schema
    alone: Partition | None = None

    @property
    def columns(self) -> str:
        """The columns as SQL, to follow `SELECT *`."""
        return "".join(f", {sql} AS {quoted(name)}" for sql, name in zip(self.values, self.names, strict=True))

    @property
    def texts(self) -> str:
        """Each value as DuckDB's text, as a write reports it."""
        return ", ".join(f"CAST({sql} AS VARCHAR)" for sql in self.values)

    def partition(self, texts: Sequence[str | None]) -> Partition:
        """What Iceberg stores for the texts of a partition."""
        if self.alone is not None:
            return self.alone
        found = zip(self.fields, texts, strict=True)
        return tuple(partition_value(field, source_of(field, self.schema).type, text) for field, text in found)


@contextmanager
def partitioning(cursor: DuckDBPyConnection, layout: Layout, schema: Schema) -> Iterator[Parts]:
    """The partition columns of a layout, valid on every cursor of the instance while this is open.

    SchemaError when the columns do not allow the layout.
    """
    names: list[str] = []
    values: list[str] = []
    with ExitStack() as stack:
        for field in layout.partition_by:
            source = source_of(field, schema)
            names.append(_free_name(field, (*schema.names, *names)))
            is_bucket = field.transform is Transform.BUCKET
            function = stack.enter_context(_bucket(cursor, source, field.size)) if is_bucket else ""
            values.append(_sql(field, source, function))
        yield Parts(layout.partition_by, tuple(names), tuple(values), schema)


def order(layout: Layout) -> str:
    """ORDER BY of a layout's sort order; empty without one."""
    keys = (
        f"{quoted(each.column)} {'DESC NULLS LAST' if each.descending else 'NULLS FIRST'}" for each in layout.sort_by
    )
    return f" ORDER BY {', '.join(keys)}" if layout.sort_by else ""


def _free_name(field: PartitionField, taken: Sequence[str]) -> str:
    """The name that Iceberg gives the partition field, or a free one where a column has it."""
    name = f"{field.column}_{field.transform}"
    lowered = {each.lower() for each in taken}
    while name.lower() in lowered:
        name += "_"
    return name


def _sql(field: PartitionField, source: Field, function: str) -> str:
    column = quoted(source.name)
    match field.transform:
        case Transform.IDENTITY:
            return f"hex({column})" if str(source.type) == "binary" else column
        case Transform.BUCKET:
            return f"{function}({_hashed(column, source)})"
        case Transform.TRUNCATE:
            return _truncated(column, source, field.size)
        case Transform.HOUR:
            return f"date_trunc('hour', {_in_utc(column, source)})"
    return f"CAST(date_trunc('{field.transform}', {_in_utc(column, source)}) AS DATE)"


def _in_utc(column: str, source: Field) -> str:
    return f"({column} AT TIME ZONE 'UTC')" if str(source.type) == "timestamptz" else column


def _truncated(column: str, source: Field, size: int) -> str:
    match source.type:
        case Decimal(precision, scale):
            width = f"CAST('{Number(size).scaleb(-scale):f}' AS DECIMAL({max(precision, len(str(size)))},{scale}))"
        case _ if str(source.type) == "binary":
            return f"hex({column}[1:{size}])"
        case _ if str(source.type) == "string":
            return f"left({column}, {size})"
        case _:
            width = f"CAST({size} AS {spelled(source.type)})"
    return f"CAST({column} - ((({column} % {width}) + {width}) % {width}) AS {spelled(source.type)})"


def _hashed(column: str, source: Field) -> str:
    match str(source.type):
        case "int":
            return f"CAST({column} AS BIGINT)"
        case "timestamptz":
            return _in_utc(column, source)
        case "uuid":
            return f"unhex(replace(CAST({column} AS VARCHAR), '-', ''))"
    return column


@contextmanager
def _bucket(cursor: DuckDBPyConnection, source: Field, buckets: int) -> Iterator[str]:
    """Registers a function that hashes a column into that many buckets, NULL into NULL, and returns its name."""
    import pyarrow as pa  # noqa: PLC0415 - only a table with buckets need wait for these
    from duckdb.func import FunctionNullHandling, PythonUDFType  # noqa: PLC0415 - as above
    from pyiceberg_core import transform as iceberg  # noqa: PLC0415 - as above

    name = f"lakeflow_bucket_{uuid4().hex}"
    takes = _HASHED_AS.get(str(source.type)) or spelled(source.type)

    def hashed(values: Any) -> Any:  # DuckDB reads the types in the annotations
        whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        return iceberg.bucket(whole, buckets)

    cursor.create_function(
        name, hashed, [takes], "INTEGER", type=PythonUDFType.ARROW, null_handling=FunctionNullHandling.SPECIAL
    )
    try:
        yield name
    finally:
        cursor.remove_function(name)
