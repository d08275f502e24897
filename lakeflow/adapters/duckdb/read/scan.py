"""A pinned snapshot as SQL: its own Parquet files, read by field id, around the rows that delete files hide.

Four silent traps are closed here: nested fields match by name unless told otherwise, a file without field ids
reads as all NULL, `key=value` folders become columns, and an empty list of files is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import listed, literal, local, quoted
from lakeflow.adapters.duckdb.read.deletion_vectors import deleted_positions
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.errors import AssetError
from lakeflow.core.model.schema import Field, children
from lakeflow.core.model.table import DeleteFile, Scan

_ROW_BITS = 40
"""A row of a file is one number, `file index << 40 | position`, so that one hash join finds deleted rows."""


_TEMPORARY = "temp.main"


def select(cursor: DuckDBPyConnection, scan: Scan, home: str = _TEMPORARY) -> str:
    """A SELECT of the snapshot's rows, valid on this cursor as long as it lives: its deleted rows are a temp table.
    With another `home`, a quoted schema, they stand there and every cursor of the instance may run it.

    AssetError when a file has no field ids or a deletion vector cannot be read.
    """
    refuse_unmarked(cursor, scan)
    if not scan.files:
        return _nothing(scan)
    if not scan.deletes:
        return _whole(scan)
    return _around_deletes(cursor, scan, home)


def by_number(files: tuple[str, ...], fields: Sequence[Field]) -> str:
    """A FROM item: these columns of all rows in the files, deleted ones too, as `f0`, `f1`, … in that order.

    So named, none hides `file_index`, the place of each row's file in `files`. All files have field ids.
    """
    return _parquet(files, tuple(Field(f"f{place}", field.type, field.id) for place, field in enumerate(fields)))


def named(files: tuple[str, ...], fields: tuple[Field, ...]) -> str:
    """The same under their own names."""
    return _parquet(files, fields)


def _nothing(scan: Scan) -> str:
    nulls = (f"CAST(NULL AS {spelled(field.type)}) AS {quoted(field.name)}" for field in scan.schema.fields)
    return f"SELECT {', '.join(nulls)} WHERE false"


def _whole(scan: Scan) -> str:
    return f"SELECT * FROM {_parquet(scan.files, scan.schema.fields, scan.rows)}"


def _parquet(files: tuple[str, ...], fields: tuple[Field, ...], rows: int = 0) -> str:
    """`rows` is how many there are, where that is known: with a `schema` DuckDB can only guess, and a join that takes
    the larger side for the smaller one holds it in memory.
    """
    known = f", explicit_cardinality={rows}" if rows else ""
    return f"read_parquet({listed(files)}, schema={_by_id(fields)}{known})"


def _by_id(fields: tuple[Field, ...]) -> str:
    """DuckDB's map of field id → name and type. Without `children` it would match nested fields by name."""
    return f"MAP{{{', '.join(f'{field.id}: {_entry(field)}' for field in fields)}}}"


def _entry(field: Field) -> str:
    entry = f"'name': {literal(field.name)}, 'type': {literal(spelled(field.type))}, 'default_value': NULL"
    nested = children(field.type)
    return f"{{{entry}, 'children': {_by_id(nested)}}}" if nested else f"{{{entry}}}"


def refuse_unmarked(cursor: DuckDBPyConnection, scan: Scan) -> None:
    """AssetError for a file without field ids, which would read as all NULL."""
    if not scan.unmarked or not scan.files:
        return
    found = cursor.execute(
        f"SELECT file_name FROM parquet_schema({listed(scan.files)}) GROUP BY ALL HAVING count(field_id) = 0 LIMIT 1"
    ).fetchall()
    if found:
        raise AssetError(
            f"{scan.key}: {found[0][0]} has no field ids, so its columns cannot be told apart safely",
            hint="rewrite the table once with the engine that wrote it (in Spark: CALL system.rewrite_data_files)",
        )


def _around_deletes(cursor: DuckDBPyConnection, scan: Scan, home: str) -> str:
    """Files with deleted rows by an anti join; files without any by UNION ALL, at full speed.

    Inside, columns are named by their ids: one called `file_row_number` must not hide DuckDB's own.
    """
    touched = _touched(cursor, scan.deletes)
    dirty = tuple(path for path in scan.files if local(path) in touched)
    clean = tuple(path for path in scan.files if local(path) not in touched)
    if not dirty:
        return _whole(scan)
    deleted = _load_deleted(cursor, scan.deletes, dirty, home)
    by_number = tuple(Field(f"f{field.id}", field.type, field.id) for field in scan.schema.fields)
    names = ", ".join(f"{quoted(f'f{field.id}')} AS {quoted(field.name)}" for field in scan.schema.fields)
    kept = (
        f"SELECT {names} FROM {_parquet(dirty, by_number)} AS d ANTI JOIN {deleted} AS gone"
        f" ON gone.row = (CAST(d.file_index AS BIGINT) << {_ROW_BITS} | d.file_row_number)"
    )
    return f"{kept} UNION ALL SELECT * FROM {_parquet(clean, scan.schema.fields)}" if clean else kept


def _position_files(deletes: tuple[DeleteFile, ...]) -> str | None:
    """Position deletes of format v2, their paths spelled as ours; writers spell `file:/x` and `file:///x`."""
    paths = tuple(delete.path for delete in deletes if delete.format == "parquet")
    if not paths:
        return None
    spelling = "regexp_replace(file_path, '^file:/+', '/')"
    return f"(SELECT {spelling} AS path, pos FROM read_parquet({listed(paths)}, hive_partitioning=false))"


def _touched(cursor: DuckDBPyConnection, deletes: tuple[DeleteFile, ...]) -> frozenset[str]:
    touched = {local(delete.target) for delete in deletes if delete.target}
    if source := _position_files(deletes):
        touched |= {row[0] for row in cursor.execute(f"SELECT DISTINCT path FROM {source}").fetchall()}
    return frozenset(touched)


def _load_deleted(
    cursor: DuckDBPyConnection, deletes: tuple[DeleteFile, ...], dirty: tuple[str, ...], home: str
) -> str:
    """A table of the rows to leave out, numbered over `dirty`; returns its full name in SQL."""
    name = f"{home}.{quoted(f'deleted_{uuid4().hex}')}"
    order = {local(path): index for index, path in enumerate(dirty)}
    cursor.execute(f"CREATE {'TEMP ' if home == _TEMPORARY else ''}TABLE {name} (row BIGINT)")
    if source := _position_files(deletes):
        files = f"(SELECT unnest({listed(dirty)}) AS path, generate_subscripts({listed(dirty)}, 1) - 1 AS index)"
        cursor.execute(f"INSERT INTO {name} SELECT index << {_ROW_BITS} | pos FROM {source} JOIN {files} USING (path)")
    for delete in deletes:
        if delete.target and delete.format == "puffin" and local(delete.target) in order:
            _insert_vector(cursor, name, delete, order[local(delete.target)])
    return name


def _insert_vector(cursor: DuckDBPyConnection, name: str, delete: DeleteFile, index: int) -> None:
    import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that reads; few tables have such deletes

    positions = pa.array(deleted_positions(delete), pa.int64())
    source = cursor.from_arrow(pa.table({"pos": positions}))
    source.query("positions", f"INSERT INTO {name} SELECT {index}::BIGINT << {_ROW_BITS} | pos FROM positions")
