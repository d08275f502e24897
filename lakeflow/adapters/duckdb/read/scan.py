"""A pinned snapshot as SQL: its Parquet files read by field id, without the rows that delete files hide.

Four silent traps are avoided here and in the modules below: nested fields match by name unless told otherwise, a file
without field ids reads as all NULL, `key=value` folders become columns, and an empty list of files is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read.deletes.hidden import TEMPORARY, hidden
from lakeflow.adapters.duckdb.read.parts import FileGroup, by_file, parts
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.errors import AssetError
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan


def select(cursor: DuckDBPyConnection, scan: Scan, home: str = TEMPORARY) -> str:
    """A SELECT of the snapshot's rows, valid on this cursor as long as the cursor lives: the deleted rows are in a
    temporary table. With another `home`, a quoted schema, they are there, and every cursor of the instance may run the
    SELECT.

    AssetError when a file of data or deletes cannot be read exactly.
    """
    if not scan.files:
        return nothing(scan.schema.fields)
    if scan.among is not None:
        return _among(cursor, replace(scan, among=None), scan.among, home)
    found = parts(cursor, scan)
    if scan.deletes:
        gone = hidden(cursor, scan, home)
        return " UNION ALL ".join(text for part in found for text in gone.around(part))
    rows = scan.rows if len(found) == 1 else 0
    return " UNION ALL ".join(f"SELECT * FROM {part.source(scan.schema.fields, rows)}" for part in found)


def paths(scan: Scan) -> tuple[str, ...]:
    """Every file that is opened to read the snapshot."""
    others = paths(scan.among) if scan.among else ()
    return (*scan.files, *(delete.path for delete in scan.deletes), *others)


def by_number(files: tuple[str, ...], fields: Sequence[Field]) -> str:
    """A FROM item with these columns of all rows in lakeflow's own files as `f0`, `f1`, … in that order.

    Such names cannot hide `file_index`, the place of each row's file in `files`.
    """
    return FileGroup(files).source(_numbered(fields))


def placed(cursor: DuckDBPyConnection, scan: Scan, fields: Sequence[Field]) -> str:
    """Each row of the scan's files with its place, whichever engine wrote them, deleted rows included. AssetError as
    from `select`.
    """
    if not scan.unmarked and not scan.defaults:
        return by_number(scan.files, fields)
    order = {path: str(place) for place, path in enumerate(scan.files)}
    columns = ", ".join(f"f{number}" for number in range(len(fields)))
    texts = []
    for part in parts(cursor, scan):
        place = by_file(part.files, order.__getitem__)
        texts.append(f"SELECT {columns}, {place} AS file_index FROM {part.source(_numbered(fields))}")
    return f"({' UNION ALL '.join(texts)})"


def named(files: tuple[str, ...], fields: tuple[Field, ...]) -> str:
    """Each row of lakeflow's own files with its place, under the columns' own names."""
    return FileGroup(files).source(fields)


def _numbered(fields: Sequence[Field]) -> list[Field]:
    return [Field(f"f{place}", field.type, field.id) for place, field in enumerate(fields)]


def nothing(fields: Sequence[Field]) -> str:
    """SQL of these columns without a row."""
    nulls = (f"CAST(NULL AS {spelled(field.type)}) AS {quoted(field.name)}" for field in fields)
    return f"SELECT {', '.join(nulls)} WHERE false"


def _among(cursor: DuckDBPyConnection, scan: Scan, others: Scan, home: str) -> str:
    """Only rows whose keys occur in the other scan; a key may be NULL. AssetError for a key column that is missing."""
    columns = [field.name if (field := scan.schema.find(name)) else _missing(scan, name) for name in scan.by]
    narrow = replace(others, schema=Schema(tuple(field for field in scan.schema.fields if field.name in columns)))
    on = " AND ".join(f"s.{quoted(name)} IS NOT DISTINCT FROM a.{quoted(name)}" for name in columns)
    rows, keys = select(cursor, scan, home), select(cursor, narrow, home)
    return f"SELECT s.* FROM ({rows}) AS s SEMI JOIN (SELECT DISTINCT * FROM ({keys})) AS a ON {on}"


def _missing(scan: Scan, name: str) -> str:
    raise AssetError(
        f"new_keys names column {name!r}, which {scan.key} does not have",
        hint=f"it has {', '.join(scan.schema.names)}",
    )
