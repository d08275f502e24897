"""Dynamic overwrite: the partitions of the new rows, and those asked for, replace the table's partitions of the same
values.

A file of the table's present layout holds one partition and is replaced as a whole, unread. A file from before the
layout changed is read, and its rows that stay are written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import literal
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.write.partitions import Parts
from lakeflow.adapters.duckdb.write.spans import outside_of, overwrite_spans
from lakeflow.adapters.duckdb.write.upsert import Again
from lakeflow.core.model.layout import Partition
from lakeflow.core.model.table import Scan, WrittenFile
from lakeflow.core.run.write import Write, WriteResult

_Texts = tuple[str | None, ...]


def overwrite(
    write: Write, came: tuple[WrittenFile, ...], cursor: DuckDBPyConnection, parts: Parts, again: Again
) -> WriteResult:
    """What these new files do to the table. AssetError for rows outside the partitions that were asked for."""
    if write.spans:
        return overwrite_spans(write, came, cursor, again)
    rows = sum(file.rows for file in came)
    _refuse_unasked(write, came)
    replaced = write.asked | {file.partition for file in came}
    if write.base is None or not replaced:
        return WriteResult(came, rows=rows)
    base = replace(write.base, schema=write.schema)
    whole = tuple(path for path in base.files if write.partitions.get(path) in replaced)
    gone = _count(cursor, replace(base, files=whole))
    older = replace(base, files=tuple(path for path in base.files if path not in write.partitions))
    mixed, texts = _look_into(older, replaced, cursor, parts)
    if not mixed:
        return WriteResult(came, whole, rows, gone)
    before = replace(base, files=mixed)
    rest = again(f"SELECT * FROM ({scans.select(cursor, before)}) WHERE NOT {among(parts, texts)}")
    gone += _count(cursor, before, f"WHERE {among(parts, texts)}")
    return WriteResult((*came, *rest), (*whole, *mixed), rows, gone)


def _refuse_unasked(write: Write, came: Sequence[WrittenFile]) -> None:
    outside = [file for file in came if write.asked and file.partition not in write.asked]
    if outside:
        raise outside_of(write, sum(file.rows for file in outside))


def _look_into(
    older: Scan, replaced: Iterable[Partition], cursor: DuckDBPyConnection, parts: Parts
) -> tuple[tuple[str, ...], tuple[_Texts, ...]]:
    """Files that hold rows of these partitions, and those partitions as DuckDB spells them."""
    mixed: dict[str, None] = {}
    found: dict[_Texts, None] = {}
    wanted = frozenset(replaced)
    for path in older.files:
        rows = scans.select(cursor, replace(older, files=(path,)))
        texts = cursor.execute(f"SELECT DISTINCT {parts.texts} FROM ({rows})").fetchall()
        if here := [each for each in texts if parts.partition(each) in wanted]:
            mixed[path] = None
            found |= dict.fromkeys(here)
    return tuple(mixed), tuple(found)


def among(parts: Parts, texts: Sequence[_Texts]) -> str:
    """SQL that tells whether a row is in one of these partitions. It compares lists, in which NULL equals NULL."""
    spelled = (f"[{', '.join('NULL' if text is None else literal(text) for text in each)}]" for each in texts)
    return f"list_contains([{', '.join(spelled)}], [{parts.texts}])"


def _count(cursor: DuckDBPyConnection, scan: Scan, where: str = "") -> int:
    if not scan.files:
        return 0
    return int(cursor.execute(f"SELECT count(*) FROM ({scans.select(cursor, scan)}) {where}").fetchall()[0][0])
