"""The answer of a query, written as it comes: however many rows there are, one batch of them is in memory.

The lines of a CSV are made by DuckDB. Arrow keeps the texts of a batch behind each other in one buffer, which is then
the very piece of the file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Final

import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyRelation
from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.types import type_of
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.model.table import Rows

_BATCH: Final = 10_000
_RELATION: Final = "answer"


def write_csv(relation: DuckDBPyRelation, sink: IO[bytes]) -> None:
    """RFC 4180 with line feeds, in UTF-8: a header, then a line a row. NULL is the empty text."""
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(relation.columns)
    sink.write(header.getvalue().encode())
    values = " || ',' || ".join(_value(name, alone=len(relation.columns) == 1) for name in relation.columns)
    for batch in _query(relation, f"SELECT {values} || chr(10) FROM {_RELATION}").to_arrow_reader(_BATCH):
        sink.write(_texts(batch.column(0)))


def write_parquet(relation: DuckDBPyRelation, sink: IO[bytes]) -> None:
    reader = relation.to_arrow_reader(_BATCH)
    with pq.ParquetWriter(sink, reader.schema, compression="zstd") as writer:
        for batch in reader:
            writer.write_batch(batch)


def write_arrow(relation: DuckDBPyRelation, sink: IO[bytes]) -> None:
    """Arrow's IPC stream."""
    reader = relation.to_arrow_reader(_BATCH)
    with pa.ipc.new_stream(sink, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


def batches(relation: DuckDBPyRelation) -> Iterator[Rows]:
    """The rows as text, in batches, the first of which has no row and says the columns."""
    types = tuple(_spelled(type_, name) for name, type_ in zip(relation.columns, relation.types, strict=True))
    texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in relation.columns)
    names = tuple(relation.columns)
    yield Rows(names, (), types)
    for batch in _query(relation, f"SELECT {texts} FROM {_RELATION}").to_arrow_reader(_BATCH):
        yield Rows(names, tuple(zip(*(column.to_pylist() for column in batch.columns), strict=True)), types)


def few(relation: DuckDBPyRelation, most: int) -> Rows:
    """All rows as text, where there are few. At a row of more than `most` bytes DuckDB ends it with an error before the
    row is copied.
    """
    size = " + ".join(f"coalesce(strlen(CAST({quoted(name)} AS VARCHAR)), 0)" for name in relation.columns)
    words = f"a row of the answer has more than {most:,} bytes"
    bounded = _query(relation, f"SELECT * FROM {_RELATION} WHERE if({size} > {most}, error('{words}'), true)")
    first, *others = batches(bounded)
    return replace(first, values=tuple(row for batch in others for row in batch.values))


def _query(relation: DuckDBPyRelation, text: str) -> DuckDBPyRelation:
    for number, name in enumerate(names := [name.lower() for name in relation.columns]):
        if name in names[:number]:
            raise AssetError(f"two columns of the answer are called {name!r}", hint="name each with `as`")
    found = relation.query(_RELATION, text)
    assert found is not None, "a SELECT has a result"
    return found


def _value(name: str, *, alone: bool) -> str:
    """SQL of the text between two commas. A line of one empty value has quotes, since an empty line is no row."""
    text = f"CAST({quoted(name)} AS VARCHAR)"
    inside = f"""'"' || replace({text}, '"', '""') || '"'"""
    quotes = f"regexp_matches({text}, '[\",\\r\\n]')" + (f" OR {text} = ''" if alone else "")
    empty = "'\"\"'" if alone else "''"
    return f"CASE WHEN {text} IS NULL THEN {empty} WHEN {quotes} THEN {inside} ELSE {text} END"


def _texts(column: pa.Array) -> bytes:
    """All texts of the column behind each other. There is no NULL among them."""
    assert column.type == pa.string(), column.type
    _, offsets, content = column.buffers()
    places = memoryview(offsets).cast("i")
    first, last = places[column.offset], places[column.offset + len(column)]
    return bytes(content.slice(first, last - first))


def _spelled(type_: DuckDBPyType, name: str) -> str:
    """As the columns of an asset spell it; DuckDB's name for a type that no asset can have."""
    try:
        return str(type_of(type_, name))
    except SchemaError:
        return str(type_)
