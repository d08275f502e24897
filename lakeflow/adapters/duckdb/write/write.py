"""Writes a relation to Parquet files that have exactly the table's schema, and syncs them to disk.

DuckDB writes them itself, in bounded memory, one file per thread at a time. The statistics that it returns are better
than the files' footers: they count NaN, and have bounds for columns that hold one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.cast.exact import refusing
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import NOTHING, schema_of, spelled
from lakeflow.adapters.duckdb.write.partitions import Parts, order
from lakeflow.adapters.duckdb.write.refused_values import SOURCE, AbsentError, casts, telling
from lakeflow.adapters.duckdb.write.refused_values import spelled as spelled_row
from lakeflow.core.column_names import is_same
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Field, Fixed, List, Map, Schema, Struct, Type, children
from lakeflow.core.model.table import ColumnStats, Rows, WrittenFile
from lakeflow.core.ports.digests import with_digest
from lakeflow.core.run.write import Write
from lakeflow.core.wording import counted

_AT_A_TIME: Final = 4
"""How many files are hashed and synced at the same time; each is open meanwhile."""
_PART: Final = re.compile(r'"((?:[^"]|"")*)"')


def write_files(
    relation: DuckDBPyRelation, write: Write, parts: Parts, target: Path, choose: Callable[[str], str] = str
) -> tuple[WrittenFile, ...]:
    """Write the relation's rows to files in `target`, which is not there yet, cast to exactly the write's schema.

    `choose` turns the SELECT of the cast rows into a SELECT of some of them. SchemaError when the rows do not fit the
    schema; duckdb.Error passes through. In both cases the caller drops what is in `target`.
    """
    text = choose(selected(relation, write.schema, telling(write.key, write.hidden, relation.columns)))
    rows = query(relation, _copy(text, write, parts, target)).fetchall()
    files = tuple(_written(row, write, parts) for row in rows if row[1])
    _refuse_nulls(write.schema, files)
    return _settle(target, files)


def first_rows(relation: DuckDBPyRelation, schema: Schema, limit: int) -> Rows:
    """The first rows as they would be written, each value as text. Raises as `write_files` does."""
    texts = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in schema.names)
    found = query(relation, f"SELECT {texts} FROM ({selected(relation, schema)}) LIMIT {int(limit)}").fetchall()
    return Rows(schema.names, tuple(found), tuple(str(field.type) for field in schema.fields))


def query(relation: DuckDBPyRelation, text: str) -> DuckDBPyRelation:
    """Run SQL on the relation's own connection, in which the relation is called `SOURCE`."""
    result = relation.query(SOURCE, text)
    assert result is not None, "SELECT and COPY have a result"
    return result


def selected(relation: DuckDBPyRelation, schema: Schema, told: tuple[str, ...] = ()) -> str:
    """SQL that casts each column exactly, or raises, with what the columns in `told` have in that row; SchemaError
    unless its columns are then, by DuckDB's word, exactly `schema`.
    """
    produced = schema_of(relation.columns, relation.types)
    if relation.columns != [NOTHING]:
        _refuse_surplus(produced.fields, schema.fields, ())
    made = {field.name: refusing(cast, spelled_row(told)) for field, cast in casts(relation, schema)}
    values = (
        f"{made.get(field.name, f'CAST(NULL AS {spelled(field.type)})')} AS {quoted(field.name)}"
        for field in schema.fields
    )
    text = f"SELECT {', '.join(values)} FROM {SOURCE}"
    cast = query(relation, text)
    if schema_of(cast.columns, cast.types).fields != tuple(_bare(field) for field in schema.fields):
        raise SchemaError(f"cannot write {_columns(schema.fields)}", hint="declare types that DuckDB has")
    return text


def _refuse_surplus(produced: tuple[Field, ...], target: tuple[Field, ...], path: tuple[str, ...]) -> None:
    """SchemaError for fields of structs that the target lacks: DuckDB casts structs by name and would drop them."""
    for field in produced:
        here = (*path, field.name)
        place = next((other for other in target if is_same(other.name, field.name)), None)
        if place is None:
            raise SchemaError(f"column {'.'.join(here)!r} is produced and has no place in the table's schema")
        below = place.type
        if type(below) is type(field.type):
            _refuse_surplus(children(field.type), children(below), here)


def _bare(field: Field) -> Field:
    """The field without what DuckDB cannot tell: its id, and whether it is required (a map's key always is)."""
    return replace(field, id=0, required=False, type=_bare_type(field.type))


def _bare_type(type_: Type) -> Type:
    if isinstance(type_, Fixed):
        raise SchemaError(f"cannot write {type_}: DuckDB stores bytes of any length", hint="use binary")
    match type_:
        case Struct(fields):
            return Struct(tuple(_bare(field) for field in fields))
        case List(element):
            return List(_bare(element))
        case Map(key, value):
            return Map(replace(_bare(key), required=True), _bare(value))
    return type_


def _columns(fields: Iterable[Field]) -> str:
    return ", ".join(f"{field.name} {field.type}" for field in fields)


def _copy(select: str, write: Write, parts: Parts, target: Path) -> str:
    """The COPY statement: one file per thread, each in the sort order; or one folder per partition, whose files may
    overlap in order; or, of one partition alone, one file after the other.
    """
    names = ", ".join(map(quoted, parts.names))
    spread = f"PARTITION_BY ({names}), " if names else "PER_THREAD_OUTPUT, " if parts.alone is None else ""
    options = (
        f"FORMAT parquet, COMPRESSION zstd, {spread}"
        f"RETURN_STATS, FILENAME_PATTERN 'f-{{uuid}}', FILE_SIZE_BYTES {write.file_bytes}, "
        f"FIELD_IDS {field_ids(write.schema.fields)}"
    )
    if names or write.layout.sort_by:
        select = f"SELECT *{parts.columns} FROM ({select}){order(write.layout)}"
    return f"COPY ({select}) TO {literal(str(target))} ({options})"


def field_ids(fields: tuple[Field, ...]) -> str:
    return f"{{{', '.join(f'{quoted(field.name)}: {_id(field)}' for field in fields)}}}"


def _id(field: Field) -> str:
    nested = children(field.type)
    return f"{{__duckdb_field_id: {field.id}, {field_ids(nested)[1:-1]}}}" if nested else str(field.id)


def _written(row: tuple[Any, ...], write: Write, parts: Parts) -> WrittenFile:
    """One row of RETURN_STATS: name, rows, bytes, bytes of the footer, statistics by quoted path, partition, ..."""
    path, rows, size, _, stats, values, *_ = row
    return WrittenFile(
        path=path,
        rows=rows,
        bytes=size,
        columns={_path(name): _stats(said) for name, said in stats.items()},
        partition=parts.partition([values[name] for name in parts.names]),
        is_sorted=bool(write.layout.sort_by) and not parts.names,
    )


def _path(name: str) -> tuple[str, ...]:
    """`"st"."we""ird"` → its parts."""
    return tuple(part.replace('""', '"') for part in _PART.findall(name))


def _stats(values: Mapping[str, str]) -> ColumnStats:
    count = {name: int(values[name]) for name in _COUNTS if name in values}
    return ColumnStats(
        values=count.get("num_values"),
        nulls=count.get("null_count"),
        nans=count.get("nan_count"),
        bytes=count.get("column_size_bytes"),
        low=values.get("min"),
        high=values.get("max"),
    )


_COUNTS: Final = ("num_values", "null_count", "nan_count", "column_size_bytes")


def _refuse_nulls(schema: Schema, files: tuple[WrittenFile, ...]) -> None:
    for field in schema.fields:
        nulls = sum(file.columns[(field.name,)].nulls or 0 for file in files)
        if field.required and nulls:
            raise AbsentError(
                f"column {field.name!r} is required, and {counted(nulls, 'row')} without it came",
                column=field.name,
                hint="fill them, or leave those rows out",
            )


def _settle(target: Path, files: tuple[WrittenFile, ...]) -> tuple[WrittenFile, ...]:
    """Drop files without rows, name the others by their content, and sync them and their folders: a power cut must lose
    none.
    """
    # DuckDB takes `..` out of the paths that it returns, so the same file may be spelled in two ways.
    kept = {os.path.realpath(file.path) for file in files}
    if not files:
        shutil.rmtree(target, ignore_errors=True)
        return ()
    inside = tuple(target.rglob("*"))
    for path in inside:
        if path.is_file() and os.path.realpath(path) not in kept:
            path.unlink()
    sealed = _all_sealed(files)
    for folder in (*(path for path in inside if path.is_dir()), target, target.parent):
        _sync(folder)
    return sealed


def _all_sealed(files: Sequence[WrittenFile]) -> tuple[WrittenFile, ...]:
    """Seal several files at a time: hashing leaves the interpreter free, and syncing waits for the disk."""
    if len(files) == 1:
        return (_sealed(files[0]),)
    with ThreadPoolExecutor(_AT_A_TIME, thread_name_prefix="seal") as pool:
        return tuple(pool.map(_sealed, files))


def _sealed(file: WrittenFile) -> WrittenFile:
    """The file on disk, under a name that holds its SHA-256. It is hashed now, while the system still has it in
    memory.
    """
    with Path(file.path).open("rb") as content:
        os.fsync(content.fileno())
        named = with_digest(file.path, hashlib.file_digest(content, "sha256").hexdigest())
    Path(file.path).rename(named)
    return replace(file, path=named)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
