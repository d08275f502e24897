"""Overwrite of spans of time that cut across a table's partitions, as the days of a zone cut across those of UTC.

Of the files whose partition touches a span one column is read: a file that holds only rows which go is replaced as a
whole, one that holds others too is written again without those that go.
"""

from __future__ import annotations

from dataclasses import replace

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.write.upsert import Again
from lakeflow.core.declare.parameters import timestamp
from lakeflow.core.errors import AssetError
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.run.write import Write, WriteResult
from lakeflow.core.wording import counted


def overwrite_spans(
    write: Write, came: tuple[WrittenFile, ...], cursor: DuckDBPyConnection, again: Again
) -> WriteResult:
    """What these new files do to the table. AssetError for rows outside of the spans."""
    taken = inside(write)
    rows = sum(file.rows for file in came)
    stray = _counts(cursor, tuple(file.path for file in came), write, taken)[1]
    if stray:
        raise outside_of(write, stray)
    if write.base is None:
        return WriteResult(came, rows=rows)
    base = replace(write.base, schema=write.schema)
    whole, mixed, gone = _sorted(base, write, cursor)
    if not mixed:
        return WriteResult(came, whole, rows, gone)
    rest = again(f"SELECT * FROM ({scans.select(cursor, replace(base, files=mixed))}) WHERE NOT {taken}")
    return WriteResult((*came, *rest), (*whole, *mixed), rows, gone)


def outside_of(write: Write, rows: int) -> AssetError:
    """The error of rows that were not asked for."""
    asked = counted(len(write.spans), "span of time") if write.spans else counted(len(write.asked), "partition")
    return AssetError(
        f"{counted(rows, 'row')} outside of the {asked} asked for",
        hint="filter by the partition's begin and end in the code",
    )


def _sorted(base: Scan, write: Write, cursor: DuckDBPyConnection) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """The files of the base that go as a whole, those that hold other rows too, and how many rows go."""
    whole: list[str] = []
    mixed: list[str] = []
    gone = 0
    for path in base.files:
        partition = write.partitions.get(path)
        if partition is not None and partition not in write.asked:
            continue
        goes, stays = _in_scan(cursor, replace(base, files=(path,)), inside(write))
        gone += goes
        if goes:
            (mixed if stays else whole).append(path)
    return tuple(whole), tuple(mixed), gone


def inside(write: Write) -> str:
    """SQL that tells whether a row's time lies in one of the spans; never NULL. The engine's session is in UTC."""
    (by,) = write.layout.partition_by
    column = quoted(by.column)
    each = (f"({column} >= {timestamp(span.start)} AND {column} < {timestamp(span.end)})" for span in write.spans)
    return f"coalesce({' OR '.join(each)}, false)"


def _counts(cursor: DuckDBPyConnection, files: tuple[str, ...], write: Write, inside: str) -> tuple[int, int]:
    if not files:
        return 0, 0
    return _of(cursor, scans.named(files, write.schema.fields), inside)


def _in_scan(cursor: DuckDBPyConnection, scan: Scan, inside: str) -> tuple[int, int]:
    return _of(cursor, f"({scans.select(cursor, scan)})", inside)


def _of(cursor: DuckDBPyConnection, source: str, inside: str) -> tuple[int, int]:
    """How many rows lie in the spans, and how many do not."""
    text = f"SELECT count(*) FILTER ({inside}), count(*) FILTER (NOT {inside}) FROM {source}"
    ((goes, stays),) = cursor.execute(text).fetchall()
    return int(goes), int(stays)
